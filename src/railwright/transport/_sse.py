"""Server-sent events: bytes in any chunking to event data."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")


class SseEvent(NamedTuple):
    """One event: its data (None where it has none) and its other lines, comments too."""

    data: str | None
    others: tuple[str, ...]


class SseReader:
    """An incremental reader of the event-stream format (WHATWG HTML, section 9.2.6).

    Chunks may split lines, line ends and characters anywhere.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[str] = []
        self._others: list[str] = []
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return each event that ``chunk`` completes."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        buffer = self._pending + chunk
        events = []
        start = 0
        for match in _LINE_END.finditer(buffer):
            event = self._line(buffer[start : match.start()])
            start = match.end()
            if event is not None:
                events.append(event)
        self._after_cr = self._after_cr or (start == len(buffer) and buffer.endswith(b"\r"))
        self._pending = buffer[start:]
        return events

    def close(self) -> list[SseEvent]:
        """Return what is left when the stream ends without the last blank line."""
        last = [self._line(self._pending), self._line(b"")] if self._pending else [self._line(b"")]
        self._pending = b""
        return [event for event in last if event is not None]

    def _line(self, line: bytes) -> SseEvent | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._event()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
        else:
            self._others.append(line.decode("utf-8", "replace"))
        return None

    def _event(self) -> SseEvent | None:
        data, others = self._data, tuple(self._others)
        self._data, self._others = [], []
        if not (data or others):
            return None
        return SseEvent("\n".join(data) if data else None, others)


class SseParser:
    """Reads the data of events alone, which is all that the model APIs use.

    Other fields and comments are skipped, and events without data are dropped.
    """

    def __init__(self) -> None:
        self._reader = SseReader()

    def feed(self, chunk: bytes) -> list[str]:
        """Return the data of each event that ``chunk`` completes."""
        return [event.data for event in self._reader.feed(chunk) if event.data is not None]

    def close(self) -> list[str]:
        """Return what is left when the stream ends without the last blank line."""
        return [event.data for event in self._reader.close() if event.data is not None]
