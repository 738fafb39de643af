"""Emphasis of Markdown: an underscore beside a word, which to rules is one of its letters."""

from __future__ import annotations

import re

# An underscore is a letter to the word boundaries of every engine.
_BESIDE = re.compile(
    r"(?<![A-Za-z0-9_])_{1,3}(?=[A-Za-z0-9(+])|(?<=[A-Za-z0-9)=])_{1,3}(?![A-Za-z0-9_])"
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
