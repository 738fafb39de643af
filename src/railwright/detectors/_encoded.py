"""Runs of base64 and of hexadecimal digits in a text, and what of them reads as text.

Numbers, keys and paths look like encoded text and seldom are, so all runs of a text are decoded at
once to see whether anything in them can be read; only those where it can are read one by one.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from itertools import accumulate
from typing import NamedTuple

from railwright.detectors._escapes import ESCAPES
from railwright.detectors._linear import Spans, characters, every_searcher
from railwright.detectors._text import Span
from railwright.detectors._views import base64_bytes, base64_symbols, hex_bytes

#: A longer encoded run is read in pieces of this many characters (a multiple of 4).
MAX_RUN = 996


class Runs:
    """Finds runs of one alphabet: where one begins by a linear engine, its end by ``re``."""

    def __init__(self, unit: str, least: int, most: int, tail: str = "") -> None:
        self._begins = every_searcher(f"{unit}{{{least}}}")
        self._whole = re.compile(f"{unit}{{{least},{most}}}{tail}")
        self._full = re.compile(f"{unit}{{{most}}}")

    def find(self, text: str, first: int = 0) -> Iterator[re.Match[str]]:
        """Yield the runs from ``first`` on, in order and apart; a long one comes in pieces."""
        data = text.encode()
        start = first if len(data) == len(text) else len(text[:first].encode())
        begins: Spans = [spans[0] for spans in self._begins(data, start, len(data), 0)]
        if len(data) != len(text):
            begins = characters(text, data, begins)
        whole = self._whole.match
        for begin, end in begins:
            at = max(first, begin)
            while at < end:
                match = whole(text, at)
                if match is not None:
                    yield match
                at = first = match.end() if match is not None else at + 1

    def is_full(self, run: str) -> bool:
        """Say whether a run is as long as one can be."""
        return self._full.fullmatch(run) is not None


HEX_UNIT = r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,]?)"
#: What the plain form must match, by encoding, for a view of that encoding to come from it.
ENCODED = {
    "base64": (r"[A-Za-z0-9+/_-]{7}(?:[0-9]|[a-z][A-Z])|(?:[0-9]|[a-z][A-Z])[A-Za-z0-9+/_-]{7}"),
    "hex": f"{HEX_UNIT}{{8}}",
    "escapes": ESCAPES,
}
#: Characters of the shortest run.
_LEAST = 16
BASE64_RUN = Runs(r"[A-Za-z0-9+/_-]", _LEAST, MAX_RUN, "={0,2}")
HEX_RUN = Runs(HEX_UNIT, _LEAST // 2, MAX_RUN // 6)
# Encoded text has digits or capitals after small letters; words and paths mostly have not.
_LOOKS_ENCODED = re.compile(r"[0-9]|[a-z][A-Z]")
# Stretches of decoded bytes that read as text (ASCII or well-formed UTF-8).
_CHARACTER = r"(?:[\t\n\r\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe1-\xec][\x80-\xbf]{2})"
_readable = every_searcher(f"{_CHARACTER}{{6,}}", of_bytes=True)
#: Base64 for zeros, which are not readable.
_ZEROS = "A" * 4


class Stretch(NamedTuple):
    """What a part of a run reads as, and where the run stands, without separators at its end."""

    text: str
    span: Span
    encoding: str


def stretches(text: str, first: int, kinds: Collection[str]) -> Iterator[Stretch]:
    """Yield what reads as text in the runs of a text from character ``first`` on."""
    if len(text) - first < _LEAST:
        return
    if "base64" in kinds:
        runs = [r for r in BASE64_RUN.find(text, first) if _LOOKS_ENCODED.search(r.group())]
        for match in _legible(runs):
            # A zero is not readable, so no stretch goes from one reading into the next.
            yield from _of_run(match, b"\0".join(base64_bytes(match.group())), "base64")
    if "hex" in kinds:
        runs = list(HEX_RUN.find(text, first))
        readings = [hex_bytes(match.group()) for match in runs]
        if _parts(b"\0".join(readings)):
            for match, reading in zip(runs, readings, strict=True):
                yield from _of_run(match, reading, "hex")


def _parts(reading: bytes) -> list[tuple[int, int]]:
    """Return where decoded bytes read as text."""
    return [spans[0] for spans in _readable(reading, 0, len(reading), 0)]


def _of_run(match: re.Match[str], reading: bytes, encoding: str) -> Iterator[Stretch]:
    for begin, end in _parts(reading):
        start, size = match.start(), len(match.group().rstrip(" :,"))
        yield Stretch(reading[begin:end].decode(), Span(start, start + size), encoding)


def _legible(runs: list[re.Match[str]]) -> list[re.Match[str]]:
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
