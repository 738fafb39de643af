"""Embedded classifiers: hashed n-grams, one signed byte a weight, pure Python.

A model scores windows of one to twelve pieces (sentences or lines) of a text; a finding is a
window whose score reaches a floor. The score is the model's logistic output: it orders texts, but
it is no probability on anybody's traffic. Compare it with a calibrated threshold of the channel
(``thresholds``), and use it to flag, to escalate or to raise the tier: alone it misses most attacks
of a kind it has not seen, so it must not be the only thing that stands in their way.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from math import exp, isqrt, log
from pathlib import Path
from typing import Any, NamedTuple

from railwright.detectors import _model_file
from railwright.detectors._base import DetectorBase
from railwright.detectors._calibrated import calibrated, lowest
from railwright.detectors._ngrams import (
    BEGIN,
    MAX_TOKENS,
    SCALES,
    Lexicon,
    Piece,
    concept_pair_slot,
    mark_slot,
    pair_slot,
    token_features,
    windows,
)
from railwright.detectors.interface import Context, Detection

_MODELS = Path(__file__).parent / "data" / "models"
#: Tokens whose weights are kept; when there are more, all are forgotten.
_CACHE = 50_000
# Weights count in sixteenths, so that rounding the share of character n-grams does no harm.
_FINE = 16
# The sums of two heads travel in one integer: 12 pieces of 32 tokens with some 40 weights of at
# most 127 * 16 stay below 2**30, however they are chosen.
_SHIFT = 31
_HALF = 1 << (_SHIFT - 1)

CHANNELS = ("user_input", "document", "tool_result")


class Window(NamedTuple):
    """Part of a text with its score for each head of the model."""

    start: int
    end: int
    scores: tuple[float, ...]


#: First piece, piece after the last, raw score of the first head and of the last.
Raw = tuple[int, int, float, float]


@lru_cache(maxsize=64)
def _windows(count: int) -> tuple[tuple[int, int], ...]:
    return tuple(windows(count))


def _packed(tables: Sequence[memoryview]) -> tuple[Sequence[int], list[int]]:
    """Return a code for each slot, and the weights of all heads in one integer for each code.

    Most weights are alike, so codes are small: what is looked up all the time stays in the
    processor's cache, which a list of the weights themselves does not.
    """
    pairs = list(zip(*tables, strict=True))
    known = {pair: code for code, pair in enumerate(dict.fromkeys(pairs))}
    codes = array("B" if len(known) <= 256 else "H", map(known.__getitem__, pairs))
    values = [_FINE * sum(w << _SHIFT * head for head, w in enumerate(pair)) for pair in known]
    return (codes.tobytes() if codes.typecode == "B" else codes), values


def logistic(value: float) -> float:
    """Return the score, rounded, of a raw one."""
    # Six digits: the same text has the same score wherever it is computed.
    return round(1.0 / (1.0 + exp(-max(-60.0, min(60.0, value)))), 6)


class Model:
    """A model that was read: tables, lexicon and the weights of the tokens met so far."""

    def __init__(self, file: _model_file.ModelFile) -> None:
        header = file.header
        self.name: str = header["name"]
        self.digest = file.digest
        #: What else the header holds, by name.
        self.header: Mapping[str, Any] = header
        self.heads: list[dict[str, Any]] = header["heads"]
        self.labels: tuple[str, ...] = tuple(head["label"] for head in self.heads)
        self.thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] = header["thresholds"]
        self.lexicon = Lexicon(header["concepts"])
        self._mask = (1 << header["bits"]) - 1
        self._codes, self._values = _packed(file.tables)
        self._pairs = self._concept_pairs()
        self._tokens: dict[str, tuple[int, int, int, int]] = {}
        self._begin = pair_slot(BEGIN, 0) & self._mask
        self._biases = [head["bias"] for head in self.heads]
        longest = SCALES[-1] * MAX_TOKENS + 1
        self._factors = [
            [
                head["gain"] / _FINE * (size + head["pad"]) ** -head["power"]
                for size in range(longest)
            ]
            for head in self.heads
        ]

    def _concept_pairs(self) -> list[list[int]]:
        names, mask = self.lexicon.concepts, self._mask
        return [[self._sum([concept_pair_slot(a, b) & mask]) for b in names] for a in names]

    def _sum(self, slots: Iterable[int]) -> int:
        """Return the summed weights of slots, cut to the table, the heads in one integer."""
        return sum(map(self._values.__getitem__, map(self._codes.__getitem__, slots)))

    def _learn(self, token: str) -> tuple[int, int, int, int]:
        """Sum up what a token weighs on its own, and keep it."""
        mask = self._mask
        found = token_features(token, self.lexicon, mask)
        weight = self._sum([slot & mask for slot in found.whole])
        if found.parts:
            low, high = _split(self._sum(found.parts))
            root = isqrt(len(found.parts) << 16)
            half = root >> 1
            weight += ((low << 8) + half) // root + ((((high << 8) + half) // root) << _SHIFT)
        if len(self._tokens) >= _CACHE:
            self._tokens.clear()
        # The slot of a pair is the sum of what either brings.
        first, second = pair_slot(found.key, 0) & mask, pair_slot(0, found.key) & mask
        entry = self._tokens[token] = (first, second, weight, found.concept)
        return entry

    def _piece(self, tokens: list[str]) -> int:
        """Return the summed weights of one piece, the heads still in one integer."""
        known, learn, mask = self._tokens.get, self._learn, self._mask
        codes, values = self._codes, self._values
        total, before = 0, self._begin
        concepts: list[int] = []
        for token in tokens:
            first, second, weight, concept = known(token) or learn(token)
            total += weight + values[codes[before + second & mask]]
            before = first
            if concept:
                concepts.append(concept)
        pairs = self._pairs
        for i, concept in enumerate(concepts):
            row = pairs[concept]
            for other in concepts[i + 1 : i + 4]:
                total += row[other]
        return total

    def _summed(self, pieces: list[Piece]) -> tuple[list[int], list[int]]:
        """Return tokens and weights of all pieces before each, and of all."""
        counts = accumulate([len(piece.tokens) for piece in pieces], initial=0)
        sums = accumulate([self._piece(piece.tokens) for piece in pieces], initial=0)
        return list(counts), list(sums)

    def raw(self, text: str) -> tuple[list[Piece], list[Raw]]:
        """Return the pieces of ``text`` and every window over them, scores before ``logistic``."""
        pieces = self.lexicon.pieces(text)
        counts, sums = self._summed(pieces)
        bias, factors = self._biases[0], self._factors[0]
        other, others = self._biases[-1], self._factors[-1]
        found = []
        for first, after in _windows(len(pieces)):
            size = counts[after] - counts[first]
            total = sums[after] - sums[first]
            high = total + _HALF >> _SHIFT  # as ``_split`` does, without a call a window
            low = total - (high << _SHIFT)
            found.append((first, after, bias + low * factors[size], other + high * others[size]))
        return pieces, found

    def best(
        self, text: str, chosen: Callable[[int], list[tuple[int, int]]], marks: Iterable[str]
    ) -> float:
        """Return the highest raw score of the first head over chosen windows of ``text``.

        Args:
            text: not empty of tokens, else the score is that of ``marks`` alone.
            chosen: the windows (first piece, piece after the last) for a number of pieces.
            marks: what is known of the text from elsewhere; counts in every window.
        """
        pieces = self.lexicon.pieces(text)
        counts, sums = self._summed(pieces)
        marked = self._sum(mark_slot(name) & self._mask for name in marks)
        factors, longest = self._factors[0], len(self._factors[0]) - 1
        best: float = self._biases[0] + max(
            _split(sums[after] - sums[first] + marked)[0]
            * factors[min(longest, counts[after] - counts[first])]
            for first, after in chosen(len(pieces))
        )
        return best

    def windows(self, text: str) -> list[Window]:
        """Return every window of ``text`` with its scores, in no particular order."""
        pieces, found = self.raw(text)
        heads = len(self.heads)
        return [
            Window(pieces[a].start, pieces[b - 1].end, tuple(map(logistic, scores[:heads])))
            for a, b, *scores in found
        ]


def _inverse(score: float) -> float:
    inner = min(1 - 1e-9, max(1e-9, score))
    return -60.0 if score <= 1e-6 else log(inner / (1 - inner)) - (1.0 if score > 0.999 else 0.0)


def _split(total: int) -> tuple[int, int]:
    high = (total + _HALF) >> _SHIFT
    return total - (high << _SHIFT), high


@cache
def load(name: str) -> Model:
    """Return the shipped model of that name, read once.

    Raises:
        ModelFileError: its file is missing or damaged.
    """
    return Model(_model_file.read(_MODELS / f"{name}.rwm"))


class ClassifierDetector(DetectorBase):
    """A model as a detector: its version is the digest of its file.

    Findings have the label of the head, the span of the window and its score. Windows that
    overlap count once, the best first; only scores that reach ``floor`` are findings.

    Args:
        model: the model.
        floor: the least score of a finding for each label; None: the lowest calibrated threshold.

    Raises:
        ModelFileError: the model's file is missing or damaged.
    """

    def __init__(self, model: Model, floor: Mapping[str, float] | None = None) -> None:
        self.model = model
        self.name = model.name
        self.version = model.digest
        self._floor = [
            floor[label] if floor is not None else lowest(model.thresholds.get(label, {}))
            for label in model.labels
        ]

        # Raw scores below these need no further look; the margin covers the rounding of scores.
        self._least = [_inverse(floor) - 1e-3 for floor in self._floor]

    def threshold(self, label: str, channel: str, rate: float) -> float:
        """Return the score that this share of harmless texts of a channel reached in calibration.

        Args:
            label: a label of the model.
            channel: one of ``CHANNELS``.
            rate: false-positive rate, 0.01 or 0.05.

        Raises:
            KeyError: the model was not calibrated for these.
        """
        return calibrated(self.name, self.model.thresholds, label, channel, rate)

    def score(self, text: str) -> dict[str, float]:
        """Return for each label the highest score of any window; 0 for a text without tokens."""
        _, found = self.model.raw(text)
        return {
            label: logistic(max(window[2 + i] for window in found)) if found else 0.0
            for i, label in enumerate(self.model.labels)
        }

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return the best windows that do not overlap, in order of ``start``."""
        pieces, windows_ = self.model.raw(text)
        found: list[Detection] = []
        for index, label in enumerate(self.model.labels):
            floor, least = self._floor[index], self._least[index]
            hits = [
                (logistic(window[2 + index]), *window[:2])
                for window in windows_
                if window[2 + index] >= least
            ]
            for score, first, after in _best(hit for hit in hits if hit[0] >= floor):
                start, end = pieces[first].start, pieces[after - 1].end
                found.append(Detection(start, end, label, score, label, self.name))
        return sorted(found, key=lambda d: (d.start, d.end, d.label))


def _best(hits: Iterable[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
    """Return hits (score, first, after) that do not overlap: highest first, then shortest."""
    ranked = sorted(hits, key=lambda hit: (-hit[0], hit[2] - hit[1], hit[1]))
    taken: list[tuple[int, int]] = []
    kept = []
    for score, first, after in ranked:
        at = bisect_left(taken, (first, after))
        free_left = at == 0 or taken[at - 1][1] <= first
        free_right = at == len(taken) or taken[at][0] >= after
        if free_left and free_right:
            taken.insert(at, (first, after))
            kept.append((score, first, after))
    return kept


def injection() -> ClassifierDetector:
    """Injection and jailbreak; the shipped model."""
    return ClassifierDetector(load("injection_classifier"))


def harm() -> ClassifierDetector:
    """Harmful requests and toxic text; the shipped model."""
    return ClassifierDetector(load("harm_classifier"))
