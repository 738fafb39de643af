"""A guard in an HTTP client of httpx or httpx2, which the SDKs of the model APIs call through.

The guarded client hands requests to the client it was made from, so that proxies, certificates,
time-outs and hooks stay as they were. Only bodies of the guarded paths are read.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from railwright.guard._chat import ChatGuard, TooManyTextsError
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._types import GuardError
from railwright.guard.adapters._common import Setup, run
from railwright.transport import SseParser

Body = dict[str, Any]
_CHANGED = ("content-length", "content-encoding", "transfer-encoding", "content-md5", "digest")
_END = b"data: [DONE]\n\n"


class Wire(Protocol):
    """One API's bodies: what is checked in a request, a reply, a streamed reply."""

    chat: ChatGuard
    named: bool
    """Whether streamed events carry their type as a name; else a stream ends with ``[DONE]``."""

    @property
    def ended(self) -> bool:
        """Whether a streamed reply was stopped, so that nothing more can come."""
        ...

    async def request(self, body: Body) -> bool:
        """Check a request in place; False when it must not be sent."""
        ...

    async def reply(self, body: Body) -> Body:
        """Check a reply in place; a stopped one becomes a refusal."""
        ...

    async def feed(self, event: Body) -> list[Body]:
        """Return the events that take the place of one event."""
        ...

    async def close(self) -> list[Body]:
        """Return the events that were still held back when the stream ended."""
        ...

    def refusal(self, body: Body) -> Body | None:
        """The reply to a stopped request; None where this API has no such reply."""
        ...

    def refusal_events(self, body: Body) -> list[Body]:
        """The same as a stream."""
        ...


WireOf = Callable[[str, str, ChatGuard], Wire | None]
"""Given method, path and the checks of one request, the wire of that path; None: unguarded."""


class Terms(NamedTuple):
    """What a guarded HTTP client goes by.

    Attributes:
        setup: the guard and its settings.
        wire_of: which paths are guarded, and how.
        blocked: what is raised for a block; an error that the SDK neither retries nor wraps.
        failed: the same for what cannot be checked.
    """

    setup: Setup
    wire_of: WireOf
    blocked: type[GuardBlockedError]
    failed: type[GuardError]

    def stopped(self, wire: Wire) -> bool:
        """Whether a wire is stopped; raises where that is asked for."""
        return self.setup.stopped(wire.chat, self.blocked) is not None

    def read(self, raw: bytes, what: str) -> Body:
        """Return a body; raises where it is no JSON object, and so cannot be checked."""
        try:
            return msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self.failed(f"{what} is no JSON object and cannot be checked") from None


def guarded_client(client: Any, terms: Terms) -> Any:
    """Return a client like ``client`` that checks what goes through it.

    Args:
        client: of type ``Client`` or ``AsyncClient`` of httpx or httpx2.
        terms: what is checked, and how.

    Raises:
        GuardError: it is neither.
    """
    library = _library_of(client)
    kinds = _kinds(library)
    is_async = isinstance(client, library.AsyncClient)
    transport = (kinds.asynchronous if is_async else kinds.synchronous)(client, terms, kinds)
    maker = library.AsyncClient if is_async else library.Client
    return maker(
        transport=transport,
        headers=client.headers,
        cookies=client.cookies,
        params=client.params,
        timeout=client.timeout,
    )


def _library_of(client: Any) -> Any:
    for kind in type(client).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return importlib.import_module(name)
    raise GuardError(
        f"{type(client).__name__} is no client of httpx or httpx2", "give one of these"
    )


class _Kinds(NamedTuple):
    """A library and what was made for it."""

    library: Any
    synchronous: Any
    asynchronous: Any
    pieces: Any
    async_pieces: Any


@functools.cache
def _kinds(library: Any) -> _Kinds:
    """Make transports for a library; both libraries have the same names."""
    return _Kinds(
        library,
        type("GuardTransport", (_Transport, library.BaseTransport), {}),
        type("AsyncGuardTransport", (_AsyncTransport, library.AsyncBaseTransport), {}),
        type("GuardedStream", (_Pieces, library.SyncByteStream), {}),
        type("AsyncGuardedStream", (_AsyncPieces, library.AsyncByteStream), {}),
    )


class _Exchange:
    """What both kinds of transport do with requests and responses."""

    def __init__(self, client: Any, terms: Terms, kinds: _Kinds) -> None:
        self._client, self._terms, self._kinds = client, terms, kinds

    def wire(self, request: Any) -> Wire | None:
        return self._terms.wire_of(request.method, request.url.path, self._terms.setup.chat())

    async def prepare(self, wire: Wire, request: Any, raw: bytes) -> tuple[Any, Any]:
        """Return what to send and None, or None and what to answer instead."""
        if not raw:
            return self.rebuilt(request, raw), None
        body = self._terms.read(raw, "the request")
        try:
            allowed = await wire.request(body)
        except (TooManyTextsError, GuardError) as error:
            raise self._terms.failed(str(error)) from None
        if not allowed:
            self._terms.stopped(wire)
            return None, self.refused(request, wire, body)
        return self.rebuilt(request, _encoded(wire, body, raw)), None

    def rebuilt(self, request: Any, raw: bytes) -> Any:
        """The request with another body, asking for a reply that is not compressed."""
        headers = [(k, v) for k, v in _headers(request) if k != "accept-encoding"]
        return self._kinds.library.Request(
            request.method,
            request.url,
            headers=[*headers, ("accept-encoding", "identity")],
            content=raw or None,
            extensions=request.extensions,
        )

    def refused(self, request: Any, wire: Wire, body: Body) -> Any:
        if body.get("stream"):
            kind = "text/event-stream"
            data = _events(wire, wire.refusal_events(body), end=True)
        else:
            answer, kind = wire.refusal(body), "application/json"
            if answer is None:
                assert wire.chat.tally.stopped is not None
                raise self._terms.blocked(wire.chat.tally.stopped)
            data = msgspec.json.encode(answer)
        headers = {"content-type": kind}
        return self._kinds.library.Response(200, headers=headers, content=data, request=request)

    async def whole(self, wire: Wire, response: Any, raw: bytes) -> Any:
        """The response with its body checked."""
        if raw:
            body = await wire.reply(self._terms.read(raw, "the reply"))
            self._terms.stopped(wire)
            raw = _encoded(wire, body, raw)
        return self._response(response, content=raw)

    def streamed(self, wire: Wire, response: Any, kind: Any) -> Any:
        """The response with its events checked on their way."""
        pieces = kind(response, _Events(wire, self._terms))
        return self._response(response, stream=pieces)

    def _response(self, response: Any, **content: Any) -> Any:
        known = ("http_version", "reason_phrase")
        return self._kinds.library.Response(
            response.status_code,
            headers=_headers(response),
            extensions={k: v for k, v in response.extensions.items() if k in known},
            **content,
        )


class _Transport(_Exchange):
    def handle_request(self, request: Any) -> Any:
        """Send one request, if it may be sent, and return its checked response."""
        wire = self.wire(request)
        if wire is None:
            return self._client.send(request, stream=True)
        sent, answer = run(self.prepare(wire, request, request.read()))
        if answer is not None:
            return answer
        response = self._client.send(sent, stream=True)
        if response.status_code >= 300:
            return response
        if _is_events(response):
            return self.streamed(wire, response, self._kinds.pieces)
        try:
            return run(self.whole(wire, response, response.read()))
        finally:
            response.close()

    def close(self) -> None:
        self._client.close()


class _AsyncTransport(_Exchange):
    async def handle_async_request(self, request: Any) -> Any:
        """Send one request, if it may be sent, and return its checked response."""
        wire = self.wire(request)
        if wire is None:
            return await self._client.send(request, stream=True)
        sent, answer = await self.prepare(wire, request, await request.aread())
        if answer is not None:
            return answer
        response = await self._client.send(sent, stream=True)
        if response.status_code >= 300:
            return response
        if _is_events(response):
            return self.streamed(wire, response, self._kinds.async_pieces)
        try:
            return await self.whole(wire, response, await response.aread())
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()


class _Events:
    """A streamed reply on its way through: bytes in, checked bytes out."""

    def __init__(self, wire: Wire, terms: Terms) -> None:
        self._wire, self._terms, self._parser = wire, terms, SseParser()
        self._late: GuardBlockedError | None = None

    @property
    def ended(self) -> bool:
        return self._late is None and self._wire.ended

    async def feed(self, data: bytes) -> bytes:
        return await self._through(self._parser.feed(data))

    async def close(self) -> bytes:
        out = await self._through(self._parser.close())
        return out if self.ended else out + await self._rest()

    async def _through(self, found: list[str]) -> bytes:
        if self._late is not None:
            raise self._late
        out = b""
        for event in found:
            if self.ended:
                break
            if event.startswith("[DONE]"):
                out += await self._rest() + _END
                continue
            going = await self._wire.feed(self._terms.read(event.encode(), "an event"))
            try:
                self._terms.stopped(self._wire)
            except GuardBlockedError as error:
                self._late = error  # what came before it goes on first
                return out if out else await self._through([])
            out += _events(self._wire, going, end=self.ended)
        return out

    async def _rest(self) -> bytes:
        going = await self._wire.close()
        self._terms.stopped(self._wire)
        return _events(self._wire, going)


class _Pieces:
    def __init__(self, response: Any, events: _Events) -> None:
        self._response, self._events = response, events

    def __iter__(self) -> Iterator[bytes]:
        for data in self._response.iter_bytes():
            out = run(self._events.feed(data))
            if out:
                yield out
            if self._events.ended:
                return
        yield run(self._events.close())

    def close(self) -> None:
        self._response.close()


class _AsyncPieces:
    def __init__(self, response: Any, events: _Events) -> None:
        self._response, self._events = response, events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._response.aiter_bytes():
            out = await self._events.feed(data)
            if out:
                yield out
            if self._events.ended:
                return
        yield await self._events.close()

    async def aclose(self) -> None:
        await self._response.aclose()


def _encoded(wire: Wire, body: Body, raw: bytes) -> bytes:
    """The checked body; the bytes as they came where nothing was changed."""
    unchanged = wire.chat.tally.action in ("allow", "flag")
    return raw if unchanged else msgspec.json.encode(body)


def _headers(message: Any) -> list[tuple[str, str]]:
    """The headers of a request or response that hold for another body as well."""
    return [(k, v) for k, v in message.headers.multi_items() if k not in _CHANGED]


def _is_events(response: Any) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.lower().startswith("text/event-stream")


def _events(wire: Wire, events: list[Body], *, end: bool = False) -> bytes:
    out = b""
    for event in events:
        if wire.named and isinstance(event.get("type"), str):
            out += b"event: " + event["type"].encode() + b"\n"
        out += b"data: " + msgspec.json.encode(event) + b"\n\n"
    return out + _END if end and not wire.named else out
