"""Error control over several claims: Holm across slices, alpha split across attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from railwright.stats._bounds import (
    alpha_of,
    binomial_p_value,
    check_rate,
    clopper_pearson,
    is_whole,
)


class SliceDecision(NamedTuple):
    """Verdict on one slice.

    Attributes:
        k: Failed sources.
        n: Sources.
        low: Lower bound of this slice by itself; it may lie above the threshold without a fail,
            because a fail must also survive the adjustment.
        high: Upper bound of this slice by itself.
        p_value: Against a rate equal to the threshold, in favour of a larger one.
        adjusted: The p-value after Holm's adjustment over all slices.
        decision: "fail" if adjusted <= 1 - confidence, else "pass" if high <= threshold.
    """

    k: int
    n: int
    low: float
    high: float
    p_value: float
    adjusted: float
    decision: Literal["pass", "fail", "inconclusive"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of Holm (1979), in the order given."""
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError("p-values must lie between 0 and 1")
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def slice_decisions(
    slices: Mapping[str, tuple[int, int]], threshold: float, confidence: float = 0.95
) -> dict[str, SliceDecision]:
    """Verdicts on slices of one suite, each (failed sources, sources).

    With Holm's adjustment the probability that any slice at or under the threshold is called
    failed is at most 1 - confidence. Passes need no adjustment where all slices must pass.
    """
    check_rate("threshold", threshold)
    alpha = alpha_of(confidence)
    raw = [binomial_p_value(k, n, threshold) for k, n in slices.values()]
    decisions: dict[str, SliceDecision] = {}
    for (name, (k, n)), p, adjusted in zip(slices.items(), raw, holm(raw), strict=True):
        low, high = clopper_pearson(k, n, confidence)
        verdict: Literal["pass", "fail", "inconclusive"] = "inconclusive"
        if adjusted <= alpha:
            verdict = "fail"
        elif high <= threshold:
            verdict = "pass"
        decisions[name] = SliceDecision(k, n, low, high, p, adjusted, verdict)
    return decisions


def split_alpha(alpha: float, attempts: int) -> float:
    """Error probability of each of `attempts` registered attempts, equal shares (Bonferroni)."""
    check_rate("alpha", alpha)
    if not is_whole(attempts) or attempts < 1:
        raise ValueError(f"attempts must be a whole number of at least 1, got {attempts!r}")
    return alpha / attempts
