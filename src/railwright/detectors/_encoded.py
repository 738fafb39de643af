"""Runs of base64 and of hexadecimal digits in a text, and what of them reads as text.

Numbers, keys and paths look like encoded text and seldom are, so all runs of a text are decoded at
once to see whether anything in them can be read; only those where it can are read one by one.

A long run is made of pieces, and each two neighbours are read as one: what stands across the edge
between them is read whole. What a piece holds depends on its neighbours alone, so that a stream
needs no more of a run than that.
"""

from __future__ import annotations

import binascii
import re
import string
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from railwright.detectors._escapes import ESCAPES
from railwright.detectors._linear import Spans, characters, every_searcher, searcher
from railwright.detectors._text import Span
from railwright.detectors._views import base64_bytes, base64_symbols, hex_bytes

#: A longer run is made of pieces of this many characters (a multiple of 4).
MAX_RUN = 996
#: Bytes of a piece in hexadecimal digits: written without separators it is as long as in base64.
MAX_BYTES = MAX_RUN // 2
#: The most characters of a piece: a byte of hexadecimal digits takes five (``0x41,``).
LONGEST_PIECE = 5 * MAX_BYTES


class Run:
    """A run of one alphabet, a piece of one, or two neighbouring pieces that are read as one.

    ``edge`` is where the second piece begins; 0: there is one.
    """

    __slots__ = ("_text", "edge", "end", "start")

    def __init__(self, text: str, start: int, end: int, edge: int = 0) -> None:
        self._text, self.start, self.end, self.edge = text, start, end, edge

    def group(self) -> str:
        """Return the characters."""
        return self._text[self.start : self.end]


class Runs:
    """Finds runs of one alphabet: by a linear engine, and the pieces of a long one by ``re``.

    ``back`` is a unit read backwards.
    """

    def __init__(self, unit: str, back: str, least: int, most: int, tail: str = "") -> None:
        self._runs = every_searcher(f"{unit}{{{least},}}{tail}")
        self._full = re.compile(f"{unit}{{{most}}}")
        self._next = re.compile(f"{unit}{{1,{most}}}{tail}")
        self._before = re.compile(f"{back}{{{most}}}")

    def find(self, text: str, first: int = 0) -> list[Run]:
        """Return the runs from ``first`` on, in order and apart; a long one comes in pieces.

        The last piece of a run may be shorter than a run can be.
        """
        pieces: list[Run] = []
        if first >= MAX_RUN and self.before(text, first) >= 0:
            pieces = self._pieces(text, first)
            first = pieces[-1].end if pieces else first
        data = text.encode()
        start = first if len(data) == len(text) else len(text[:first].encode())
        runs: Spans = [spans[0] for spans in self._runs(data, start, len(data), 0)]
        if len(data) != len(text):
            runs = characters(text, data, runs)
        for begin, end in runs:
            if end - begin < MAX_RUN:
                pieces.append(Run(text, begin, end))
            else:
                pieces += self._pieces(text, begin)
        return pieces

    def _pieces(self, text: str, start: int) -> list[Run]:
        """Return the pieces of the run that goes on at a place."""
        pieces: list[Run] = []
        match = self._next.match(text, start)
        while match is not None:
            piece = Run(text, *match.span())
            pieces.append(piece)
            match = self._next.match(text, piece.end) if self.is_full(piece) else None
        return pieces

    def readings(self, text: str, first: int = 0) -> Iterable[Run]:
        """Return what is read as one: a run of one piece, or two neighbours of a longer one."""
        pieces = self.find(text, first)
        start = self.before(text, first)
        if start < 0 and not any(piece.end - piece.start >= MAX_RUN for piece in pieces):
            return pieces  # nearly always
        return self._paired(text, pieces, start, first)

    def _paired(self, text: str, pieces: Iterable[Run], start: int, edge: int) -> Iterator[Run]:
        """Yield runs of one piece, and neighbours; a whole piece that ends at ``edge`` is one."""
        alone: Run | None = None
        for piece in pieces:
            if start >= 0 and piece.start == edge:
                yield Run(text, start, piece.end, edge)
                alone = None
            else:
                if alone is not None:
                    yield alone
                alone = piece
            start, edge = (piece.start if self.is_full(piece) else -1), piece.end
        if alone is not None:
            yield alone

    def is_full(self, piece: Run) -> bool:
        """Say whether a piece is as long as one can be."""
        size = piece.end - piece.start
        if size < MAX_RUN:
            return False
        run = piece.group()
        if size == MAX_RUN and run.isalnum() and "x" not in run:
            return True  # in either alphabet
        return self._full.fullmatch(run) is not None

    def before(self, text: str, at: int) -> int:
        """Return where the whole piece begins that ends at ``at``; -1: there is none."""
        if at < MAX_RUN:
            return -1
        found = self._before.match(text[max(0, at - LONGEST_PIECE) : at][::-1])
        return at - found.end() if found else -1


_SYMBOL = r"[A-Za-z0-9+/_-]"
HEX_UNIT = r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,]?)"
_HEX_BACK = r"(?:[ :,]?[0-9a-fA-F]{2}(?:x[0\\])?)"
#: What the plain form must match, by encoding, for a view of that encoding to come from it.
ENCODED = {
    "base64": (r"[A-Za-z0-9+/_-]{7}(?:[0-9]|[a-z][A-Z])|(?:[0-9]|[a-z][A-Z])[A-Za-z0-9+/_-]{7}"),
    "hex": f"{HEX_UNIT}{{8}}",
    "escapes": ESCAPES,
}
#: Characters that runs are made of.
BASE64_ALPHABET = string.ascii_letters + string.digits + "+/_-"
HEX_ALPHABET = string.hexdigits + "x\\ :,"
#: Characters of the shortest run.
_LEAST = 16
BASE64_RUN = Runs(_SYMBOL, _SYMBOL, _LEAST, MAX_RUN, "={0,2}")
HEX_RUN = Runs(HEX_UNIT, _HEX_BACK, _LEAST // 2, MAX_BYTES)
# Every third byte begins with a symbol of its own, which is no digit where the byte is ASCII. Six
# such bytes hold two of these, four apart.
_LETTER = r"[A-Za-z+/_-]"
_TWO_LETTERS = re.compile(f"{_LETTER}.{{3}}{_LETTER}")
_readable_base64 = searcher(
    "|".join(
        f"{_SYMBOL}{{{before}}}{_LETTER}{_SYMBOL}{{3}}{_LETTER}{_SYMBOL}{{{_LEAST - 5 - before}}}"
        for before in range(_LEAST - 4)
    )
)
# Encoded text has digits or capitals after small letters; words and paths mostly have not.
_LOOKS_ENCODED = re.compile(r"[0-9]|[a-z][A-Z]")
# Stretches of decoded bytes that read as text (ASCII or well-formed UTF-8).
_CHARACTER = r"(?:[\t\n\r\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe1-\xec][\x80-\xbf]{2})"
_READABLE = 6
_readable = every_searcher(f"{_CHARACTER}{{{_READABLE},}}", of_bytes=True)


def _in_hex(*byte: str) -> str:
    """Return an expression for bytes in hexadecimal digits, each given by its digits."""
    return "".join(rf"(?:0x|\\x)?(?:{digits})[ :,]?" for digits in byte)


_NEXT = "[89abAB][0-9a-fA-F]"
#: The least that reads as text, in hexadecimal digits.
_readable_hex = every_searcher(
    f"(?:{_in_hex('[2-7][0-9a-fA-F]|0[9aAdD]')}|{_in_hex('[cC][3-9a-fA-F]|[dD][0-9a-fA-F]', _NEXT)}"
    f"|{_in_hex('[eE][1-9a-cA-C]', _NEXT, _NEXT)}){{{_READABLE}}}"
)
#: Base64 for zeros, which are not readable.
_ZEROS = "A" * 4


def _looks_encoded(run: str) -> bool:
    """Say whether a run may be base64 of a text."""
    return _TWO_LETTERS.search(run) is not None and _LOOKS_ENCODED.search(run) is not None


class Stretch(NamedTuple):
    """What a part of a run reads as, and where the run stands, without separators at its end.

    Where it is read from two pieces, ``edge`` is where the second begins and ``before`` how many
    characters of the text come of the first alone.
    """

    text: str
    span: Span
    encoding: str
    edge: int = 0
    before: int = -1


def stretches(text: str, first: int, kinds: Collection[str]) -> Iterator[Stretch]:
    """Yield what reads as text in the runs of a text from character ``first`` on.

    What stands across ``first``, where that is an edge between pieces, is mapped to what follows.
    """
    if len(text) - first < (_LEAST if first < MAX_RUN else 1):
        return
    data = text.encode()
    if "base64" in kinds and _readable_base64(data, 0, len(data)) is not None:
        runs = [r for r in BASE64_RUN.readings(text, first) if _looks_encoded(r.group())]
        done = first
        for match in _legible(runs):
            if match.edge:
                yield from _of_two(match, first, done, "base64")
            else:
                # A zero is not readable, so no stretch goes from one reading into the next.
                yield from _of_run(match, b"\0".join(base64_bytes(match.group())), "base64")
            done = match.end
    if "hex" in kinds and (readable := _parts_in_hex(text, data)):
        begins = [begin for begin, _ in readable]
        done = first
        for match in HEX_RUN.readings(text, first):
            # Numbers are runs as well, and few can be read.
            last = bisect_left(begins, match.end)
            if last and readable[last - 1][1] > match.start:
                if match.edge:
                    yield from _of_two(match, first, done, "hex")
                else:
                    yield from _of_run(match, hex_bytes(match.group()), "hex")
            done = match.end


def _parts(reading: bytes) -> list[tuple[int, int]]:
    """Return where decoded bytes read as text."""
    return [spans[0] for spans in _readable(reading, 0, len(reading), 0)]


def _parts_in_hex(text: str, data: bytes) -> Spans:
    """Return where a text reads as text in hexadecimal digits, whatever digit that begins at."""
    return characters(text, data, [spans[0] for spans in _readable_hex(data, 0, len(data))])


def _of_run(match: Run, reading: bytes, encoding: str) -> Iterator[Stretch]:
    for begin, end in _parts(reading):
        start, size = match.start, len(match.group().rstrip(" :,"))
        yield Stretch(reading[begin:end].decode(), Span(start, start + size), encoding)


def _of_two(pair: Run, first: int, done: int, encoding: str) -> Iterator[Stretch]:
    """Yield what two pieces read as; what lies in the first alone only if not read before."""
    start, edge, run = pair.start, pair.edge, pair.group().rstrip(" :,")
    low, high = (start if start >= first else edge), start + len(run)
    if encoding == "hex":
        readings = [(MAX_BYTES, hex_bytes(run))]
    else:
        readings = [
            ((edge - start - shift) * 3 // 4, reading)
            for shift, reading in enumerate(base64_bytes(run))
        ]
    for size, reading in readings:
        for begin, end in _parts(reading):
            text = reading[begin:end].decode()
            if begin > size:
                yield Stretch(text, Span(edge, high), encoding)
            elif end > size:
                before = len(reading[begin:size].decode(errors="ignore"))
                yield Stretch(text, Span(low, high), encoding, edge, before)
            elif start >= done:
                yield Stretch(text, Span(start, edge), encoding)


def _legible(runs: list[Run]) -> list[Run]:
    """Return the base64 runs in which something may be readable at one of the alignments."""
    if not runs:
        return []
    parts = []
    for run in runs:
        symbols = base64_symbols(run.group())
        parts.append(symbols.ljust(len(symbols) + -len(symbols) % 4, "A"))
    # Each begins a group of four, so that one shift of all of them is a shift of each. What the
    # padding adds can make a stretch longer, or one where none is, but takes none away.
    joined = _ZEROS.join(parts) + _ZEROS
    begins = list(accumulate((len(part) + len(_ZEROS) for part in parts[:-1]), initial=0))
    shifted = [joined[shift:] + _ZEROS[:shift] for shift in range(4)]
    size = len(joined) // 4 * 3
    found: set[int] = set()
    for _, end in _parts(binascii.a2b_base64("".join(shifted))):
        # Three bytes are four symbols; the last byte of a stretch is one of the run's own.
        shift, at = divmod(end - 1, size)
        found.add(bisect_right(begins, shift + at // 3 * 4) - 1)
    return [runs[index] for index in sorted(found)]
