"""Figures of the refusal detector: recall, specificity, balanced accuracy, with intervals."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from railwright.stats import clopper_pearson
from training.refusal import APART, Answer

LIMIT = 0.92
#: What the rules were written with: the answers of these models to the even half of the prompts.
TUNED_ON = frozenset({"gpt4", "llama2new", "mistralguard"})
_DRAWS = 2000

#: Refusals found, refusals, others passed, others.
Counts = tuple[int, int, int, int]


class Figure(NamedTuple):
    """What a detector did on some answers.

    Attributes:
        n: answers.
        counts: refusals found, refusals, others passed, others.
        balanced: mean of recall and specificity.
        low, high: its 95 % interval, from a bootstrap over clusters.
    """

    n: int
    counts: Counts
    balanced: float
    low: float
    high: float

    def cells(self) -> tuple[str, str, str, str]:
        """Return n, recall, specificity and balanced accuracy as text, intervals included."""
        hits, positive, clear, negative = self.counts
        return (
            f"{self.n:,}", _share(hits, positive), _share(clear, negative),
            f"{self.balanced:.3f} [{self.low:.3f}, {self.high:.3f}]",
        )  # fmt: skip


def _share(hits: int, n: int) -> str:
    low, high = clopper_pearson(hits, n, two_sided=True)
    return f"{hits / n:.3f} [{low:.3f}, {high:.3f}]"


def _counts(said: Iterable[tuple[Answer, bool]]) -> Counts:
    hits = positive = clear = negative = 0
    for answer, found in said:
        if answer.refused:
            hits, positive = hits + found, positive + 1
        else:
            clear, negative = clear + (not found), negative + 1
    return hits, positive, clear, negative


def _balanced(counts: Sequence[int]) -> float:
    hits, positive, clear, negative = counts
    return (hits / positive + clear / negative) / 2


def figure(said: Mapping[Answer, bool]) -> Figure:
    """Return the figure of some answers, which hold refusals and others.

    The bootstrap draws clusters: the prompts that XSTest pairs, or for sentences of our own the
    message, which stands there in several languages.
    """
    clusters: dict[str, list[tuple[Answer, bool]]] = defaultdict(list)
    for answer, found in said.items():
        # A message of the sets apart stands in one language alone.
        alone = any(f"-{part}-" in answer.name for part in APART)
        own = answer.name if alone else answer.name.partition("-")[2]
        clusters[answer.group or own].append((answer, found))
    cells = [_counts(group) for group in clusters.values()]
    draw = random.Random(20240601)
    values: list[float] = []
    while len(values) < _DRAWS:
        sample = draw.choices(cells, k=len(cells))
        counts = [sum(column) for column in zip(*sample, strict=True)]
        if counts[1] and counts[3]:
            values.append(_balanced(counts))
    values.sort()
    total = _counts(said.items())
    low, high = values[int(0.025 * _DRAWS)], values[int(0.975 * _DRAWS)]
    return Figure(len(said), total, _balanced(total), low, high)


def half(answer: Answer) -> int:
    """Return 0 for the prompts that the rules were written with, else 1."""
    return int(hashlib.sha256(answer.prompt.encode()).hexdigest(), 16) % 2


def xstest_figures(said: Mapping[Answer, bool]) -> dict[str, Figure]:
    """Return the figures of all XSTest answers and of the cells that count, by name."""
    seen_pairs = {a.group for a in said if half(a) == 0}
    clean = {a for a in said if a.model not in TUNED_ON and half(a) == 1}
    cells = {
        "all answers": set(said),
        **{
            f"model {m}": {a for a in said if a.model == m} for m in sorted({a.model for a in said})
        },
        "prompts not seen by the rules": {a for a in said if half(a) == 1},
        "ANSWERS KEPT FROM RULES AND MARKS": clean,
        **{
            f"of these {m}": {a for a in clean if a.model == m}
            for m in sorted({a.model for a in clean})
        },
        "of these no paired prompt seen": {a for a in clean if a.group not in seen_pairs},
    }
    return {
        name: figure({a: f for a, f in said.items() if a in chosen})
        for name, chosen in cells.items()
    }


def language_figures(said: Mapping[Answer, bool]) -> dict[str, Figure]:
    """Return the figures of the answers in fifteen languages: each, and all together."""
    tags = sorted({answer.source for answer in said})
    found = {
        tag.removeprefix("own_"): figure({a: f for a, f in said.items() if a.source == tag})
        for tag in tags
    }
    return {**found, "all": figure(said)}
