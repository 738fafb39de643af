"""Emphasis of Markdown: an underscore beside a word, which to rules is one of its letters."""

from __future__ import annotations

import re
from functools import lru_cache

# An underscore is a letter to the word boundaries of every engine. One to three before a word that
# none stands before, or after one that none follows; it begins with a letter, which is found fast.
_BESIDE = re.compile(
    r"_(?:(?<![A-Za-z0-9_]_)_{0,2}(?=[A-Za-z0-9(+])|(?<=[A-Za-z0-9)=]_)_{0,2}(?![A-Za-z0-9_]))"
)
#: Characters before a match that say whether an underscore there is emphasis.
EMPHASIS = 4


def without_emphasis(text: str, first: int = 0) -> str:
    """Return the text with spaces for underscores of emphasis, from ``first`` on.

    The text has as many characters as before; it is the same object when there are none.
    """
    at = text.find("_", max(0, first - EMPHASIS))
    if at < 0 or _BESIDE.search(text, at) is None:
        return text
    pieces: list[str] = []
    last = 0
    for found in _BESIDE.finditer(text, at):
        pieces += (text[last : found.start()], " " * len(found.group()))
        last = found.end()
    return "".join((*pieces, text[last:]))


_UNDERSCORES = re.compile(rb"_+")


class Beside:
    """The parts of a text in which a match can stand beside an underscore.

    Args:
        data: the text.
        bare: the same without the underscores of emphasis.
    """

    def __init__(self, data: bytes, bare: bytes) -> None:
        self._bare, self._reversed = bare, bare[::-1]
        self._runs = [found.span() for found in _UNDERSCORES.finditer(data)]
        self._known: dict[frozenset[int], list[tuple[int, int]]] = {}

    def ranges(self, stops: frozenset[int], least: int) -> list[tuple[int, int]]:
        """Return the ranges, of at least ``least`` bytes, for matches that hold no such byte.

        They end where a stop stands, so that searching them finds the same as searching all of
        the text does.
        """
        known = self._known.get(stops)
        if known is None:
            known = self._known[stops] = self._between(stops)
        return [found for found in known if found[1] - found[0] >= least]

    def _between(self, stops: frozenset[int]) -> list[tuple[int, int]]:
        size, seek = len(self._bare), _seek(stops)
        out: list[tuple[int, int]] = []
        last = 0
        for begin, end in self._runs:
            if out and end < last:
                continue
            low = begin
            if begin > last:
                found = seek.search(self._reversed, size - begin, size - last)
                low = last if found is None else size - found.start()
            after = seek.search(self._bare, end)
            high = size if after is None else after.start()
            if out and low <= last:
                low = out.pop()[0]
            out.append((low, high))
            last = high
        return out


@lru_cache(maxsize=1024)
def _seek(stops: frozenset[int]) -> re.Pattern[bytes]:
    """Return an expression for one of these bytes; for none, one that never matches."""
    if not stops:
        return re.compile(b"(?!)")
    return re.compile(b"[" + b"".join(re.escape(bytes([code])) for code in sorted(stops)) + b"]")
