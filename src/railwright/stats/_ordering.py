"""Bounds that stay valid after a sequential stop.

All ways in which a plan can end are put in one order from "best" to "worst", fixed before any data:
passes first, the earlier the better; then stops without a claim, by share of failures; then fails,
the later the better. Within one look fewer failures are better. This is the stage-wise ordering of
Fairbanks and Madsen (1982), see Jennison and Turnbull (2000), "Group Sequential Methods with
Applications to Clinical Trials", chapter 8, with the stops without a claim in the middle.

The upper bound is the largest rate at which an end as good as the one seen, or better, still has a
probability above 1 - confidence; the lower bound is its mirror image. Everything at least as good
as a pass is a pass, and all passes together have at most probability 1 - confidence at the
threshold. So a pass always reports an upper bound of at most the threshold, and a fail a lower
bound above it. Only those two do: other ends are widened to reach the threshold, and every interval
to contain the share of failures seen, which can only raise the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from railwright.stats._bounds import check_counts
from railwright.stats._exact import Stop, probabilities, stops
from railwright.stats._plan import Decision, SequentialPlan, truncate

_TOLERANCE = 1e-9


def _rank(stop: Stop) -> tuple[float, float, float]:
    if stop.decision == "pass":
        return (0, stop.n, stop.k)
    if stop.decision == "fail":
        return (2, -stop.n, stop.k)
    return (1, stop.k / stop.n, -stop.n)


@lru_cache(maxsize=64)
def _ordered(plan: SequentialPlan) -> tuple[Stop, ...]:
    return tuple(sorted(stops(plan), key=_rank))


def _largest(holds: Callable[[float], bool]) -> float:
    """Right end of the rates at which `holds`, for a condition that holds at low rates."""
    if holds(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if holds(middle):
            low = middle
        else:
            high = middle
        if high - low <= 1e-13 * high:
            break
    return high


def sequential_bounds(
    plan: SequentialPlan, k: int, n: int, decision: Decision
) -> tuple[float, float]:
    """Exact bounds after the plan ended with k failures in n sources.

    Args:
        plan: The registered plan.
        k: Failures at the stop.
        n: Sources at the stop.
        decision: What `decide` said there. "continue" is for a run that something else than its
            outcomes ended, such as a budget: the plan is then read as one that ends at n.

    Returns:
        (low, high), each one-sided at the plan's confidence. high <= threshold holds exactly for
        "pass", low > threshold exactly for "fail".

    Raises:
        ValueError: The plan cannot end there with that decision.
    """
    check_counts(k, n)
    if n == 0:
        return 0.0, 1.0
    if decision == "continue":
        plan, decision = truncate(plan, n), "inconclusive"
    ends = _ordered(plan)
    seen = next((s for s in ends if s.n == n and s.k == k), None)
    if seen is None or seen.decision != decision:
        raise ValueError(f"this plan cannot end with {decision!r} at {k} failures in {n} sources")
    at = ends.index(seen)
    best, worst, alpha = ends[: at + 1], ends[at:], plan.alpha
    high = _largest(lambda p: math.fsum(probabilities(best, p)) > alpha)
    low = 1.0 - _largest(lambda q: math.fsum(probabilities(worst, 1.0 - q)) > alpha)
    # An end that its earlier looks made most unlikely can leave its own share of failures outside.
    low, high = min(max(0.0, low), k / n), max(high, k / n)
    return _consistent(plan, decision, low, high)


def _consistent(
    plan: SequentialPlan, decision: Decision, low: float, high: float
) -> tuple[float, float]:
    """Take off numerical noise at the threshold, and let only claims exclude it."""
    limit = plan.threshold
    above = math.nextafter(limit, 1.0)
    if decision == "pass" and limit < high <= limit * (1 + _TOLERANCE):
        high = limit
    if decision == "fail" and limit * (1 - _TOLERANCE) <= low <= limit:
        low = above
    if decision != "pass":
        high = max(high, above)
    if decision != "fail":
        low = min(low, limit)
    return low, high


def bounds_of_ends(plan: SequentialPlan) -> list[tuple[Stop, float, float]]:
    """(stop, low, high) of every way the plan can end; slow for long plans, made for checks."""
    return [(s, *sequential_bounds(plan, s.k, s.n, s.decision)) for s in stops(plan)]
