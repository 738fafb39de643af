"""Streamed replies of an application's own endpoints: events, lines of JSON, plain text."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Protocol

import msgspec

from railwright.guard._asgi_forward import Send
from railwright.guard._asgi_wire import JSON_LINES
from railwright.guard._field_guard import Event, FieldGuard, FieldStream, Raw
from railwright.guard._fields import TEXT_DATA, Shape
from railwright.guard._stream import ByteStream
from railwright.transport import SseReader

_LINE_END = re.compile(r"\r\n|\n|\r")


class Codec(Protocol):
    """A form of events: how they are read, in any cut, and how they are written."""

    kind: bytes

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        ...

    def close(self) -> list[Event]:
        """Return what is left at the end."""
        ...

    def write(self, event: Event) -> bytes:
        """Return the bytes of an event."""
        ...


class SseCodec:
    """Server-sent events."""

    kind = b"text/event-stream"

    def __init__(self) -> None:
        self._reader = SseReader()

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        return [Event(e.others, self._value(e.data)) for e in self._reader.feed(data)]

    def close(self) -> list[Event]:
        """Return what is left at the end."""
        return [Event(e.others, self._value(e.data)) for e in self._reader.close()]

    def write(self, event: Event) -> bytes:
        """Return the bytes of an event."""
        text = self._text(event.value)
        data = [] if text is None else [f"data: {line}" for line in _LINE_END.split(text)]
        return "".join(f"{line}\n" for line in (*event.head, *data, "")).encode()

    def _value(self, data: str | None) -> Any:
        return _value(data)

    def _text(self, value: Any) -> str | None:
        return _text(value)


class TextSseCodec(SseCodec):
    """Server-sent events whose data is text: pieces of an answer, no JSON.

    They are read as ``{"data": text}``. Data that is an object or a list nevertheless, and what
    ends the stream, stand for themselves.
    """

    def __init__(self, end: Any) -> None:
        super().__init__()
        self._ends = (end, "[DONE]")

    def _value(self, data: str | None) -> Any:
        value = _value(data)
        if data is None or data in self._ends or (value and isinstance(value, dict | list)):
            return value
        return {TEXT_DATA: data}

    def _text(self, value: Any) -> str | None:
        if isinstance(value, dict) and list(value) == [TEXT_DATA]:
            return str(value[TEXT_DATA])
        return _text(value)


class LineCodec:
    """A JSON value a line."""

    def __init__(self, kind: bytes) -> None:
        self.kind = kind
        self._pending = b""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        return [_line(line) for line in lines]

    def close(self) -> list[Event]:
        """Return what is left at the end."""
        rest, self._pending = self._pending, b""
        return [_line(rest)] if rest.strip() else []

    def write(self, event: Event) -> bytes:
        """Return the bytes of an event."""
        return _LINE_END.sub(" ", _text(event.value) or "").encode() + b"\n"


def codec_of(shape: Shape, kind: bytes, *, anywhere: bool = False) -> Codec | None:
    """The form of events of a content type, or of one named anywhere in an ``accept`` header."""
    names = [part.split(b";")[0].strip() for part in kind.split(b",")]
    for name in names if anywhere else names[:1]:
        if name == SseCodec.kind:
            return TextSseCodec(shape.fields.stream_end) if shape.is_text else SseCodec()
        if name in JSON_LINES and not shape.is_text:
            return LineCodec(name)
    return None


def _line(line: bytes) -> Event:
    return Event((), _value(line.decode("utf-8", "replace").strip() or None))


def _value(text: str | None) -> Any:
    if text is None:
        return Raw(None)
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Raw(text)


def _text(value: Any) -> str | None:
    return value.text if isinstance(value, Raw) else msgspec.json.encode(value).decode()


class EventFeed:
    """A streamed reply of events."""

    def __init__(self, checks: FieldGuard, send: Send, codec: Codec) -> None:
        self._send, self._codec = send, codec
        self._stream = FieldStream(checks)

    async def feed(self, data: bytes, *, last: bool) -> bool:
        """Take bytes of the reply; return whether its end was sent."""
        out: list[Event] = []
        events = self._codec.feed(data)
        if last:
            events += self._codec.close()
        for event in events:
            out += await self._stream.feed(event)
            if self._stream.stopped:
                break
        if last and not self._stream.stopped:
            out += await self._stream.close()
        last = last or self._stream.stopped
        if out or last:
            body = b"".join(map(self._codec.write, out))
            await self._send({"type": "http.response.body", "body": body, "more_body": not last})
        return last


class TextFeed:
    """A streamed reply of text."""

    def __init__(self, checks: FieldGuard, send: Send) -> None:
        self._checks, self._send = checks, send
        self._stream = checks.guard.stream("output", checks.call, hold=checks.options.hold)
        self._bytes = ByteStream(self._stream)
        self._shown = False

    async def feed(self, data: bytes, *, last: bool) -> bool:
        """Take bytes of the reply; return whether its end was sent."""
        out = self._bytes.feed(data)
        if last and not self._stopped:
            out += await asyncio.to_thread(self._bytes.close)
        self._shown = self._shown or bool(out)
        if self._stopped:
            last = True
            if not self._shown:
                out = self._checks.message.encode()
        if out or last:
            await self._send({"type": "http.response.body", "body": out, "more_body": not last})
        return last

    @property
    def _stopped(self) -> bool:
        verdict = self._stream.verdict
        if verdict is None or not verdict.blocked:
            return False
        self._checks.stop(verdict)
        return True
