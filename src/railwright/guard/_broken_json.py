"""Where a text stops being JSON, and what was expected there."""

from __future__ import annotations

from typing import NamedTuple

from railwright.guard._json_stream import JsonReader
from railwright.guard._shape import ImpossibleError, Shape

_ANY = Shape({})
_VALUES = "an object, an array, a string, a number, true, false or null"


class Break(NamedTuple):
    """A place in a text at which it is no JSON: path to the value, and a message."""

    path: str
    message: str


def find_break(text: str, start: int = 0, end: int | None = None) -> Break | None:
    """Return where the JSON value in ``text[start:end]`` breaks or ends early; None: nowhere.

    The message names line and column, from 1, and the offset in characters of ``text``, from 0. It
    quotes no more of the text than the character, escape or number that cannot stand.
    """
    body = text[start:end]
    if not body.strip():
        return Break("$", "not JSON: there is nothing; expected a value")
    reader = JsonReader(_ANY, lambda _place, _value: None)
    try:
        reader.feed(body)
    except ImpossibleError as error:
        begun = body[: reader.at].lstrip()
        if not begun or begun.isalpha():  # prose may begin as true, false and null do
            first = _place(text, start + len(body) - len(body.lstrip()))
            said = f"{body.lstrip()[0]!r} at {first}"
            return Break("$", f"not JSON: it begins with {said}; expected {_VALUES}")
        place = _place(text, start + reader.at)
        return Break(reader.path, f"JSON that breaks at {place}: {error}")
    if not reader.wanted:
        return None
    place = _place(text, start + len(body))
    return Break(reader.path, f"JSON that ends early at {place}: expected {reader.wanted}")


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"line {line}, column {column} (offset {offset})"
