"""Linear heads over vectors of chunks.

A head is learnt from bags of windows as the small tier is (``fit.py``): a positive document has at
least one window that shows what is sought, a harmless one none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from railwright.detectors._chunks import chunks
from railwright.detectors._ngrams import Lexicon, windows
from training.corpora import Doc
from training.vectors import Vectors

#: Characters of a document that are read: training and measuring need no more, and vectors cost.
READ = 2400
_SHARP = 2.0
_STEPS = 150
_NOISE = 1e-4


def chunk_texts(text: str, lexicon: Lexicon) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the chunks of a document's first characters: spans and texts."""
    head = text[:READ]
    found = chunks(lexicon.pieces(head))
    return [(c.start, c.end) for c in found], [head[c.start : c.end] for c in found]


class Windows:
    """The windows of many documents as rows of mean vectors.

    Attributes:
        docs: the documents.
        matrix: one row a window.
        owner: the document of each window.
        touched: whether a window shows what is sought, as far as its place is known.
    """

    def __init__(self, docs: Sequence[Doc], lexicon: Lexicon, vectors: Vectors) -> None:
        self.docs = docs
        rows: list[np.ndarray] = []
        owner: list[int] = []
        touched: list[bool] = []
        for number, doc in enumerate(docs):
            spans, texts = chunk_texts(doc.text, lexicon)
            if not spans:
                continue
            sums = np.zeros((len(spans) + 1, vectors.of(texts[:1]).shape[1]), np.float32)
            np.cumsum(vectors.of(texts), axis=0, out=sums[1:])
            for a, b in windows(len(spans)):
                rows.append((sums[b] - sums[a]) / (b - a))
                owner.append(number)
                touched.append(_touches(doc, spans[a:b]))
        self.matrix = np.asarray(rows, np.float32)
        self.owner, self.touched = np.asarray(owner), np.asarray(touched)

    def scores(self, theta: np.ndarray) -> np.ndarray:
        """Return the highest raw score of each document under a head."""
        z = self.matrix @ theta[:-1].astype(np.float32) + theta[-1]
        best = np.full(len(self.docs), -60.0)
        np.maximum.at(best, self.owner, z)
        return best

    def fit(self, chosen: Sequence[int], decay: float, spread: float, seed: int = 0) -> np.ndarray:
        """Return weights and, last, the bias of a head learnt from some documents.

        A ``seed`` above 0 resamples the bags (Poisson bootstrap), to see how much hangs on which.
        """
        wanted = np.zeros(len(self.docs), bool)
        wanted[list(chosen)] = True
        rows = np.flatnonzero(wanted[self.owner])
        positive = np.asarray([doc.positive for doc in self.docs])
        # A positive document whose place is known gives two bags: where it is, and the rest.
        key = 2 * self.owner[rows] + (positive[self.owner[rows]] & self.touched[rows])
        order = np.argsort(key, kind="stable")
        rows, key = rows[order], key[order]
        bags, starts, bag = np.unique(key, return_index=True, return_inverse=True)
        labels = bags % 2 == 1
        weights = balanced([self.docs[k // 2].source for k in bags], labels, spread)
        if seed:
            weights = weights * np.random.default_rng(seed).poisson(1.0, len(weights))
        return _fit_white(self.matrix[rows], Bags(starts, bag, labels, weights), decay)


def _touches(doc: Doc, spans: Sequence[tuple[int, int]]) -> bool:
    if not doc.spans:
        return True
    return any(a < end and start < b for a, b in spans for start, end in doc.spans)


class Bags(NamedTuple):
    """First row, number, label and weight of bags; their rows stand together."""

    starts: np.ndarray
    number: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def _fit_white(matrix: np.ndarray, bags: Bags, decay: float) -> np.ndarray:
    """Fit on decorrelated vectors, so that the penalty is fair to directions of small spread."""
    middle = matrix.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov((matrix - middle).T.astype(np.float64)))
    # Directions of hardly any spread are noise of the int8 model; on average rows have length 1.
    scale = 1.0 / np.sqrt((values + _NOISE) * matrix.shape[1])
    turn = (axes * scale).astype(np.float32)
    theta = _fit_bags((matrix - middle) @ turn, bags, decay)
    weights = turn @ theta[:-1]
    return np.append(weights, theta[-1] - middle @ weights)


def _fit_bags(matrix: np.ndarray, bags: Bags, decay: float) -> np.ndarray:
    sign = np.where(bags.labels, 1.0, -1.0)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        z = matrix @ theta[:-1].astype(np.float32) + theta[-1]
        top = np.maximum.reduceat(z, bags.starts)
        e = np.exp(_SHARP * (z - top[bags.number]))
        total = np.add.reduceat(e, bags.starts)
        margin = sign * (top + np.log(total) / _SHARP)
        slope = -sign * bags.weights / (1.0 + np.exp(np.clip(margin, -60, 60)))
        g = slope[bags.number] * e / total[bags.number]
        gradient = np.append(g.astype(np.float32) @ matrix, g.sum()).astype(float)
        gradient[:-1] += decay * theta[:-1]
        value = float(bags.weights @ np.logaddexp(0.0, -margin))
        return value + 0.5 * decay * float(theta[:-1] @ theta[:-1]), gradient

    start = np.zeros(matrix.shape[1] + 1)
    start[-1] = -1.0
    found: np.ndarray = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}
    ).x
    return found


def balanced(sources: Sequence[str], labels: np.ndarray, spread: float) -> np.ndarray:
    """Return weights that sum to 1: halves for either label, a set of n weighs ``n ** spread``."""
    sizes = Counter(zip(sources, labels.tolist(), strict=True))
    raw = np.asarray(
        [sizes[pair] ** (spread - 1.0) for pair in zip(sources, labels.tolist(), strict=True)]
    )
    for value in (True, False):
        total = raw[labels == value].sum()
        if total:
            raw[labels == value] *= 0.5 / total
    return raw
