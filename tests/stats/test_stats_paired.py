import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as oracle

from railwright.stats import (
    mcnemar_exact,
    newcombe_difference,
    noninferiority_n,
    noninferiority_power,
    paired_difference,
    wilson,
)


@st.composite
def discordant(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(2, 200))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


def score_by_optimisation(b: int, c: int, n: int, difference: float) -> float:
    """Score statistic with the restricted estimate found by a general optimiser."""
    least = max(0.0, -difference)
    most = (1.0 - difference) / 2

    def negative_log_likelihood(q: float) -> float:
        total = 0.0
        for count, p in ((b, q + difference), (c, q), (n - b - c, 1 - 2 * q - difference)):
            total -= count * math.log(max(p, 1e-300)) if count else 0.0
        return total

    found = optimize.minimize_scalar(
        negative_log_likelihood, bounds=(least, most), method="bounded", options={"xatol": 1e-12}
    )
    variance = n * (2 * found.x + difference * (1 - difference))
    return float((b - c - n * difference) / math.sqrt(variance))


@settings(max_examples=60, deadline=None)
@given(discordant(), st.sampled_from([0.9, 0.95, 0.99]))
def test_bounds_solve_the_score_equation(bcn: tuple[int, int, int], confidence: float) -> None:
    b, c, n = bcn
    z = oracle.norm.ppf(confidence)
    estimate, low, high = paired_difference(b, c, n, confidence)
    assert estimate == (b - c) / n
    assert -1 <= low <= estimate <= high <= 1
    if high < 0.999:
        assert score_by_optimisation(b, c, n, high) == pytest.approx(-z, abs=2e-3)
    if low > -0.999:
        assert score_by_optimisation(b, c, n, low) == pytest.approx(z, abs=2e-3)


@given(discordant())
def test_swapping_the_runs_mirrors_the_interval(bcn: tuple[int, int, int]) -> None:
    b, c, n = bcn
    estimate, low, high = paired_difference(b, c, n)
    mirrored = paired_difference(c, b, n)
    assert mirrored == pytest.approx((-estimate, -high, -low), abs=1e-12)


@pytest.mark.parametrize("n", [30, 60])
@pytest.mark.parametrize(("up", "down"), [(0.05, 0.05), (0.1, 0.05), (0.02, 0.1), (0.2, 0.2)])
def test_one_sided_coverage_by_enumeration_is_near_nominal(n: int, up: float, down: float) -> None:
    """Every (b, c) with its exact probability: no end covers less than 93 % at 95 %."""
    above = below = 0.0
    truth = up - down
    for b in range(n + 1):
        for c in range(n - b + 1):
            chance = float(oracle.multinomial.pmf([b, c, n - b - c], n, [up, down, 1 - up - down]))
            if chance < 1e-9:
                continue
            _, low, high = paired_difference(b, c, n)
            above += chance * (truth <= high)
            below += chance * (truth >= low)
    assert above >= 0.93
    assert below >= 0.93


def test_no_pairs_say_nothing() -> None:
    assert paired_difference(0, 0, 0) == (0.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="b \\+ c <= n"):
        paired_difference(3, 3, 5)


def test_equal_runs_still_have_width() -> None:
    z = oracle.norm.ppf(0.95)
    _, low, high = paired_difference(0, 0, 50)
    assert high == pytest.approx(z * z / (50 + z * z))
    assert low == -high


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_sign_test(b: int, c: int) -> None:
    expected = oracle.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(expected, abs=1e-12)


def test_newcombe_example_of_the_paper() -> None:
    """56 of 70 against 48 of 80, method 10, two-sided 95 %: 0.0524 to 0.3339."""
    estimate, low, high = newcombe_difference(56, 70, 48, 80, confidence=0.975)
    assert estimate == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe_difference(0, 0, 1, 2) == (0.0, -1.0, 1.0)


@given(st.integers(0, 300), st.integers(1, 300))
def test_wilson_matches_scipy(k: int, n: int) -> None:
    k = min(k, n)
    expected = oracle.binomtest(k, n).proportion_ci(confidence_level=0.9, method="wilson")
    assert wilson(k, n, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert wilson(0, 0) == (0.0, 1.0)


def test_power_matches_simulation() -> None:
    n, margin, share = 500, 0.02, 0.06
    generator = np.random.default_rng(3)
    draws = generator.multinomial(n, [share / 2, share / 2, 1 - share], size=4000)
    within = [paired_difference(int(b), int(c), n)[2] <= margin for b, c, _ in draws]
    assert np.mean(within) == pytest.approx(noninferiority_power(n, margin, share), abs=0.03)


def test_needed_sources_reach_the_power_and_are_near_the_formula() -> None:
    n = noninferiority_n(0.02, 0.05, 0.06)
    assert noninferiority_power(n, 0.02, 0.06) >= 0.8
    assert 0.95 * 927 <= n <= 1.1 * 927
    assert noninferiority_n(0.02, 0.05, 0.03) < n < noninferiority_n(0.02, 0.05, 0.06, power=0.9)


def test_impossible_discordance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 0\.06"):
        noninferiority_n(0.02, 0.03, 0.2)
    with pytest.raises(ValueError, match="n must be"):
        noninferiority_power(0, 0.02, 0.1)
