"""Server-sent events: bytes in any chunking to event data."""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")


class SseParser:
    """An incremental parser of the event-stream format (WHATWG HTML, section 9.2.6).

    Only ``data`` matters to the model APIs: other fields and comments are skipped, and events
    without data are dropped. Chunks may split lines, line ends and characters anywhere.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[str] = []
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[str]:
        """Return the data of each event that ``chunk`` completes."""
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

    def close(self) -> list[str]:
        """Return what is left when the stream ends without the last blank line."""
        last = [self._line(self._pending), self._line(b"")] if self._pending else [self._line(b"")]
        self._pending = b""
        return [event for event in last if event is not None]

    def _line(self, line: bytes) -> str | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            data, self._data = self._data, []
            return "\n".join(data) if data else None
        if line.startswith(b"data"):
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
        return None
