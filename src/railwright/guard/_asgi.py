"""ASGI middleware for applications that speak the OpenAI chat API, streamed or not.

A request that is stopped does not reach the application. It is answered with status 200 and a
chat completion whose ``finish_reason`` is ``content_filter``: clients of this API know it as an
answer of a filter and read the message, where an error status would make them retry or raise.
Every answer carries ``railwright.guard`` (action, stages), whole answers also the headers
``x-railwright-action`` and ``server-timing``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from railwright.guard._asgi_forward import App, Receive, Scope, Send, forward
from railwright.guard._asgi_wire import (
    JSON_LINES,
    MAX_BODY,
    Callers,
    CallOf,
    Checked,
    Feed,
    PlantsOf,
    RefusedError,
    Reply,
    SystemOf,
    UncheckableError,
    admitted,
    checked_texts,
    clean_path,
    request_json,
    send_json,
    told,
)
from railwright.guard._chat import (
    ChatGuard,
    ChatOptions,
    chat_options,
    refusal_body,
    refusal_chunks,
)
from railwright.guard._chat_stream import ChatStream
from railwright.guard._guard import Guard, need_guard
from railwright.guard._types import GuardError
from railwright.transport import SseParser

PATHS = ("/chat/completions",)


class GuardMiddleware:
    """Stands before an ASGI application and guards its chat endpoints.

    Args:
        app: the application.
        guard: the guard.
        paths: ends of the paths that are guarded; every other path goes through unchecked.
        tenant_header: header that names the tenant. Let it be set by what authenticates clients,
            never by them.
        conversation_header: header that names the conversation, which canary shares go by.
        channel: what rules know as the channel of these requests.
        call: a function of scope and body, or a coroutine function, that says what is known
            instead of these headers.
        system: the system prompt that the application adds behind the guard, or a function of scope
            and body that says it. System messages of the request itself need not be named.
        plants: values that no answer may hold (secrets of the prompt, canaries, facts of other
            tenants), or such a function.
        max_body: bytes of the longest request and of the longest whole reply.
        options: how documents, roles and streams are treated, and what clients are told.

    Raises:
        GuardError: a setting cannot be used as it is.
    """

    def __init__(  # noqa: PLR0913 - one keyword a setting
        self,
        app: App,
        guard: Guard,
        *,
        paths: Sequence[str] = PATHS,
        tenant_header: str = "x-tenant",
        conversation_header: str = "x-conversation-id",
        channel: str = "api",
        call: CallOf | None = None,
        system: str | SystemOf = "",
        plants: Sequence[str] | PlantsOf = (),
        max_body: int = MAX_BODY,
        options: ChatOptions | None = None,
    ) -> None:
        need_guard(guard)
        self.app, self.guard = app, guard
        self._paths, self._max_body = _ends(paths), max_body
        self._callers = Callers(tenant_header, conversation_header, channel, call, system, plants)
        self._options = chat_options(options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not self._is_guarded(scope):
            await self.app(scope, receive, send)
            return

        async def check(raw: bytes) -> Checked[ChatGuard]:
            body = _request_body(scope, raw)
            chat = ChatGuard(self.guard, await self._callers.known(scope, body), self._options)
            allowed = await chat.request(body)
            return Checked(chat, body, msgspec.json.encode(body) if allowed else None)

        request = await admitted(receive, send, self._max_body, check)
        if request is None:
            return
        if request.forwarded is None:
            await _send_refusal(send, request.checks, request.body)
            return
        reply = _Reply(request.checks, send, self._max_body)
        await forward(self.app, scope, receive, request.forwarded, reply)

    def _is_guarded(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        return clean_path(scope).endswith(self._paths)


def _ends(paths: Sequence[str]) -> tuple[str, ...]:
    """The ends of paths that are guarded; what would guard none, or every one, is refused."""
    mend = 'write paths=["/chat/completions"], ends of paths'
    if isinstance(paths, str) or not paths:
        raise GuardError("paths is a list of the paths that are guarded", mend)
    for path in paths:
        if not path.strip("/") or re.search(r"[*{}?#\s]|//", path):
            raise GuardError(f"paths: {path!r} is no path", mend)
    return tuple(path.rstrip("/") for path in paths)


def _request_body(scope: Scope, raw: bytes) -> dict[str, Any]:
    body = request_json(scope, raw)
    if not isinstance(body, dict):
        raise RefusedError(400, "the body is not a JSON object")
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise RefusedError(400, "messages: must be a list of objects")
    return body


class _Reply(Reply):
    """Replies of the chat API: completions by their places, other JSON by every text."""

    def __init__(self, chat: ChatGuard, send: Send, most: int) -> None:
        super().__init__(chat, send, most)
        self._chat = chat

    def _stream(self, kind: bytes) -> Feed | None:
        if kind.split(b";")[0].strip() in JSON_LINES:  # what is split over two would not be found
            raise UncheckableError("the reply is a stream of JSON lines, which this API has not,")
        events = kind.startswith(b"text/event-stream")
        return _Events(self._chat, self._send) if events else None

    async def _checked(self, status: int, raw: bytes) -> tuple[int, bytes]:
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return status, (await self._chat.plain(raw.decode("utf-8", "replace"))).encode()
        if isinstance(body, dict) and isinstance(body.get("choices"), list):
            return status, msgspec.json.encode(await self._chat.reply(body))
        return status, msgspec.json.encode(await checked_texts(self._chat, body))


class _Events:
    """A reply of server-sent events."""

    def __init__(self, chat: ChatGuard, send: Send) -> None:
        self._chat, self._send = chat, send
        self._parser = SseParser()
        self._stream = ChatStream(chat)

    async def feed(self, data: bytes, *, last: bool) -> bool:
        """Take bytes of the reply; return whether its end was sent."""
        events = self._parser.feed(data)
        if last:
            events += self._parser.close()
        out: list[bytes] = []
        for event in events:
            if event == "[DONE]":
                out += map(_event, await self._stream.close())
                out.append(b"data: [DONE]\n\n")
            else:
                out += map(_event, await self._chunk(event))
            if self._stream.stopped:
                out.append(b"data: [DONE]\n\n")
                last = True
                break
        if last and not self._stream.stopped:
            out += map(_event, await self._stream.close())
        if out or last:
            body = b"".join(out)
            await self._send({"type": "http.response.body", "body": body, "more_body": not last})
        return last

    async def _chunk(self, event: str) -> list[dict[str, Any]]:
        try:
            chunk = msgspec.json.decode(event)
        except (msgspec.DecodeError, RecursionError):
            chunk = {"error": {"message": event, "type": "not_a_chunk"}}
        return await self._stream.feed(chunk if isinstance(chunk, dict) else {"data": chunk})


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


async def _send_refusal(send: Send, chat: ChatGuard, body: dict[str, Any]) -> None:
    stopped = chat.tally.stopped
    assert stopped is not None
    model = body.get("model") if isinstance(body.get("model"), str) else ""
    if not body.get("stream"):
        await send_json(send, 200, refusal_body(str(model), stopped, chat.tally), told(chat))
        return
    events = [_event(chunk) for chunk in refusal_chunks(str(model), stopped, chat.tally)]
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        *told(chat),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    data = b"".join(events) + b"data: [DONE]\n\n"
    await send({"type": "http.response.body", "body": data, "more_body": False})
