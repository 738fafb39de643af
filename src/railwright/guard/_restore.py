"""From tokens back to values, also where a stream cuts tokens in pieces."""

from __future__ import annotations

import re
from collections.abc import Callable

Lookup = Callable[[str], str | None]
"""Given a token without brackets, the value behind it, or None."""

#: A label, an underscore and a tag; no letter, digit or underscore beside it.
CORE = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{0,25}_[A-Z2-7]{8,16}(?![A-Za-z0-9_])")
_LONGEST = 43
#: The end of a text that may be the beginning of a token.
_OPEN = re.compile(rf"(?:\[|(?:\[|(?<![A-Za-z0-9_]))[A-Z][A-Z0-9_]{{0,{_LONGEST}}})\Z")


def restored(text: str, lookup: Lookup, start: int = 0) -> str:
    """Return ``text[start:]`` with values for tokens; a pair of brackets goes with its token."""
    out: list[str] = []
    done = start
    for match in CORE.finditer(text, start):
        value = lookup(match.group())
        if value is None:
            continue
        first, last = match.span()
        if first > done and text[first - 1] == "[" and text[last : last + 1] == "]":
            first, last = first - 1, last + 1
        out += (text[done:first], value)
        done = last
    out.append(text[done:])
    return "".join(out)


class RestoreStream:
    """Restores one stream of text; holds back only what may be the beginning of a token."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._text = ""  # one character that is out already, then what is held back
        self._context = 0

    @property
    def held(self) -> int:
        """Characters held back."""
        return len(self._text) - self._context

    def feed(self, text: str) -> str:
        """Take a piece; return what is settled, restored."""
        self._text += text
        begun = _OPEN.search(self._text, max(self._context, len(self._text) - _LONGEST - 2))
        return self._out(begun.start() if begun else len(self._text))

    def close(self) -> str:
        """Return the rest."""
        return self._out(len(self._text))

    def _out(self, end: int) -> str:
        if end <= self._context:
            return ""
        out = restored(self._text[:end], self._lookup, self._context)
        self._text = self._text[end - 1 :]
        self._context = 1
        return out
