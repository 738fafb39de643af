import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from railwright.stats import (
    binomial_cdf,
    binomial_p_value,
    clopper_pearson,
    cluster_counts,
    fixed_plan,
    operating_characteristics,
    plan,
    single_look,
    with_missing,
)

CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.975, 0.99])


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 3000))
    return draw(st.integers(0, n)), n


def beta_bounds(k: int, n: int, alpha: float) -> tuple[float, float]:
    low = 0.0 if k == 0 else float(oracle.beta.ppf(alpha, k, n - k + 1))
    high = 1.0 if k == n else float(oracle.beta.ppf(1 - alpha, k + 1, n - k))
    return low, high


@given(counts(), CONFIDENCES, st.booleans())
def test_clopper_pearson_is_the_beta_quantile(
    kn: tuple[int, int], confidence: float, two_sided: bool
) -> None:
    alpha = (1 - confidence) / (2 if two_sided else 1)
    low, high = clopper_pearson(*kn, confidence, two_sided)
    expected = beta_bounds(*kn, alpha)
    assert math.isclose(low, expected[0], rel_tol=1e-8, abs_tol=1e-12)
    assert math.isclose(high, expected[1], rel_tol=1e-8, abs_tol=1e-12)


@given(counts(), CONFIDENCES)
def test_bounds_rise_with_failures_and_contain_the_share(
    kn: tuple[int, int], confidence: float
) -> None:
    k, n = kn
    low, high = clopper_pearson(k, n, confidence)
    assert low <= k / n <= high
    if k < n:
        low_next, high_next = clopper_pearson(k + 1, n, confidence)
        assert low < low_next
        assert high <= high_next
    assert clopper_pearson(k, n + 1, confidence)[1] < high or k == n
    wide = clopper_pearson(k, n, confidence, two_sided=True)
    assert wide[0] <= low
    assert wide[1] >= high


def test_no_sources_say_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("k", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 5, 1.0), (0, 5, 0.0), (0, -1, 0.9)]
)
def test_clopper_pearson_refuses_nonsense(k: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"failures|confidence"):
        clopper_pearson(k, n, confidence)


def test_counts_must_be_whole() -> None:
    with pytest.raises(ValueError, match="whole number"):
        clopper_pearson(1.5, 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="whole number"):
        clopper_pearson(True, 5)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.01, [299, 473, 628, 773, 1049]),
        (0.02, [149, 236, 313, 386, 523]),
        (0.05, [59, 93, 124, 153, 208]),
        (0.10, [29, 46, 61, 76, 103]),
    ],
)
def test_plan_table(threshold: float, expected: list[int]) -> None:
    assert [plan(threshold, errors) for errors in (0, 1, 2, 3, 5)] == expected


@given(st.floats(0.003, 0.9), st.integers(0, 30), CONFIDENCES)
def test_plan_is_the_smallest(threshold: float, errors: int, confidence: float) -> None:
    n = plan(threshold, errors, confidence)
    alpha = 1 - confidence
    assert oracle.binom.cdf(errors, n, threshold) <= alpha + 1e-12
    assert n == errors + 1 or oracle.binom.cdf(errors, n - 1, threshold) > alpha - 1e-12
    assert clopper_pearson(errors, n, confidence)[1] <= threshold + 1e-9


@pytest.mark.parametrize("bad", [(0.0, 0, 0.95), (1.0, 0, 0.95), (0.1, -1, 0.95), (0.1, 0, 1.5)])
def test_plan_refuses_nonsense(bad: tuple[float, int, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        plan(*bad)


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.05, (153, 3)), (0.02, (386, 3)), (0.10, (76, 3))]
)
def test_fixed_plan_has_the_power_and_no_smaller_one_has(
    threshold: float, expected: tuple[int, int]
) -> None:
    n, errors = fixed_plan(threshold)
    assert (n, errors) == expected
    assert oracle.binom.cdf(errors, n, threshold / 5) >= 0.9
    fewer = plan(threshold, errors - 1)
    assert oracle.binom.cdf(errors - 1, fewer, threshold / 5) < 0.9


def test_fixed_plan_needs_a_good_rate_below_the_threshold() -> None:
    with pytest.raises(ValueError, match="design_rate"):
        fixed_plan(0.05, design_rate=0.05)


def test_threshold_2_percent_never_lets_3_percent_through() -> None:
    """Threshold 2 %: at a true 3 % at most 5 % pass for every n; at 0.5 % and 500 most pass."""
    most = -1
    for n in range(100, 1001):
        while clopper_pearson(most + 1, n)[1] <= 0.02:
            most += 1
        assert binomial_cdf(most, n, 0.03) <= 0.05
        if n == 500:
            assert binomial_cdf(most, n, 0.005) >= 0.85


@given(counts(), st.floats(0.01, 0.99))
def test_p_values_match_scipy(kn: tuple[int, int], threshold: float) -> None:
    for side, alternative in (("above", "greater"), ("below", "less")):
        expected = oracle.binomtest(*kn, threshold, alternative=alternative).pvalue
        assert math.isclose(binomial_p_value(*kn, threshold, side), expected, abs_tol=1e-12)  # type: ignore[arg-type]


def test_p_value_refuses_an_unknown_side() -> None:
    with pytest.raises(ValueError, match="side"):
        binomial_p_value(1, 2, 0.5, "both")  # type: ignore[arg-type]


def test_missing_samples_span_best_and_worst() -> None:
    seen = with_missing(2, 147, 3, floor=0.98)
    assert (seen.best, seen.worst) == ((2, 150), (5, 150))
    assert seen.coverage == 0.98
    assert seen.enough
    assert not with_missing(2, 146, 4, floor=0.98).enough
    assert not with_missing(0, 0, 0, floor=0.98).enough
    with pytest.raises(ValueError, match="missing"):
        with_missing(0, 1, -1, floor=0.98)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans())))
def test_a_source_fails_if_any_of_its_samples_fails(outcomes: list[tuple[int, bool]]) -> None:
    sources = {source for source, _ in outcomes}
    failed = {source for source, bad in outcomes if bad}
    assert cluster_counts(outcomes) == (len(failed), len(sources))


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (100, [0.00, 0.00, 0.00, 0.00, 0.00]),
        (200, [0.37, 0.13, 0.02, 0.00, 0.00]),
        (500, [0.89, 0.44, 0.03, 0.00, 0.00]),
        (1000, [1.00, 0.79, 0.04, 0.00, 0.00]),
    ],
)
def test_pass_probabilities_of_a_single_look_at_2_percent(n: int, expected: list[float]) -> None:
    rows = operating_characteristics(single_look(n, 0.02), [0.005, 0.01, 0.02, 0.03, 0.05])
    assert [round(row.p_pass, 2) for row in rows] == expected
