r"""What a person's own expression takes out of a text that a stranger may have written.

RE2 searches where it is installed: its time is linear in the text. Expressions are written for
Python; where RE2 reads the same sign otherwise it is spelled out (``\w``, ``\d`` and ``\s`` are
those of Unicode). ``\b`` knows the letters of ASCII alone, so it is refused beside what matches
others: it would cut a value short without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from railwright.detectors._linear import Search, compiled, search_of

MOST = 1000
"""Matches that are looked at in one text: what matches everywhere would take long all the same."""

_PUNCTUATION = r"\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}"
# Connectors are punctuation, but the underscore is part of a word.
_CONNECTORS = r"\x{203F}\x{2040}\x{2054}\x{FE33}\x{FE34}\x{FE4D}-\x{FE4F}\x{FF3F}"
_ESCAPES = {
    r"\w": r"\pL\pN_",
    r"\W": rf"\pM\pS\pZ\pC{_PUNCTUATION}{_CONNECTORS}",
    r"\d": r"\p{Nd}",
    r"\D": r"\P{Nd}",
    r"\s": r"\t-\r\x1C-\x20\x{85}\pZ",
    r"\S": (
        r"\x00-\x08\x0E-\x1B\x21-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}"
        r"\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF}"
    ),
}
_OTHERS = {r"\Z": r"\z", "$": r"(?:\n?\z)", "{,": "{0,"}
_SIGN = re.compile(r"\\.|\[\^?\]?|\]|\$|\{,(?=\d+\})|[^\\\[\]${]+|\{", re.DOTALL)
_EDGES = (r"\b", r"\B")
#: Signs that match letters beyond ASCII, beside a point.
_WIDE = re.compile(r"\A(?:\\[wWSD]|\[\^)|[^\x00-\x7f]")
_LINES = re.compile(r"\(\?[a-z]*m")


class PatternError(ValueError):
    """An expression that cannot be used; ``mend`` says what to do."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


def check_pattern(pattern: str) -> None:
    """Check that an expression can be used here.

    Raises:
        PatternError: Python does not read it, or RE2 does not where it is installed.
    """
    _taker(pattern)


def values_in(pattern: str, text: str) -> Iterator[str]:
    """Yield the first group of each match, or the whole match where there is no group.

    Raises:
        PatternError: as ``check_pattern``.
    """
    return islice(_taker(pattern)(text), MOST)


@lru_cache(maxsize=64)
def _taker(pattern: str) -> Callable[[str], Iterator[str]]:
    try:
        plain = re.compile(pattern)
    except re.error as error:
        raise PatternError(f"is no expression: {error}", "mend it") from None
    group = min(plain.groups, 1)
    try:
        import re2
    except ImportError:
        return lambda text: (match[group] or "" for match in plain.finditer(text))
    if _cuts_short(pattern):
        mend = "leave it out, or write [A-Za-z0-9_] in the place of \\w and the like"
        raise PatternError("cannot hold `\\b` beside what matches letters of any script", mend)
    try:
        search = search_of(compiled(re2, _spelled(pattern)))
    except re2.error as error:
        message = f"cannot be searched in linear time: RE2 says {_said(error)!r}"
        raise PatternError(message, "leave out look-around and references to groups") from None
    return lambda text: _taken(search, text.encode("utf-8", "replace"), group)


def _taken(search: Search, data: bytes, group: int) -> Iterator[str]:
    start = 0
    while start <= len(data):
        spans = search(data, start, len(data))
        if spans is None:
            return
        begin, end = spans[group]
        yield data[begin:end].decode() if begin >= 0 else ""
        first, after = spans[0]
        start = after if after > first else _next(data, after)


def _next(data: bytes, place: int) -> int:
    """The character after the one that begins at a byte."""
    place += 1
    while place < len(data) and data[place] & 0xC0 == 0x80:
        place += 1
    return place


def _said(error: Exception) -> str:
    said: Any = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _signs(pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield the signs of an expression, and whether each stands within a class."""
    in_class = False
    for sign in _SIGN.findall(pattern):
        yield sign, in_class
        if sign not in _ESCAPES:
            in_class = sign != "]" if in_class else sign.startswith("[")


def _cuts_short(pattern: str) -> bool:
    """Whether edges of words are asked for where a word may hold letters beyond ASCII."""
    signs = list(_signs(pattern))
    edges = any(sign in _EDGES and not in_class for sign, in_class in signs)
    return edges and any(
        _WIDE.search(sign) or ("." in sign and sign != r"\." and not in_class)
        for sign, in_class in signs
    )


def _spelled(pattern: str) -> str:
    """Return an expression for Python so that RE2 reads it alike."""
    by_line = _LINES.search(pattern) is not None
    out = []
    for sign, in_class in _signs(pattern):
        if sign in _ESCAPES:
            out.append(_ESCAPES[sign] if in_class else f"[{_ESCAPES[sign]}]")
        elif in_class or (sign == "$" and by_line):
            out.append(sign)
        else:
            out.append(_OTHERS.get(sign, sign))
    return "".join(out)
