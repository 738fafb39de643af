r"""Rules for one long number that stands as a word: read from a list of such words.

Dozens of countries number people by nine to sixteen digits. A rule for these, ``\b\d{11}\b``, can
match whole words of digits alone, so that the words of a text are listed once for all such rules.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left
from collections.abc import Callable

from railwright.detectors._linear import NUMBER_LEAST, Reading, Spans
from railwright.detectors._prefilter import Ranges
from railwright.detectors._regex import Atom, Node, Parsed, Repeat, Zero, matched, render_all

_DIGITS = frozenset(map(ord, string.digits))
_EDGE = Zero(r"\b")
#: (text, from, ranges) to the matches.
Numbers = Callable[[Reading, int, Ranges], list[Spans]]


def numbers_of(parsed: Parsed) -> Numbers | None:
    """Return what finds the matches of a rule for one number; None for any other rule."""
    ways = parsed.root.ways
    if len(ways) != 1 or len(ways[0]) < 3 or ways[0][0] != _EDGE or ways[0][-1] != _EDGE:
        return None
    way = ways[0][1:-1]
    if parsed.min_length < NUMBER_LEAST or not all(map(_is_digits, way)):
        return None
    sizes = range(parsed.min_length, parsed.max_length + 1)
    some = [node for node in way if _digits(node) != _DIGITS]
    test = re.compile(render_all(way).encode()).fullmatch if some else None

    def numbers(reading: Reading, start: int, ranges: Ranges) -> list[Spans]:
        words = reading.numbers()
        found = [word for size in sizes if size in words for word in words[size]]
        if len(sizes) > 1:
            found.sort(key=_begin)
        data = reading.data
        if start or ranges is not None:
            found = _within(found, start, ranges or [(0, len(data))])
        if test is not None:
            found = [word for word in found if test(data, *word[0])]
        return found

    return numbers


def _begin(word: Spans) -> int:
    return word[0][0]


def _is_digits(node: Node) -> bool:
    return bool(_digits(node)) and _digits(node) <= _DIGITS


def _digits(node: Node) -> frozenset[int]:
    """Return the characters of a part that is one class, repeated or not; else none."""
    inner = node.node if isinstance(node, Repeat) else node
    return matched(inner.source) if isinstance(inner, Atom) else frozenset()


def _within(words: list[Spans], start: int, ranges: list[tuple[int, int]]) -> list[Spans]:
    """Return the words from ``start`` on that stand in one of the ranges as a whole."""
    out: list[Spans] = []
    begins = list(map(_begin, words))
    for low, high in ranges:
        at = bisect_left(begins, max(start, low))
        while at < len(words) and words[at][0][1] <= high:
            out.append(words[at])
            at += 1
    return out
