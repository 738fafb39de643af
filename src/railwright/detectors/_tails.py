"""What may follow a rule's match and belongs to it, by name: tails too varied for one expression.

A tail is read forwards from the end of the match, once, within a window of fixed size, so in linear
time. How far it looked says whether more text could change what it found: a growing text and a
whole one are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from railwright.detectors._regex import Atom, Group, Node, Parsed, Repeat, as_python


class Tail(NamedTuple):
    """Where a tail ends (where it began, if there is none), and whether more text may change it."""

    end: int
    open: bool


#: Characters of the longest body, what stands between its lines included: RSA keys of 8192 bits
#: have 6,500, and as many blocks of OpenPGP; with its header it stays under what a rule may match.
KEY_BODY = 8000
#: Characters of the longest rest of a value: with the longest expression that has it, and another
#: match across its end, it stays under what a rule may match.
VALUE_REST = 7000
#: The most characters of each tail.
_LONGEST = {"key-body": KEY_BODY, "token-rest": VALUE_REST, "value-rest": VALUE_REST}


def names() -> list[str]:
    """Return every name a rule may give under ``tail``."""
    return sorted(_LONGEST)


def longest(name: str) -> int:
    """Return the most characters of the tail of that name; 0 where nothing has it."""
    return _LONGEST.get(name, 0)


def get(name: str) -> Callable[[str, int], Tail]:
    """Return what reads the tail of that name from a place of a text on.

    Raises:
        KeyError: nothing has that name.
    """
    if name in _RESTS:
        return _rest_of(_RESTS[name])
    from railwright.detectors._key_body import key_body  # its expressions take time to compile

    return {"key-body": key_body}[name]


def least(name: str, parsed: Parsed) -> int:
    """Return how long a match of an expression is at least that the tail of that name follows.

    Where the tail goes on with what the expression repeats last, none follows fewer than the most
    of these.
    """
    last: Node | None = parsed.root
    while isinstance(last, Group):
        last = last.ways[0][-1] if len(last.ways) == 1 and last.ways[0] else None
    if name in _RESTS and isinstance(last, Repeat) and isinstance(last.node, Atom):
        one = re.compile(parsed.flags + as_python(last.node.source)).fullmatch
        if not last.suffix and all(one(char) for char in _ALL if _RESTS[name].fullmatch(char)):
            return last.high
    return parsed.min_length


# As a rule reads them: to RE2 a vertical tab is no blank.
_RESTS = {
    "token-rest": re.compile(r"[A-Za-z0-9_.~+/=-]*+"),
    "value-rest": re.compile(r"[^\t\n\f\r \"'`,;]*+"),
}

#: ASCII, and one character beyond it.
_ALL = "".join(map(chr, range(128))) + "\u4e2d"


def _rest_of(pattern: re.Pattern[str]) -> Callable[[str, int], Tail]:
    match = pattern.match

    def rest(text: str, at: int) -> Tail:
        most = at + VALUE_REST
        found = match(text, at, most)
        end = found.end() if found is not None else at
        return Tail(end, end == len(text) and end < most)

    return rest
