import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.stats import (
    SequentialPlan,
    clopper_pearson,
    design,
    false_fail_probability,
    false_pass_probability,
    fixed_plan,
    group_sequential_looks,
    operating_characteristics,
    plan,
    rate_grid,
    single_look,
    split_alpha,
)
from railwright.stats._exact import stops


def check_error_control(made: SequentialPlan, alpha: float) -> None:
    assert false_pass_probability(made) <= alpha
    assert false_fail_probability(made) <= alpha
    # A larger rate passes less often still, a smaller one fails less often.
    threshold = made.threshold
    for factor in (1.1, 1.5, 2.0):
        assert false_pass_probability(made, min(1.0, factor * threshold)) <= alpha
        assert false_fail_probability(made, threshold / factor) <= alpha


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.03, 0.6),
    st.sampled_from([0.8, 0.9, 0.95, 0.99]),
    st.one_of(st.none(), st.integers(1, 200)),
    st.sampled_from([0.7, 0.8, 0.9]),
)
def test_errors_are_controlled_for_any_design(
    threshold: float, confidence: float, n_max: int | None, power: float
) -> None:
    made = design(threshold, confidence, n_max, power)
    check_error_control(made, round(1 - confidence, 12))
    if n_max is not None:
        assert made.n_max <= n_max
    assert math.isclose(sum(operating_characteristics(made, [0.1])[0][1:4]), 1.0)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.02, 0.5),
    st.sets(st.integers(1, 250), min_size=1, max_size=4),
    st.sampled_from(["obrien-fleming", "pocock"]),
    st.booleans(),
)
def test_errors_are_controlled_for_registered_looks(
    threshold: float, looks: set[int], spending: str, futility: bool
) -> None:
    made = group_sequential_looks(
        250, sorted(looks), threshold=threshold, spending=spending, futility=futility
    )
    assert set(made.looks) <= looks | {250}
    check_error_control(made, 0.05)


@pytest.mark.parametrize("threshold", [0.02, 0.05, 0.1])
def test_calls_are_at_most_40_percent_of_the_fixed_plan_at_its_power(threshold: float) -> None:
    made = design(threshold)
    fixed_n, _ = fixed_plan(threshold)
    rows = operating_characteristics(made, rate_grid(threshold))
    assert len(rows) == 21
    assert sum(row.expected_n for row in rows) / len(rows) <= 0.4 * fixed_n
    assert rows[1].rate == pytest.approx(threshold / 5)
    assert rows[1].p_pass >= 0.9
    assert rows[15].p_fail >= 0.8
    assert rows[20].p_fail >= 0.95


@pytest.mark.parametrize("threshold", [0.05, 0.1])
def test_no_stop_is_more_generous_than_a_single_look(threshold: float) -> None:
    for stop in stops(design(threshold)):
        low, high = clopper_pearson(stop.k, stop.n)
        if stop.decision == "pass":
            assert high <= threshold
        if stop.decision == "fail":
            assert low > threshold


def test_too_few_sources_cannot_pass_but_can_fail() -> None:
    made = design(0.05, n_max=58)
    assert not made.can_pass
    assert made.earliest_pass is None
    assert false_pass_probability(made, 0.0) == 0.0
    assert false_fail_probability(made, 0.3) > 0.9
    assert not any(stop.decision == "futile" for stop in stops(made))
    assert design(0.05, n_max=plan(0.05, 0)).can_pass


def test_without_futility_more_bad_subjects_fail_for_more_calls() -> None:
    short, long = design(0.05), design(0.05, futility=False)
    check_error_control(long, 0.05)
    assert not any(stop.decision == "futile" for stop in stops(long))
    (quick,), (slow,) = (operating_characteristics(made, [0.1]) for made in (short, long))
    assert slow.p_fail > quick.p_fail + 0.1
    assert slow.expected_n > quick.expected_n + 20


def test_a_single_source_is_a_plan() -> None:
    made = design(0.05, n_max=1)
    assert (made.n_max, made.can_pass) == (1, False)


def test_more_sources_than_needed_change_nothing() -> None:
    assert design(0.05, n_max=5000) == design(0.05)


@pytest.mark.parametrize("n_max", [80, 110, 140])
def test_few_sources_cost_power_and_never_error(n_max: int) -> None:
    made = design(0.05, n_max=n_max)
    power = operating_characteristics(made, [0.01])[0].p_pass
    most = single_look(n_max, 0.05).pass_at[-1]
    single = false_pass_probability(single_look(n_max, 0.05), 0.01)
    assert most >= 0
    assert power >= single - 0.02


def test_no_path_that_could_still_pass_is_left_beyond_the_last_pass_boundary() -> None:
    made = design(0.05, n_max=60)
    highest = max(made.pass_at)
    assert highest == 0
    for look, low, high in zip(made.looks, made.futile_at, made.futile_to, strict=True):
        if low <= high:
            assert low == highest + 1, look


def test_attempts_share_the_error() -> None:
    share = split_alpha(0.05, 2)
    made = design(0.05, alpha=share)
    assert made.confidence == 0.975
    assert false_pass_probability(made) <= 0.025
    assert 2 * false_pass_probability(made) <= 0.05
    assert made.earliest_pass is not None
    assert made.earliest_pass >= plan(0.05, 0, 0.975)


def test_single_look_has_the_boundaries_of_the_exact_bounds() -> None:
    made = single_look(100, 0.05)
    for k in range(101):
        low, high = clopper_pearson(k, 100)
        assert (k <= made.pass_at[0]) == (high <= 0.05)
        assert (k >= made.fail_at[0]) == (low > 0.05)


def test_spending_early_or_late() -> None:
    late = group_sequential_looks(1000, [300, 600], threshold=0.02)
    early = group_sequential_looks(1000, [300, 600], threshold=0.02, spending="pocock")
    assert late.pass_at[0] < early.pass_at[0]
    assert late.pass_at[-1] >= early.pass_at[-1]


@pytest.mark.parametrize(
    "bad",
    [
        {"threshold": 0.0},
        {"threshold": 0.05, "confidence": 1.0},
        {"threshold": 0.05, "n_max": 0},
        {"threshold": 0.05, "power": 1.0},
        {"threshold": 0.05, "design_rate": 0.06},
        {"threshold": 0.05, "alpha": 0.0},
    ],
)
def test_design_refuses_nonsense(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        design(**bad)  # type: ignore[arg-type]


def test_registered_looks_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match=r"1\.\.100"):
        group_sequential_looks(100, [150], threshold=0.05)
    with pytest.raises(ValueError, match="spending"):
        group_sequential_looks(100, [50], threshold=0.05, spending="all")
