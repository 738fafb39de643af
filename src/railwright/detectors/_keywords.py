"""Whether a word that a rule asks for stands before its match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from railwright.detectors._linear import Reading, Search, compiled, search_of
from railwright.detectors._rules import Rule
from railwright.detectors._triggers import keywords_of

#: Memory for the automaton of one rule's keywords, in bytes.
_MEMORY = 32 << 20
#: Bytes after a match that are read with it, so that the matches after it need not be.
_AHEAD = 128

#: (bytes of a match, its first character) to: a keyword stands before it; False: only one that
#: reaches into it; None: not even that.
IsNear = Callable[[tuple[int, int], int], bool | None]


class Keywords:
    """The keywords of a rule, ready to search; safe to share between threads."""

    def __init__(self, re2: Any, rule: Rule) -> None:
        self._search: Search = search_of(
            compiled(re2, keywords_of(rule), max_mem=_MEMORY, never_capture=True)
        )
        self._window = rule.window

    def beside(self, reading: Reading) -> IsNear:
        """Return a function for the matches in a text; quick where they come in order."""
        text, data, size = reading.text, reading.data, len(reading.data)
        search, window, same = self._search, self._window, reading.same
        # The first keyword between these two places, as far as it is known.
        low_read = high_read = 0
        found: tuple[int, int] | None = None

        def is_near(span: tuple[int, int], begin: int) -> bool | None:
            nonlocal low_read, high_read, found
            at, end = span
            wide = window if same else len(text[max(0, begin - window) : begin].encode())
            low = max(0, at - wide)
            known = low_read <= low and end <= high_read
            if not known or (found is not None and found[0] < low):
                low_read, high_read = low, min(size, end + _AHEAD)
                spans = search(data, low, high_read)
                found = spans[0] if spans is not None else None
            if found is None or found[0] >= end:
                return None
            if found[1] <= at:
                return True
            # It reaches into the match or beyond: a shorter or a later one may not.
            if search(data, low, end) is None:
                return None
            return search(data, low, at) is not None

        return is_near
