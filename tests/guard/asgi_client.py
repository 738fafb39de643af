"""An ASGI client in this process, and an application that speaks the OpenAI chat API."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from railwright.transport import ChatAssembler, ChatReply, SseParser, decode_chat

PATH = "/v1/chat/completions"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    pieces: list[bytes]

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    @property
    def events(self) -> list[Any]:
        parser = SseParser()
        events = parser.feed(self.body) + parser.close()
        assert events[-1] == "[DONE]"
        return [json.loads(event) for event in events[:-1]]

    @property
    def reply(self) -> ChatReply:
        """As our client of this API reads it."""
        if not self.headers["content-type"].startswith("text/event-stream"):
            return decode_chat(self.body)
        assembler, parser = ChatAssembler(), SseParser()
        for event in parser.feed(self.body) + parser.close():
            assembler.feed(event)
        return assembler.result()


async def post(
    app: Any,
    body: Any,
    *,
    path: str = PATH,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    cut: int = 1000,
) -> Answer:
    """Send one request, its body in pieces of ``cut`` bytes; check the order of the messages."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    pieces = [raw[n : n + cut] for n in range(0, len(raw), cut)] or [b""]
    incoming = [
        {"type": "http.request", "body": piece, "more_body": n < len(pieces) - 1}
        for n, piece in enumerate(pieces)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"content-type": "application/json", "content-length": str(len(raw)), **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
        "extensions": {"http.response.pathsend": {}},
    }
    await app(scope, receive, send)
    assert [m["type"] for m in sent[:1]] == ["http.response.start"]
    assert {m["type"] for m in sent[1:]} == {"http.response.body"}
    more = [bool(m.get("more_body")) for m in sent[1:]]
    assert more == [True] * (len(more) - 1) + [False]
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    out = [bytes(m.get("body", b"")) for m in sent[1:]]
    whole = b"".join(out)
    if "content-length" in found:
        assert int(found["content-length"]) == len(whole)
    return Answer(sent[0]["status"], found, whole, [piece for piece in out if piece])


@dataclass
class ChatApp:
    """Answers as ``answer(body)`` says: a message, deltas, or (status, type, bytes)."""

    answer: Callable[[dict[str, Any]], Any]
    seen: list[dict[str, Any]] = field(default_factory=list)
    scopes: list[Any] = field(default_factory=list)
    cut: int = 10_000
    ends: bool = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        body = json.loads(raw) if raw else {}
        self.seen.append(body)
        self.scopes.append(scope)
        answer = self.answer(body)
        if isinstance(answer, tuple):
            await self._send(send, *answer)
        elif isinstance(answer, list):
            events = [self._chunk(delta, None) for delta in answer]
            if self.ends:
                events += [self._chunk({}, "stop"), {"choices": [], "usage": {"prompt_tokens": 1}}]
            data = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)
            await self._send(send, 200, "text/event-stream", data + b"data: [DONE]\n\n")
        else:
            message = {"role": "assistant", **answer}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}
            await self._send(send, 200, "application/json", json.dumps(whole).encode())

    def _chunk(self, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}

    async def _send(self, send: Any, status: int, kind: str, data: bytes) -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        pieces = [data[n : n + self.cut] for n in range(0, len(data), self.cut)] or [b""]
        for number, piece in enumerate(pieces):
            more = number < len(pieces) - 1
            await send({"type": "http.response.body", "body": piece, "more_body": more})


def user(text: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}
