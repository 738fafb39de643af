"""Do the passages support what an answer says? Word and number overlap, without a model.

Each sentence of the answer is cut into claims. A claim is supported when some passage holds its
content words (by stem, rare words counting more), every number, date and code of it, and every
name, and does not deny what it says. That is evidence of copying the passages faithfully, not of
entailment: a claim may recombine supported words into something false.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from railwright.detectors._abstention import AbstentionDetector
from railwright.detectors._base import DetectorBase
from railwright.detectors._normal import numbers_of
from railwright.detectors._polarity import Clause, clauses_of, denies, questioned
from railwright.detectors._quantities import (
    all_numbers,
    counted,
    counted_in_words,
    full_hours,
    word_value,
)
from railwright.detectors._stems import DISCOURSE, STOP, stem, stems_of, words_of
from railwright.detectors._text import Span, sentences
from railwright.detectors.interface import Context, Detection

#: Share of a claim's weighted content words that the best window of a passage must hold.
SUPPORT = 0.5
_WINDOW = 3
_NAME = re.compile(r"\b[A-ZÄÖÜÉÈÁÓ][^\W\d_]+\b")
# A capital here begins a sentence, also a quoted one; a quoted name is followed by no plain word.
_OPENS = re.compile(r"(?:^|[.!?:\n]\s)\W*$")
_QUOTE_OPENS = re.compile(r"[\"“„«‘'(*]$")
_GOES_ON = re.compile(r",?\s[^\W\d_A-Z]")
_UNITS = frozenset({"eur", "euro", "usd", "gbp", "chf", "am", "pm", "ok", "km", "cm", "mm", "kg"})
# Numbers that count the answer's own steps or name a passage, not a quantity.
_COUNTER = re.compile(
    r"\b(?:step|passage|document|source|context|excerpt|snippet)s? ?#?\d{1,2}\b|\[\d{1,2}\]",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^[\s*\-•]{0,4}(?:sure|certainly|of course|hello|hi|thanks?|thank you|great|yes|no|in summary|"
    r"gern|natürlich|bien sûr|claro|certo)\b[^\w\s]?\s*",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"^[\s*\-•]{0,4}(?:you're welcome|i hope|i'm sorry|sorry|let me know|feel free|"
    r"is there anything|"
    r"please (?:let|contact|feel|reach)|if you (?:have|need)|i(?:'d| would) be happy|happy to help|"
    r"(?:here (?:is|are)|here's)\b.{0,80}:$)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r";|,?\s(?:and|but|while|whereas|und|aber|et|mais|y|pero)\s(?=\S+\s\S+\s\S+)")


class _Piece(NamedTuple):
    """What a claim or a window of a passage holds."""

    stems: frozenset[str]
    numbers: frozenset[str]


class _Claim(NamedTuple):
    span: Span
    text: str
    piece: _Piece
    names: frozenset[str]


def _windows(pieces: list[_Piece]) -> list[_Piece]:
    """Return every run of one to three neighbouring sentences; a claim often joins two."""
    return [
        _join(pieces[first:last])
        for first in range(len(pieces))
        for last in range(first + 1, min(first + _WINDOW, len(pieces)) + 1)
    ]


def _join(pieces: list[_Piece]) -> _Piece:
    return _Piece(
        frozenset().union(*(p.stems for p in pieces)),
        frozenset().union(*(p.numbers for p in pieces)),
    )


class _Material(NamedTuple):
    """The passages, and what the question gives for free."""

    windows: list[_Piece]
    everything: _Piece
    frequency: Counter[str]
    total: int
    clauses: list[Clause]
    counted: frozenset[tuple[str, str]]

    def weight(self, word: str) -> float:
        """Return how much a word counts: the fewer sentences have it, the more.

        A word that no passage has counts like one that a single sentence has: it may be a synonym.
        """
        return math.log(1 + (self.total + 1) / (1 + max(1, self.frequency[word])))


@lru_cache(maxsize=64)
def _material(passages: tuple[str, ...]) -> _Material:
    """Prepare passages once: many answers rest on the same ones."""
    parts = [[p[s.start : s.end] for s in sentences(p)] for p in passages]
    # A claim may write as a figure what the passage writes as a word.
    pieces = [[_Piece(frozenset(stems_of(t)), all_numbers(t)) for t in ts] for ts in parts]
    windows = [window for of_passage in pieces for window in _windows(of_passage)]
    return _Material(
        windows,
        _join(windows),
        Counter(word for of_passage in pieces for piece in of_passage for word in piece.stems),
        sum(map(len, parts)),
        [clause for passage in passages for clause in clauses_of(passage)],
        frozenset(pair for passage in passages for pair in _counted_stems(counted(passage))),
    )


def _counted_stems(pairs: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((n, stem(word)) for n, word in pairs if word not in STOP)


class _Given(NamedTuple):
    """What the user's own question holds."""

    stems: frozenset[str]
    denied: frozenset[str]


def _given(prompt: str) -> _Given:
    return _Given(frozenset(stem(w) for w in words_of(prompt)), questioned(prompt))


def _is_courtesy(sentence: str) -> bool:
    return bool(_COURTESY.match(sentence.replace("’", "'"))) and not numbers_of(sentence)


def _names(sentence: str, first: int, last: int) -> frozenset[str]:
    """Return the stems of the names in ``sentence[first:last]``."""
    found = set()
    for match in _NAME.finditer(sentence, first, last):
        word = match.group()
        before = sentence[max(0, match.start() - 12) : match.start()]
        quoted_sentence = _QUOTE_OPENS.search(before) and _GOES_ON.match(sentence, match.end())
        if word.lower() in STOP or word.lower() in _UNITS or _OPENS.search(before):
            continue
        if not quoted_sentence:
            found.add(stem(word))
    return frozenset(found)


def _claims(text: str) -> list[_Claim]:
    claims = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        if sentence.endswith("?") or _is_courtesy(sentence):
            continue
        lead_in = _LEAD_IN.match(sentence)
        start = lead_in.end() if lead_in else 0
        for cut in [*(m.start() for m in _CLAUSE.finditer(sentence)), len(sentence)]:
            if cut <= start:
                continue
            part = _COUNTER.sub(" ", full_hours(sentence[start:cut]))
            piece = _Piece(frozenset(stems_of(part)), numbers_of(part))
            if len(piece.stems) >= 2 or piece.numbers:
                place = Span(span.start + start, span.start + cut)
                claims.append(_Claim(place, part, piece, _names(sentence, start, cut)))
            start = cut
    return claims


class GroundednessDetector(DetectorBase):
    """Find claims that ``context.passages`` do not support.

    Label ``unsupported``; ``rule`` says why: ``number`` (a number, date or code that no passage
    holds, or a count in words of what the passages count otherwise; 0.95), ``name`` (0.8),
    ``negation`` (the clause it matches best says the opposite; 0.7) or ``words`` (too few of its
    content words; the missing share, above 0.5). What the user's own question holds counts as
    given for words, names and negations, not for numbers; words that speak about the answer or
    the material ("to determine", "step by step") need no support. Sentences that say that the
    answer is not there are no claims, and neither are questions and courtesies. Without passages
    every claim is unsupported.
    """

    name = "groundedness"
    version = "2"

    def __init__(self) -> None:
        self._abstention = AbstentionDetector()

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return every unsupported claim, in order."""
        known = context or Context()
        material = _material(known.passages)
        given = _given(known.prompt)
        skipped = [(d.start, d.end) for d in self._abstention.detect(text)]
        found = []
        for claim in _claims(text):
            if any(a <= claim.span.start < b for a, b in skipped):
                continue
            problem = _problem(claim, material, given)
            if problem:
                rule, score = problem
                found.append(Detection(*claim.span, "unsupported", score, rule, self.name))
        return found


def _problem(claim: _Claim, material: _Material, given: _Given) -> tuple[str, float] | None:
    """Return why a claim is unsupported and how surely, or None."""
    known = material.everything
    if claim.piece.numbers - known.numbers or _miscounts(claim, material):
        return "number", 0.95
    if claim.names - known.stems - given.stems - DISCOURSE:
        return "name", 0.8
    weight = {word: material.weight(word) for word in _to_support(claim, material, given)}
    # A number that agrees counts like a rare word.
    agreed = len(claim.piece.numbers) * material.weight("")
    whole = sum(weight.values()) + agreed
    near = [w for w in material.windows if claim.piece.numbers <= w.numbers]
    if not near:
        return ("number", 0.9) if claim.piece.numbers else ("words", 1.0)
    best = max(agreed + sum(v for word, v in weight.items() if word in w.stems) for w in near)
    share = best / whole if whole else 1.0
    if share < SUPPORT:
        return "words", round(1.0 - share, 4)
    contradicts = denies(claim.text, material.clauses, given.denied, material.weight)
    return ("negation", 0.7) if contradicts else None


def _miscounts(claim: _Claim, material: _Material) -> bool:
    """Say whether the claim counts in words what the passages count otherwise."""
    counted_here = {word for _, word in material.counted}
    return any(
        word in counted_here and value not in material.everything.numbers
        for value, word in _counted_stems(counted_in_words(claim.text))
    )


def _to_support(claim: _Claim, material: _Material, given: _Given) -> frozenset[str]:
    """Return the content words that a passage must hold.

    Words of the question and of discourse are free, and number words whose value a passage has.
    """
    agreeing = {
        stem(word)
        for word in words_of(claim.text)
        if word_value(word) in material.everything.numbers
    }
    return claim.piece.stems - given.stems - DISCOURSE - agreeing
