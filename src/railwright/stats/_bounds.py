"""Bounds for one failure rate, the number of sources they need, missing samples and clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Literal, NamedTuple

from railwright.stats._special import betaincinv, binomial_cdf, binomial_sf

Side = Literal["above", "below"]


def alpha_of(confidence: float) -> float:
    """Error probability that belongs to a confidence, free of the noise of 1 - 0.95."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    return round(1.0 - confidence, 14)


def is_whole(value: object) -> bool:
    """Whether the value is a whole number (True and False are not)."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_counts(k: int, n: int) -> None:
    """Raise ValueError unless 0 <= k <= n, both whole numbers."""
    for name, value in (("k", k), ("n", n)):
        if not is_whole(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
    if n < 0 or not 0 <= k <= n:
        raise ValueError(f"need 0 <= failures <= sources, got k={k}, n={n}")


def check_rate(name: str, value: float) -> None:
    """Raise ValueError unless 0 < value < 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must be a rate between 0 and 1, both excluded, got {value!r}")


def clopper_pearson(
    k: int, n: int, confidence: float = 0.95, two_sided: bool = False
) -> tuple[float, float]:
    """Exact bounds of a failure rate (Clopper and Pearson 1934).

    Args:
        k: Failures, 0 <= k <= n.
        n: Independent sources.
        confidence: Confidence of each end by itself, or of the interval if `two_sided`.
        two_sided: Split the error over both ends.

    Returns:
        (low, high); (0.0, 1.0) where n is 0.

    Raises:
        ValueError: The counts or the confidence make no sense.
    """
    check_counts(k, n)
    alpha = alpha_of(confidence) / (2 if two_sided else 1)
    if n == 0:
        return 0.0, 1.0
    low = 0.0 if k == 0 else betaincinv(k, n - k + 1, alpha)
    if k == n:
        return low, 1.0
    if k == 0:
        return low, -math.expm1(math.log(alpha) / n)
    return low, 1.0 - betaincinv(n - k, k + 1, alpha)


def plan(threshold: float, errors: int, confidence: float = 0.95) -> int:
    """Smallest n at which `errors` failures still have an upper bound of at most `threshold`.

    Decided on P(X <= errors | n, threshold) <= 1 - confidence, so no rounding of a bound enters.

    Raises:
        ValueError: The threshold or confidence is no rate, or `errors` is negative.
    """
    check_rate("threshold", threshold)
    alpha = alpha_of(confidence)
    if not is_whole(errors) or errors < 0:
        raise ValueError(f"errors must be a whole number of at least 0, got {errors!r}")
    low, high = errors, 2 * errors + 2
    while binomial_cdf(errors, high, threshold) > alpha:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(errors, middle, threshold) > alpha:
            low = middle
        else:
            high = middle
    return high


def fixed_plan(
    threshold: float,
    confidence: float = 0.95,
    power: float = 0.9,
    design_rate: float | None = None,
) -> tuple[int, int]:
    """Smallest single-look plan that passes with probability `power` at `design_rate`.

    Args:
        threshold: Failure rate that must be excluded.
        confidence: Confidence of the upper bound.
        power: Wanted probability of a pass at `design_rate`.
        design_rate: True failure rate of a good subject; a fifth of the threshold if not given.

    Returns:
        (n, c): test n sources, pass with at most c failures.
    """
    rate = threshold / 5 if design_rate is None else design_rate
    check_rate("threshold", threshold)
    check_rate("power", power)
    if not 0.0 <= rate < threshold:
        raise ValueError(f"design_rate must be below the threshold {threshold}, got {rate}")
    errors = 0
    while True:
        n = plan(threshold, errors, confidence)
        if binomial_cdf(errors, n, rate) >= power:
            return n, errors
        errors += 1


def binomial_p_value(k: int, n: int, threshold: float, side: Side = "above") -> float:
    """Exact one-sided p-value of k failures in n against a true rate equal to the threshold.

    `above` is evidence that the rate exceeds the threshold, `below` that it lies under it.
    """
    check_counts(k, n)
    check_rate("threshold", threshold)
    if side not in ("above", "below"):
        raise ValueError(f"side must be 'above' or 'below', got {side!r}")
    return binomial_sf(k, n, threshold) if side == "above" else binomial_cdf(k, n, threshold)


class Coverage(NamedTuple):
    """What missing samples can do to a count.

    Attributes:
        best: (failures, sources) if no missing source had failed.
        worst: (failures, sources) if every missing source had failed; gates use this one.
        coverage: Share of the sources that were scored, 0 where there are none.
        enough: Whether the coverage reaches the floor; below it a gate is inconclusive.
    """

    best: tuple[int, int]
    worst: tuple[int, int]
    coverage: float
    enough: bool


def with_missing(k: int, n: int, missing: int, floor: float) -> Coverage:
    """Worst and best case of k failures in n scored sources with `missing` sources not scored.

    Args:
        k: Failures among the scored.
        n: Scored sources, the missing not among them.
        missing: Sources that were planned and not scored.
        floor: Least coverage at which a gate may conclude, for example 0.98.
    """
    check_counts(k, n)
    if not is_whole(missing) or missing < 0:
        raise ValueError(f"missing must be a whole number of at least 0, got {missing!r}")
    total = n + missing
    coverage = n / total if total else 0.0
    return Coverage((k, total), (k + missing, total), coverage, total > 0 and coverage >= floor)


def cluster_counts(outcomes: Iterable[tuple[Hashable, bool]]) -> tuple[int, int]:
    """(failed sources, sources): a source fails if any of its samples failed."""
    failed: dict[Hashable, bool] = {}
    for source, bad in outcomes:
        failed[source] = failed.get(source, False) or bool(bad)
    return sum(failed.values()), len(failed)
