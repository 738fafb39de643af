"""ASGI middleware for applications with endpoints of their own, whose fields are named by paths.

A request that is stopped does not reach the application. It is answered with status 200 and the
message where the answer would stand, so that a page which shows answers shows it without new code;
``Fields(status=403)`` answers otherwise. Programs tell it by ``x-railwright-action`` and by
``railwright.guard``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from railwright.guard._asgi_forward import App, Receive, Scope, Send, forward
from railwright.guard._asgi_streams import EventFeed, SseCodec, TextFeed, codec_of
from railwright.guard._asgi_wire import (
    MAX_BODY,
    Callers,
    CallOf,
    Checked,
    Feed,
    Headers,
    PlantsOf,
    Reply,
    SystemOf,
    UncheckableError,
    admitted,
    clean_path,
    request_json,
    send_body,
    told,
)
from railwright.guard._chat import ChatOptions, chat_options
from railwright.guard._field_guard import Event, FieldGuard
from railwright.guard._fields import Fields, Shape
from railwright.guard._guard import Guard, need_guard
from railwright.guard._types import GuardError

METHODS = ("POST", "PUT", "PATCH")
_UTF8 = ("", "utf-8", "utf8", "us-ascii")
_CHARSET = re.compile(rb";\s*charset=\"?([^\s;\"]*)")


class FieldGuardMiddleware:
    """Stands before an ASGI application and guards endpoints that take and give JSON.

    Args:
        app: the application.
        guard: the guard.
        routes: ends of paths, such as ``/ask``, and the fields of each; ``*`` stands for one
            segment. Requests with POST, PUT and PATCH are guarded; every other one, and every other
            path, goes through unchecked.
        tenant_header: header that names the tenant. Let it be set by what authenticates clients,
            never by them.
        conversation_header: header that names the conversation, which canary shares go by.
        channel: what rules know as the channel of these requests.
        call: a function of scope and body, or a coroutine function, that says what is known
            instead of these headers.
        system: the system prompt of the application, or a function of scope and body that says it.
        plants: values that no answer may hold (secrets of the prompt, canaries, facts of other
            tenants), or such a function.
        max_body: bytes of the longest request and of the longest whole reply.
        options: how documents and streams are treated, and what clients are told.

    Raises:
        GuardError: a setting cannot be used as it is.
    """

    def __init__(  # noqa: PLR0913 - one keyword a setting
        self,
        app: App,
        guard: Guard,
        routes: Mapping[str, Fields],
        *,
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
        self._routes = _routes(routes)
        self._callers = Callers(tenant_header, conversation_header, channel, call, system, plants)
        self._max_body = max_body
        self._options = chat_options(options)
        if self._options.trusted_roles:
            mend = "name the fields that are left alone: Fields(ignore=(...))"
            raise GuardError("trusted_roles is for messages of the chat API", mend)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        shape = self._shape(scope)
        if shape is None:
            await self.app(scope, receive, send)
            return

        async def check(raw: bytes) -> Checked[FieldGuard]:
            box = [request_json(scope, raw) if raw else None]
            call = await self._callers.known(scope, box[0])
            checks = FieldGuard(self.guard, call, self._options, shape)
            allowed = await checks.request(box)
            forwarded = msgspec.json.encode(box[0]) if raw else b""
            return Checked(checks, box[0], forwarded if allowed else None)

        request = await admitted(receive, send, self._max_body, check)
        if request is None:
            return
        if request.forwarded is None:
            await _send_refusal(send, scope, request.checks, request.body)
            return
        reply = _Reply(request.checks, send, self._max_body)
        await forward(self.app, scope, receive, request.forwarded, reply)

    def _shape(self, scope: Scope) -> Shape | None:
        if scope["type"] != "http" or scope["method"] not in METHODS:
            return None
        path = clean_path(scope)
        return next((shape for route, shape in self._routes if route.fullmatch(path)), None)


def _routes(routes: Mapping[str, Fields]) -> list[tuple[re.Pattern[str], Shape]]:
    """The routes, the longest first, since it says most about the path."""
    example = 'routes={"/ask": Fields(input=("question",), output=("answer",))}'
    given: object = routes
    if not isinstance(given, Mapping) or not given:
        raise GuardError("routes names the endpoints that are guarded", f"write {example}")
    found = []
    for path in sorted(routes, key=lambda path: (-path.count("/"), -len(path))):
        fields: object = routes[path]
        if not isinstance(fields, Fields):
            raise GuardError(f"routes[{path!r}] is no Fields", f"write {example}")
        if not path.startswith("/") or "//" in path or re.search(r"[{}?#]", path):
            mend = "write / and an end of the path, * for one segment: /threads/*/messages"
            raise GuardError(f"routes: {path!r} is no path", mend)
        parts = (
            "[^/]+" if part == "*" else re.escape(part) for part in path.rstrip("/").split("/")
        )
        before = ".*" if path != "/" else ""
        found.append((re.compile(before + "/".join(parts), re.DOTALL), Shape(fields)))
    return found


class _Reply(Reply):
    """Replies of a route: JSON by its fields, text as a whole or as it comes, events."""

    def __init__(self, checks: FieldGuard, send: Send, most: int) -> None:
        super().__init__(checks, send, most)
        self._fields = checks

    def _stream(self, kind: bytes) -> Feed | None:
        shape = self._fields.shape
        codec = codec_of(shape, kind)
        if codec is not None:
            if not shape.stream:
                raise UncheckableError("the reply is a stream, the route names none of its fields,")
            return EventFeed(self._fields, self._send, codec)
        if shape.is_text and self._is_text and b"content-length" not in self._headers:
            return TextFeed(self._fields, self._send)
        return None

    async def _checked(self, status: int, raw: bytes) -> tuple[int, bytes]:
        checks = self._fields
        if not raw:
            return status, raw
        failed = status >= 400
        if checks.shape.is_text and self._is_text and not failed:
            text = await checks.answer(raw.decode("utf-8", "replace"))
            if text is None:
                return checks.shape.fields.status, checks.message.encode()
            return status, text.encode()
        try:
            box = [msgspec.json.decode(raw)]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if failed and self._is_text:  # an error page
                return status, (await checks.plain(raw.decode("utf-8", "replace"))).encode()
            if checks.shape.is_text:
                kind = self._headers.get(b"content-type", b"none").decode("latin-1")
                told = f"the reply is no text/* in UTF-8 (content-type: {kind})"
                raise UncheckableError(told) from None
            raise UncheckableError("the reply is no JSON") from None
        if await checks.reply(box):
            return status, msgspec.json.encode(checks.told(box[0]))
        stopped = status if failed else checks.shape.fields.status
        return stopped, msgspec.json.encode(checks.refused())

    @property
    def _is_text(self) -> bool:
        kind = self._headers.get(b"content-type", b"").lower().strip()
        charset = _CHARSET.search(kind)
        named = charset.group(1).decode("latin-1") if charset else ""
        return kind.startswith(b"text/") and named in _UTF8


async def _send_refusal(send: Send, scope: Scope, checks: FieldGuard, body: Any) -> None:
    shape = checks.shape
    asked = b",".join(v for k, v in scope["headers"] if k.lower() == b"accept").lower()
    kind, data = b"application/json", b""
    codec = codec_of(shape, asked, anywhere=True)
    wished = not shape.is_text and isinstance(body, dict) and body.get("stream") is True
    streamed = codec is not None or wished
    if shape.stream and (streamed or not shape.fields.output):
        codec = codec or codec_of(shape, SseCodec.kind)
        assert codec is not None
        first = Event((), checks.told(shape.refused_event(checks.message)))
        kind, data = codec.kind, b"".join(map(codec.write, (first, *checks.end_events())))
    elif shape.is_text:
        kind, data = b"text/plain; charset=utf-8", checks.message.encode()
    else:
        data = msgspec.json.encode(checks.refused())
    headers: Headers = [*told(checks)]
    if kind == SseCodec.kind:
        headers.append((b"cache-control", b"no-cache"))
    await send_body(send, shape.fields.status, kind, data, headers)
