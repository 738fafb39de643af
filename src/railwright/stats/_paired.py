"""Differences of two failure rates: paired by source, or from two separate samples."""

from __future__ import annotations

import math
from collections.abc import Callable

from railwright.stats._bounds import alpha_of, check_counts, check_rate, is_whole
from railwright.stats._special import binomial_pmf, binomial_sf, normal_quantile

_MOST_SOURCES = 10_000_000


def _check_discordant(b: int, c: int, n: int) -> None:
    if not all(is_whole(value) and value >= 0 for value in (b, c, n)) or b + c > n:
        raise ValueError(f"need whole numbers with 0 <= b + c <= n, got b={b}, c={c}, n={n}")


def _tango_score(b: int, c: int, n: int, difference: float) -> float:
    """Score statistic for a true difference, with the restricted estimate of Tango (1998)."""
    gap = b - c - n * difference
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1.0 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8.0 * n * constant))
    # The numerically stable one of the two forms of the positive root.
    q = (root - linear) / (4.0 * n) if linear <= 0 else -2.0 * constant / (root + linear)
    variance = n * (2.0 * q + difference * (1.0 - difference))
    if variance <= 0.0:
        return 0.0 if gap == 0.0 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def _root(falls_below: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(100):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if falls_below(middle):
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


def paired_difference(
    b: int, c: int, n: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Difference of failure rates, new less baseline, on the same n sources.

    The interval is the score interval of Tango (1998), Statistics in Medicine 17:891-908. It is
    not exact: its coverage is near the nominal one also with few discordant sources.

    Args:
        b: Sources that fail now and passed at the baseline.
        c: Sources that pass now and failed at the baseline.
        n: All sources present in both runs.
        confidence: Confidence of each end by itself.

    Returns:
        (difference, low, high), each within -1..1; (0, -1, 1) where n is 0.
    """
    _check_discordant(b, c, n)
    if n == 0:
        return 0.0, -1.0, 1.0
    z = normal_quantile(1.0 - alpha_of(confidence))
    estimate = (b - c) / n
    high = 1.0
    if b < n:
        high = _root(lambda d: _tango_score(b, c, n, d) < -z, estimate, 1.0)
    low = -1.0
    if c < n:
        low = -_root(lambda d: _tango_score(c, b, n, d) < -z, -estimate, 1.0)
    return estimate, low, high


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p-value that b and c discordant sources differ (McNemar, binomial form)."""
    _check_discordant(b, c, b + c)
    return min(1.0, 2.0 * binomial_sf(max(b, c), b + c, 0.5)) if b + c else 1.0


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval, each end one-sided; an ingredient, gates use the exact bounds."""
    check_counts(k, n)
    if n == 0:
        return 0.0, 1.0
    z = normal_quantile(1.0 - alpha_of(confidence))
    centre = (k + 0.5 * z * z) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(k * (n - k) / n + 0.25 * z * z)
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def newcombe_difference(
    k_new: int, n_new: int, k_base: int, n_base: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Difference of failure rates, new less baseline, of two separate samples.

    Hybrid score interval, method 10 of Newcombe (1998), Statistics in Medicine 17:873-890, each end
    one-sided. (0, -1, 1) where either sample is empty.
    """
    check_counts(k_new, n_new)
    check_counts(k_base, n_base)
    if n_new == 0 or n_base == 0:
        return 0.0, -1.0, 1.0
    new, base = k_new / n_new, k_base / n_base
    new_low, new_high = wilson(k_new, n_new, confidence)
    base_low, base_high = wilson(k_base, n_base, confidence)
    estimate = new - base
    return (
        estimate,
        estimate - math.hypot(new - new_low, base_high - base),
        estimate + math.hypot(new_high - new, base - base_low),
    )


def noninferiority_power(
    n: int, margin: float, discordance: float, confidence: float = 0.95
) -> float:
    """Probability that the paired upper bound stays within the margin if nothing changed.

    Summed over the exact distribution of the discordant counts, for n sources of which a share
    `discordance` disagrees between the runs, evenly in both directions.
    """
    check_rate("margin", margin)
    check_rate("discordance", discordance)
    if not is_whole(n) or n < 1:
        raise ValueError(f"n must be a whole number of at least 1, got {n!r}")
    z = normal_quantile(1.0 - alpha_of(confidence))
    spread = 9.0 * math.sqrt(n * discordance) + 10.0
    first = max(0, math.floor(n * discordance - spread))
    last = min(n, math.ceil(n * discordance + spread))
    total = []
    for d in range(first, last + 1):
        worst = _most_new_failures(d, n, margin, z)
        if worst >= 0:
            within = 1.0 - binomial_sf(worst + 1, d, 0.5)
            total.append(binomial_pmf(d, n, discordance) * within)
    return min(1.0, math.fsum(total))


def _most_new_failures(d: int, n: int, margin: float, z: float) -> int:
    """Largest b of d discordant sources at which the upper bound stays within the margin."""
    low, high = -1, d
    while low < high:
        b = (low + high + 1) // 2
        if _tango_score(b, d - b, n, margin) <= -z:
            low = b
        else:
            high = b - 1
    return low


def noninferiority_n(
    margin: float,
    base_rate: float,
    discordance: float | None = None,
    power: float = 0.8,
    confidence: float = 0.95,
) -> int:
    """Sources needed to show with `power` that a subject is not worse than its baseline.

    "Not worse" means that the paired upper bound of the difference is at most `margin` while the
    true difference is 0. Starts at n = (z_confidence + z_power)² · discordance / margin² (Nam 1997)
    and grows until the power, on exact probabilities, is reached.

    Args:
        margin: Largest acceptable rise of the failure rate.
        base_rate: Failure rate of the baseline.
        discordance: Share of sources on which the two runs disagree; if not known, that of
            independent runs, 2·base_rate·(1 - base_rate).
        power: Wanted probability of success.
        confidence: Confidence of the upper bound.

    Raises:
        ValueError: An argument is no rate, or two runs at `base_rate` cannot disagree so often.
    """
    check_rate("margin", margin)
    check_rate("base_rate", base_rate)
    check_rate("power", power)
    share = 2.0 * base_rate * (1.0 - base_rate) if discordance is None else discordance
    most = 2.0 * min(base_rate, 1.0 - base_rate)
    if not 0.0 < share <= most:
        raise ValueError(
            f"two runs that both fail {base_rate:g} of the sources can disagree on at most "
            f"{most:g} of them, got discordance {share:g}"
        )
    share = min(share, 1.0 - 1e-12)
    needed = normal_quantile(1.0 - alpha_of(confidence)) + normal_quantile(power)
    n = max(1, math.ceil(max(needed, 0.0) ** 2 * share / margin**2))
    while noninferiority_power(n, margin, share, confidence) < power:
        n = math.ceil(n * 1.01) + 1
        if n > _MOST_SOURCES:
            raise ValueError(f"more than {_MOST_SOURCES} sources would be needed")
    return n
