import itertools
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.stats import (
    SequentialPlan,
    aa_flip_probability,
    decide,
    design,
    expected_calls,
    false_fail_probability,
    false_pass_probability,
    first_decision,
    group_sequential_looks,
    operating_characteristics,
    single_look,
    truncate,
)


@st.composite
def plans(draw: st.DrawFn, longest: int = 11) -> SequentialPlan:
    """Arbitrary boundaries, sensible or not, over arbitrary looks."""
    n_max = draw(st.integers(1, longest))
    looks = sorted(draw(st.sets(st.integers(1, n_max))) | {n_max})
    passes, fails, low, high = [], [], [], []
    for look in looks:
        passes.append(draw(st.integers(-1, look)))
        fails.append(draw(st.integers(passes[-1] + 1, look + 1)))
        low.append(draw(st.integers(0, look + 1)))
        high.append(draw(st.integers(-1, look)))
    columns = (tuple(looks), tuple(passes), tuple(fails), tuple(low), tuple(high))
    return SequentialPlan(draw(st.floats(0.01, 0.9)), 0.95, n_max, *columns)


def enumerate_all(plan: SequentialPlan, rate: float) -> tuple[dict[str, float], float]:
    """Shares of verdicts and mean sources from all 2**n_max sequences."""
    shares = dict.fromkeys(("pass", "fail", "futile", "inconclusive", "continue"), 0.0)
    calls = 0.0
    for sequence in itertools.product((False, True), repeat=plan.n_max):
        weight = math.prod(rate if bad else 1 - rate for bad in sequence)
        verdict, _, n = first_decision(plan, sequence)
        shares[verdict] += weight
        calls += n * weight
    return shares, calls


@settings(max_examples=40, deadline=None)
@given(plans(), st.floats(0, 1))
def test_recursion_equals_enumeration_of_every_sequence(plan: SequentialPlan, rate: float) -> None:
    shares, calls = enumerate_all(plan, rate)
    assert shares["continue"] == 0.0
    (row,) = operating_characteristics(plan, [rate])
    assert math.isclose(row.p_pass, shares["pass"], abs_tol=1e-12)
    assert math.isclose(row.p_fail, shares["fail"], abs_tol=1e-12)
    undecided = shares["futile"] + shares["inconclusive"]
    assert math.isclose(row.p_inconclusive, undecided, abs_tol=1e-12)
    assert math.isclose(row.expected_n, calls, rel_tol=1e-12)
    assert math.isclose(expected_calls(plan, rate), calls, rel_tol=1e-12)
    assert math.isclose(false_pass_probability(plan, rate), shares["pass"], abs_tol=1e-12)
    assert math.isclose(false_fail_probability(plan, rate), shares["fail"], abs_tol=1e-12)


@given(plans(longest=40))
def test_plain_form_comes_back_equal(plan: SequentialPlan) -> None:
    assert SequentialPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_plain_form_is_short_enough_to_read() -> None:
    assert len(json.dumps(design(0.02).to_dict())) < 2000


@pytest.mark.parametrize("key", ["format", "looks", "pass_at", "threshold"])
def test_damaged_plain_form_is_refused(key: str) -> None:
    plain = design(0.1).to_dict()
    del plain[key]
    with pytest.raises(ValueError, match="sequential"):
        SequentialPlan.from_dict(plain)


def test_plain_form_with_a_boundary_that_starts_late_is_refused() -> None:
    plain = single_look(40, 0.1).to_dict()
    plain["pass_at"] = []
    with pytest.raises(ValueError, match="first look"):
        SequentialPlan.from_dict(plain)


@pytest.mark.parametrize(
    ("looks", "pass_at", "fail_at", "match"),
    [
        ((5, 10), (0,), (2, 3), "length"),
        ((5, 9), (0, 1), (2, 3), "end at n_max"),
        ((5, 5, 10), (0, 0, 0), (2, 2, 2), "rise"),
        ((5, 10), (2, 1), (2, 3), "cannot pass and fail"),
    ],
)
def test_contradicting_plans_are_refused(
    looks: tuple[int, ...], pass_at: tuple[int, ...], fail_at: tuple[int, ...], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        SequentialPlan(0.1, 0.95, 10, looks, pass_at, fail_at)


def test_decisions_by_hand() -> None:
    plan = SequentialPlan(0.1, 0.95, 30, (10, 20, 30), (-1, 0, 1), (4, 5, 6), (2, 3, 3), (3, 3, 3))
    assert decide(plan, 0, 9) == "continue"
    assert decide(plan, 0, 10) == "continue"
    assert decide(plan, 2, 10) == decide(plan, 3, 10) == "futile"
    assert decide(plan, 4, 10) == "fail"
    assert decide(plan, 0, 20) == "pass"
    assert decide(plan, 4, 20) == "continue"
    assert decide(plan, 1, 30) == "pass"
    assert decide(plan, 3, 30) == "inconclusive"
    assert plan.can_pass
    assert plan.earliest_pass == 20
    with pytest.raises(ValueError, match="ends at 30"):
        decide(plan, 0, 31)
    with pytest.raises(ValueError, match="failures"):
        decide(plan, 3, 2)


def test_the_walk_stops_at_the_first_decision_and_reads_no_further() -> None:
    plan = SequentialPlan(0.1, 0.95, 6, (3, 6), (-1, 1), (3, 4))
    rest = iter([True, True, True, False])
    assert first_decision(plan, rest) == ("fail", 3, 3)
    assert list(rest) == [False]
    assert first_decision(plan, [True, False]) == ("continue", 1, 2)


def test_a_truncated_plan_adds_no_claim() -> None:
    plan = group_sequential_looks(1000, [300, 600], threshold=0.02)
    assert truncate(plan, 1000) is plan
    between = truncate(plan, 450)
    assert between.looks == (300, 450)
    assert decide(between, 0, 450) == decide(between, 450, 450) == "inconclusive"
    at_look = truncate(plan, 600)
    assert at_look.looks == (300, 600)
    for shorter in (between, at_look):
        assert false_pass_probability(shorter) <= false_pass_probability(plan)
    with pytest.raises(ValueError, match="need 1"):
        truncate(plan, 0)


def test_flips_by_hand() -> None:
    plan = SequentialPlan(0.5, 0.75, 2, (2,), (0,), (2,))
    flips = aa_flip_probability(plan, 0.5)
    assert flips.pass_fail == pytest.approx(2 * 0.25 * 0.25)
    assert flips.pass_inconclusive == pytest.approx(2 * 0.25 * 0.5)
    assert flips.fail_inconclusive == pytest.approx(2 * 0.25 * 0.5)


@pytest.mark.parametrize("threshold", [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("n_max", [None, 60, 150])
@pytest.mark.parametrize("futility", [True, False])
def test_equal_runs_hardly_ever_pass_and_fail(
    threshold: float, n_max: int | None, futility: bool
) -> None:
    plan = design(threshold, n_max=n_max, futility=futility)
    for step in range(1, 60):
        rate = step / 60 * min(1.0, 5 * threshold)
        assert aa_flip_probability(plan, rate).pass_fail <= 0.005


def test_single_look_at_1_percent_passes_44_of_100_and_never_fails() -> None:
    """Threshold 2 %, n = 500, true 1 %: the planner must foresee the many undecided runs."""
    (row,) = operating_characteristics(single_look(500, 0.02), [0.01])
    assert row.p_pass == pytest.approx(0.44, abs=0.005)
    assert row.p_inconclusive == pytest.approx(0.56, abs=0.005)


@pytest.mark.parametrize(("threshold", "rate"), [(0.05, 0.02), (0.05, 0.05), (0.1, 0.08)])
def test_simulated_pairs_flip_as_often_as_predicted(threshold: float, rate: float) -> None:
    """1,000 pairs of runs: pass-fail flips at most 0.5 % more, others within 4 standard errors."""
    plan, generator, pairs = design(threshold), random.Random(20), 1000

    def run() -> str:
        verdict = first_decision(plan, (generator.random() < rate for _ in range(plan.n_max)))[0]
        return "inconclusive" if verdict == "futile" else verdict

    seen = [frozenset((run(), run())) for _ in range(pairs)]
    predicted = aa_flip_probability(plan, rate)
    for kind, expected in (
        ({"pass", "fail"}, predicted.pass_fail),
        ({"pass", "inconclusive"}, predicted.pass_inconclusive),
        ({"fail", "inconclusive"}, predicted.fail_inconclusive),
    ):
        error = math.sqrt(expected * (1 - expected) / pairs)
        assert abs(seen.count(frozenset(kind)) / pairs - expected) <= 4 * error + 0.001
