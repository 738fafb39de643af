"""Searching bytes in linear time: RE2 with as little Python between as its package allows."""

from __future__ import annotations

import re
import string
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

#: Byte offsets of a match and of its groups.
Spans = Sequence[tuple[int, int]]
#: (data, from, to) to the first match; what stands around the part still counts as context.
Search = Callable[[bytes, int, int], Spans | None]
#: No place is further on.
ANY_PLACE = 1 << 62


class Every(Protocol):
    """Finds all matches in a part of a text, as ``find_all`` does."""

    def __call__(
        self, data: bytes, start: int, end: int, least: int = 0, last: int = ANY_PLACE
    ) -> list[Spans]:
        """Return those of ``least`` bytes that begin at ``last`` at the latest."""
        ...


Options = dict[str, Any]


def compiled(re2: Any, pattern: str, **options: Any) -> Any:
    """Compile for RE2; ``options`` are those of its ``Options``."""
    chosen = re2.Options()
    chosen.log_errors = False
    for name, value in options.items():
        setattr(chosen, name, value)
    return re2.compile(pattern.encode(), chosen)


def search_of(pattern: Any) -> Search:
    """Return the search of a compiled bytes pattern, of RE2 or of ``re``."""
    try:
        match, anywhere = pattern._regexp.Match, type(pattern._regexp).Anchor.UNANCHORED
    except AttributeError:
        return _public(pattern)

    # The engine itself: a match object and a generator a search cost more than the search does.
    def direct(data: bytes, start: int, end: int) -> Spans | None:
        spans: Spans = match(anywhere, data, start, end)
        return spans if spans[0][0] >= 0 else None

    return direct


def _public(pattern: Any) -> Search:
    def search(data: bytes, start: int, end: int) -> Spans | None:
        found = pattern.search(data, start, end)
        return found and [found.span(group) for group in range(len(found.groups()) + 1)]

    return search


def find_all(
    search: Search, data: bytes, start: int, end: int, least: int = 0, last: int = ANY_PLACE
) -> list[Spans]:
    """Return the matches in a part, apart and in order, as ``finditer`` gives them.

    Those of fewer than ``least`` bytes, and those that begin after ``last``, are left out.
    """
    out: list[Spans] = []
    while start <= end:
        spans = search(data, start, end)
        if spans is None:
            break
        begin, after = spans[0]
        if begin > last:
            break
        if after - begin >= least:
            out.append(spans)
        start = after if after > start else start + 1
    return out


def every_of(pattern: Any) -> Every:
    """Return ``find_all`` for a compiled bytes pattern: one call of Python less a match."""
    try:
        match, anywhere = pattern._regexp.Match, type(pattern._regexp).Anchor.UNANCHORED
    except AttributeError:
        return partial(find_all, search_of(pattern))

    def every(
        data: bytes, start: int, end: int, least: int = 0, last: int = ANY_PLACE
    ) -> list[Spans]:
        out: list[Spans] = []
        while start <= end:
            spans: Spans = match(anywhere, data, start, end)
            begin, after = spans[0]
            if begin < 0 or begin > last:
                break
            if after - begin >= least:
                out.append(spans)
            start = after if after > start else start + 1
        return out

    return every


def searcher(pattern: str) -> Search:
    """Compile for RE2 where it is installed, else for ``re``."""
    try:
        import re2
    except ImportError:
        return search_of(re.compile(pattern.encode()))
    return search_of(compiled(re2, pattern, never_capture=True))


def every_searcher(pattern: str, *, of_bytes: bool = False) -> Every:
    """Do as ``searcher`` for ``find_all``; ``of_bytes``: a character is a byte, not UTF-8."""
    try:
        import re2
    except ImportError:
        return every_of(re.compile(pattern.encode()))
    coding = re2.Options.Encoding.LATIN1 if of_bytes else re2.Options.Encoding.UTF8
    return every_of(compiled(re2, pattern, never_capture=True, encoding=coding))


def characters(text: str, data: bytes, spans: Sequence[tuple[int, int]]) -> Spans:
    """Return character offsets for byte offsets; quick where those are in order."""
    if len(data) == len(text):
        return spans
    out = []
    byte = char = 0
    for start, end in spans:
        if start >= byte:
            char += len(data[byte:start].decode())
        else:
            char -= len(data[start:byte].decode())
        first = char
        char += len(data[start:end].decode())
        byte = end
        out.append((first, char))
    return out


#: Digits of the shortest number that ``Reading`` lists.
NUMBER_LEAST = 8
_NUMBER = re.compile(b"[0-9]{%d,}" % NUMBER_LEAST)
_WORD = frozenset((string.ascii_letters + string.digits + "_").encode())
#: Bytes that begin no character.
_CONTINUED = re.compile(rb"[\x80-\xbf]")


class Reading:
    """A text to search in, as characters and as bytes."""

    __slots__ = ("_continued", "_numbers", "data", "same", "text")

    def __init__(self, text: str, data: bytes) -> None:
        self.text, self.data = text, data
        #: Whether places are the same in both.
        self.same = len(data) == len(text)
        self._continued: list[int] | None = None
        self._numbers: dict[int, list[Spans]] | None = None

    def place(self, at: int) -> int:
        """Return the character that begins at byte ``at``."""
        if self.same:
            return at
        if self._continued is None:
            self._continued = [found.start() for found in _CONTINUED.finditer(self.data)]
        return at - bisect_left(self._continued, at)

    def numbers(self) -> dict[int, list[Spans]]:
        """Return where the words stand that are long numbers, in order, by their digits."""
        if self._numbers is None:
            data, size = self.data, len(self.data)
            known: dict[int, list[Spans]] = {}
            for found in _NUMBER.finditer(data):
                begin, end = span = found.span()
                if begin and data[begin - 1] in _WORD:
                    continue
                if end == size or data[end] not in _WORD:
                    known.setdefault(end - begin, []).append((span,))
            self._numbers = known
        return self._numbers
