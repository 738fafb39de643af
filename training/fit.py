"""Linear weights over hashed features, learnt from bags of windows.

A document is a bag: a positive one has at least one window that shows what is sought, a harmless
one has none. The score of a bag is a smooth maximum over its windows, the loss is logistic, and
only features that at least ``min_sources`` sets share may carry weight: what only one set knows is
its style. Optimised by L-BFGS from zero, so the same documents give the same weights on the same
machine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from railwright.detectors._ngrams import (
    BEGIN,
    Lexicon,
    Piece,
    concept_pair_slot,
    concept_pairs,
    mark_slot,
    pair_slot,
    token_features,
    windows,
)


class Settings(NamedTuple):
    """How a model is learnt.

    Attributes:
        bits: a table has ``2**bits`` weights.
        pad, power: a window of n tokens is divided by ``(n + pad) ** power``.
        decay: strength of the L2 penalty.
        min_sources: sets that must share a feature.
        sharpness: of the smooth maximum over the windows of a bag.
        spread: a set of n documents weighs ``n ** spread``.
        steps: iterations at most.
    """

    bits: int = 18
    pad: float = 6.0
    power: float = 0.8
    decay: float = 3e-4
    min_sources: int = 2
    sharpness: float = 2.0
    spread: float = 0.3
    steps: int = 100


class Bag(NamedTuple):
    """Windows of one document that share a label.

    Attributes:
        pieces: indices of its pieces.
        windows: (first piece, piece after the last), positions in ``pieces``.
        positive: whether one of the windows must show what is sought.
        source: the set.
    """

    pieces: range
    windows: list[tuple[int, int]]
    positive: bool
    source: str


class Features:
    """Pieces of many documents as sparse counts; grows, then is frozen into matrices."""

    def __init__(self, lexicon: Lexicon, bits: int) -> None:
        self.lexicon, self.mask = lexicon, (1 << bits) - 1
        self._known: dict[str, int] = {}
        self._parts: list[tuple[list[int], list[float]]] = []
        self._keys: list[tuple[int, int]] = []
        self._rows: list[Counter[int]] = []
        self._slots: list[Counter[int]] = []
        self.sizes: list[int] = []

    def add(self, pieces: Sequence[Piece], marks: Iterable[str] = ()) -> range:
        """Add the pieces of a document, the first with ``marks``; return their indices."""
        first = len(self.sizes)
        for piece in pieces:
            self._add(piece.tokens)
        for name in marks:
            self._slots[first][mark_slot(name) & self.mask] += 1
        return range(first, len(self.sizes))

    def _token(self, token: str) -> int:
        found = self._known.get(token)
        if found is None:
            made = token_features(token, self.lexicon)
            share = 1.0 / np.sqrt(len(made.parts)) if made.parts else 0.0
            slots = [slot & self.mask for slot in (*made.whole, *made.parts)]
            weights = [1.0] * len(made.whole) + [float(share)] * len(made.parts)
            found = self._known[token] = len(self._parts)
            self._parts.append((slots, weights))
            self._keys.append((made.key, made.concept))
        return found

    def _add(self, tokens: list[str]) -> None:
        ids = [self._token(token) for token in tokens]
        slots: Counter[int] = Counter()
        before = BEGIN
        concepts = []
        for number in ids:
            key, concept = self._keys[number]
            slots[pair_slot(before, key) & self.mask] += 1
            before = key
            if concept:
                concepts.append(concept)
        names = self.lexicon.concepts
        for a, b in concept_pairs(concepts):
            slots[concept_pair_slot(names[a], names[b]) & self.mask] += 1
        self._rows.append(Counter(ids))
        self._slots.append(slots)
        self.sizes.append(len(tokens))

    def matrices(self) -> tuple[sparse.csr_array, sparse.csr_array, sparse.csr_array]:
        """Return pieces by tokens, tokens by slots, and pieces by slots of pairs."""
        width = self.mask + 1
        tokens = _csr(
            [slots for slots, _ in self._parts], [weights for _, weights in self._parts], width
        )
        counts = _csr([list(r) for r in self._rows], [list(r.values()) for r in self._rows],
                      len(self._parts))  # fmt: skip
        pairs = _csr([list(r) for r in self._slots], [list(r.values()) for r in self._slots],
                     width)  # fmt: skip
        return counts, tokens, pairs


def _csr(columns: list[list[int]], values: list[list[Any]], width: int) -> sparse.csr_array:
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.fromiter((c for row in columns for c in row), dtype=np.int64, count=ends[-1])
    data = np.fromiter((v for row in values for v in row), dtype=np.float64, count=ends[-1])
    matrix = sparse.csr_array((data, flat, ends), shape=(len(columns), width))
    matrix.sum_duplicates()
    return matrix


class Problem:
    """Features of all pieces, ready to be fitted on any choice of bags."""

    def __init__(self, features: Features, settings: Settings) -> None:
        self.settings = settings
        self.counts, self.tokens, self.pairs = features.matrices()
        self.sizes = np.asarray(features.sizes, dtype=np.float64)

    def fit(self, bags: Sequence[Bag]) -> tuple[np.ndarray, float]:
        """Return the weights of every slot and the bias."""
        design, owner = self.design(bags)
        labels = np.asarray([bag.positive for bag in bags])
        weights = _weights(bags, self.settings.spread)
        rows = np.unique(design.indices)
        keep = self._supported(bags)
        # Three thin matrices in a row are far smaller than their product.
        design, counts = design[:, rows].tocsr(), self.counts[rows]
        used = np.unique(counts.indices)
        counts = counts[:, used].tocsr()
        tokens, pairs = self.tokens[used][:, keep].tocsr(), self.pairs[rows][:, keep].tocsr()
        backs = [matrix.T.tocsr() for matrix in (design, counts, tokens, pairs)]
        count = len(labels)
        starts = np.searchsorted(owner, np.arange(count))
        sharp, decay = self.settings.sharpness, self.settings.decay

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            plain = theta[:-1]
            z = design @ (counts @ (tokens @ plain) + pairs @ plain) + theta[-1]
            top = np.maximum.reduceat(z, starts)
            e = np.exp(sharp * (z - top[owner]))
            total = np.add.reduceat(e, starts)
            bag = top + np.log(total) / sharp
            sign = np.where(labels, 1.0, -1.0)
            margin = sign * bag
            value = float(weights @ np.logaddexp(0.0, -margin))
            slope = -sign * weights / (1.0 + np.exp(np.clip(margin, -60, 60)))
            g = slope[owner] * e / total[owner]
            piece = backs[0] @ g
            gradient = np.append(backs[2] @ (backs[1] @ piece) + backs[3] @ piece, g.sum())
            gradient[:-1] += decay * theta[:-1]
            return value + 0.5 * decay * float(theta[:-1] @ theta[:-1]), gradient

        start = np.zeros(len(keep) + 1)
        start[-1] = -1.0
        options = {"maxiter": self.settings.steps, "maxcor": 10}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        theta = np.zeros(self.pairs.shape[1])
        theta[keep] = found.x[:-1]
        return theta, float(found.x[-1])

    def design(self, bags: Sequence[Bag]) -> tuple[sparse.csr_array, np.ndarray]:
        """Return windows by pieces, divided by their size, and the bag of each window."""
        s = self.settings
        ends = np.concatenate([[0.0], np.cumsum(self.sizes)])
        columns: list[list[int]] = []
        values: list[list[float]] = []
        owner = []
        for number, bag in enumerate(bags):
            for first, after in bag.windows:
                members = bag.pieces[first:after]
                size = ends[members.stop] - ends[members.start]
                columns.append(list(members))
                values.append([float((size + s.pad) ** -s.power)] * len(members))
                owner.append(number)
        return _csr(columns, values, len(self.sizes)), np.asarray(owner)

    def _supported(self, bags: Sequence[Bag]) -> np.ndarray:
        """Return the slots that enough sets share."""
        groups: dict[str, set[int]] = defaultdict(set)
        for bag in bags:
            groups[bag.source].update(p for a, b in bag.windows for p in bag.pieces[a:b])
        support = np.zeros(self.pairs.shape[1], dtype=np.int32)
        for pieces in groups.values():
            rows = sorted(pieces)
            words = np.unique(self.counts[rows].indices)
            slots = (self.tokens[words].indices, self.pairs[rows].indices)
            support[np.unique(np.concatenate(slots))] += 1
        return np.flatnonzero(support >= self.settings.min_sources)


def _weights(bags: Sequence[Bag], spread: float) -> np.ndarray:
    """Return weights that sum to 1, halves for either label, sets by a power of their size."""
    sizes = Counter((bag.source, bag.positive) for bag in bags)
    raw = np.asarray([sizes[bag.source, bag.positive] ** (spread - 1.0) for bag in bags])
    labels = np.asarray([bag.positive for bag in bags])
    for value in (True, False):
        total = raw[labels == value].sum()
        if total:
            raw[labels == value] *= 0.5 / total
    return raw


def bags_of(
    features: Features, text: str, source: str, *, positive: bool,
    spans: Sequence[tuple[int, int]] = (),
) -> list[Bag]:  # fmt: skip
    """Return the bags of a document: one, or two where the spans of what is sought are known."""
    pieces = features.lexicon.pieces(text)
    if not pieces:
        return []
    indices = features.add(pieces)
    found = windows(len(pieces))
    if not positive or not spans:
        return [Bag(indices, found, positive, source)]
    touched = [any(p.start < end and start < p.end for start, end in spans) for p in pieces]
    hit = [w for w in found if any(touched[w[0] : w[1]])]
    clear = [w for w in found if not any(touched[w[0] : w[1]])]
    bags = [Bag(indices, hit, True, source)] if hit else []
    return bags + ([Bag(indices, clear, False, source)] if clear else [])


def quantise(theta: np.ndarray) -> tuple[bytes, float]:
    """Return signed bytes, one for each weight, and the size of one step."""
    limit = float(np.max(np.abs(theta), initial=0.0)) or 1.0
    step = limit / 127.0
    return np.rint(theta / step).astype(np.int8).tobytes(), step
