"""Whether a word that a rule asks for stands before its match, and where it can match then."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from typing import Any

from railwright.detectors._linear import (
    Every,
    Reading,
    Search,
    Spans,
    compiled,
    every_of,
    search_of,
)
from railwright.detectors._prefilter import Ranges
from railwright.detectors._rules import Rule
from railwright.detectors._triggers import keywords_of

#: Memory for the automaton of one rule's keywords, in bytes.
_MEMORY = 32 << 20
#: Bytes of a character at most.
_WIDEST = 4


class Keywords:
    """The keywords of a rule, ready to search; safe to share between threads."""

    def __init__(self, re2: Any, rule: Rule) -> None:
        pattern = compiled(re2, keywords_of(rule), max_mem=_MEMORY, never_capture=True)
        self._search, self._every = search_of(pattern), every_of(pattern)
        self._window = rule.window

    def named(self, reading: Reading, start: int, ranges: Ranges = None) -> Named:
        """Return the keywords that may stand before a match in ``ranges`` from ``start`` on."""
        wide = self._window if reading.same else _WIDEST * self._window
        size = len(reading.data)
        parts: list[tuple[int, int]] = []
        for low, high in ranges if ranges is not None else [(start, size)]:
            begin, end = max(0, max(start, low) - wide), min(size, high)
            if parts and begin <= parts[-1][1]:
                begin = parts.pop()[0]
            parts.append((begin, end))
        every: Every = self._every
        found = [spans[0] for low, high in parts for spans in every(reading.data, low, high, 0)]
        return Named(reading, found, self._search, self._window)


class Named:
    """Where the keywords of a rule stand in a text: apart, in order, the first of those that do."""

    __slots__ = ("_begins", "_reading", "_search", "_spans", "_window")

    def __init__(
        self, reading: Reading, spans: list[tuple[int, int]], search: Search, window: int
    ) -> None:
        self._reading, self._spans, self._search, self._window = reading, spans, search, window
        self._begins = [begin for begin, _ in spans]

    def matches(
        self, every: Every, start: int, least: int, barriers: Collection[int], longest: int
    ) -> list[Spans]:
        """Return the matches from byte ``start`` on that a keyword may stand before.

        ``barriers`` are characters that no match holds, ``longest`` how many a match has at most.
        """
        data, size = self._reading.data, len(self._reading.data)
        wide = 1 if self._reading.same else _WIDEST
        ranges: list[tuple[int, int]] = []
        for begin, low in self._spans:
            # From the last barrier on, what matches here is what matches in the whole text.
            bound = ranges[-1][1] if ranges else 0
            while low > bound and data[low - 1] not in barriers:
                low -= 1  # noqa: PLW2901
            if ranges and low <= bound:
                low = ranges.pop()[0]  # noqa: PLW2901
            ranges.append((low, begin + self._window * wide))
        found: list[Spans] = []
        for low, last in ranges:
            end = min(size, last + longest * wide + 1)
            found += every(data, max(start, low), end, least, last)
        return found

    def before(self, span: tuple[int, int], begin: int) -> bool | None:
        """Say whether a keyword stands before a match.

        ``span`` is where it stands in the bytes, ``begin`` its first character. False: one begins
        only within it; None: not even that.
        """
        at, end = span
        reading, spans = self._reading, self._spans
        if reading.same:
            low = at - self._window
        else:
            near = reading.text[max(0, begin - self._window) : begin]
            low = at - len(near.encode())
        index = bisect_left(self._begins, at)
        if index:
            first, last = spans[index - 1]
            if first >= low and last <= at:
                return True
            # It stands over an edge: another may stand within.
            if last > low and self._search(reading.data, max(0, low), at) is not None:
                return True
        within = index < len(spans) and self._begins[index] < end
        if not within and (not index or spans[index - 1][1] <= at):
            return None
        return None if self._search(reading.data, max(0, low), end) is None else False
