"""Reading JSON as it is written, and saying at once when it cannot become a valid answer.

Linear in the text: every character is looked at once, and a value is checked as a whole once it
is complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from railwright.guard._shape import (
    ImpossibleError,
    Place,
    Shape,
    check_key_prefix,
    check_string_prefix,
    item_place,
    key_place,
    watched,
)

Validate = Callable[[Place, Any], None]
"""Raises ImpossibleError when a complete value breaks one of the schemas of its place."""

_SPACE = " \t\n\r"
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:(?<=\d)[eE][+-]?\d*)?)?")
_ESCAPE_BEGUN = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{0,4})?')
_FIRST_HALF = re.compile(r"\\u[dD][89abAB]")
_SECOND_HALF = re.compile(r"\\u[dD][c-fC-F]")
_WORDS = {"t": "true", "f": "false", "n": "null"}
_MAX_DEPTH = 100


class _Open:
    """An object or array that is not closed yet."""

    __slots__ = ("count", "is_object", "key", "place", "value")

    def __init__(self, place: Place, *, is_object: bool) -> None:
        self.place, self.is_object = place, is_object
        self.value: Any = {} if is_object else []
        self.key = ""
        self.count = 0


class JsonReader:
    """One JSON value, read in pieces.

    ``value`` is the complete value once ``done``; ``path`` says where reading stands; ``at`` how
    many characters were read. ``fenced`` allows a closing fence after the value.
    """

    def __init__(self, shape: Shape, validate: Validate) -> None:
        self._shape, self._validate = shape, validate
        self._stack: list[_Open] = []
        self._state = self._want_value
        self._token: list[str] = []
        self._escape = ""
        self._is_key = False
        self._length = 0  # characters of the open string
        self._watched: tuple[bool, int | None] = (False, None)
        self._string_place: Place = ()
        self.at = 0
        self.done = False
        self.fenced = False
        self.value: Any = None

    @property
    def path(self) -> str:
        """Where reading stands, as in ``$.items[2].name``."""
        parts = ["$"]
        for item in self._stack:
            parts.append(f".{item.key}" if item.is_object and item.key else "")
            parts.append("" if item.is_object else f"[{max(0, item.count - 1)}]")
        return "".join(parts)

    @property
    def wanted(self) -> str:
        """What must follow for the value to be complete; empty once it is."""
        top = self._stack[-1] if self._stack else None
        end = "'}'" if top is not None and top.is_object else "']'"
        first = top is not None and top.count == 0
        return {
            self._after_all: "",
            self._in_string: "the end of the string",
            self._want_colon: "':'",
            self._after_value: f"',' or {end}",
            self._want_key: f"a key or {end}" if first else "a key",
            self._want_value: f"a value or {end}" if first and end == "']'" else "a value",
            self._want_item: "a value",
            self._in_word: f"{_WORDS.get(''.join(self._token[:1]))!r}",
            self._in_number: self._rest_of_number(f"',' or {end}" if top else ""),
        }[self._state]

    def _rest_of_number(self, then: str) -> str:
        complete = _NUMBER.fullmatch("".join(self._token))
        return then if complete else "the rest of a number"

    def feed(self, text: str) -> None:
        """Read a piece.

        Raises:
            ImpossibleError: the text so far cannot become a valid answer.
        """
        index = 0
        while index < len(text):
            used = self._state(text, index)
            self.at += used
            index += used
        if self._state == self._in_string:
            self._check_open_string()

    def _place(self) -> Place:
        if not self._stack:
            return self._shape.start
        top = self._stack[-1]
        if top.is_object:
            return key_place(top.place, top.key)
        return item_place(top.place, top.count)

    def _want_value(self, text: str, index: int) -> int:
        char = text[index]
        if char in _SPACE:
            return 1
        top = self._stack[-1] if self._stack else None
        if char == "]" and top is not None and not top.is_object and top.count == 0:
            return self._close_container()
        place = self._place()
        if top is not None:
            top.count += 1
        if char in "{[":
            return self._open_container(char, place)
        if char == '"':
            self._string_place = self._shape.narrowed(place, "string")
            return self._open_string(is_key=False)
        if char == "-" or char.isdecimal():
            self._string_place = self._shape.narrowed(place, "number")
            self._token, self._state = [], self._in_number
            return 0
        if char in _WORDS:
            kind = "null" if char == "n" else "boolean"
            self._string_place = self._shape.narrowed(place, kind)
            self._token, self._state = [], self._in_word
            return 0
        raise ImpossibleError(f"{char!r} does not begin a value")

    def _open_container(self, char: str, place: Place) -> int:
        if len(self._stack) >= _MAX_DEPTH:
            raise ImpossibleError(f"more than {_MAX_DEPTH} levels")
        kind = "object" if char == "{" else "array"
        opened = _Open(self._shape.narrowed(place, kind), is_object=char == "{")
        self._stack.append(opened)
        self._state = self._want_key if char == "{" else self._want_value
        return 1

    def _want_key(self, text: str, index: int) -> int:
        char = text[index]
        if char in _SPACE:
            return 1
        if char == "}" and self._stack[-1].count == 0:
            return self._close_container()
        if char != '"':
            raise ImpossibleError(f"{char!r} stands where a key must begin")
        return self._open_string(is_key=True)

    def _open_string(self, *, is_key: bool) -> int:
        self._token, self._escape, self._is_key = [], "", is_key
        self._length = 0
        self._watched = watched(self._stack[-1].place if is_key else self._string_place, is_key)
        self._state = self._in_string
        return 1

    def _in_string(self, text: str, index: int) -> int:
        if self._escape:
            return self._in_escape(text[index])
        plain = _PLAIN.match(text, index)
        if plain is not None:
            self._token.append(plain.group())
            self._length += len(plain.group())
            return len(plain.group())
        if text[index] == "\\":
            self._escape = "\\"
            return 1
        if text[index] != '"':
            raise ImpossibleError("a line break or control character stands in a string")
        self._end_string()
        return 1

    def _in_escape(self, char: str) -> int:
        self._escape += char
        if _ESCAPE_BEGUN.fullmatch(self._escape) is None:
            raise ImpossibleError(f"{self._escape!r} is no escape")
        if self._escape[1] != "u" or len(self._escape) == 6:
            self._length += not self._is_second_half()
            self._token.append(self._escape)
            self._escape = ""
        return 1

    def _is_second_half(self) -> bool:
        """Whether the escape is the second half of a surrogate pair."""
        if not _SECOND_HALF.match(self._escape) or not self._token:
            return False
        return _FIRST_HALF.match(self._token[-1]) is not None

    def _text(self) -> str:
        text: str = json.loads('"' + "".join(self._token) + '"')
        return text

    def _check_open_string(self) -> None:
        closed, most = self._watched
        if not closed and (most is None or self._length <= most):
            return  # a long string is not read again with every piece
        places = self._stack[-1].place if self._is_key else self._string_place
        text = self._text()
        if text and "\ud800" <= text[-1] <= "\udbff":
            text = text[:-1]  # half of a pair: which character it is remains to be seen
        if self._is_key:
            check_key_prefix(places, text)
        else:
            check_string_prefix(places, text)

    def _end_string(self) -> None:
        text = self._text()
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise ImpossibleError("half of a surrogate pair stands in a string")
        if self._is_key:
            key_place(self._stack[-1].place, text)
            self._stack[-1].key = text
            self._state = self._want_colon
        else:
            self._finish(text)

    def _want_colon(self, text: str, index: int) -> int:
        if text[index] == ":":
            self._state = self._want_value
        elif text[index] not in _SPACE:
            raise ImpossibleError(f"{text[index]!r} stands where a colon must")
        return 1

    def _in_number(self, text: str, index: int) -> int:
        char = text[index]
        if char not in "+-.eE0123456789":
            self._end_number()
            return 0
        self._token.append(char)
        if _NUMBER_BEGUN.fullmatch("".join(self._token)) is None or len(self._token) > 400:
            raise ImpossibleError("this is no number")
        return 1

    def _end_number(self) -> None:
        text = "".join(self._token)
        if _NUMBER.fullmatch(text) is None:
            raise ImpossibleError(f"{text!r} is no number")
        self._finish(json.loads(text))

    def _in_word(self, text: str, index: int) -> int:
        self._token.append(text[index])
        word = _WORDS[self._token[0]]
        so_far = "".join(self._token)
        if not word.startswith(so_far):
            raise ImpossibleError(f"{so_far!r} stands where {word!r} must")
        if word == so_far:
            self._finish(json.loads(word))
        return 1

    def _finish(self, value: Any) -> None:
        """Take a complete scalar."""
        self._validate(self._string_place, value)
        self._keep(value)

    def _keep(self, value: Any) -> None:
        if not self._stack:
            self.value, self.done = value, True
            self._state = self._after_all
            return
        top = self._stack[-1]
        if top.is_object:
            top.value[top.key] = value
        else:
            top.value.append(value)
        self._state = self._after_value

    def _after_value(self, text: str, index: int) -> int:
        char = text[index]
        if char in _SPACE:
            return 1
        top = self._stack[-1]
        if char == ",":
            if not top.is_object:
                item_place(top.place, top.count)
            self._state = self._want_key if top.is_object else self._want_item
            return 1
        if char == ("}" if top.is_object else "]"):
            return self._close_container()
        raise ImpossibleError(f"{char!r} stands where a comma or an end must")

    def _want_item(self, text: str, index: int) -> int:
        if text[index] in _SPACE:
            return 1
        return self._want_value(text, index)

    def _close_container(self) -> int:
        top = self._stack.pop()
        self._validate(top.place, top.value)
        self._keep(top.value)
        return 1

    def _after_all(self, text: str, index: int) -> int:
        # Of what is whole, any blank at the end is dropped, not those of JSON alone.
        if not text[index].isspace() and not (self.fenced and text[index] == "`"):
            raise ImpossibleError(f"{text[index]!r} stands after the value")
        return 1
