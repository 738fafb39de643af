"""Figures that count: every document scored by a model that never saw its family of sets.

A family is left out whole, and so is every training document that shares three tenths of its
5-word shingles with it. Sets that never train are scored by the model of all the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from railwright.detectors._ngrams import Lexicon
from railwright.stats import clopper_pearson
from training.corpora import Doc
from training.fit import Bag, Features, Problem, Settings, bags_of

RATES = (0.01, 0.05)
_SHARED = 0.3
_SHINGLE = 5


class Fitted(NamedTuple):
    """Weights of every slot and the bias."""

    theta: np.ndarray
    bias: float


class Bench:
    """Documents with their features: fits on any of them, scores all of them."""

    def __init__(self, docs: Sequence[Doc], lexicon: Lexicon, settings: Settings) -> None:
        self.docs, self.settings = docs, settings
        features = Features(lexicon, settings.bits)
        self.bags: list[list[Bag]] = [
            bags_of(features, doc.text, doc.source, positive=doc.positive, spans=doc.spans)
            for doc in docs
        ]
        self.problem = Problem(features, settings)
        self._shingles = [_shingles(doc.text) for doc in docs]
        self._windows, self._owner = self._all_windows()

    def _all_windows(self) -> tuple[sparse.csr_array, np.ndarray]:
        pairs = [(i, bag) for i, bags in enumerate(self.bags) for bag in bags]
        matrix, owner = self.problem.design([bag for _, bag in pairs])
        return matrix, np.asarray([i for i, _ in pairs])[owner]

    def fit(self, chosen: Iterable[int]) -> Fitted:
        """Fit on the documents of these indices."""
        return Fitted(*self.problem.fit([bag for i in chosen for bag in self.bags[i]]))

    def scores(self, fitted: Fitted) -> np.ndarray:
        """Return the score of every document, before the logistic function."""
        p, theta = self.problem, fitted.theta
        z = self._windows @ (p.counts @ (p.tokens @ theta) + p.pairs @ theta) + fitted.bias
        best = np.full(len(self.docs), -60.0)
        np.maximum.at(best, self._owner, z)
        return best

    def trainable(self) -> list[int]:
        """Return the indices of documents that may train a shipped model."""
        return [i for i, doc in enumerate(self.docs) if not doc.measure_only]

    def without(self, family: str) -> tuple[list[int], list[int]]:
        """Return what trains when a family is left out, and what is left out."""
        test = [i for i, doc in enumerate(self.docs) if family in doc.family.split("+")]
        alone = [i for i in test if self.docs[i].family == family]
        seen = set().union(*(self._shingles[i] for i in alone))
        held = set(test)
        train = [
            i for i in self.trainable()
            if i not in held and len(self._shingles[i] & seen) < _SHARED * len(self._shingles[i])
        ]  # fmt: skip
        return train, test

    def cross_scores(self, families: Sequence[str]) -> tuple[np.ndarray, Fitted]:
        """Return the score of each document by a model without its family, and the full model."""
        full = self.fit(self.trainable())
        scores = self.scores(full)
        for family in families:
            train, test = self.without(family)
            scores[test] = self.scores(self.fit(train))[test]
        return scores, full


def _shingles(text: str) -> set[int]:
    words = text.lower().split()
    last = max(1, len(words) - _SHINGLE + 1)
    return {hash(tuple(words[i : i + _SHINGLE])) for i in range(last)}


def logistic(z: np.ndarray) -> np.ndarray:
    """Return scores as the run time rounds them."""
    scores: np.ndarray = np.round(1.0 / (1.0 + np.exp(-np.clip(z, -60, 60))), 6)
    return scores


class Share(NamedTuple):
    """How many of ``n`` texts of a set score at least a threshold."""

    hits: int
    n: int

    def __str__(self) -> str:
        low, high = clopper_pearson(self.hits, self.n, two_sided=True)
        return f"{100 * self.hits / self.n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


class ChannelTable(NamedTuple):
    """Figures of one channel.

    Attributes:
        channel: the channel.
        thresholds: one for each of ``RATES``.
        auc: over all texts of the channel.
        harmless, sought: for each set its shares at the thresholds; key "" for all together.
        languages: the same for sought texts by language.
    """

    channel: str
    thresholds: tuple[float, ...]
    auc: float
    harmless: dict[str, tuple[Share, ...]]
    sought: dict[str, tuple[Share, ...]]
    languages: dict[str, tuple[Share, ...]]


def threshold_at(harmless: np.ndarray, rate: float) -> float:
    """Return the least score that at most this share of harmless texts reaches."""
    ranked = np.sort(harmless)[::-1]
    return float(round(ranked[int(rate * len(ranked))] + 1e-6, 6))


def channel_table(docs: Sequence[Doc], scores: np.ndarray, channel: str) -> ChannelTable:
    """Return the figures of a channel; sentences of our own, which trained, are not counted."""
    rows = [
        i for i, doc in enumerate(docs)
        if doc.channel == channel and doc.family != "seeds" and "+" not in doc.family
    ]  # fmt: skip
    clean = np.asarray([scores[i] for i in rows if not docs[i].positive])
    hot = np.asarray([scores[i] for i in rows if docs[i].positive])
    limits = tuple(threshold_at(clean, rate) for rate in RATES)
    sets: dict[bool, dict[str, list[float]]] = {True: defaultdict(list), False: defaultdict(list)}
    languages: dict[str, list[float]] = defaultdict(list)
    for i in rows:
        doc = docs[i]
        sets[doc.positive][""].append(scores[i])
        sets[doc.positive][doc.source].append(scores[i])
        if doc.positive:
            languages[doc.language or "English (or mixed)"].append(scores[i])
    return ChannelTable(
        channel, limits, _auc(clean, hot), _shares(sets[False], limits),
        _shares(sets[True], limits), _shares(languages, limits),
    )  # fmt: skip


def _shares(
    groups: dict[str, list[float]], limits: Sequence[float]
) -> dict[str, tuple[Share, ...]]:
    return {
        name: tuple(Share(sum(bool(v >= limit) for v in values), len(values)) for limit in limits)
        for name, values in sorted(groups.items())
    }


def _auc(clean: np.ndarray, hot: np.ndarray) -> float:
    if not len(clean) or not len(hot):
        return float("nan")
    ranked = np.sort(clean)
    below = np.searchsorted(ranked, hot, "left") + np.searchsorted(ranked, hot, "right")
    return float(below.mean() / 2 / len(ranked))
