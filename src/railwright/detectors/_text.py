"""Views of a text that remember where each character came from, and sentence boundaries."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

# Letters of other scripts that look like Latin ones. NFKC already folds full-width, mathematical
# and superscript forms, so only true look-alikes stand here.
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝвкмнтгɡɑıαβγεηικνορτυχωοϲℓսոհօքΑΒΕΖΗΙΚΜΝΟΡΤΥΧЅАВЕКМНОРСТУХІЈ",
    "aeopcyxijshdqwbkmhtrgaiabyenikvoptuxwoclunhopABEZHIKMNOPTYXSABEKMHOPCTYXIJ",
)
# Invisible characters, controls, and marks that enclose the character before them (keycaps).
_IGNORED = re.compile(
    "[\x80-\x84\x86-\x9f\u00ad\u034f\u0488\u0489\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1abe"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20dd-\u20e0\u20e2-\u20e4\u3164\ua670-\ua672\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_TAG_FIRST, _TAG_LAST = 0xE0020, 0xE007E


class Span(NamedTuple):
    """Character offsets, end exclusive."""

    start: int
    end: int


class Folded(NamedTuple):
    """A rewritten text; ``offsets[i]`` is where character ``i`` of it stands in the source."""

    text: str
    offsets: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Return the source span of ``text[start:end]``, which must not be empty."""
        return Span(self.offsets[start], self.offsets[end - 1] + 1)


def plain_character(char: str) -> str:
    """Return a character without accents and look-alikes, its case kept; "" for invisible ones."""
    code = ord(char)
    if _TAG_FIRST <= code <= _TAG_LAST:  # invisible tag characters spell ASCII
        return chr(code - 0xE0000)
    if _IGNORED.match(char):
        return ""
    plain = unicodedata.normalize("NFKD", char)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return plain.translate(_LOOK_ALIKES)


@lru_cache(maxsize=8192)
def _fold_character(char: str) -> str:
    return plain_character(char).casefold()


def fold(text: str) -> Folded:
    """Return ``text`` without case, accents, invisible characters and look-alike letters.

    Linear in the length of the text.
    """
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    parts: list[str] = []
    offsets: list[int] = []
    for index, char in enumerate(text):
        new = _fold_character(char)
        parts.append(new)
        offsets.extend([index] * len(new))
    return Folded("".join(parts), offsets)


_SHORT_FORMS = (
    "mr mrs ms dr prof st vs etc e.g i.e approx inc ltd jr sr bzw z.b d.h u.a al p.ex sig sra dott"
)
_ABBREVIATIONS = frozenset(_SHORT_FORMS.split())
_BEFORE_NUMBERS = frozenset(
    {"no", "nr", "fig", "art", "abs", "ca", "núm", "pág", "p", "vol", "sec"}
)
_BOUNDARY = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』”]*|\n+")
_LAST_WORD = re.compile(r"[^\s(\"'“]{1,12}$")


def sentences(text: str) -> list[Span]:
    """Return the spans of the sentences and lines of ``text``, trimmed and in order.

    A line break always ends one; a full stop does unless a known abbreviation, a single letter or
    a list number stands before it.
    """
    spans: list[Span] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        if match.group().startswith(".") and _is_abbreviation(text, start, match.start()):
            continue
        _add_trimmed(text, start, match.end(), spans)
        start = match.end()
    _add_trimmed(text, start, len(text), spans)
    return spans


def _is_abbreviation(text: str, start: int, dot: int) -> bool:
    word = _LAST_WORD.search(text[max(start, dot - 14) : dot])
    if word is None:
        return False
    last = word.group().lower()
    if last in _ABBREVIATIONS:
        return True
    if last in _BEFORE_NUMBERS and text[dot + 1 : dot + 3].strip()[:1].isdigit():
        return True
    before = text[start:dot].strip()
    is_list_number = before == last and last.isdigit() and len(last) <= 2
    is_initial = len(last) == 1 and last.isalpha() and last != "i"
    return is_list_number or is_initial


def _add_trimmed(text: str, start: int, end: int, spans: list[Span]) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    trimmed = piece.strip()
    if trimmed:
        spans.append(Span(start + left, start + left + len(trimmed)))
