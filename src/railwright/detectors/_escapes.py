"""Characters written as escapes: of URLs, HTML and XML, Markdown, strings in JSON and in code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from railwright.detectors._linear import searcher

#: What a text must match to hold an escape.
ESCAPES = r"%u?[0-9A-Fa-f]{2}|&#|&[a-z]{2,6};|\\[xuU][0-9A-Fa-f]{2}|\\u\{|\\[nrt/_\"]"
# Browsers read a number without its semicolon too.
_ESCAPE = re.compile(
    r"%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4}|&#(?:[xX][0-9A-Fa-f]{2,6}|\d{2,7});?"
    r"|&(?:amp|lt|gt|quot|apos|commat|period|colon|sol|num|nbsp);"
    r"|\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|[nrt/_\"])"
)
_seek = searcher(_ESCAPE.pattern)
#: What may be the beginning of an escape at the end of a text.
_BEGUN = re.compile(
    r"(?:%(?:u[0-9A-Fa-f]{0,3}|[0-9A-Fa-f])?|&(?:#(?:[xX][0-9A-Fa-f]{0,6}|\d{0,7})|[a-z]{0,6})"
    r"|\\(?:x[0-9A-Fa-f]?|u(?:\{[0-9A-Fa-f]{0,6}|[0-9A-Fa-f]{0,3})|U[0-9A-Fa-f]{0,7})?)\Z"
)
_LONGEST = 12
# Whole bytes that may be part of a character that is not complete yet.
_BYTES_BEFORE = re.compile(r"(?:%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}){1,3}\Z")
_NAMED = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "commat": "@", "period": ".",
    "colon": ":", "sol": "/", "num": "#", "nbsp": " ",
}  # fmt: skip
_LETTERS = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\/": "/", "\\_": "_", '\\"': '"'}


def escapes_of(text: str) -> list[list[re.Match[str]]]:
    """Return the escapes of a text in order, those without anything between them together."""
    if "%" not in text and "&" not in text and "\\" not in text:
        return []
    data = text.encode()
    if _seek(data, 0, len(data)) is None:
        return []
    groups: list[list[re.Match[str]]] = []
    end = -1
    for match in _ESCAPE.finditer(text):
        if match.start() != end:
            groups.append([])
        groups[-1].append(match)
        end = match.end()
    return groups


def read_escapes(group: list[re.Match[str]]) -> Iterator[tuple[str, int, int]]:
    """Yield (character, start, end); neighbouring bytes are read as UTF-8 where they are that."""
    index = 0
    while index < len(group):
        match = group[index]
        code = match.group()
        if _is_byte(code):
            first = int(code[-2:], 16)
            if first < _MANY_BYTES:
                yield chr(first), match.start(), match.end()
                index += 1
                continue
            size, char = _utf8(group, index, first)
            yield char, match.start(), group[index + size - 1].end()
            index += size
            continue
        yield _character(code), match.start(), match.end()
        index += 1


def escape_tail(text: str, first: int = 0) -> int:
    """Return where an escape, or bytes of one character, begin that may go on after ``text``."""
    begun = _BEGUN.search(text, max(first, len(text) - _LONGEST))
    cut = begun.start() if begun else len(text)
    before = _BYTES_BEFORE.search(text, max(first, cut - 12), cut)
    return before.start() if before else cut


def _is_byte(code: str) -> bool:
    return (code[0] == "%" and code[1] != "u") or code[:2] == "\\x"


#: From this byte on a character of UTF-8 takes more than one.
_MANY_BYTES = 0xC2


def _utf8(group: list[re.Match[str]], index: int, first: int) -> tuple[int, str]:
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    codes = [m.group() for m in group[index : index + size]]
    if len(codes) == size and all(map(_is_byte, codes)):
        try:
            return size, bytes(int(c[-2:], 16) for c in codes).decode()
        except UnicodeDecodeError:
            pass
    return 1, chr(first)


def _character(escape: str) -> str:
    if escape in _LETTERS:
        return _LETTERS[escape]
    if escape[0] == "&" and escape[1] != "#":
        return _NAMED[escape[1:-1]]
    body = escape[2:].strip("{};")
    if escape[0] == "&":
        code = int(body[1:], 16) if body[0] in "xX" else int(body)
    else:
        code = int(body, 16)
    return chr(code) if 0 < code < 0x110000 else "\ufffd"
