"""When a failed call is repeated, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.transport import (
    Limiter,
    LimiterCore,
    RetryPolicy,
    TransportError,
    call_with_retry,
)

PASSING = TransportError("server", "x", retryable=True)


@given(st.integers(1, 12), st.text(max_size=8), st.integers(0, 99))
def test_waits_stay_under_the_ceiling_and_are_reproducible(
    attempt: int, key: str, seed: int
) -> None:
    policy = RetryPolicy(max_attempts=20, base_s=0.5, cap_s=30, deadline_s=1e9, seed=seed)
    wait = policy.delay(PASSING, attempt, key=key)
    assert wait is not None
    assert 0 <= wait <= min(30, 0.5 * 2 ** (attempt - 1))
    assert wait == policy.delay(PASSING, attempt, key=key)


def test_jitter_is_uniform_enough_and_differs_by_key() -> None:
    policy = RetryPolicy(base_s=1.0)
    waits = [policy.delay(PASSING, 1, key=str(i)) or 0.0 for i in range(2000)]
    mean = sum(waits) / len(waits)
    # Mean 1/2 and standard error 1/sqrt(12 * 2000) = 0.0065: five of them.
    assert abs(mean - 0.5) < 0.033
    assert len(set(waits)) == len(waits)


def test_what_the_endpoint_asks_for_is_the_least_wait() -> None:
    error = TransportError("rate_limit", "x", retryable=True, retry_after=7)
    wait = RetryPolicy().delay(error, 1)
    assert wait is not None
    assert 7 <= wait <= 7.5


@pytest.mark.parametrize(
    ("error", "attempt", "elapsed"),
    [
        (TransportError("application", "x"), 1, 0.0),
        (TransportError("auth", "x", retryable=True, fatal=True), 1, 0.0),
        (PASSING, 4, 0.0),
        (PASSING, 1, 300.1),
        (TransportError("rate_limit", "x", retryable=True, retry_after=301), 1, 0.0),
    ],
)
def test_when_to_give_up(error: TransportError, attempt: int, elapsed: float) -> None:
    assert RetryPolicy().delay(error, attempt, elapsed_s=elapsed) is None


class Flaky:
    """Fails with each error in turn, then answers; time passes only by sleeping."""

    def __init__(self, *errors: TransportError) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.slept: list[float] = []

    async def call(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "ok"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def clock(self) -> float:
        return sum(self.slept)


async def test_it_repeats_until_it_works_and_counts_the_attempts() -> None:
    flaky, attempts = Flaky(PASSING, PASSING), list[int]()
    answer = await call_with_retry(
        flaky.call,
        policy=RetryPolicy(),
        on_attempt=attempts.append,
        sleep=flaky.sleep,
        clock=flaky.clock,
    )
    assert (answer, flaky.calls, attempts, len(flaky.slept)) == ("ok", 3, [1, 2, 3], 2)


async def test_it_raises_the_last_error() -> None:
    last = TransportError("timeout", "last", retryable=True)
    flaky = Flaky(PASSING, PASSING, PASSING, last)
    with pytest.raises(TransportError, match="last"):
        await call_with_retry(flaky.call, policy=RetryPolicy(), sleep=flaky.sleep)
    assert flaky.calls == 4


async def test_it_does_not_repeat_what_cannot_work() -> None:
    flaky = Flaky(TransportError("auth", "no", fatal=True))
    with pytest.raises(TransportError, match="no"):
        await call_with_retry(flaky.call, policy=RetryPolicy(), sleep=flaky.sleep)
    assert flaky.calls == 1


async def test_each_attempt_takes_a_place_and_waiting_takes_none() -> None:
    limiter = Limiter(LimiterCore(start=8, maximum=8))
    flaky = Flaky(TransportError("rate_limit", "x", retryable=True, retry_after=0.0))
    held: list[int] = []

    async def sleep(seconds: float) -> None:
        held.append(limiter.core.in_flight)

    await call_with_retry(flaky.call, policy=RetryPolicy(), limiter=limiter, sleep=sleep)
    assert held == [0]
    assert limiter.core.in_flight == 0
    assert limiter.core.limit == 4
