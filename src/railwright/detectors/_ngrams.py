"""Texts as pieces of tokens with hashed features: what the embedded classifiers look at.

A text is cut into pieces (a sentence or a line, at most ``MAX_TOKENS`` tokens). A token stands for
its word, the character n-grams within it, its concept (words of many languages that mean one
thing) and whether it shouts. All of these belong to the token alone, so their weights are summed
once and kept; only pairs of neighbours and pairs of concepts are left to look up while reading.
Training and run time use these same functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from railwright.detectors._text import fold

#: Tokens of one piece at most; a longer sentence is cut.
MAX_TOKENS = 32
#: Characters of one token at most; a longer run is read in parts.
MAX_LENGTH = 40
#: Numbers of neighbouring pieces that are scored together.
SCALES = (1, 2, 4, 12)
#: Concepts that follow one another closely enough to count as a pair.
REACH = 3

# Written without spaces: every character is a token (after the words that the lexicon knows).
_UNSPACED = "\u0e00-\u0edf\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_NOT_WORD = (
    r"\s\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\xa9\xab\xac\xae-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    r"\u2000-\u200a\u2010-\u2029\u202f-\u205f\u3000-\u303f\uff01-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff40\uff5b-\uff65"
)

# What ``Lexicon.token`` finds in ASCII, only faster.
_ASCII_TOKEN = re.compile(f"[A-Za-z0-9]{{1,{MAX_LENGTH}}}|[^A-Za-z0-9_\\s]{{2,6}}")

# Coarser than ``sentences``: cutting at an abbreviation does no harm here, and costs less to find.
_BOUNDARY = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+|\n+")
# The same in ASCII, only faster.
_ASCII_BOUNDARY = re.compile(r"[.!?]+[\"')\]]*(?=\s)|\n+")


class Piece(NamedTuple):
    """Some tokens of a text.

    Attributes:
        start, end: character offsets in the text, end exclusive.
        tokens: as written.
    """

    start: int
    end: int
    tokens: list[str]


class Lexicon:
    """Which words stand for which concept.

    Args:
        words: concept to its words; a star at the end stands for every word that begins so.
    """

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self.words = {name: list(entries) for name, entries in words.items()}
        self.concepts = ("", *self.words)
        self._exact: dict[str, int] = {}
        self._stems: dict[str, int] = {}
        runs: set[str] = set()
        for number, name in enumerate(self.concepts[1:], start=1):
            for entry in self.words[name]:
                word = fold(entry.removesuffix("*")).text
                (self._stems if entry.endswith("*") else self._exact).setdefault(word, number)
                if re.match(f"[{_UNSPACED}]", entry):
                    runs.add(entry)
        self._longest = max(map(len, self._stems), default=0)
        self._begins = {stem[:2] for stem in self._stems}
        longest_first = sorted(runs, key=lambda word: (-len(word), word))
        parts = [*map(re.escape, longest_first), f"[{_UNSPACED}]"]
        word = f"[^{_NOT_WORD}{_UNSPACED}]{{1,{MAX_LENGTH}}}"
        self.token = re.compile(f"{word}|{'|'.join(parts)}|[^\\w\\s]{{2,6}}")

    def concept(self, word: str) -> int:
        """Return the number of the concept of a folded word; 0 for none."""
        found = self._exact.get(word, 0)
        if found or word[:2] not in self._begins:
            return found
        for size in range(min(len(word), self._longest), 1, -1):
            found = self._stems.get(word[:size], 0)
            if found:
                return found
        return 0

    def pieces(self, text: str) -> list[Piece]:
        """Return the pieces of a text, in order; those without a token are left out."""
        return _ascii_pieces(text) if text.isascii() else _pieces(self.token, _BOUNDARY, text)


def _pieces(token: re.Pattern[str], boundary: re.Pattern[str], text: str) -> list[Piece]:
    found: list[Piece] = []
    find = token.findall
    start = 0
    ends = [match.end() for match in boundary.finditer(text)]
    for end in (*ends, len(text)):
        tokens = find(text, start, end)
        if len(tokens) > MAX_TOKENS:
            found.extend(_cut(token, text, start, end))
        elif tokens:
            part = text[start:end]
            left = len(part) - len(part.lstrip())
            found.append(Piece(start + left, start + len(part.rstrip()), tokens))
        start = end
    return found


@lru_cache(maxsize=1)
def _ascii_pieces(text: str) -> list[Piece]:
    """Return the pieces of an ASCII text, the same for every model: the next one has them."""
    return _pieces(_ASCII_TOKEN, _ASCII_BOUNDARY, text)


def _cut(token: re.Pattern[str], text: str, start: int, end: int) -> list[Piece]:
    places = list(token.finditer(text, start, end))
    cut = []
    for first in range(0, len(places), MAX_TOKENS):
        part = places[first : first + MAX_TOKENS]
        cut.append(Piece(part[0].start(), part[-1].end(), [match.group() for match in part]))
    return cut


ALL_BITS = (1 << 32) - 1


class TokenFeatures(NamedTuple):
    """What a token brings on its own.

    Attributes:
        key: stands for its word in pairs of neighbours.
        whole: slots that count once each (word, concept, shouting).
        parts: slots of its character n-grams, which count ``1 / sqrt(len(parts))`` each.
        concept: number of its concept; 0 for none.
    """

    key: int
    whole: list[int]
    parts: list[int]
    concept: int


def _slot(kind: str, value: str) -> int:
    return crc32(f"{kind}:{value}".encode("utf-8", "surrogatepass"))


def token_features(token: str, lexicon: Lexicon, mask: int = ALL_BITS) -> TokenFeatures:
    """Return the features of one token; slots are 32-bit numbers to be cut to a table's size.

    Those of the n-grams are cut by ``mask`` already.
    """
    word, key, parts = _spelling(token, mask)
    concept = lexicon.concept(word)
    whole = [key]
    if concept:
        whole.append(_slot("k", lexicon.concepts[concept]))
    if len(token) > 2 and token.isupper():
        whole.append(_SHOUT)
    return TokenFeatures(key, whole, parts, concept)


#: Spellings kept from one model to the next, which reads the same text.
_SPELLINGS = 2048


@lru_cache(maxsize=_SPELLINGS)
def _spelling(token: str, mask: int) -> tuple[str, int, list[int]]:
    """Return the word of a token, its slot, and the slots, cut, of its character n-grams."""
    word = token.lower() if token.isascii() else fold(token).text
    if word.isdigit():
        word = "0" * min(len(word), 4)
    parts: list[int] = []
    if len(word) > 2:
        framed = f"<{word}>"
        if word.isascii():
            raw, size = framed.encode(), len(framed)
            parts = [crc32(raw[i : i + 3], 3) & mask for i in range(size - 2)]
            parts += [crc32(raw[i : i + 4], 4) & mask for i in range(size - 3)]
        else:  # four bytes a character, so that an n-gram is a slice
            raw = framed.encode("utf-32-le", "surrogatepass")
            size = len(raw)
            parts = [crc32(raw[i : i + 12], 3) & mask for i in range(0, size - 11, 4)]
            parts += [crc32(raw[i : i + 16], 4) & mask for i in range(0, size - 15, 4)]
    return word, _slot("w", word), parts


def mark_slot(name: str) -> int:
    """Return the slot of something said of a text from outside, such as a rule that matched."""
    return _slot("m", name)


def concept_pairs(concepts: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs of concepts that stand at most ``REACH`` concepts apart, in order."""
    size = len(concepts)
    return [
        (concepts[i], concepts[j])
        for i in range(size)
        for j in range(i + 1, min(size, i + 1 + REACH))
    ]


def pair_slot(first: int, second: int) -> int:
    """Return the slot of two neighbouring words, given their keys."""
    return first * 31 + second


_SHOUT = _slot("s", "shout")
#: The key that stands before the first token of a piece.
BEGIN = _slot("w", "<begin>")


def concept_pair_slot(first: str, second: str) -> int:
    """Return the slot of two concepts, given their names."""
    return _slot("p", f"{first}>{second}")


def windows(count: int) -> list[tuple[int, int]]:
    """Return the windows (first piece, piece after the last) over so many pieces.

    One for each piece, and for each larger scale those that begin at every half of it.
    """
    found = [(i, i + 1) for i in range(count)]
    for scale in SCALES[1:]:
        step = scale // 2
        if count > step:
            begins = range(0, max(1, count - scale + step), step)
            found += [(i, min(count, i + scale)) for i in begins]
    return found
