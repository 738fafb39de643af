"""How often and after how long a failed call is repeated."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from railwright.transport._errors import TransportError
from railwright.transport._limiter import Limiter

T = TypeVar("T")


class RetryPolicy(msgspec.Struct, frozen=True):
    """Exponential back-off with full jitter, within a number of attempts and a total time.

    The wait before attempt ``k + 1`` is uniform on [0, min(cap, base * 2^(k-1))] seconds ("full
    jitter", Brooker, AWS Architecture Blog 2015), or what the endpoint asked for plus that.
    The jitter depends on ``seed``, ``key`` and ``k`` only, never on the order of completion.
    """

    max_attempts: int = 4
    base_s: float = 0.5
    cap_s: float = 30.0
    deadline_s: float = 300.0
    seed: int = 0

    def delay(
        self, error: TransportError, attempt: int, *, key: str = "", elapsed_s: float = 0.0
    ) -> float | None:
        """Seconds to wait after failed attempt ``attempt`` (from 1), or None to give up."""
        if not error.retryable or error.fatal or attempt >= self.max_attempts:
            return None
        ceiling = min(self.cap_s, self.base_s * 2.0 ** (attempt - 1))
        # Not for secrets: a reproducible spread of waiting times.
        jitter = random.Random(f"{self.seed}|{key}|{attempt}").random()  # noqa: S311
        wait = ceiling * jitter + (error.retry_after or 0.0)
        return wait if elapsed_s + wait <= self.deadline_s else None


async def call_with_retry(
    call: Callable[[], Awaitable[T]],
    *,
    policy: RetryPolicy,
    limiter: Limiter | None = None,
    key: str = "",
    on_attempt: Callable[[int], None] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Make one call, repeating it as ``policy`` says; each attempt takes its own place.

    Args:
        call: makes one attempt; raises ``TransportError`` (or a subclass).
        policy: when to repeat.
        limiter: where each attempt waits for its place; None for no limit.
        key: what makes this call's jitter its own, for instance the case id.
        on_attempt: told the number of each attempt just before it starts.
        sleep: waits between attempts.
        clock: seconds that never fall.

    Raises:
        TransportError: of the last attempt.
    """
    began = clock()
    attempt = 0
    while True:
        attempt += 1
        try:
            if limiter is None:
                if on_attempt:
                    on_attempt(attempt)
                return await call()
            async with limiter.slot():
                if on_attempt:
                    on_attempt(attempt)
                return await call()
        except TransportError as error:
            wait = policy.delay(error, attempt, key=key, elapsed_s=clock() - began)
            if wait is None:
                raise
        await sleep(wait)
