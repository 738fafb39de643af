"""The rest of a private key after its header: header lines, base64, footer, however it is shown.

Each expression here is bounded and does not backtrack beyond its bound, so the time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from railwright.detectors._tails import KEY_BODY, Tail

#: Characters between two lines of a body at most, and header lines of a block.
_MOST_BETWEEN, _MOST_HEADS = 240, 8
#: What a key that stands as one value in base64 begins with; where one does, another body ends.
_NEXT = "LS0tLS1CRUdJTiB"
#: How far any of the expressions below looks on from a place; a tag may be long.
_AHEAD, _TAG_AHEAD, _HEAD_AHEAD = 64, 128, 220

# What stands between the lines: marks of quotation and comment, line numbers, string delimiters,
# tags, line breaks written as escapes. None of it holds five dashes, with which a footer begins.
_MARKS = (
    r"[\s>#*;|\"'`,()\[\]{}:.!~%&^@$_\u00b7\u2022\u2500-\u259f]"
    r"|\\+(?:[nrt]|u000[adAD]|x0[adAD])?"
    r"|-{1,3}(?!-)|-(?=-----END[ +])"
    r"|/{2,4}(?=\s)|/\*|/(?=\s)|\+(?=[\s\"'`])"
    r"|</?[A-Za-z][^<>\n]{0,110}>|<!--|<{2,3}(?=[\s\"'])"
    r"|[0-9]{1,5}(?=[\s.:)|\]>,<\u2500-\u259f-])"
    r"|[bBrRuUfF]{1,2}(?=[\"'])"
)
# In code and in JSON also names: of what is given a part, is called with it, or is its key.
_NAME = r"[A-Za-z_$][\w.$-]{0,30}"
_NAMES = (
    rf"|{_NAME}(?:[ \t]{{1,2}}[+.&]?=|[+.&]=)[ \t]{{0,2}}(?=[\"'`])"
    rf"|{_NAME}[\"'`]?[ \t]{{0,2}}:[ \t]?(?=[\"'`])"
    rf"|{_NAME}\((?=[\"'`])"
)
_plain_gap = re.compile(f"(?:{_MARKS})*+").match
_head_gap = re.compile(rf"(?:{_MARKS}{_NAMES}|[/+]{{1,4}}(?=[A-Z][A-Za-z-]{{1,48}}: ))*+").match
_line_gap = re.compile(rf"(?:{_MARKS}{_NAMES}|{_NAME}:(?=\s))*+").match
# `Proc-Type: 4,ENCRYPTED`, `DEK-Info: ...`, `Version: ...` (RFC 1421, RFC 9580), to the end of the
# line; on one line with others, to the next of them or to the base64.
_VALUE = r"(?:[^\n\r<\"\\'-]|'(?=\w)|-(?!--))"
_head = re.compile(
    r"Proc-Type:[ +]?4, ?ENCRYPTED|DEK-Info:[ +]?[A-Z0-9-]{3,30}, ?(?:[0-9A-F]{32}|[0-9A-F]{16})"
    r"|[A-Z][A-Za-z]{1,15}(?:-[A-Za-z]{1,15}){0,2}:[ +]"
    rf"(?:{_VALUE}{{1,100}}(?=[\n\r<\"\\]|'(?!\w)|\Z)"
    rf"|{_VALUE}{{1,100}}?(?=[A-Za-z0-9+/]{{48}}|[ ,]?(?:Version|Comment|Charset|Hash): ))"
).match
_head_begun = re.compile(r"[A-Z][A-Za-z-]{1,48}:").match
_footer = re.compile(r"-----END[ +][A-Z0-9 +]{1,40}-----").match
# A line of base64, not a word: 16 characters and a digit, or 32 and a capital; else a doubtful one.
_line = re.compile(
    r"(?=[A-Za-z0-9+/=]{16})"
    r"(?:(?=[A-Za-z+/=]{0,31}[0-9])|(?=[A-Za-z0-9+/=]{32})(?=[a-z+/=]{0,31}[A-Z]))"
    r"[A-Za-z0-9+/=]++"
).match
_short = re.compile(r"[A-Za-z0-9+/=]{1,31}+").match
_checksum = re.compile(r"=[A-Za-z0-9+/]{4}(?![A-Za-z0-9+/=])").match
_is_word = re.compile(r"[A-Z]?[a-z]*|[A-Z]+|[0-9]+|[+/=]+").fullmatch
_breaks = re.compile(r"[\n\r]|\\[nr]|<(?:br|/?p|/?div|/?li|/?tr|/?td)\b", re.IGNORECASE).search


class _Body:
    """A private key's body as it is read: header lines, base64, footer."""

    def __init__(self, text: str) -> None:
        self.text, self.size = text, len(text)
        #: Where what is sure ends, and how far was looked.
        self.end = self.seen = 0

    def read(self) -> None:
        """Read as far as it goes."""
        at = self._heads()
        begun = False
        while True:
            start = self._gap(_line_gap, at)
            if footer := self._footer(start, at, begun=begun):
                # What follows a footer changes nothing.
                self.end, self.seen = footer, 0
                return
            if line := _line(self.text, start):
                begun = True
                self.end = at = line.end()
                continue
            short = _short(self.text, start)
            if short is None:
                return
            if not self._goes_on(short, at, begun=begun):
                return
            self.end = at = short.end()

    def _gap(self, gap: Callable[..., re.Match[str] | None], at: int) -> int:
        """Return where what stands between two lines ends."""
        found = gap(self.text, at, min(self.size, at + _MOST_BETWEEN))
        end = found.end() if found is not None else at
        ahead = _TAG_AHEAD if self.text[end : end + 1] == "<" else _AHEAD
        self.seen = max(self.seen, end + ahead)
        return end

    def _heads(self) -> int:
        """Return where header lines end; they count once a line of the body follows."""
        at = 0
        for _ in range(_MOST_HEADS):
            start = self._gap(_head_gap, at)
            if _head_begun(self.text, start):
                self.seen = max(self.seen, start + _HEAD_AHEAD)
            head = _head(self.text, start)
            if head is None:
                break
            at = head.end()
        return at

    def _footer(self, start: int, at: int, *, begun: bool) -> int:
        """Return where the footer ends that stands here; 0: there is none."""
        if not begun:
            # Two markers in a sentence, in a list or in code have no body.
            marks = _plain_gap(self.text, at, start)
            if marks is None or marks.end() < start or not _breaks(self.text, at, start):
                return 0
        found = _footer(self.text, start)
        return found.end() if found is not None else 0

    def _goes_on(self, short: re.Match[str], at: int, *, begun: bool) -> bool:
        """Say whether a few characters that may be a word belong to the body.

        They do before a footer or another line of it; alone on a line also after other lines and at
        the end of the text, unless they read as a word.
        """
        text, end = self.text, short.end()
        word = _is_word(short.group()) is not None
        after = self._gap(_line_gap, end)
        alone = _breaks(text, at, short.start()) is not None
        alone = alone and (after == self.size or _breaks(text, end, after) is not None)
        if _line(text, after):
            return begun or alone or not word
        if _ends(text, after) or (begun and alone and self._ends_soon(after)):
            return begun or not word
        return alone and not word and (begun or after == self.size)

    def _ends_soon(self, at: int) -> bool:
        """Say whether one or two more short lines stand before a footer or another line."""
        for _ in range(2):
            short = _short(self.text, at)
            if short is None:
                return False
            at = self._gap(_line_gap, short.end())
            if _line(self.text, at) or _ends(self.text, at):
                return True
            if not _breaks(self.text, short.end(), at):
                return False
        return False


def _ends(text: str, at: int) -> bool:
    """Say whether a footer stands here, or the checksum before it."""
    return (_footer(text, at) or _checksum(text, at)) is not None


def key_body(text: str, at: int) -> Tail:
    """Return where the body ends that begins at a place of a text, after the header."""
    window = text[at : at + KEY_BODY]
    # Else rows of such keys would each hold all that follow, and be read as often.
    ahead, another, _ = window.partition(_NEXT)
    body = _Body(ahead)
    body.read()
    unsure = not another and len(window) < KEY_BODY
    return Tail(at + body.end, unsure and body.seen > body.size)
