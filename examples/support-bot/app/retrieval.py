"""The knowledge base: markdown files, ranked by BM25, with the merchants' private folders."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

K1, B = 1.2, 0.75  # the usual constants of BM25
MIN_COVERAGE = 0.5  # a hit that explains less than half of the question is a poor hit
SCORE_CUT = 0.5  # passages far behind the best one only make the prompt longer
_STOP_TEXT = """
a about an and any are at be by can do does for from give has have how i if in is it its me much
my of on or our please tell that the their there they this to up us was we what when where which
who why will with would you your
"""
_STOP = frozenset(_STOP_TEXT.split())
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Passage:
    """One article. ``merchant`` is empty for the articles that everybody may read."""

    id: str
    title: str
    text: str
    merchant: str = ""


@dataclass(frozen=True)
class Hit:
    """A ranked passage. ``coverage`` is the share of the question's weight that it explains."""

    passage: Passage
    score: float
    coverage: float


def terms(text: str) -> list[str]:
    """Lower-case words without stop words, plurals cut."""
    words = (word.lower() for word in _WORD.findall(text))
    return [_singular(word) for word in words if word not in _STOP]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@dataclass
class Index:
    """BM25 over passages that stay in memory."""

    passages: list[Passage]
    _counts: list[Counter[str]] = field(init=False)
    _idf: dict[str, float] = field(init=False)
    _mean: float = field(init=False)

    def __post_init__(self) -> None:
        self._counts = [Counter(terms(f"{p.title} {p.text}")) for p in self.passages]
        containing = Counter(term for counts in self._counts for term in counts)
        total = len(self.passages)
        self._idf = {t: math.log(1 + (total - n + 0.5) / (n + 0.5)) for t, n in containing.items()}
        self._mean = sum(c.total() for c in self._counts) / max(1, total)

    def search(self, question: str, merchants: Iterable[str] | None = None) -> list[Hit]:
        """Rank the passages of these merchants ("" is the public part; None: all), best first."""
        asked = set(terms(question))
        unknown = math.log(1 + 2 * len(self.passages) + 1)  # a term that no passage has
        weight = sum(self._idf.get(term, unknown) for term in asked) or 1.0
        allowed = None if merchants is None else frozenset(merchants)
        hits = [
            self._hit(number, asked, weight)
            for number, passage in enumerate(self.passages)
            if allowed is None or passage.merchant in allowed
        ]
        found = [hit for hit in hits if hit.score > 0]
        return sorted(found, key=lambda hit: (-hit.score, hit.passage.id))

    def _hit(self, number: int, asked: set[str], weight: float) -> Hit:
        counts = self._counts[number]
        long = 1 - B + B * counts.total() / self._mean
        shared = [term for term in asked if term in counts]
        score = sum(
            self._idf[term] * counts[term] * (K1 + 1) / (counts[term] + K1 * long)
            for term in shared
        )
        coverage = sum(self._idf[term] for term in shared) / weight
        return Hit(self.passages[number], score, coverage)


def retrieve(index: Index, question: str, merchant: str, limit: int = 2) -> list[Passage]:
    """Return the passages for a question that comes from a merchant's shop ("" for none).

    The merchant's own documents and the public ones come first. A merchant's folder is small, so
    where it has too few good hits the rest is filled from the whole index.
    """
    own = index.search(question, {"", merchant})
    chosen = [hit for hit in own if hit.coverage >= MIN_COVERAGE][:limit]
    for hit in index.search(question):
        if len(chosen) >= limit:
            break
        if hit not in chosen:
            chosen.append(hit)
    best = max((hit.score for hit in chosen), default=0.0)
    return [hit.passage for hit in chosen if hit.score >= SCORE_CUT * best]


def load(folder: Path) -> list[Passage]:
    """Read ``articles/*.md`` (public) and ``merchants/<id>/*.md`` (private) below ``folder``."""
    passages = [_read(path, folder, "") for path in sorted((folder / "articles").glob("*.md"))]
    for path in sorted((folder / "merchants").glob("*/*.md")):
        passages.append(_read(path, folder, path.parent.name))
    return passages


def _read(path: Path, folder: Path, merchant: str) -> Passage:
    heading, _, body = path.read_text(encoding="utf-8").partition("\n")
    name = path.relative_to(folder).with_suffix("").as_posix()
    return Passage(name, heading.lstrip("# ").strip(), " ".join(body.split()), merchant)
