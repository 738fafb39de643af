"""Exact operating characteristics of a sequential plan, by dynamic programming.

The number of failure sequences that first stop at (n, k) is a whole number that does not depend on
the true rate p; each such sequence has probability p^k·(1-p)^(n-k). The counts are computed once
per plan in whole-number arithmetic, so every probability below is a finite sum without simulation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from railwright.stats._plan import Decision, SequentialPlan, verdict_at


class Stop(NamedTuple):
    """One way a plan can end: k failures in n sources, with the log of its number of sequences."""

    n: int
    k: int
    decision: Decision
    log_paths: float


class Characteristics(NamedTuple):
    """Behaviour of a plan at one true failure rate; `p_inconclusive` includes futile stops."""

    rate: float
    p_pass: float
    p_fail: float
    p_inconclusive: float
    expected_n: float


class FlipProbability(NamedTuple):
    """Probability that two independent runs of one subject end with the two verdicts named."""

    pass_fail: float
    pass_inconclusive: float
    fail_inconclusive: float


def _advance(paths: list[int], steps: int) -> list[int]:
    """Sequences by failures after `steps` more sources."""
    if steps == 1:
        return [a + b for a, b in zip([*paths, 0], [0, *paths], strict=True)]
    ways = [math.comb(steps, j) for j in range(steps + 1)]
    out = [0] * (len(paths) + steps)
    for i, count in enumerate(paths):
        if count:
            for j, way in enumerate(ways):
                out[i + j] += count * way
    return out


@lru_cache(maxsize=64)
def stops(plan: SequentialPlan) -> tuple[Stop, ...]:
    """Every way the plan can end, in order of looks and failures."""
    ends: list[Stop] = []
    paths, base, seen = [1], 0, 0
    for index, look in enumerate(plan.looks):
        paths = _advance(paths, look - seen)
        seen = look
        for offset, count in enumerate(paths):
            if not count:
                continue
            verdict = verdict_at(plan, index, base + offset)
            if verdict != "continue":
                ends.append(Stop(look, base + offset, verdict, math.log(count)))
                paths[offset] = 0
        first = next((i for i, count in enumerate(paths) if count), None)
        if first is None:
            break
        last = max(i for i, count in enumerate(paths) if count)
        paths, base = paths[first : last + 1], base + first
    return tuple(ends)


def probabilities(ends: Sequence[Stop], rate: float) -> list[float]:
    """Probability of each stop at a true rate, 0 <= rate <= 1."""
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"a rate must lie between 0 and 1, got {rate}")
    if rate in (0.0, 1.0):
        return [float(stop.k == (0 if rate == 0.0 else stop.n)) for stop in ends]
    bad, good = math.log(rate), math.log1p(-rate)
    return [math.exp(s.log_paths + s.k * bad + (s.n - s.k) * good) for s in ends]


def _share(plan: SequentialPlan, rate: float, decision: Decision) -> float:
    ends = stops(plan)
    chances = probabilities(ends, rate)
    return math.fsum(p for s, p in zip(ends, chances, strict=True) if s.decision == decision)


def false_pass_probability(plan: SequentialPlan, rate: float | None = None) -> float:
    """Exact probability of ever passing at a true rate; at the threshold if none is given."""
    return _share(plan, plan.threshold if rate is None else rate, "pass")


def false_fail_probability(plan: SequentialPlan, rate: float | None = None) -> float:
    """Exact probability of ever failing at a true rate; at the threshold if none is given."""
    return _share(plan, plan.threshold if rate is None else rate, "fail")


def expected_calls(plan: SequentialPlan, rate: float) -> float:
    """Mean number of sources used at a true rate."""
    ends = stops(plan)
    return math.fsum(s.n * p for s, p in zip(ends, probabilities(ends, rate), strict=True))


def operating_characteristics(
    plan: SequentialPlan, rates: Iterable[float]
) -> list[Characteristics]:
    """Exact behaviour of the plan at each true rate."""
    return [_characteristics(plan, rate) for rate in rates]


def _characteristics(plan: SequentialPlan, rate: float) -> Characteristics:
    ends = stops(plan)
    chances = probabilities(ends, rate)
    share = {"pass": 0.0, "fail": 0.0, "futile": 0.0, "inconclusive": 0.0}
    calls = 0.0
    for stop, chance in zip(ends, chances, strict=True):
        share[stop.decision] += chance
        calls += stop.n * chance
    undecided = share["futile"] + share["inconclusive"]
    return Characteristics(rate, share["pass"], share["fail"], undecided, calls)


def aa_flip_probability(plan: SequentialPlan, rate: float) -> FlipProbability:
    """Exact chance that two independent runs of the same subject disagree, by kind."""
    at = _characteristics(plan, rate)
    return FlipProbability(
        pass_fail=2 * at.p_pass * at.p_fail,
        pass_inconclusive=2 * at.p_pass * at.p_inconclusive,
        fail_inconclusive=2 * at.p_fail * at.p_inconclusive,
    )
