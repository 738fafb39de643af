import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.stats import binomial_cdf, clopper_pearson, holm, slice_decisions, split_alpha

P_VALUES = st.lists(st.floats(0, 1), max_size=8)


@given(P_VALUES, st.floats(0.001, 0.5))
def test_holm_rejects_what_the_closed_test_rejects(p_values: list[float], alpha: float) -> None:
    """Holm is the closure of Bonferroni: reject i if every set that holds i is rejected."""
    adjusted = holm(p_values)
    indices = range(len(p_values))
    for i in indices:
        worst = max(
            len(group) * min(p_values[j] for j in group)
            for size in range(1, len(p_values) + 1)
            for group in itertools.combinations(indices, size)
            if i in group
        )
        assert adjusted[i] == pytest.approx(min(1.0, worst))
        assert adjusted[i] >= p_values[i]
        if not math.isclose(worst, alpha):
            assert (adjusted[i] <= alpha) == (worst <= alpha)


def test_holm_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, math.nan])


def test_a_slice_fails_only_after_adjustment() -> None:
    alone = slice_decisions({"a": (7, 60)}, 0.05)
    assert alone["a"].decision == "fail"
    many = slice_decisions({"a": (7, 60)} | {f"s{i}": (0, 60) for i in range(9)}, 0.05)
    assert many["a"].decision == "inconclusive"
    assert many["a"].low > 0.05
    assert many["a"].adjusted == pytest.approx(10 * many["a"].p_value)
    assert many["s0"].decision == "pass"
    assert (many["s0"].low, many["s0"].high) == clopper_pearson(0, 60)


def test_slices_at_the_threshold_seldom_fail_as_a_family() -> None:
    """Exact: 20 independent slices of 80 at a true 5 %; any fail needs its p-value <= 0.05/20."""
    fails = [slice_decisions({f"{i}": (k, 80) for i in range(20)}, 0.05)["0"] for k in range(30)]
    first = next(k for k, seen in enumerate(fails) if seen.adjusted <= 0.05)
    assert 1 - binomial_cdf(first - 1, 80, 0.05) ** 20 <= 0.05
    naive = next(k for k, seen in enumerate(fails) if seen.p_value <= 0.05)
    assert 1 - binomial_cdf(naive - 1, 80, 0.05) ** 20 > 0.3


def test_no_slices_no_decisions() -> None:
    assert slice_decisions({}, 0.05) == {}


@given(st.floats(0.001, 0.5), st.integers(1, 20))
def test_attempts_together_spend_no_more_than_alpha(alpha: float, attempts: int) -> None:
    assert split_alpha(alpha, attempts) * attempts <= alpha * (1 + 1e-12)


def test_attempts_must_be_counted() -> None:
    with pytest.raises(ValueError, match="attempts"):
        split_alpha(0.05, 0)
