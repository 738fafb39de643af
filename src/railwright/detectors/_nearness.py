"""How near is a question to some documents: by meaning where a model is there, else by words.

By words: the share of the question's content words, weighted by how rare they are among the
documents (the inverse document frequency of BM25), that stand in the document which holds most.
By meaning: the largest cosine to a document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Literal, NamedTuple, Protocol

from railwright.detectors._embedder import embedder
from railwright.detectors._extras import MissingExtraError
from railwright.detectors._stems import stems_of

Method = Literal["auto", "embed", "lexical"]


class Near(NamedTuple):
    """How near the nearest document is, in [0, 1], and which one that is."""

    score: float
    place: int


class Nearness(Protocol):
    """Documents that questions are compared with."""

    version: str

    def of(self, question: str) -> Near:
        """Return the nearest document."""
        ...


class WordNearness:
    """Documents by their content words."""

    version = "lexical"

    def __init__(self, documents: Sequence[str]) -> None:
        self._words = [frozenset(stems_of(text)) for text in documents]
        self._count = Counter(word for words in self._words for word in words)

    def weight(self, word: str) -> float:
        """Rare words count more, unknown ones most."""
        return log(1.0 + (len(self._words) + 0.5) / (self._count[word] + 0.5))

    def of(self, question: str) -> Near:
        """Return the document that holds most of the question; a question without words is near."""
        weights = {word: self.weight(word) for word in stems_of(question)}
        whole = sum(weights.values())
        if not whole:
            return Near(1.0, 0)
        held = [sum(weights[w] for w in weights if w in words) for words in self._words]
        best = max(range(len(held)), key=held.__getitem__)
        return Near(held[best] / whole, best)


class MeaningNearness:
    """Documents by their vectors; texts are cut at 256 tokens."""

    def __init__(self, documents: Sequence[str]) -> None:
        self._vectors = embedder().embed(documents)
        self.version = f"embed:{embedder().version}"

    def of(self, question: str) -> Near:
        """Return the document with the largest cosine, cut off at 0 and 1."""
        cosines = self._vectors @ embedder().embed([question])[0]
        best = int(cosines.argmax())
        return Near(min(1.0, max(0.0, float(cosines[best]))), best)


def settled(method: Method) -> Literal["embed", "lexical"]:
    """Return the method that ``auto`` means here: by meaning where the extra ``embed`` is there.

    Raises:
        MissingExtraError: ``embed`` is asked for and not there.
    """
    if method == "lexical":
        return "lexical"
    try:
        embedder()
    except MissingExtraError:
        if method == "embed":
            raise
        return "lexical"
    return "embed"


def nearness(documents: Sequence[str], method: Literal["embed", "lexical"]) -> Nearness:
    """Prepare documents; there must be at least one."""
    return MeaningNearness(documents) if method == "embed" else WordNearness(documents)
