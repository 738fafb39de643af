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
from railwright.detectors._text import Span, sentences
from railwright.detectors.interface import Context, Detection

#: Share of a claim's weighted content words that the best window of a passage must hold.
SUPPORT = 0.5
_WINDOW = 3
_STOP_WORDS = (
    "a an the and or but if then so of to in on at by for with from into about as is are was "
    "were be "
    "been being it its this that these those there here he she they them their his her you your "
    "i we "
    "our my me us do does did done has have had having can could will would should may might must "
    "shall not no nor only also just very more most some any all each every both either other such "
    "which who whom whose what when where why how than too up out over under again once after "
    "before "
    "during while because until between through per via please note however therefore according "
    "based provided information document documents passage passages context text article answer "
    "question yes mentioned states stated says said following der die das den dem des ein eine "
    "einen "
    "einer eines und oder aber ist sind war wird werden zu von mit für auf im in an bei nach "
    "aus sie "
    "es er wir ihr nicht auch als wie le la les un une des et ou est sont de du dans pour par "
    "sur avec "
    "que qui el los las y o es son en con para por"
)
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NAME = re.compile(r"(?<![.!?:\n]\s)(?<!^)(?<!^[\"'(*])\b[A-ZÄÖÜÉÈÁÓ][^\W\d_]+\b")
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|cannot|without|neither|nor|nicht|kein\w{0,2}|nie|pas|jamais|"
    r"aucune?|non|"
    r"sin|nunca|senza|mai|não|sem|niet|geen)\b|n['’]t\b",
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


# Plural first, then the longer endings, then what may be left: (endings, letters to keep).
_ENDINGS = (
    (("ies", "s"), 3),
    (("ation", "ingly", "ment", "ing", "edly", "ied"), 4),
    (("able", "est", "ed", "er", "en", "ly", "al", "e", "n", "y", "i"), 3),
)


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Cut common endings, so that "refunded" meets "refunds". Light, for several languages."""
    plain = word.lower().replace("’", "'").removesuffix("'s")
    for endings, keep in _ENDINGS:
        for ending in endings:
            if plain.endswith(ending) and len(plain) - len(ending) >= keep:
                plain = plain[: -len(ending)]
                break
    return plain


class _Piece(NamedTuple):
    """What a claim or a window of a passage holds."""

    stems: frozenset[str]
    numbers: frozenset[str]
    #: None where it spans several sentences, of which each may have its own.
    negated: bool | None


class _Claim(NamedTuple):
    span: Span
    piece: _Piece
    names: frozenset[str]


def _stems(text: str) -> list[str]:
    return [stem(w) for w in _WORD.findall(text) if w.lower() not in _STOP and len(w) > 1]


def _piece(text: str, *, number_words: bool = False) -> _Piece:
    numbers = numbers_of(text, number_words=number_words)
    return _Piece(frozenset(_stems(text)), numbers, bool(_NEGATION.search(text)))


def _windows(passages: tuple[str, ...]) -> list[_Piece]:
    """Return every run of one to three neighbouring sentences; a claim often joins two."""
    made = []
    for passage in passages:
        # A claim may write as a figure what the passage writes as a word.
        spans = sentences(passage)
        pieces = [_piece(passage[s.start : s.end], number_words=True) for s in spans]
        for first in range(len(pieces)):
            for last in range(first + 1, min(first + _WINDOW, len(pieces)) + 1):
                made.append(_join(pieces[first:last]))
    return made


def _join(pieces: list[_Piece]) -> _Piece:
    return _Piece(
        frozenset().union(*(p.stems for p in pieces)),
        frozenset().union(*(p.numbers for p in pieces)),
        pieces[0].negated if len(pieces) == 1 else None,
    )


class _Material(NamedTuple):
    """The passages, and what the question gives for free."""

    windows: list[_Piece]
    everything: _Piece
    frequency: Counter[str]
    total: int
    given: frozenset[str]

    def weight(self, word: str) -> float:
        """Return how much a word counts: the fewer sentences have it, the more.

        A word that no passage has counts like one that a single sentence has: it may be a synonym.
        """
        return math.log(1 + (self.total + 1) / (1 + max(1, self.frequency[word])))


@lru_cache(maxsize=64)
def _material(passages: tuple[str, ...]) -> _Material:
    """Prepare passages once: many answers rest on the same ones."""
    windows = _windows(passages)
    parts = [p[s.start : s.end] for p in passages for s in sentences(p)]
    return _Material(
        windows,
        _join(windows) if windows else _Piece(frozenset(), frozenset(), None),
        Counter(word for part in parts for word in set(_stems(part))),
        len(parts),
        frozenset(),
    )


def _is_courtesy(sentence: str) -> bool:
    return bool(_COURTESY.match(sentence.replace("’", "'"))) and not numbers_of(sentence)


def _claims(text: str) -> list[_Claim]:
    claims = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        if sentence.endswith("?") or _is_courtesy(sentence):
            continue
        lead_in = _LEAD_IN.match(sentence)
        start = span.start + (lead_in.end() if lead_in else 0)
        cuts = [m.start() + span.start for m in _CLAUSE.finditer(sentence)]
        for cut in [*(c for c in cuts if c > start), span.end]:
            part = text[start:cut]
            names = frozenset(stem(n) for n in _NAME.findall(sentence) if n in part)
            if len(_stems(part)) >= 2 or numbers_of(part):
                claims.append(_Claim(Span(start, cut), _piece(part), names))
            start = cut
    return claims


class GroundednessDetector(DetectorBase):
    """Find claims that ``context.passages`` do not support.

    Label ``unsupported``; ``rule`` says why: ``number`` (a number, date or code that no passage
    holds; 0.95), ``name`` (0.8), ``negation`` (the passage says the opposite; 0.7) or ``words``
    (too few of its content words; the missing share, above 0.5). What the user's own question
    holds counts as given for words and names, not for numbers. Sentences that say that the answer
    is not there are no claims, and neither are questions and courtesies. Without passages every
    claim is unsupported.
    """

    name = "groundedness"
    version = "1"

    def __init__(self) -> None:
        self._abstention = AbstentionDetector()

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return every unsupported claim, in order."""
        known = context or Context()
        material = _material(known.passages)._replace(given=frozenset(_stems(known.prompt)))
        skipped = [(d.start, d.end) for d in self._abstention.detect(text)]
        found = []
        for claim in _claims(text):
            if any(a <= claim.span.start < b for a, b in skipped):
                continue
            problem = _problem(claim, material)
            if problem:
                rule, score = problem
                found.append(Detection(*claim.span, "unsupported", score, rule, self.name))
        return found


def _problem(claim: _Claim, material: _Material) -> tuple[str, float] | None:
    """Return why a claim is unsupported and how surely, or None."""
    if claim.piece.numbers - material.everything.numbers:
        return "number", 0.95
    if claim.names - material.everything.stems - material.given:
        return "name", 0.8
    weight = {word: material.weight(word) for word in claim.piece.stems - material.given}
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
    return ("negation", 0.7) if _denies(claim, near, weight) else None


def _denies(claim: _Claim, windows: list[_Piece], weight: dict[str, float]) -> bool:
    """Say whether every single sentence that holds the claim's words has the other polarity."""
    whole = sum(weight.values())
    if not whole:
        return False
    near = [
        w
        for w in windows
        if w.negated is not None
        and sum(v for word, v in weight.items() if word in w.stems) >= 0.75 * whole
        # A long sentence may deny something else.
        and len(w.stems) <= 2 * max(6, len(claim.piece.stems))
    ]
    return bool(near) and all(w.negated != claim.piece.negated for w in near)
