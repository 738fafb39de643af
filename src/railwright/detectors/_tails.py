"""What may follow a rule's match and belongs to it, by name: tails too varied for one expression.

A tail is read forwards from the end of the match, once, within a window of fixed size, so in linear
time. How far it looked says whether more text could change what it found: a growing text and a
whole one are read alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Tail(NamedTuple):
    """Where a tail ends (where it began, if there is none), and whether more text may change it."""

    end: int
    open: bool


#: Characters of the longest body, what stands between its lines included: RSA keys of 8192 bits
#: have 6,500, and as many blocks of OpenPGP; with its header it stays under what a rule may match.
KEY_BODY = 8000
#: The most characters of each tail.
_LONGEST = {"key-body": KEY_BODY}


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
    from railwright.detectors._key_body import key_body  # its expressions take time to compile

    return {"key-body": key_body}[name]
