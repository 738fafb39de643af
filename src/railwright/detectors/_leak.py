"""Planted values in a text, in the disguises that people and models use.

A plant is reduced to its letters and digits without case, accents and look-alikes, and looked for
in the text reduced in the same way. That covers any case and any separators. Other views undo
list markers, spelled letters, escapes, encodings, reversal, letter shifts and leetspeak.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from railwright.detectors._base import DetectorBase
from railwright.detectors._text import Folded, Span, fold
from railwright.detectors._views import decodings, views
from railwright.detectors.interface import Context, Detection

#: A key shorter than this may not have other text between its characters, nor hide in a word.
LONG_KEY = 6
#: Share of a long key that must stand together for a partial leak.
PARTIAL_SHARE = 0.8
PARTIAL_FROM = 8
_SPLIT_WINDOW = 90
_SHIFT_LETTERS = 4
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LEET = str.maketrans("o0il1!|e3a4@s5$t7+b8g9", "0011111334445557778899")
_SEPARATORS = re.compile(r"[\W_]+")
_WORD = re.compile(r"[^\W_]+")
_MONEY = re.compile(r"^(?:[a-z]{2,4}|[$€£¥])?\s*(\d[\d.,' ]*\d)\s*(?:[a-z]{2,5}|[$€£¥])?$")
_SCORES = {"echo": 0.4, "partial": 0.8, "half": 0.5, "split": 0.9, "amount": 0.95}


class _Key(NamedTuple):
    plant: str
    text: str
    words: tuple[str, ...]
    amount: str

    @property
    def has_digits(self) -> bool:
        return any(c.isdigit() for c in self.text)

    @property
    def letters(self) -> int:
        return sum(c.isalpha() for c in self.text)


class _Hit(NamedTuple):
    span: Span
    rule: str
    score: float


@lru_cache(maxsize=4096)
def _key(plant: str) -> _Key:
    folded = fold(plant).text
    words = tuple(_WORD.findall(folded))
    money = _MONEY.match(folded.strip())
    amount = re.sub(r"\D", "", money.group(1)) if money else ""
    # "48,200.00" is written "48,200" as often as not.
    if money and re.search(r"[.,]00$", money.group(1)):
        amount = amount[:-2]
    return _Key(plant, "".join(words), words, amount if len(amount) >= 4 else "")


class _View:
    """A rewritten text and, made when asked for, what the finders look in."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.text = folded.text
        self.squeezed = _SEPARATORS.sub("", folded.text)

    @cached_property
    def places(self) -> list[int]:
        """Where each character of ``squeezed`` stands in ``text``."""
        return [i for i, c in enumerate(self.text) if c.isalnum()]

    @cached_property
    def leet(self) -> _View:
        return _View(Folded(self.text.translate(_LEET), range(len(self.text))))

    def local(self, at: int, size: int) -> Span:
        return Span(self.places[at], self.places[at + size - 1] + 1)


def _occurrences(haystack: str, needle: str) -> Iterator[int]:
    at = haystack.find(needle)
    while at >= 0:
        yield at
        at = haystack.find(needle, at + 1)


def _stands_alone(source: str, span: Span) -> bool:
    before = source[span.start - 1] if span.start else " "
    after = source[span.end] if span.end < len(source) else " "
    return not before.isalnum() and not after.isalnum()


def _evenly_spread(source: str, span: Span, key: _Key) -> bool:
    """Say whether a short key is written whole, as planted, or with one separator throughout."""
    inner = source[span.start : span.end]
    if len(inner) == len(key.text):
        return True
    gaps = set(re.split(r"[^\W_]", inner)[1:-1])
    return len(gaps) == 1 or len(_WORD.findall(inner)) == len(key.words)


def _is_credible(source: str, span: Span, key: _Key, needle: str) -> bool:
    if len(needle) >= LONG_KEY and (key.has_digits or len(needle) >= 10):
        # A number must not be a part of a longer number.
        return not needle.isdigit() or _stands_alone(source, span)
    if not _stands_alone(source, span):
        return False
    return len(needle) >= LONG_KEY or _evenly_spread(source, span, key)


def _find(view: _View, needle: str, key: _Key) -> Span | None:
    for at in _occurrences(view.squeezed, needle):
        span = view.local(at, len(needle))
        if _is_credible(view.text, span, key, needle):
            return span
    return None


def _shifts(word: str) -> Iterator[tuple[str, str]]:
    for by in range(1, 26):
        table = str.maketrans(_LETTERS, _LETTERS[by:] + _LETTERS[:by])
        yield ("rot13" if by == 13 else "shifted"), word.translate(table)
    yield "atbash", word.translate(str.maketrans(_LETTERS, _LETTERS[::-1]))


def _national(key: _Key) -> list[str]:
    """Return how an international phone number is written at home."""
    if not key.plant.lstrip().startswith("+") or not key.text.isdigit() or len(key.text) < 9:
        return []
    cuts = (1,) if key.text[0] in "17" else (2, 3)
    return [prefix + key.text[cut:] for cut in cuts for prefix in ("0", "")]


@lru_cache(maxsize=4096)
def _ciphers(key: _Key) -> tuple[tuple[str, str], ...]:
    """Return (rule, needle) for the key backwards and under each letter shift."""
    needles = [("national", number) for number in _national(key)]
    backwards = key.text[::-1]
    if backwards != key.text and len(key.text) >= 5:
        needles.append(("reversed", backwards))
    # A shifted ordinary word is often another word; a long one, or one with digits, is not.
    if key.letters >= 8 or (key.letters >= _SHIFT_LETTERS and key.has_digits):
        needles.extend(_shifts(key.text))
    return tuple(needles)


def _find_leet(view: _View, key: _Key) -> Span | None:
    needle = key.text.translate(_LEET)
    # Without a letter that survives, any number of the same shape would do.
    if len(needle) < LONG_KEY or sum(c.isalpha() for c in needle) < 2:
        return None
    return _find(view.leet, needle, key)


def _find_partial(view: _View, key: _Key) -> Span | None:
    size = len(key.text)
    # Part of an amount is another amount.
    if size < PARTIAL_FROM or key.amount:
        return None
    width = math.ceil(PARTIAL_SHARE * size)
    for first in range(size - width + 1):
        needle = key.text[first : first + width]
        # Part of a phrase of plain words is an ordinary phrase.
        if not any(c.isdigit() for c in needle) and len(key.words) > 1:
            continue
        span = _find(view, needle, key)
        if span is not None:
            return span
    return None


def _distinctive(key: _Key) -> list[str]:
    return [w for w in key.words if len(w) >= 3 and any(c.isdigit() for c in w)]


def _find_split(text: str, key: _Key) -> Span | None:
    """Find all words of a short code near each other, in any order."""
    words = [w for w in key.words if len(w) >= 3]
    if not 2 <= len(words) <= 4 or not _distinctive(key) or len(words) != len(key.words):
        return None
    for match in re.finditer(rf"\b{re.escape(_distinctive(key)[0])}\b", text):
        low = max(0, match.start() - _SPLIT_WINDOW)
        window = text[low : match.end() + _SPLIT_WINDOW]
        places = [re.search(rf"\b{re.escape(word)}\b", window) for word in words]
        found = [p for p in places if p is not None]
        if len(found) == len(words):
            start, end = min(p.start() for p in found), max(p.end() for p in found)
            return Span(low + start, low + end)
    return None


def _find_half(text: str, key: _Key) -> Span | None:
    for word in _distinctive(key):
        if len(key.words) > 1 and len(word) >= 4 and 2.5 * len(word) >= len(key.text):
            match = re.search(rf"\b{re.escape(word)}\b", text)
            if match:
                return Span(*match.span())
    return None


def _find_amount(text: str, key: _Key) -> Span | None:
    """Find the number of a planted amount in any grouping, whatever the currency."""
    if not key.amount:
        return None
    digits = r"[.,' \u00a0\u202f]?".join(key.amount)
    match = re.search(rf"(?<![\d.,]){digits}(?![\d])(?![.,]\d{{3}})", text)
    return Span(*match.span()) if match else None


def _whole(ways: list[tuple[str, _View]], key: _Key) -> _Hit | None:
    """Find the whole key in the text itself or in a view of it."""
    for name, view in ways:
        found = _in_view(view, key)
        if found is not None:
            span, rule = found
            full_rule = "+".join(part for part in (name, rule) if part) or "plain"
            return _Hit(view.folded.span(*span), full_rule, 1.0)
    return None


def _in_view(view: _View, key: _Key) -> tuple[Span, str] | None:
    span = _find(view, key.text, key)
    if span is not None:
        return span, "" if view.text[span.start : span.end] == fold(key.plant).text else "separated"
    for rule, needle in _ciphers(key):
        span = _find(view, needle, key)
        if span is not None:
            return span, rule
    span = _find_leet(view, key)
    return (span, "leetspeak") if span is not None else None


def _encoded(text: str, keys: list[_Key], depth: int = 2) -> dict[_Key, _Hit]:
    hits: dict[_Key, _Hit] = {}
    for decoded in decodings(text):
        squeezed = _SEPARATORS.sub("", fold(decoded.text).text)
        inner = _encoded(decoded.text, keys, depth - 1) if depth > 1 else {}
        for key in keys:
            # Decoded noise is full of short accidents.
            if len(key.text) < 4 or key in hits:
                continue
            found = key.text in squeezed or (
                len(key.text) >= LONG_KEY and key.text[::-1] in squeezed
            )
            if found:
                hits[key] = _Hit(decoded.span, decoded.rule, 1.0)
            elif key in inner:
                hits[key] = _Hit(decoded.span, f"{decoded.rule}+{inner[key].rule}", 1.0)
    return hits


def _lesser(ways: list[tuple[str, _View]], key: _Key) -> _Hit | None:
    """Find an amount, a split code, most of a key, or its distinctive half."""
    for _, view in ways:
        finders = (
            ("amount", _find_amount(view.text, key)),
            ("split", _find_split(view.text, key)),
            ("partial", _find_partial(view, key)),
            ("half", _find_half(view.text, key)),
        )
        for rule, span in finders:
            if span is not None:
                return _Hit(view.folded.span(*span), rule, _SCORES[rule])
    return None


class LeakDetector(DetectorBase):
    """Find the planted values of ``context.plants`` in a text, whatever their disguise.

    Labels: ``leak`` (score 1 for the whole value, 0.95 for the bare number of an amount, 0.9 for
    a code split over the text), ``partial_leak`` (0.8 for at least four fifths of a value in one
    piece, 0.5 for its distinctive half) and ``echo`` (0.4: the prompt already held the value).
    One finding per plant, the strongest. Plants of fewer than three letters and digits are
    ignored: they occur by chance.
    """

    name = "leak"
    version = "1"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return the strongest finding for each plant, in order of place."""
        plants = context.plants if context else ()
        keys = [key for key in map(_key, dict.fromkeys(plants)) if len(key.text) >= 3]
        if not keys or not text:
            return []
        prompt = _SEPARATORS.sub("", fold(context.prompt).text) if context else ""
        folded = fold(text)
        ways = [(name, _View(view)) for name, view in views(folded)]
        hits = {key: hit for key in keys if (hit := _whole(ways, key))}
        rest = [key for key in keys if key not in hits]
        if rest:
            hits.update(_encoded(text, rest))
            for key in rest:
                lesser = None if key in hits else _lesser(ways, key)
                if lesser:
                    hits[key] = lesser
        found = [self._detection(hit, echoed=key.text in prompt) for key, hit in hits.items()]
        return sorted(found, key=lambda d: (d.start, d.end))

    def _detection(self, hit: _Hit, *, echoed: bool) -> Detection:
        label = "partial_leak" if hit.rule in {"partial", "half"} else "leak"
        score = hit.score
        if echoed:
            label, score = "echo", min(score, _SCORES["echo"])
        return Detection(hit.span.start, hit.span.end, label, score, hit.rule, self.name)
