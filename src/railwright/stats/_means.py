"""Intervals for means of scores that are not yes or no."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from railwright.stats._bounds import alpha_of, is_whole
from railwright.stats._special import student_t_quantile

if TYPE_CHECKING:
    import random


def t_interval(
    values: Sequence[float], confidence: float = 0.95, two_sided: bool = False
) -> tuple[float, float, float]:
    """Mean of independent values with Student's t bounds.

    Args:
        values: One value per source, at least one.
        confidence: Confidence of each end by itself, or of the interval if `two_sided`.
        two_sided: Split the error over both ends.

    Returns:
        (mean, low, high); the bounds are infinite for a single value.

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    count = len(values)
    if not count or not all(math.isfinite(value) for value in values):
        raise ValueError("a mean needs at least one value, all finite")
    alpha = alpha_of(confidence) / (2 if two_sided else 1)
    mean = math.fsum(values) / count
    if count == 1:
        return mean, -math.inf, math.inf
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = student_t_quantile(1.0 - alpha, count - 1) * math.sqrt(variance / count)
    return mean, mean - half, mean + half


def cluster_bootstrap_mean(
    samples: Iterable[tuple[Hashable, float]],
    confidence: float = 0.95,
    *,
    seed: int = 0,
    resamples: int = 2000,
) -> tuple[float, float, float]:
    """Mean over all samples with percentile bounds from resampling whole sources.

    Samples of one source stay together, so their dependence is kept (Davison and Hinkley 1997,
    chapter 3). The same samples in the same order and the same seed give the same result. With
    fewer than about 20 sources the bounds are too narrow; a gate should ask for more.

    Args:
        samples: (source, value) of every sample.
        confidence: Confidence of each end by itself.
        seed: Seed of the generator.
        resamples: Number of resamples, at least 100.

    Returns:
        (mean, low, high); the bounds are infinite for a single source.
    """
    import random

    if not is_whole(resamples) or resamples < 100:
        raise ValueError(f"resamples must be a whole number of at least 100, got {resamples!r}")
    alpha = alpha_of(confidence)
    groups: dict[Hashable, list[float]] = {}
    for source, value in samples:
        if not math.isfinite(value):
            raise ValueError(f"the value of source {source!r} is not finite")
        groups.setdefault(source, []).append(value)
    if not groups:
        raise ValueError("a mean needs at least one sample")
    sums = [(math.fsum(values), len(values)) for values in groups.values()]
    mean = math.fsum(total for total, _ in sums) / sum(size for _, size in sums)
    if len(sums) == 1:
        return mean, -math.inf, math.inf
    generator = random.Random(seed)  # noqa: S311  reproducible resampling, not a secret
    means = sorted(_one_mean(generator, sums) for _ in repeat(None, resamples))
    # Ranks after Davison and Hinkley: the (R + 1)·alpha-th smallest and largest.
    rank = max(1, math.floor((resamples + 1) * alpha))
    return mean, means[rank - 1], means[-rank]


def _one_mean(generator: random.Random, sums: Sequence[tuple[float, int]]) -> float:
    drawn = generator.choices(sums, k=len(sums))
    return math.fsum(total for total, _ in drawn) / sum(size for _, size in drawn)
