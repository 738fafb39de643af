"""Long texts in pieces that a service takes, and spans in texts that it only quotes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate


def pieces(text: str, limit: int, overlap: int = 200, *, utf8: bool = False) -> list[range]:
    """Cut ``text`` into overlapping pieces of at most ``limit`` characters.

    Args:
        text: what to cut; a short one is one piece.
        limit: characters a piece at most, or bytes of UTF-8.
        overlap: characters (or bytes) that a piece shares with the one before, so that what lies
            on a cut is seen whole in one of them.
        utf8: count bytes.

    Cuts are made at white space where some lies in the last quarter of a piece.
    """
    size = len(text)
    ends = _byte_ends(text) if utf8 and not text.isascii() else None
    if (ends[-1] if ends else size) <= limit:
        return [range(size)] if size else []
    back = min(overlap, limit // 4)
    found: list[range] = []
    start = 0
    while True:
        stop = _reach(start, limit, size, ends)
        if stop < size:
            stop = _at_space(text, start + 3 * (stop - start) // 4, stop)
        found.append(range(start, stop))
        if stop >= size:
            return found
        start = max(start + 1, _reach_back(stop, back, ends))


def _byte_ends(text: str) -> list[int]:
    return [0, *accumulate(len(char.encode("utf-8", "surrogatepass")) for char in text)]


def _reach(start: int, limit: int, size: int, ends: list[int] | None) -> int:
    if ends is None:
        return min(size, start + limit)
    from bisect import bisect_right

    return max(start + 1, bisect_right(ends, ends[start] + limit) - 1)


def _reach_back(stop: int, back: int, ends: list[int] | None) -> int:
    if ends is None:
        return stop - back
    from bisect import bisect_left

    return bisect_left(ends, ends[stop] - back)


def _at_space(text: str, low: int, stop: int) -> int:
    for place in range(stop, low, -1):
        if text[place - 1].isspace():
            return place
    return stop


def places(text: str, quoted: str) -> Iterator[tuple[int, int]]:
    """Every place where ``text`` holds ``quoted``; the whole text when it stands nowhere.

    Services that quote what they found rather than say where may change its case.
    """
    found = _occurrences(text, quoted)
    if not found and len(text.casefold()) == len(text):
        found = _occurrences(text.casefold(), quoted.casefold())
    yield from found or [(0, len(text))]


def _occurrences(text: str, quoted: str) -> list[tuple[int, int]]:
    found = []
    start = text.find(quoted) if quoted else -1
    while start >= 0:
        found.append((start, start + len(quoted)))
        start = text.find(quoted, start + len(quoted))
    return found
