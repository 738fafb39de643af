"""What the ASGI middlewares share: reading requests, holding replies, what rules know of a call."""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from railwright.guard._asgi_forward import Message, Receive, Scope, Send
from railwright.guard._chat import Checks, TooManyTextsError
from railwright.guard._guard import text_list
from railwright.guard._places import Arguments
from railwright.guard._types import Call, GuardError, need_plants

Headers = list[tuple[bytes, bytes]]

MAX_BODY = 16 << 20
_SLASHES = re.compile("/+")
_FORMS = (b"application/x-www-form-urlencoded", b"multipart/")
_CHANGED = (b"content-length", b"transfer-encoding", b"etag", b"content-md5", b"digest")
JSON_LINES = frozenset(
    f"application/{before}{name}".encode()
    for name in ("ndjson", "jsonl", "jsonlines")
    for before in ("", "x-")
)
"""Content types of replies that are a JSON value a line."""
#: Statuses of replies that have no body, and so no length.
_EMPTY = (204, 304)


class RefusedError(Exception):
    """A request that cannot be checked, in the form of the API's errors."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": "invalid_request_error", "code": None}}


class UncheckableError(Exception):
    """A reply that cannot be checked: the client gets status 502 in its place."""


C = TypeVar("C", bound=Checks)
CallOf = Callable[[Scope, Any], Call | Awaitable[Call]]
SystemOf = Callable[[Scope, Any], str | Awaitable[str]]
PlantsOf = Callable[[Scope, Any], Sequence[str] | Awaitable[Sequence[str]]]


class Callers:
    """What rules know of the call that a request is."""

    def __init__(
        self,
        tenant_header: str,
        conversation_header: str,
        channel: str,
        call: CallOf | None,
        system: str | SystemOf,
        plants: Sequence[str] | PlantsOf,
    ) -> None:
        self._tenant, self._conversation = tenant_header.lower(), conversation_header.lower()
        self._channel, self._call_of, self._system = channel, call, system
        if call is not None and not callable(call):
            raise GuardError("call is a function of scope and body", "call=lambda scope, body: ...")
        if not callable(system):
            _prompt(system)
        if not callable(plants):
            need_plants(text_list("plants", plants or ()))
        self._plants = plants

    async def known(self, scope: Scope, body: Any) -> Call:
        """Return the call of a request, with system prompt and planted values.

        Raises:
            GuardError: a function of the application gave something else.
        """
        call, system, plants = await self._call(scope, body), self._system, self._plants
        told = await _given(system(scope, body)) if callable(system) else system
        own = await _given(plants(scope, body)) if callable(plants) else plants
        if not (told or own):
            return call
        known = "\n\n".join(text for text in (call.system, _prompt(told)) if text)
        values = text_list("plants", own or ())
        return msgspec.structs.replace(call, system=known, plants=(*call.plants, *values))

    async def _call(self, scope: Scope, body: Any) -> Call:
        if self._call_of is not None:
            call = await _given(self._call_of(scope, body))
            if not isinstance(call, Call):
                raise GuardError(f"call gives a Call, not {type(call).__name__}")
            return call
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        return Call(
            tenant=headers.get(self._tenant, ""),
            channel=self._channel,
            conversation=headers.get(self._conversation, ""),
            request=headers.get("x-request-id") or uuid.uuid4().hex,
        )


async def _given(value: Any) -> Any:
    """What a function of the application gives, awaited where it is a coroutine."""
    return await value if isawaitable(value) else value


def _prompt(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise GuardError(f"system is a text (str), not {type(value).__name__}")
    return value or ""


def clean_path(scope: Scope) -> str:
    """The path of a request without doubled slashes and one at its end."""
    return _SLASHES.sub("/", scope["path"]).rstrip("/")


class Checked(NamedTuple, Generic[C]):
    """A request after its check.

    ``forwarded`` is the body that goes on, None where the request is stopped; ``body`` is its JSON
    value.
    """

    checks: C
    body: Any
    forwarded: bytes | None


async def admitted(
    receive: Receive, send: Send, most: int, check: Callable[[bytes], Awaitable[Checked[C]]]
) -> Checked[C] | None:
    """Read a request and check it; None where the client is gone or was told what is wrong."""
    try:
        raw = await read_body(receive, most)
        return None if raw is None else await check(raw)
    except RefusedError as error:
        await send_json(send, error.status, error.body())
    except TooManyTextsError as error:
        await send_json(send, 413, RefusedError(413, str(error)).body())
    return None


def request_json(scope: Scope, raw: bytes) -> Any:
    """The JSON value of a request's body, None for ``null``."""
    headers = dict(scope["headers"])
    if headers.get(b"content-type", b"").lower().strip().startswith(_FORMS):
        # An application that reads forms would read another request.
        raise RefusedError(415, "send the request as application/json")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RefusedError(415, "send the request without content-encoding")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "the body is not JSON") from error


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
            raise RefusedError(413, f"the request is longer than {most} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


class Feed(Protocol):
    """A streamed reply on its way through."""

    async def feed(self, data: bytes, *, last: bool) -> bool:
        """Take bytes of the reply; return whether its end was sent."""
        ...


class Reply(ABC):
    """Takes the messages of the application and holds its reply until it is checked.

    ``cut`` tells whether the reply was ended before the application ended it.
    """

    def __init__(self, checks: Checks, send: Send, most: int) -> None:
        self.cut = False
        self._checks, self._send, self._most = checks, send, most
        self._start: Message = {}
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._feed: Feed | None = None
        self._done = False

    @abstractmethod
    def _stream(self, kind: bytes) -> Feed | None:
        """What takes a reply of this content type as it comes; None for one that is held whole."""

    @abstractmethod
    async def _checked(self, status: int, raw: bytes) -> tuple[int, bytes]:
        """A whole reply after its check, with the status that it gets."""

    async def __call__(self, message: Message) -> None:
        """Take a message of the application."""
        if self._done:
            return
        try:
            if message["type"] == "http.response.start":
                await self._begin(message)
            elif message["type"] == "http.response.body":
                more = bool(message.get("more_body", False))
                data = bytes(message.get("body", b""))
                if self._feed is not None:
                    self._done = await self._feed.feed(data, last=not more)
                    self.cut = self._done and more
                else:
                    await self._whole(data, more=more)
        except UncheckableError as error:
            self._done = self.cut = True
            await send_error(self._send, str(error))

    async def _begin(self, message: Message) -> None:
        self._headers = {bytes(k).lower(): bytes(v) for k, v in message.get("headers", ())}
        encoding = self._headers.get(b"content-encoding", b"identity").lower()
        if encoding != b"identity":
            raise UncheckableError(f"the reply is encoded ({encoding.decode('latin-1')})")
        self._start = message
        self._feed = self._stream(self._headers.get(b"content-type", b"").lower().strip())
        if self._feed is not None:
            await self._send({**message, "headers": without(message, _CHANGED)})

    async def _whole(self, data: bytes, *, more: bool) -> None:
        self._size += len(data)
        self._parts.append(data)
        if self._size > self._most:
            raise UncheckableError(f"the reply is longer than {self._most} bytes")
        if more:
            return
        self._done = True
        status, body = await self._checked(self._start["status"], b"".join(self._parts))
        headers = without(self._start, _CHANGED) + told(self._checks)
        if status not in _EMPTY:
            headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


async def checked_texts(checks: Checks, value: Any) -> Any:
    """Return a JSON value of a reply with each text in it checked, those beside an answer."""
    box = {"body": value}
    texts = Arguments(box, "body")
    for place in texts.places("output"):
        await checks.side(place)
    texts.store()
    return box["body"]


def without(message: Message, names: Sequence[bytes]) -> Headers:
    return [(k, v) for k, v in message.get("headers", ()) if bytes(k).lower() not in names]


def told(checks: Checks) -> Headers:
    """The action, and the time that the checks took, as headers."""
    milliseconds = f"guard;dur={checks.tally.seconds * 1000:.3f}"
    return [
        (b"x-railwright-action", checks.tally.action.encode()),
        (b"server-timing", milliseconds.encode()),
    ]


async def send_error(send: Send, message: str) -> None:
    error = {"message": f"{message} and cannot be checked", "type": "guard_error", "code": None}
    await send_json(send, 502, {"error": error})


async def send_json(
    send: Send, status: int, body: dict[str, Any], more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Send an object as a whole reply."""
    await send_body(send, status, b"application/json", msgspec.json.encode(body), more)


async def send_body(
    send: Send, status: int, kind: bytes, data: bytes, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Send a whole reply of some content type."""
    length = (b"content-length", str(len(data)).encode())
    headers = [(b"content-type", kind), length, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data, "more_body": False})
