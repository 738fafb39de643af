"""Mending what models do to JSON: one pass, linear, and never a change within a string's text."""

from __future__ import annotations

import re

_PIECE = re.compile(
    r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|//[^\n]*|/\*(?:.*?\*/|.*)|[{}\[\],:]|\s+|[^{}\[\],:\s"\'/]+|.',
    re.DOTALL,
)
_WORDS = {"True": "true", "False": "false", "None": "null", "NaN": "null", "undefined": "null"}
_BARE_KEY = re.compile(r"[A-Za-z_$][\w$-]*\Z")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"'})
_CLOSERS = {"{": "}", "[": "]"}
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_RAW = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def repair(text: str) -> str | None:
    """Return JSON made of ``text``, or None where there is nothing like it.

    Cuts prose and fences around the first object or array; turns single and typographic quotes,
    Python's words, comments, bare keys, trailing commas and raw line breaks in strings into JSON;
    closes what the text leaves open, dropping a key without a value. The result still has to be
    checked.
    """
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start < 0:
        return None
    body = text[start:]
    if '"' not in body:
        body = body.translate(_QUOTES)
    return _Mender().mend(body)


class _Mender:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.stack: list[str] = []

    def mend(self, body: str) -> str:
        at = 0
        while at < len(body):
            found = _PIECE.match(body, at)
            assert found is not None
            piece, at = found.group(), found.end()
            if piece in {'"', "'"}:  # a string that never ends
                self.out.append(_quoted(_HALF_ESCAPE.sub("", body[at:])))
                at = len(body)
            elif not self.take(piece):
                break
        return self.closed()

    def take(self, piece: str) -> bool:
        """Take a piece; return False after the end of the value."""
        if piece.isspace() or piece.startswith(("//", "/*")):
            return True
        if piece in _CLOSERS:
            self.stack.append(piece)
            self.out.append(piece)
        elif piece in {"}", "]"}:
            self._drop_comma()
            if self.stack and _CLOSERS[self.stack[-1]] == piece:
                self.stack.pop()
                self.out.append(piece)
            return bool(self.stack)
        elif piece[0] in {'"', "'"}:
            self.out.append(_quoted(piece[1:-1], single=piece[0] == "'"))
        elif piece in {",", ":"}:
            self.out.append(piece)
        elif self._wants_key() and _BARE_KEY.match(piece):
            self.out.append(f'"{piece}"')
        else:
            self.out.append(_WORDS.get(piece, piece))
        return True

    def _wants_key(self) -> bool:
        return bool(self.stack and self.stack[-1] == "{" and self.out[-1] in {"{", ","})

    def _drop_comma(self) -> None:
        if self.out and self.out[-1] == ",":
            self.out.pop()

    def closed(self) -> str:
        """Close what is open; the end of the text may be in the middle of an entry."""
        if self.stack and self.stack[-1] == "{":
            if self.out[-1] == ":":
                del self.out[-2:]
            elif len(self.out) > 1 and self.out[-1].startswith('"') and self.out[-2] in {"{", ","}:
                self.out.pop()
        self._drop_comma()
        return "".join(self.out) + "".join(_CLOSERS[item] for item in reversed(self.stack))


def _quoted(inner: str, *, single: bool = False) -> str:
    if single:
        inner = re.sub(r"(?<!\\)\"", r"\"", inner.replace("\\'", "'"))
    return '"' + re.sub(r"[\n\r\t]", lambda m: _RAW[m.group()], inner) + '"'
