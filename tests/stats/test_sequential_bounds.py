import pytest

from railwright.stats import (
    SequentialPlan,
    clopper_pearson,
    design,
    group_sequential_looks,
    sequential_bounds,
    single_look,
)
from railwright.stats._exact import probabilities
from railwright.stats._ordering import bounds_of_ends

PLANS = {
    "5 %": design(0.05),
    "10 %": design(0.1),
    "10 %, 60 sources": design(0.1, n_max=60),
    "5 %, cannot pass": design(0.05, n_max=40),
    "20 % at 99 %": design(0.2, 0.99),
    "three looks": group_sequential_looks(150, [50, 100], threshold=0.05),
    "three looks, futility": group_sequential_looks(
        150, [50, 100], threshold=0.05, spending="pocock", futility=True
    ),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_bounds_cover_every_true_rate_and_agree_with_the_verdict(plan: SequentialPlan) -> None:
    """Exact coverage: the sum over every way the plan can end, at many true rates."""
    ends = bounds_of_ends(plan)
    stops = [stop for stop, _, _ in ends]
    for stop, low, high in ends:
        assert 0.0 <= low <= stop.k / stop.n <= high <= 1.0
        assert (stop.decision == "pass") == (high <= plan.threshold)
        assert (stop.decision == "fail") == (low > plan.threshold)
    for step in range(1, 200):
        rate = step / 200
        chances = probabilities(stops, rate)
        above = sum(p for p, (_, _, high) in zip(chances, ends, strict=True) if rate <= high)
        below = sum(p for p, (_, low, _) in zip(chances, ends, strict=True) if rate >= low)
        assert above >= plan.confidence - 1e-9
        assert below >= plan.confidence - 1e-9


def test_one_look_gives_the_exact_bounds() -> None:
    plan = single_look(100, 0.05)
    for k in (0, 1, 4, 9, 10, 50, 99, 100):
        verdict = "pass" if k <= 1 else "fail" if k >= 10 else "inconclusive"
        seen = sequential_bounds(plan, k, 100, verdict)  # type: ignore[arg-type]
        assert seen == pytest.approx(clopper_pearson(k, 100), abs=1e-10)


def test_first_pass_is_the_single_look_bound() -> None:
    plan = design(0.05)
    n = plan.earliest_pass
    assert n is not None
    assert sequential_bounds(plan, 0, n, "pass") == pytest.approx(clopper_pearson(0, n), abs=1e-10)


def test_a_run_cut_short_makes_no_claim() -> None:
    plan = design(0.05)
    low, high = sequential_bounds(plan, 0, 70, "continue")
    assert low == 0.0
    assert high > 0.05
    assert sequential_bounds(plan, 0, 0, "continue") == (0.0, 1.0)


def test_an_end_that_the_plan_does_not_have_is_refused() -> None:
    plan = design(0.05)
    with pytest.raises(ValueError, match="cannot end"):
        sequential_bounds(plan, 0, 70, "pass")
    with pytest.raises(ValueError, match="cannot end"):
        sequential_bounds(plan, 0, 75, "fail")
    with pytest.raises(ValueError, match="cannot end"):
        sequential_bounds(plan, 40, 80, "fail")
