"""Special functions of the exact bounds, in pure Python.

Binomial terms follow Loader (2000), "Fast and accurate computation of binomial probabilities": the
saddle-point form keeps full precision where differences of `math.lgamma` lose it. The incomplete
beta function is the continued fraction of DLMF 8.17.22, evaluated by the modified Lentz method.
"""

from __future__ import annotations

import math

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_TINY = 1e-300
_MAX_TERMS = 100_000


def _stirling_error(x: float) -> float:
    """log(x!) less Stirling's approximation of it, for real x > 0."""
    if x < 16.0:
        return math.lgamma(x + 1.0) - (x + 0.5) * math.log(x) + x - _HALF_LOG_2PI
    y = x * x
    series = 1 / 1188 / y
    for term in (1 / 1680, 1 / 1260, 1 / 360):
        series = (term - series) / y
    return (1 / 12 - series) / x


def _deviance(x: float, mean: float) -> float:
    """x·log(x/mean) + mean - x without cancellation near x = mean (Loader's bd0)."""
    gap = x - mean
    if abs(gap) >= 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    v = gap / (x + mean)
    total = gap * v
    term = 2.0 * x * v
    for j in range(1, 1000):
        term *= v * v
        following = total + term / (2 * j + 1)
        if following == total:
            break
        total = following
    return total


def _log_raw_binomial(a: float, b: float, p: float, q: float) -> float:
    """Log of Γ(a+b+1)/(Γ(a+1)Γ(b+1))·p^a·q^b for real a, b > 0."""
    n = a + b
    correction = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    exponent = correction - _deviance(a, n * p) - _deviance(b, n * q)
    return exponent + 0.5 * math.log(n / (2.0 * math.pi * a * b))


def binomial_pmf(k: int, n: int, p: float) -> float:
    """P(X = k) for X ~ Binomial(n, p); 0 outside 0..n."""
    if k < 0 or k > n:
        return 0.0
    if p <= 0.0 or p >= 1.0:
        return 1.0 if k == (0 if p <= 0.0 else n) else 0.0
    if k == 0:
        return math.exp(n * math.log1p(-p))
    if k == n:
        return math.exp(n * math.log(p))
    return math.exp(_log_raw_binomial(k, n - k, p, 1.0 - p))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p)."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    if k == 0:
        return math.exp(n * math.log1p(-p))
    return 1.0 - betainc(k + 1.0, n - k, p) if p < (k + 1) / (n + 1) else _upper(k + 1.0, n - k, p)


def binomial_sf(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p); note that k itself is included."""
    if k <= 0:
        return 1.0
    if k > n or p <= 0.0:
        return 0.0
    return betainc(float(k), n - k + 1.0, p)


def _lentz(a: float, b: float, x: float) -> float:
    """Continued fraction of I_x(a, b) by the modified Lentz method; quick for x < (a+1)/(a+b+2)."""
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    h = d
    for m in range(1, _MAX_TERMS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            step = c * d
            h *= step
        if abs(step - 1.0) < 1e-16:
            return h
    raise ArithmeticError(f"incomplete beta did not converge for a={a}, b={b}, x={x}")


def _direct(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b) by its own continued fraction, with y = 1 - x."""
    front = math.exp(_log_raw_binomial(a, b, x, y)) * b / (a + b)
    return front * _lentz(a, b, x)


def betainc(a: float, b: float, x: float) -> float:
    """Regularized incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1."""
    if not (a > 0 and b > 0 and 0.0 <= x <= 1.0):
        raise ValueError(f"betainc needs a > 0, b > 0 and 0 <= x <= 1, got a={a}, b={b}, x={x}")
    if x in (0.0, 1.0):
        return x
    if x < (a + 1.0) / (a + b + 2.0):
        return _direct(a, b, x, 1.0 - x)
    return 1.0 - _direct(b, a, 1.0 - x, x)


def _upper(a: float, b: float, x: float) -> float:
    """1 - I_x(a, b) without cancellation where it is small."""
    if x < (a + 1.0) / (a + b + 2.0):
        return 1.0 - _direct(a, b, x, 1.0 - x)
    return _direct(b, a, 1.0 - x, x)


def betaincinv(a: float, b: float, probability: float) -> float:
    """The x with I_x(a, b) = probability: Newton steps kept inside a shrinking bracket."""
    if not (a > 0 and b > 0 and 0.0 <= probability <= 1.0):
        raise ValueError(f"betaincinv needs a, b > 0 and 0 <= probability <= 1, got {probability}")
    if probability in (0.0, 1.0):
        return probability
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(400):
        excess = betainc(a, b, x) - probability
        if excess == 0.0:
            return x
        low, high = (low, x) if excess > 0 else (x, high)
        following = _newton(a, b, x, excess)
        if not low < following < high:
            # A geometric step reaches a root near 0 in few rounds, an arithmetic one near 1.
            following = math.sqrt(low * high) if low > 0 and high < 0.5 else 0.5 * (low + high)
            if low == 0.0:
                following = high * 0.01 if high < 0.1 else 0.5 * high
        if abs(following - x) <= 1e-16 * following or not low < following < high:
            return following if low <= following <= high else x
        x = following
    return x


def _newton(a: float, b: float, x: float, excess: float) -> float:
    log_density = _log_raw_binomial(a, b, x, 1.0 - x)
    log_density += math.log(a * b / (a + b)) - math.log(x) - math.log1p(-x)
    if log_density < -700.0:
        return -1.0
    return x - excess * math.exp(-log_density)


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution, 0 < probability < 1."""
    from statistics import NormalDist  # costs more to import than this whole room

    return NormalDist().inv_cdf(probability)


def normal_cdf(x: float) -> float:
    """P(Z <= x) for a standard normal Z, accurate in both tails."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def student_t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t with df > 0 degrees of freedom, through the beta distribution."""
    if not (0.0 < probability < 1.0 and df > 0):
        raise ValueError(f"need 0 < probability < 1 and df > 0, got {probability}, {df}")
    tail = min(probability, 1.0 - probability)
    if tail == 0.5:
        return 0.0
    # With x = t²/(df + t²): P(|T| <= t) = I_x(1/2, df/2). Solved from the side that keeps digits.
    if tail < 0.25:
        y = betaincinv(0.5 * df, 0.5, 2.0 * tail)
        t = math.sqrt(df * (1.0 - y) / y)
    else:
        x = betaincinv(0.5, 0.5 * df, 1.0 - 2.0 * tail)
        t = math.sqrt(df * x / (1.0 - x))
    return t if probability > 0.5 else -t
