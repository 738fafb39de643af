"""An application learns that its reply was stopped, and stops asking its model."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from tests.guard.field_app import KEY, made

from railwright.guard import Fields, Guard, GuardMiddleware, parse_policy

POLICY = """
schema: guard/v1
rules:
  - {id: keys-out, stage: output, detector: secrets, action: block, message: No keys here.}
"""
FIELDS = Fields(input=("messages",), output=("answer",), stream=("delta",), stream_end="[DONE]")
BODY = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
STOP = 20
MOST = 2000
"""Pieces that an application which is not told would send."""


class Model:
    """Writes a key and then words without end; counts the pieces that it was asked for."""

    def __init__(self, *, chat: bool) -> None:
        self.asked, self._chat = 0, chat

    async def pieces(self) -> AsyncIterator[bytes]:
        while self.asked < MOST:
            self.asked += 1
            text = f" {KEY} " if self.asked == STOP else "word "
            choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            event = {"choices": [choice]} if self._chat else {"delta": text}
            yield b"data: " + json.dumps(event).encode() + b"\n\n"


START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream")],
}


def plain(model: Model) -> Any:
    """Only sends; what is raised ends it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        async for piece in model.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


def careful(model: Model) -> Any:
    """Catches what is raised and ends its reply."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        try:
            async for piece in model.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except OSError:
            pass
        await send({"type": "http.response.body", "body": b"late", "more_body": False})

    return app


def starlette(model: Model, *layers: Any) -> Any:
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    async def answer(request: Any) -> Any:
        await request.body()
        return StreamingResponse(model.pieces(), media_type="text/event-stream")

    paths = ("/ask", "/chat/completions")
    return Starlette(
        routes=[Route(path, answer, methods=["POST"]) for path in paths],
        middleware=list(layers),
    )


def layered(model: Model) -> Any:
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware

    async def through(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    return starlette(model, Middleware(BaseHTTPMiddleware, dispatch=through))


APPS = {"plain": plain, "careful": careful, "starlette": starlette, "layered": layered}


def guarded(app: Any, *, chat: bool) -> Any:
    guard = Guard(parse_policy(POLICY))
    return GuardMiddleware(app, guard) if chat else made(app, FIELDS, guard=guard)


def path(*, chat: bool) -> str:
    return "/chat/completions" if chat else "/ask"


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("kind", APPS)
async def test_on_a_server_the_application_ends_when_its_reply_is_stopped(
    kind: str, chat: bool, caplog: pytest.LogCaptureFixture
) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="the example's web server is not installed")
    import httpx

    model = Model(chat=chat)
    app = guarded(APPS[kind](model), chat=chat)
    with socket.socket() as free, caplog.at_level(logging.WARNING):
        free.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[free]))
        while not server.started:  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free.getsockname()[1]}") as to:
            for _ in range(2):  # the connection goes on
                model.asked = 0
                reply = await to.post(path(chat=chat), json=BODY)
                assert reply.status_code == 200
                assert "word" in reply.text
                assert KEY[:8] not in reply.text
                assert "late" not in reply.text
                assert reply.text.endswith("data: [DONE]\n\n")
                while server.server_state.tasks:  # noqa: ASYNC110 - requests not yet served
                    await asyncio.sleep(0.01)
                # What was under way when the rule stopped the reply, and no more.
                assert STOP <= model.asked <= STOP + 10
        server.should_exit = True
        await running
    assert caplog.messages == []


async def served(
    app: Any, *, chat: bool, version: str = "2.4", silent: bool = False
) -> list[dict[str, Any]]:
    """Serve one request; the client never goes away, as a server sees it that tells of nothing."""
    sent: list[dict[str, Any]] = []
    given = False

    async def receive() -> Any:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": json.dumps(BODY).encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path(chat=chat)}
    scope |= {"asgi": {"version": "3.0", "spec_version": version}, "headers": []}
    await app({**scope, "query_string": b"", "root_path": ""}, receive, send)
    return sent


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("version", ["2.0", "2.3", "2.4", "2.5"])
@pytest.mark.parametrize("kind", APPS)
async def test_it_ends_whatever_the_server_says_of_itself(
    kind: str, version: str, chat: bool
) -> None:
    model = Model(chat=chat)
    app = guarded(APPS[kind](model), chat=chat)
    sent = await asyncio.wait_for(served(app, chat=chat, version=version), 30)
    assert [message.get("more_body") for message in sent].count(False) == 1
    assert sent[-1]["more_body"] is False
    assert STOP <= model.asked <= STOP + 10


async def test_an_error_of_the_application_itself_is_heard() -> None:
    model = Model(chat=False)

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        try:
            await plain(model)(scope, receive, send)
        finally:
            raise KeyError("clean-up")

    with pytest.raises(KeyError, match="clean-up"):
        await served(guarded(broken, chat=False), chat=False)


async def test_an_own_error_of_a_connection_is_heard() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise ConnectionResetError("the model's server")

    with pytest.raises(ConnectionResetError):
        await served(guarded(broken, chat=False), chat=False)


@pytest.mark.parametrize("chat", [False, True])
async def test_a_reply_that_is_refused_ends_the_application_too(chat: bool) -> None:
    asked = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        kind = [(b"content-type", b"application/json"), (b"content-encoding", b"br")]
        await send({**START, "headers": kind})
        for asked in range(1, MOST):  # noqa: B007
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    sent = await served(guarded(app, chat=chat), chat=chat, version="2.3")
    assert sent[0]["status"] == 502
    assert asked == 1


async def test_who_waits_for_the_client_is_told() -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

        async def listen() -> None:
            told.append((await receive())["type"])
            told.append((await receive())["type"])

        listening = asyncio.create_task(listen())
        await asyncio.sleep(0)
        await send(START)
        model = Model(chat=False)
        async for piece in model.pieces():
            if told:
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await listening

    await asyncio.wait_for(served(guarded(app, chat=False), chat=False, version="2.3"), 30)
    assert told == ["http.disconnect", "http.disconnect"]
