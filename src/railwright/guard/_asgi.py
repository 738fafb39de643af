"""ASGI middleware for applications that speak the OpenAI chat API, streamed or not.

A request that is stopped does not reach the application. It is answered with status 200 and a
chat completion whose ``finish_reason`` is ``content_filter``: clients of this API know it as an
answer of a filter and read the message, where an error status would make them retry or raise.
Every answer carries ``railwright.guard`` (action, stages), whole answers also the headers
``x-railwright-action`` and ``server-timing``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from os import PathLike, fspath
from typing import Any

import msgspec

from railwright.guard._chat import (
    ChatGuard,
    ChatOptions,
    TooManyTextsError,
    refusal_body,
    refusal_chunks,
)
from railwright.guard._chat_stream import ChatStream
from railwright.guard._guard import Guard, text_list
from railwright.guard._places import Arguments
from railwright.guard._types import Call, GuardError
from railwright.transport import SseParser

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CallOf = Callable[[Scope, dict[str, Any]], Call]
SystemOf = Callable[[Scope, dict[str, Any]], str]
PlantsOf = Callable[[Scope, dict[str, Any]], Sequence[str]]
Headers = list[tuple[bytes, bytes]]

PATHS = ("/chat/completions",)
MAX_BODY = 16 << 20
_SLASHES = re.compile("/+")
_JSON = (b"content-type", b"application/json")
_CHANGED = (b"content-length", b"transfer-encoding", b"etag", b"content-md5", b"digest")


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
        call: a function of scope and body that says what is known instead of these headers.
        system: the system prompt that the application adds behind the guard, or a function of scope
            and body that says it. System messages of the request itself need not be named.
        plants: values that no answer may hold (secrets of the prompt, canaries, facts of other
            tenants), or such a function.
        max_body: bytes of the longest request and of the longest whole reply.
        options: how documents, roles and streams are treated, and what clients are told.

    Raises:
        GuardError: ``guard`` is a path, or ``plants`` no list of texts.
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
        if isinstance(guard, str | PathLike):
            raise GuardError(f'guard is a Guard, no path; use Guard.load("{fspath(guard)}")')
        self.app, self.guard = app, guard
        self._paths = tuple(paths)
        self._tenant, self._conversation = tenant_header.lower(), conversation_header.lower()
        self._channel, self._call_of, self._max_body = channel, call, max_body
        self._options = options or ChatOptions()
        self._system = system
        if not callable(plants):
            text_list("plants", plants or ())
        self._plants = plants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not self._is_guarded(scope):
            await self.app(scope, receive, send)
            return
        try:
            raw = await read_body(receive, self._max_body)
            if raw is None:
                return  # the client went away
            body = _request_body(scope, raw)
            chat = ChatGuard(self.guard, self._known(scope, body), self._options)
            allowed = await chat.request(body)
        except _RefusedError as error:
            await _send_json(send, error.status, error.body())
            return
        except TooManyTextsError as error:
            await _send_json(send, 413, _RefusedError(413, str(error)).body())
            return
        if not allowed:
            await _send_refusal(send, chat, body)
            return
        forwarded = msgspec.json.encode(body)
        await self.app(
            _forwarded_scope(scope, len(forwarded)),
            _replayed(forwarded, receive),
            _Reply(chat, send, self._max_body),
        )

    def _is_guarded(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        return _SLASHES.sub("/", scope["path"]).rstrip("/").endswith(self._paths)

    def _known(self, scope: Scope, body: dict[str, Any]) -> Call:
        call, system, plants = self._call(scope, body), self._system, self._plants
        told = system if isinstance(system, str) else system(scope, body)
        own = plants(scope, body) if callable(plants) else plants
        if not (told or own):
            return call
        known = "\n\n".join(text for text in (call.system, told) if text)
        return msgspec.structs.replace(call, system=known, plants=(*call.plants, *own))

    def _call(self, scope: Scope, body: dict[str, Any]) -> Call:
        if self._call_of is not None:
            return self._call_of(scope, body)
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        return Call(
            tenant=headers.get(self._tenant, ""),
            channel=self._channel,
            conversation=headers.get(self._conversation, ""),
            request=headers.get("x-request-id") or uuid.uuid4().hex,
        )


class _RefusedError(Exception):
    """A request that cannot be checked, in the form of the API's errors."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": "invalid_request_error", "code": None}}


async def read_body(receive: Receive, most: int) -> bytes | None:
    """Read a request's body; None when the client went away before its end."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _RefusedError(413, f"the request is longer than {most} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _request_body(scope: Scope, raw: bytes) -> dict[str, Any]:
    encoding = dict(scope["headers"]).get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        raise _RefusedError(415, "send the request without content-encoding")
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusedError(400, "the body is not a JSON object") from error
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise _RefusedError(400, "messages: must be a list of objects")
    return body


def _forwarded_scope(scope: Scope, length: int) -> Scope:
    """The scope of the request as it goes on: with its new length, asking for plain replies.

    Extensions are left out: by some of them a reply would pass unseen.
    """
    dropped = (b"content-length", b"transfer-encoding", b"accept-encoding")
    headers = [(k, v) for k, v in scope["headers"] if k.lower() not in dropped]
    headers += [(b"content-length", str(length).encode()), (b"accept-encoding", b"identity")]
    return {**scope, "headers": headers, "extensions": {}}


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the checked body once, then what the server says."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class _Reply:
    """The ``send`` that the application gets: holds its reply until it is checked."""

    def __init__(self, chat: ChatGuard, send: Send, most: int) -> None:
        self._chat, self._send, self._most = chat, send, most
        self._start: Message = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._events: _Events | None = None
        self._done = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and not self._done:
            more = bool(message.get("more_body", False))
            data = bytes(message.get("body", b""))
            if self._events is not None:
                self._done = await self._events.feed(data, last=not more)
            else:
                await self._whole(data, more=more)

    async def _begin(self, message: Message) -> None:
        headers = {bytes(k).lower(): bytes(v) for k, v in message.get("headers", ())}
        encoding = headers.get(b"content-encoding", b"identity").lower()
        if encoding != b"identity":
            self._done = True
            await _send_error(self._send, f"the reply is encoded ({encoding.decode('latin-1')})")
            return
        self._start = message
        if headers.get(b"content-type", b"").lower().startswith(b"text/event-stream"):
            await self._send({**message, "headers": _without(message, _CHANGED)})
            self._events = _Events(self._chat, self._send)

    async def _whole(self, data: bytes, *, more: bool) -> None:
        self._size += len(data)
        self._parts.append(data)
        if self._size > self._most:
            self._done = True
            await _send_error(self._send, f"the reply is longer than {self._most} bytes")
        elif not more:
            self._done = True
            body = await _checked_body(self._chat, b"".join(self._parts))
            headers = _without(self._start, _CHANGED)
            headers.append((b"content-length", str(len(body)).encode()))
            headers += _told(self._chat)
            await self._send({**self._start, "headers": headers})
            await self._send({"type": "http.response.body", "body": body, "more_body": False})


async def _checked_body(chat: ChatGuard, raw: bytes) -> bytes:
    """A whole reply after its check: a completion by its places, other JSON by every text."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (await chat.plain(raw.decode("utf-8", "replace"))).encode()
    if isinstance(body, dict) and isinstance(body.get("choices"), list):
        return msgspec.json.encode(await chat.reply(body))
    box = {"body": body}
    texts = Arguments(box, "body")
    for place in texts.places("output"):
        await chat.side(place)
    texts.store()
    return msgspec.json.encode(box["body"])


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


def _without(message: Message, names: Sequence[bytes]) -> Headers:
    return [(k, v) for k, v in message.get("headers", ()) if bytes(k).lower() not in names]


async def _send_refusal(send: Send, chat: ChatGuard, body: dict[str, Any]) -> None:
    stopped = chat.tally.stopped
    assert stopped is not None
    model = body.get("model") if isinstance(body.get("model"), str) else ""
    if not body.get("stream"):
        await _send_json(send, 200, refusal_body(str(model), stopped, chat.tally), _told(chat))
        return
    events = [_event(chunk) for chunk in refusal_chunks(str(model), stopped, chat.tally)]
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        *_told(chat),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    data = b"".join(events) + b"data: [DONE]\n\n"
    await send({"type": "http.response.body", "body": data, "more_body": False})


def _told(chat: ChatGuard) -> Headers:
    """The action, and the time that the checks took, as headers."""
    milliseconds = f"guard;dur={chat.tally.seconds * 1000:.3f}"
    return [
        (b"x-railwright-action", chat.tally.action.encode()),
        (b"server-timing", milliseconds.encode()),
    ]


async def _send_error(send: Send, message: str) -> None:
    error = {"message": f"{message} and cannot be checked", "type": "guard_error", "code": None}
    await _send_json(send, 502, {"error": error})


async def _send_json(
    send: Send, status: int, body: dict[str, Any], more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    data = msgspec.json.encode(body)
    headers = [_JSON, (b"content-length", str(len(data)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data, "more_body": False})
