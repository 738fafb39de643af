"""The middleware for endpoints of one's own: routes, connections, calls, events."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from tests.guard.field_app import KEY, POLICY, App, ask, made

from railwright.guard import FieldGuardMiddleware, Fields, Guard, parse_policy

SAID = {"answer": "Hello!", "sources": [{"id": 7, "quote": "fine"}]}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("path", ["/ask", "/ask/", "/api//ask", "/v1/ask"])
async def test_guarded_paths_and_methods(method: str, path: str) -> None:
    app = App(SAID)
    await ask(made(app), {"question": KEY}, path=path, method=method)
    assert app.seen == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/other"), ("POST", "/task"), ("DELETE", "/ask"), ("GET", "/ask")]
)
async def test_others_go_through_untouched(method: str, path: str) -> None:
    app = App(SAID)
    answer = await ask(made(app), {"question": KEY}, path=path, method=method)
    assert app.seen == [{"question": KEY}]
    assert answer.json() == SAID
    assert "x-railwright-action" not in answer.headers


async def test_the_route_that_says_most_counts() -> None:
    routes = {
        "/ask": Fields(output=("short",)),
        "/threads/*/ask": Fields(output=("thread",)),
        "/v2/ask": Fields(output=("second",)),
        "/": Fields(output=("root",)),
    }
    app = FieldGuardMiddleware(App(SAID), Guard(parse_policy(POLICY)), routes)
    for path, name in {
        "/a/b/ask": "short",
        "/api/threads/7/ask": "thread",
        "/v2/ask": "second",
        "/": "root",
    }.items():
        assert set((await ask(app, {"q": KEY}, path=path)).json()) == {name, "railwright"}
    assert (await ask(app, {"q": KEY}, path="/else")).json() == SAID


async def test_only_plain_replies_are_asked_for_and_no_side_doors_left() -> None:
    app = App(SAID)
    await ask(made(app), {"question": "é"}, headers={"accept-encoding": "gzip, br"})
    (scope,) = app.scopes
    headers = dict(scope["headers"])
    assert headers[b"accept-encoding"] == b"identity"
    assert int(headers[b"content-length"]) == len(b'{"question":"\xc3\xa9"}')
    assert scope["extensions"] == {}


async def test_errors_of_the_application_are_passed_on() -> None:
    with pytest.raises(ZeroDivisionError, match="mine"):
        await ask(made(App(ZeroDivisionError("mine"))), {"question": "hi"})


async def test_a_client_that_goes_away_is_no_request() -> None:
    app, sent = App(SAID), []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/ask", "headers": []}
    await made(app)(scope, receive, send)
    assert (sent, app.seen) == ([], [])


async def test_the_application_learns_that_the_client_went_away() -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.extend([await receive(), await receive()])

    incoming = [{"type": "http.request", "body": b'{"question":"hi"}'}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return incoming.pop(0)

    scope = {"type": "http", "method": "POST", "path": "/ask", "headers": []}
    await made(app)(scope, receive, None)  # type: ignore[arg-type]
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]


async def test_other_connections_are_not_touched() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    for kind in ("lifespan", "websocket"):
        await made(app)({"type": kind, "path": "/ask"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan", "websocket"]


async def test_tenant_and_conversation_come_from_headers() -> None:
    rule = "{id: a, stage: input, detector: secrets, action: block, tenants: acme}"
    policy = f"schema: guard/v1\nmessage: No.\nrules: [{rule}]"
    calls: list[Any] = []

    def sink(verdict: Any, text: str, call: Any, key: bytes) -> None:
        calls.append((verdict.stage, text, call))

    guard = Guard(parse_policy(policy), sink=sink)
    app = App(SAID)
    headers = {"X-Tenant": "acme", "X-Conversation-Id": "c1", "X-Request-Id": "r1"}
    stopped = await ask(made(app, guard=guard), {"question": KEY}, headers=headers)
    assert stopped.json()["answer"] == "No."
    assert [(stage, text) for stage, text, _ in calls] == [("input", KEY)]
    call = calls[0][2]
    assert (call.tenant, call.conversation, call.request, call.channel) == (
        "acme", "c1", "r1", "api",
    )  # fmt: skip
    other = await ask(made(app, guard=guard), {"question": KEY}, headers={"X-Tenant": "b"})
    assert other.json()["answer"] == "Hello!"


async def test_verdicts_are_recorded_with_what_is_known() -> None:
    calls: list[Any] = []

    def sink(verdict: Any, text: str, call: Any, key: bytes) -> None:
        calls.append((verdict.stage, text, call))

    guard = Guard(parse_policy(POLICY), sink=sink)
    body = {"question": "mail b@example.com", "documents": [{"text": "one"}], "lang": "de"}
    app = made(
        App(SAID), guard=guard, system="Be kind.", plants=lambda _, body: ["de-x-" + body["lang"]]
    )
    await ask(app, body)
    assert [(stage, text) for stage, text, _ in calls] == [
        ("input", "mail b@example.com"),
        ("retrieved", "one"),
        ("input", "de"),
        ("output", "Hello!"),
        ("output", "fine"),
    ]
    call = calls[-1][2]
    assert call.prompt == "mail [EMAIL]"
    assert call.passages == ("one",)
    assert (call.system, call.plants) == ("Be kind.", ("de-x-de",))


async def test_events_are_written_to_the_log(tmp_path: Any) -> None:
    from railwright.events import EventLog, read_events, seal_segments
    from railwright.guard import record_verdicts

    guard = Guard(parse_policy(POLICY), sink=record_verdicts(EventLog(tmp_path)), key=b"k" * 16)
    await ask(made(App(SAID), guard=guard), {"question": KEY})
    seal_segments(tmp_path)
    assert KEY.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert len(list(read_events(tmp_path))) == 1


async def test_on_a_server_the_application_ends_with_its_client() -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="the example's web server is not installed")
    import httpx
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    ended = asyncio.Event()

    async def endless() -> Any:
        try:
            for n in range(10**9):
                yield b"data: " + json.dumps({"delta": f"word {n} "}).encode() + b"\n\n"
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    async def answer(request: Any) -> Any:
        assert (await request.json())["question"] == "mail [EMAIL]"
        return StreamingResponse(endless(), media_type="text/event-stream")

    fields = Fields(input=("question",), stream=("delta",))
    app = made(Starlette(routes=[Route("/ask", answer, methods=["POST"])]), fields)
    app.guard = Guard(parse_policy(POLICY.split("  - {id: iban-out")[0]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[free]))
        while not server.started:  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{free.getsockname()[1]}/ask"
        async with httpx.AsyncClient() as client:
            body = {"question": "mail bob@example.com"}
            async with client.stream("POST", url, json=body) as reply:
                async for line in reply.aiter_lines():
                    if "word 3" in line:
                        break
        await asyncio.wait_for(ended.wait(), 30)
        server.should_exit = True
        await running
