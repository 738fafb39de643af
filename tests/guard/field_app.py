"""An application with endpoints of its own, on Starlette, and a client that speaks ASGI to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the example's web server is not installed")
pytest.importorskip("httpx", reason="the client that speaks ASGI is not installed")

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from railwright.guard import ChatOptions, FieldGuardMiddleware, Fields, Guard, parse_policy

IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "AKIAIOSFODNN7EXAMPLE"
CARD = 4111111111111111
POLICY = """
schema: guard/v1
message: Stopped.
rules:
  - {id: keys-in, stage: [input, memory, tool_result, retrieved], detector: secrets, action: block}
  - {id: mail-in, stage: [input, retrieved, memory, tool_result], detector: personal_data,
     labels: [email, card], action: redact}
  - {id: iban-out, stage: output, detector: personal_data, labels: [iban, card], action: redact}
  - {id: keys-out, stage: output, detector: secrets, action: block, message: No keys here.}
  - {id: key-calls, stage: tool_call, detector: secrets, action: block}
"""
ASK = Fields(
    input=("question",),
    retrieved=("documents.*.text",),
    memory=("history",),
    tool_result=("results",),
    output=("answer", "sources.*.quote"),
    tool_call=("actions",),
)


@dataclass
class App:
    """Answers every route with ``reply``: a JSON value, a response, or pieces of a stream."""

    reply: Any
    kind: str = "text/event-stream"
    seen: list[Any] = field(default_factory=list)
    scopes: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        self.scopes.append(request.scope)
        raw = await request.body()
        self.seen.append(json.loads(raw) if raw else None)
        if isinstance(self.reply, Exception):
            raise self.reply
        if isinstance(self.reply, Response):
            return self.reply
        if isinstance(self.reply, Pieces):
            return StreamingResponse(self.reply.come(), media_type=self.kind)
        return JSONResponse(self.reply)


@dataclass
class Pieces:
    """The bytes of a streamed reply, in these cuts."""

    parts: Iterable[bytes]

    async def come(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part


def sse(*events: Any, size: int = 0) -> Pieces:
    data = b"".join(b"data: " + _written(event) + b"\n\n" for event in events)
    return Pieces(cut(data, size))


def lines(*events: Any, size: int = 0) -> Pieces:
    return Pieces(cut(b"".join(_written(event) + b"\n" for event in events), size))


def cut(data: bytes, size: int) -> list[bytes]:
    size = size or len(data) or 1
    return [data[n : n + size] for n in range(0, len(data), size)]


def _written(event: Any) -> bytes:
    return event.encode() if isinstance(event, str) else json.dumps(event).encode()


def made(
    app: Any, fields: Fields = ASK, *, policy: str = POLICY, **settings: Any
) -> FieldGuardMiddleware:
    options = ChatOptions(**settings.pop("options", {}))
    guard = settings.pop("guard", None) or Guard(parse_policy(policy))
    return FieldGuardMiddleware(app, guard, {"/ask": fields}, options=options, **settings)


async def ask(
    app: Any, body: Any = None, *, path: str = "/ask", method: str = "POST", **more: Any
) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        if isinstance(body, bytes):
            return await client.request(method, path, content=body, **more)
        return await client.request(method, path, json=body, **more)


def events_of(answer: httpx.Response) -> list[Any]:
    """The events of a streamed reply, read without the product's own code."""
    found = []
    if answer.headers["content-type"].startswith("text/event-stream"):
        blocks = [block for block in answer.text.split("\n\n") if block]
        for block in blocks:
            data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
            found += ["\n".join(data)] if data else []
    else:
        found = [line for line in answer.text.split("\n") if line]
    return [json.loads(data) if data.startswith("{") else data for data in found]


def shown(answer: httpx.Response, name: str = "delta") -> str:
    """The text that a page would show that puts the pieces together."""
    events = (event for event in events_of(answer) if isinstance(event, dict))
    return "".join(event.get(name, "") for event in events)


def text_page(text: str, status: int = 200) -> Response:
    return PlainTextResponse(text, status_code=status)
