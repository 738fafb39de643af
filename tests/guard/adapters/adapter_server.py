"""A server on loopback, in a thread, that speaks what a test tells it to; and what tests share."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from railwright.guard import Guard, parse_policy

IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "AKIAIOSFODNN7EXAMPLE"
MAIL = "bob@example.com"
POLICY = """
schema: guard/v1
message: Stopped.
rules:
  - {id: keys-in, stage: [input, memory], detector: secrets, action: block}
  - {id: keys-found, stage: [retrieved, tool_result], detector: secrets, action: block}
  - {id: mail-in, stage: [input, retrieved, memory, tool_result], detector: pii,
     labels: email, action: redact}
  - {id: iban-out, stage: output, detector: pii, labels: iban, action: redact}
  - {id: keys-out, stage: output, detector: secrets, action: block, message: No keys here.}
  - {id: calls, stage: tool_call, detector: pii, labels: email, action: redact}
  - {id: key-calls, stage: tool_call, detector: secrets, action: block}
"""
Events = list[dict[str, Any]]
Answer = dict[str, Any] | Events | tuple[int, dict[str, Any]]


def made_guard(**options: Any) -> Guard:
    return Guard(parse_policy(POLICY), **options)


class Loopback:
    """Answers POST requests as ``answer(path, body)`` says, and keeps what it was sent.

    A dict is a JSON reply, a pair a status and its JSON, a list a stream of events, cut into
    pieces of ``cut`` bytes.
    """

    def __init__(self) -> None:
        self.answer: Callable[[str, dict[str, Any]], Answer] = lambda path, body: {}
        self.seen: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cut = 10_000
        self.named = False
        self.url = ""

    def says(self, *answers: Answer) -> Loopback:
        """Answer so, request by request; the last one stands for all that follow."""
        left = list(answers)
        self.answer = lambda path, body: left.pop(0) if len(left) > 1 else left[0]
        return self

    @property
    def sent(self) -> str:
        """Everything that was ever sent here."""
        return json.dumps(self.seen, ensure_ascii=False)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else {}
        self.seen.append(body)
        self.paths.append(request.path)
        self.headers.append({k.lower(): v for k, v in request.headers.items()})
        answer = self.answer(request.path, body)
        if isinstance(answer, tuple):
            return web.json_response(answer[1], status=answer[0])
        if isinstance(answer, dict):
            return web.json_response(
                answer, headers={"x-request-id": "req-1", "request-id": "req-1"}
            )
        reply = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await reply.prepare(request)
        data = b"".join(map(self._event, answer)) + (b"" if self.named else b"data: [DONE]\n\n")
        for n in range(0, len(data), self.cut):
            await reply.write(data[n : n + self.cut])
        await reply.write_eof()
        return reply

    def _event(self, event: dict[str, Any]) -> bytes:
        name = f"event: {event['type']}\n" if self.named else ""
        return f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


@contextmanager
def serving() -> Iterator[Loopback]:
    """Run a loopback server in a thread, so that synchronous clients can call it."""
    loopback, loop, ready = Loopback(), asyncio.new_event_loop(), threading.Event()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", loopback.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        loopback.url = site.name
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loopback.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield loopback
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def pieces(text: str, size: int) -> list[str]:
    return [text[n : n + size] for n in range(0, len(text), size)]


def drain(items: Iterable[Any], seen: list[str], text: Callable[[Any], Any] = str) -> None:
    """Note the text of each item as it comes: what was seen before an error stays noted."""
    for item in items:
        seen.append(str(text(item) or ""))


async def adrain(
    items: AsyncIterable[Any], seen: list[str], text: Callable[[Any], Any] = str
) -> None:
    """Do as ``drain``."""
    async for item in items:
        seen.append(str(text(item) or ""))


def completion(message: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    """A chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "finish_reason": reason,
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
    }


def chat_stream(*deltas: dict[str, Any], reason: str = "stop") -> Events:
    """The chunks of a chat completion, the last one with its usage."""
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m-1",
    }
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in ({"role": "assistant", "content": ""}, *deltas)
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return [*chunks, {**head, "choices": [], "usage": usage}]


def said(text: str, size: int = 3) -> Events:
    """A streamed chat completion that says a text in small pieces."""
    return chat_stream(*({"content": piece} for piece in pieces(text, size)))


def tool_call(name: str, arguments: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A tool call of a chat completion."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"call_{number}", "type": "function", "function": function}
