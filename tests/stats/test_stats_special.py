import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy import stats as oracle

from railwright.stats import (
    betainc,
    betaincinv,
    binomial_cdf,
    binomial_pmf,
    binomial_sf,
    normal_quantile,
    student_t_quantile,
)

RATES = st.floats(1e-6, 1 - 1e-6)
SHAPES = st.floats(0.5, 5000)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 20_000))
    return draw(st.integers(0, n)), n


@given(counts(), RATES)
def test_binomial_terms_match_scipy(kn: tuple[int, int], p: float) -> None:
    k, n = kn
    assert math.isclose(binomial_pmf(k, n, p), oracle.binom.pmf(k, n, p), abs_tol=1e-12)
    assert math.isclose(binomial_cdf(k, n, p), oracle.binom.cdf(k, n, p), abs_tol=1e-12)
    assert math.isclose(binomial_sf(k, n, p), oracle.binom.sf(k - 1, n, p), abs_tol=1e-12)


@given(SHAPES, SHAPES, st.floats(0, 1))
def test_incomplete_beta_matches_scipy(a: float, b: float, x: float) -> None:
    assert math.isclose(betainc(a, b, x), special.betainc(a, b, x), abs_tol=1e-12)


@given(SHAPES, SHAPES, RATES)
def test_inverse_incomplete_beta_matches_scipy(a: float, b: float, probability: float) -> None:
    expected = special.betaincinv(a, b, probability)
    assert math.isclose(betaincinv(a, b, probability), expected, rel_tol=1e-9, abs_tol=1e-14)


@given(RATES, st.floats(1, 1e5))
def test_student_t_quantile_matches_scipy(probability: float, df: float) -> None:
    expected = oracle.t.ppf(probability, df)
    assert math.isclose(student_t_quantile(probability, df), expected, rel_tol=1e-8, abs_tol=1e-10)


@given(RATES)
def test_normal_quantile_matches_scipy(probability: float) -> None:
    assert math.isclose(
        normal_quantile(probability), oracle.norm.ppf(probability), rel_tol=1e-9, abs_tol=1e-12
    )


def test_terms_outside_the_support() -> None:
    assert binomial_pmf(-1, 5, 0.5) == binomial_pmf(6, 5, 0.5) == 0.0
    assert binomial_pmf(0, 5, 0.0) == binomial_pmf(5, 5, 1.0) == 1.0
    assert binomial_cdf(4, 5, 1.0) == 0.0
    assert binomial_cdf(0, 5, 0.0) == 1.0
    assert binomial_sf(0, 5, 0.3) == 1.0
    assert binomial_sf(6, 5, 0.3) == 0.0


@pytest.mark.parametrize("bad", [(0.0, 1.0, 0.5), (1.0, -1.0, 0.5), (1.0, 1.0, 1.5)])
def test_incomplete_beta_refuses_nonsense(bad: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="betainc"):
        betainc(*bad)
