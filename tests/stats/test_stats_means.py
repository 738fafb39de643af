import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from railwright.stats import cluster_bootstrap_mean, t_interval

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40)


@given(VALUES, st.sampled_from([0.8, 0.95, 0.99]))
def test_t_interval_matches_scipy(values: list[float], confidence: float) -> None:
    mean, low, high = t_interval(values, confidence, two_sided=True)
    scale = oracle.sem(values)
    if scale < 1e-9:
        assert high - low == pytest.approx(0.0, abs=1e-6)
        return
    expected = oracle.t.interval(confidence, len(values) - 1, loc=mean, scale=scale)
    assert (low, high) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_one_sided_ends_are_closer() -> None:
    mean, low, high = t_interval([1.0, 2.0, 4.0])
    _, wide_low, wide_high = t_interval([1.0, 2.0, 4.0], two_sided=True)
    assert wide_low < low < mean < high < wide_high


def test_one_value_bounds_nothing() -> None:
    assert t_interval([3.0]) == (3.0, -math.inf, math.inf)
    assert cluster_bootstrap_mean([("a", 3.0), ("a", 4.0)]) == (3.5, -math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_means_refuse_nothing_and_nonsense(values: list[float]) -> None:
    with pytest.raises(ValueError, match="mean"):
        t_interval(values)


def test_bootstrap_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="at least one"):
        cluster_bootstrap_mean([])
    with pytest.raises(ValueError, match="'s1'"):
        cluster_bootstrap_mean([("s1", math.nan)])
    with pytest.raises(ValueError, match="resamples"):
        cluster_bootstrap_mean([("s1", 1.0)], resamples=10)


def clustered(sources: int, each: int) -> list[tuple[int, float]]:
    generator = random.Random(5)
    centres = [generator.gauss(0, 1) for _ in range(sources)]
    return [(s, centre + generator.gauss(0, 0.1)) for s, centre in enumerate(centres)] * each


def test_bootstrap_is_reproducible_and_depends_on_the_seed() -> None:
    samples = clustered(30, 2)
    assert cluster_bootstrap_mean(samples, seed=1) == cluster_bootstrap_mean(samples, seed=1)
    assert cluster_bootstrap_mean(samples, seed=1) != cluster_bootstrap_mean(samples, seed=2)


def test_bootstrap_agrees_with_t_where_both_apply() -> None:
    samples = clustered(60, 1)
    mean, low, high = cluster_bootstrap_mean(samples, resamples=4000)
    expected = t_interval([value for _, value in samples])
    assert mean == pytest.approx(expected[0])
    assert (low, high) == pytest.approx(expected[1:], abs=0.05)


def test_repeating_every_sample_does_not_narrow_the_bounds() -> None:
    once = cluster_bootstrap_mean(clustered(40, 1))
    often = cluster_bootstrap_mean(clustered(40, 10))
    assert often == pytest.approx(once)
