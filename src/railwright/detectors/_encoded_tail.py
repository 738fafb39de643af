"""Where at the end of a text something encoded begins that what follows may go on with."""

from __future__ import annotations

import re

from railwright.detectors._encoded import (
    HEX_ALPHABET,
    HEX_RUN,
    HEX_UNIT,
    LONGEST_PIECE,
    MAX_RUN,
)
from railwright.detectors._escapes import escape_tail

_HEX_BEGUN = re.compile(r"(?:0x?|\\x?)?[0-9a-fA-F]?\Z")
_HEX_PARTIAL = 3
_hex_unit = re.compile(HEX_UNIT).match
_HEX = frozenset(HEX_ALPHABET)
_RUN = re.compile(r"([A-Za-z0-9+/_-]+)={0,2}|=")
_RUN_ALPHABET = re.compile(r"[^A-Za-z0-9+/_=-]")


def encoded_tail(text: str, first: int = 0) -> int:
    """Return where an encoded run or an escape begins that may go on after ``text``.

    Of a run in pieces, the last two: what the last but one holds is known when the last is whole.
    """
    cut = escape_tail(text, first)
    return max(first, min(cut, _run_tail(text, first), _hex_tail(text, first)))


def _run_tail(text: str, first: int) -> int:
    at = len(text)
    while at > first and _RUN_ALPHABET.match(text, at - 1) is None:
        at -= 1
    last = None
    for run in _RUN.finditer(text, at):
        last = run
    if last is None:
        return len(text)
    return last.start() + max(0, len(last[1] or "") // MAX_RUN - 1) * MAX_RUN


def _hex_tail(text: str, first: int) -> int:
    at = cut = size = len(text)
    # Backwards from the end: where units begin that go on to it. A unit has at most five
    # characters, so none leads over five places from which none goes on. A longer tail than
    # this holds a whole piece, and what stands before that does not depend on what goes on.
    least = max(first, size - 3 * LONGEST_PIECE)
    on = (True, False, False, False, False)  # from this place, and from the four after it
    while at > least and True in on and text[at - 1] in _HEX:
        at -= 1
        unit = _hex_unit(text, at)
        goes = unit is not None and on[unit.end() - at - 1]
        if not goes and size - at <= _HEX_PARTIAL:
            goes = _HEX_BEGUN.match(text, at) is not None
        if goes:
            cut = at
        on = (goes, *on[:4])
    for piece in HEX_RUN.find(text, first):
        if piece.end > cut and HEX_RUN.is_full(piece):
            cut = piece.start
    return cut
