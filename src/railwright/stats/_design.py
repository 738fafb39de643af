"""Design of sequential plans by spending error probabilities look after look.

Four budgets are spent as the sample grows, each on exact probabilities of a forward recursion
(error spending after Lan and DeMets 1983, power family after Kim and DeMets 1987):

* passing although the true rate equals the threshold, at most 1 - confidence;
* failing although the true rate equals the threshold, at most 1 - confidence;
* giving up a pass although the subject is good (true rate = design rate);
* giving up a fail although the subject is bad (true rate = three times the threshold).

The last two leave a wedge in the middle: neither claim is in reach, so the plan stops as futile.
No boundary is ever more generous than the single-look bound at the same n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from railwright.stats._bounds import alpha_of, check_rate, fixed_plan, is_whole
from railwright.stats._exact import operating_characteristics
from railwright.stats._plan import SequentialPlan
from railwright.stats._special import (
    binomial_cdf,
    binomial_pmf,
    binomial_sf,
    normal_cdf,
    normal_quantile,
)

Spending = Callable[[float], float]

# Shapes of the budgets: spent(t) = total * t**shape with t = n / n_max. Chosen by random search for
# the least mean number of calls at thresholds 5 % and 10 %, keeping the power of the fixed plan.
_FAIL_SHAPE = 0.3
_FAIL_SHARE = 0.86  # of alpha: keeps pass-fail flips of two equal runs under 0.5 % at any rate
_GIVE_UP_PASS_SHAPE = 0.6
_GIVE_UP_PASS_SHARE = 0.95
_GIVE_UP_FAIL_SHAPE = 0.25
_GIVE_UP_FAIL_TOTAL = 0.18
_BAD_RATE_FACTOR = 3.0
_DEFAULT_POWER = 0.9
_PASS_SHAPES = (0.75, 1.0, 1.5, 2.0, 3.0)
_LENGTHS = (0.85, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35)
# Looks beyond this number bring no measurable saving, and cost time to design.
_MOST_LOOKS = 1500


class _Aim(NamedTuple):
    """What a design is asked for, whatever the sources at hand."""

    threshold: float
    confidence: float
    power: float
    good: float
    futility: bool


class _Task(NamedTuple):
    """What a boundary has to keep: rates, looks and cumulative budgets by share of n_max."""

    threshold: float
    alpha: float
    good: float
    bad: float
    looks: tuple[int, ...]
    pass_spending: Spending
    fail_spending: Spending
    give_up_pass: Spending
    give_up_fail: Spending
    most_failures: int | None = None


def _power_family(total: float, shape: float) -> Spending:
    return lambda t: total * t**shape


def _nothing(_t: float) -> float:
    return 0.0


def rate_grid(threshold: float) -> tuple[float, ...]:
    """True rates over which calls are averaged: 0 to 4 times the threshold in 21 equal steps."""
    return tuple(min(1.0, threshold * i / 5) for i in range(21))


def bad_rate(threshold: float) -> float:
    """True rate of a clearly bad subject: 3 times the threshold, less where that nears 1."""
    return min(_BAD_RATE_FACTOR * threshold, 0.5 * (1.0 + threshold))


@lru_cache(maxsize=16)
def _single_look_limits(
    threshold: float, alpha: float, looks: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Per look, most failures that a single look would pass, least that it would fail."""
    passes, fails, most, least = [], [], -1, 0
    for n in looks:
        while binomial_cdf(most + 1, n, threshold) <= alpha:
            most += 1
        while least <= n and binomial_sf(least, n, threshold) > alpha:
            least += 1
        passes.append(most)
        fails.append(least)
    return tuple(passes), tuple(fails)


def _advance(mass: list[float], steps: int, rate: float) -> list[float]:
    if steps == 1:
        good = 1.0 - rate
        return [a * good + b * rate for a, b in zip([*mass, 0.0], [0.0, *mass], strict=True)]
    ways = [binomial_pmf(j, steps, rate) for j in range(steps + 1)]
    out = [0.0] * (len(mass) + steps)
    for i, m in enumerate(mass):
        if m:
            for j, way in enumerate(ways):
                out[i + j] += m * way
    return out


def _reach_up(mass: Sequence[float], start: int, stop: int, budget: float) -> int:
    """Largest index i < stop with mass[start..i] within the budget; start - 1 if none."""
    total, i = 0.0, start - 1
    while i + 1 < stop and total + mass[i + 1] <= budget:
        i += 1
        total += mass[i]
    return i


def _reach_down(mass: Sequence[float], start: int, stop: int, budget: float) -> int:
    """Smallest index i >= stop with mass[i..start-1] within the budget; start if none."""
    total, i = 0.0, start
    while i - 1 >= stop and total + mass[i - 1] <= budget:
        i -= 1
        total += mass[i]
    return i


def _build(task: _Task, confidence: float) -> SequentialPlan:
    """Forward recursion over the looks; the boundaries take what each budget allows so far."""
    single_pass, single_fail = _single_look_limits(task.threshold, task.alpha, task.looks)
    n_max, rates = task.looks[-1], (task.threshold, task.good, task.bad)
    masses, base, seen = [[1.0], [1.0], [1.0]], 0, 0
    spent_pass = spent_fail = lost_pass = lost_fail = 0.0
    rows: list[tuple[int, int, int, int]] = []
    for index, n in enumerate(task.looks):
        masses = [_advance(m, n - seen, r) for m, r in zip(masses, rates, strict=True)]
        at, good, bad = masses
        seen, t, size = n, n / n_max, len(at)
        most = single_pass[index] - base
        if task.most_failures is not None:
            most = min(most, task.most_failures - base)
        budget = task.pass_spending(t) - spent_pass
        c = _reach_up(at, 0, max(0, min(size, most + 1)), budget)
        budget = task.fail_spending(t) - spent_fail
        f = _reach_down(at, size, max(c + 1, min(size, single_fail[index] - base)), budget)
        spent_pass += math.fsum(at[: c + 1])
        spent_fail += math.fsum(at[f:])
        lost_pass += math.fsum(good[f:])
        lost_fail += math.fsum(bad[: c + 1])
        u = _reach_down(good, f, c + 1, task.give_up_pass(t) - lost_pass)
        if task.most_failures is not None:
            u = max(c + 1, min(u, task.most_failures + 1 - base))
        w = _reach_up(bad, c + 1, f, task.give_up_fail(t) - lost_fail)
        wedge = (base + u, base + w) if u <= w else (n_max + 1, -1)
        # Above the states that can still be reached the boundary is the single-look one.
        failing = base + f if f < size else max(base + size, single_fail[index])
        rows.append((base + c, failing, *wedge))
        if u <= w:
            lost_pass += math.fsum(good[u : w + 1])
            lost_fail += math.fsum(bad[u : w + 1])
            for m in masses:
                m[u : w + 1] = [0.0] * (w + 1 - u)
        masses, base = [m[c + 1 : f] for m in masses], base + c + 1
        if not any(masses[0]):
            break
    return _close(task, confidence, rows)


def _close(
    task: _Task, confidence: float, rows: Sequence[tuple[int, int, int, int]]
) -> SequentialPlan:
    """Plan of the rows; it ends at the look at which every path has stopped."""
    looks = task.looks[: len(rows)]
    n_max = looks[-1]
    columns = [tuple(column) for column in zip(*rows, strict=True)]
    passes, fails, futile_at, futile_to = columns
    beyond = n_max + 1
    return SequentialPlan(
        threshold=task.threshold,
        confidence=confidence,
        n_max=n_max,
        looks=looks,
        pass_at=passes,
        fail_at=tuple(min(f, beyond) for f in fails),
        futile_at=tuple(min(u, beyond) for u in futile_at),
        futile_to=futile_to,
    )


def _looks_up_to(n: int) -> tuple[int, ...]:
    stride = max(1, -(-n // _MOST_LOOKS))
    looks = tuple(range(stride, n + 1, stride))
    return looks if looks and looks[-1] == n else (*looks, n)


@lru_cache(maxsize=512)
def _mean_calls(plan: SequentialPlan) -> float:
    rows = operating_characteristics(plan, rate_grid(plan.threshold))
    return math.fsum(row.expected_n for row in rows) / len(rows)


def _task(aim: _Aim, n: int, shape: float) -> _Task:
    error = alpha_of(aim.confidence)
    task = _Task(
        threshold=aim.threshold,
        alpha=error,
        good=aim.good,
        bad=bad_rate(aim.threshold),
        looks=_looks_up_to(n),
        pass_spending=_power_family(error, shape),
        fail_spending=_power_family(_FAIL_SHARE * error, _FAIL_SHAPE),
        give_up_pass=_nothing,
        give_up_fail=_nothing,
    )
    return _with_futility(task, aim.power) if aim.futility else task


# Gates with one requirement and suites of nearly one size share most of their candidates.
@lru_cache(maxsize=512)
def _candidate(aim: _Aim, n: int, shape: float) -> tuple[float, SequentialPlan]:
    """A plan of at most n sources and the power it lacks."""
    plan = _build(_task(aim, n, shape), aim.confidence)
    reached = operating_characteristics(plan, [aim.good])[0].p_pass
    return round(max(0.0, aim.power - reached), 4), plan


def _best(aim: _Aim, lengths: Iterable[int]) -> tuple[SequentialPlan, int, float]:
    """Fewest mean calls among the plans with the power, else with the most; its n and shape."""
    found = [(*_candidate(aim, n, shape), n, shape) for n in lengths for shape in _PASS_SHAPES]
    least = min(lacking for lacking, *_ in found)
    level = [(plan, n, shape) for lacking, plan, n, shape in found if lacking == least]
    return min(level, key=lambda row: _mean_calls(row[0]))


def design(
    threshold: float,
    confidence: float = 0.95,
    n_max: int | None = None,
    power: float = _DEFAULT_POWER,
    design_rate: float | None = None,
    alpha: float | None = None,
    futility: bool = True,
) -> SequentialPlan:
    """Sequential plan with exact error control and few calls.

    At a true rate equal to the threshold both the probability of ever passing and that of ever
    failing are at most 1 - confidence, computed exactly. Among its candidates the plan with the
    fewest calls, averaged over `rate_grid`, is taken that passes with probability `power` at
    `design_rate`; where the sources do not suffice for that, the one that comes nearest.

    Args:
        threshold: Failure rate that a pass must exclude.
        confidence: One-sided confidence of each claim.
        n_max: Sources available; as many as the plan needs if not given. The plan may end earlier.
        power: Wanted probability of a pass at `design_rate`.
        design_rate: True rate of a good subject; a fifth of the threshold if not given.
        alpha: Error probability of this attempt, in place of 1 - confidence; the plan's
            confidence is then 1 - alpha.
        futility: Also stop without a claim where a pass is out of reach and a fail is unlikely.
            Without it more runs at moderately bad rates end in a fail, for many more calls.

    Returns:
        The plan. `can_pass` is False where `n_max` is too small for any pass; such a plan can still
        fail, never stops as futile and otherwise uses all sources.

    Raises:
        ValueError: An argument is out of its range.
    """
    check_rate("threshold", threshold)
    if alpha is not None:
        check_rate("alpha", alpha)
        confidence = round(1.0 - alpha, 14)
    if n_max is not None and (not is_whole(n_max) or n_max < 1):
        raise ValueError(f"n_max must be at least 1, got {n_max}")
    return _design(threshold, confidence, n_max, power, design_rate, futility)


def _with_futility(task: _Task, power: float) -> _Task:
    return task._replace(
        give_up_pass=_power_family(_GIVE_UP_PASS_SHARE * (1.0 - power), _GIVE_UP_PASS_SHAPE),
        give_up_fail=_power_family(_GIVE_UP_FAIL_TOTAL, _GIVE_UP_FAIL_SHAPE),
    )


@lru_cache(maxsize=64)
def _design(
    threshold: float,
    confidence: float,
    n_max: int | None,
    power: float,
    design_rate: float | None,
    futility: bool,
) -> SequentialPlan:
    fixed_n, _ = fixed_plan(threshold, confidence, power, design_rate)
    limit = n_max or math.ceil(fixed_n * max(_LENGTHS))
    good = threshold / 5 if design_rate is None else design_rate
    aim = _Aim(threshold, confidence, power, good, futility)
    lengths = sorted({min(limit, math.ceil(fixed_n * share)) for share in _LENGTHS})
    best, n, shape = _best(aim, lengths)
    if not best.can_pass:
        return _build(_task(aim._replace(futility=False), n, 1.0), confidence)
    # Beyond the largest pass boundary a pass is out of reach for certain: give it up there.
    task = _task(aim, n, shape)._replace(most_failures=max(best.pass_at))
    return _build(task, confidence)


def _obrien_fleming(alpha: float) -> Spending:
    z = normal_quantile(1.0 - alpha / 2)
    return lambda t: alpha if t >= 1.0 else 2.0 * normal_cdf(-z / math.sqrt(t))


def _pocock(alpha: float) -> Spending:
    return lambda t: alpha if t >= 1.0 else alpha * math.log1p((math.e - 1.0) * t)


_SPENDING = {"obrien-fleming": _obrien_fleming, "pocock": _pocock}


def group_sequential_looks(
    n_max: int,
    looks: Sequence[int],
    *,
    threshold: float,
    confidence: float = 0.95,
    spending: str = "obrien-fleming",
    futility: bool = False,
) -> SequentialPlan:
    """Plan with the registered look points of a user, for example 300, 600, 1000.

    Args:
        n_max: Sources at the end; becomes the last look if it is not in `looks`.
        looks: Numbers of sources at which to decide.
        threshold: Failure rate that a pass must exclude.
        confidence: One-sided confidence of each claim.
        spending: "obrien-fleming" keeps most of the error for the end, "pocock" spends it evenly
            (Lan and DeMets 1983); both on exact binomial probabilities.
        futility: Also stop where a pass at a fifth of the threshold and a fail at three times the
            threshold both have become unlikely.

    Raises:
        ValueError: A look lies outside 1..n_max, or the spending is unknown.
    """
    check_rate("threshold", threshold)
    points = tuple(sorted({*looks, n_max}))
    if points[0] < 1 or points[-1] != n_max:
        raise ValueError(f"looks must lie in 1..{n_max}, got {list(looks)}")
    if spending not in _SPENDING:
        raise ValueError(f"spending must be one of {sorted(_SPENDING)}, got {spending!r}")
    error = alpha_of(confidence)
    spend = _SPENDING[spending](error)
    task = _Task(
        threshold=threshold,
        alpha=error,
        good=threshold / 5,
        bad=bad_rate(threshold),
        looks=points,
        pass_spending=spend,
        fail_spending=spend,
        give_up_pass=_nothing,
        give_up_fail=_nothing,
    )
    if futility:
        task = _with_futility(task, _DEFAULT_POWER)
    return _build(task, confidence)


def single_look(n: int, threshold: float, confidence: float = 0.95) -> SequentialPlan:
    """Plan with one look after n sources; its bounds are those of `clopper_pearson`."""
    return group_sequential_looks(n, [n], threshold=threshold, confidence=confidence)
