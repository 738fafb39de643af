"""Adaptive concurrency: as many calls at once as the endpoint bears, and never before it allows.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with the start of TCP: the limit
doubles each round until the first sign of overload, then grows by one each round. It stops growing
while latency is above ``tolerance`` times the best seen, for then more calls only wait in line.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal

import msgspec

from railwright.transport._errors import TransportError

Outcome = Literal["ok", "overload", "error"]

_SMOOTHING: Final = 0.1
_LATENCY_SLACK_S: Final = 0.02


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """The right to make one call; handed back with its outcome."""

    number: int
    started: float


class LimiterCore:
    """The rules alone: no clock, no event loop; ``now`` is any number of seconds that never falls.

    Args:
        start: calls at once to begin with.
        maximum: calls at once never exceeded.
        minimum: calls at once that always stay allowed.
        tolerance: growth stops while smoothed latency is above this multiple of the best.
    """

    def __init__(
        self, start: int = 4, maximum: int = 64, minimum: int = 1, tolerance: float = 2.0
    ) -> None:
        if not 1 <= minimum <= start <= maximum:
            raise ValueError(f"need 1 <= minimum <= start <= maximum, got {minimum}, {start}")
        self._limit = float(start)
        self._maximum = maximum
        self._minimum = minimum
        self._tolerance = tolerance
        self._in_flight = 0
        self._issued = 0
        self._last_cut = -1
        self._overloaded = False
        self._not_before = float("-inf")
        self._latency: float | None = None
        self._best = float("inf")

    @property
    def limit(self) -> int:
        """Calls that may be under way at once."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """Calls that are under way."""
        return self._in_flight

    def pause_s(self, now: float) -> float:
        """Seconds until any call may start; 0 when the endpoint asked for no pause."""
        return max(0.0, self._not_before - now)

    def may_start(self, now: float) -> bool:
        """Whether one more call may start now."""
        return self._in_flight < self.limit and now >= self._not_before

    def start(self, now: float) -> Ticket:
        """Start a call; only after ``may_start``."""
        self._in_flight += 1
        self._issued += 1
        return Ticket(self._issued, now)

    def finish(
        self, ticket: Ticket, now: float, outcome: Outcome, retry_after: float | None = None
    ) -> None:
        """Take a ticket back and learn from how the call went.

        An overload halves the limit once for all calls that were under way when it was noticed:
        those that started before the last cut say nothing new. ``retry_after`` stops every call.
        """
        self._in_flight -= 1
        if retry_after is not None:
            self._not_before = max(self._not_before, now + retry_after)
        if outcome == "overload":
            if ticket.number > self._last_cut:
                self._last_cut = self._issued
                self._overloaded = True
                self._limit = max(float(self._minimum), self._limit / 2)
        elif outcome == "ok":
            self._note_latency(now - ticket.started)
            # A limit that is not used has not been tested, so it does not grow.
            if self._in_flight + 1 >= self.limit and not self._queueing():
                step = 1 / self._limit if self._overloaded else 1.0
                self._limit = min(float(self._maximum), self._limit + step)

    def cancel(self) -> None:
        """Take back a ticket whose call was given up; nothing is learnt."""
        self._in_flight -= 1

    def _note_latency(self, seconds: float) -> None:
        if self._latency is None:
            self._latency = seconds
        else:
            self._latency += _SMOOTHING * (seconds - self._latency)
        self._best = min(self._best, self._latency)

    def _queueing(self) -> bool:
        latency = self._latency or 0.0
        return latency > self._tolerance * self._best + _LATENCY_SLACK_S


class Limiter:
    """``LimiterCore`` on the event loop.

    ``max_pause_s`` is the longest Retry-After that is waited out; a longer one ends in a fatal
    error, because a run that stands still for hours without a word helps nobody.
    """

    def __init__(
        self,
        core: LimiterCore,
        *,
        max_pause_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.core = core
        self._max_pause_s = max_pause_s
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self) -> Ticket:
        """Wait for a place.

        Raises:
            TransportError: ``rate_limit`` and fatal when the endpoint asks to wait longer than
                ``max_pause_s``.
        """
        while True:
            now = self._clock()
            if self.core.may_start(now):
                return self.core.start(now)
            pause = self.core.pause_s(now)
            if pause > self._max_pause_s:
                message = (
                    f"the endpoint asks to wait {pause:.0f} s, more than the {self._max_pause_s:g} "
                    "s that a run waits; start it again later"
                )
                raise TransportError("rate_limit", message, fatal=True, retry_after=pause)
            await self._wait(pause)

    def release(self, ticket: Ticket, outcome: Outcome, retry_after: float | None = None) -> None:
        """Give a place back and say how the call went."""
        self.core.finish(ticket, self._clock(), outcome, retry_after)
        self._wake()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Ticket]:
        """Hold a place; the outcome is read off the ``TransportError`` that leaves the block."""
        ticket = await self.acquire()
        try:
            yield ticket
        except TransportError as error:
            self.release(ticket, outcome_of(error), error.retry_after)
            raise
        except BaseException:
            self.core.cancel()
            self._wake()
            raise
        else:
            self.release(ticket, "ok")

    async def _wait(self, pause: float) -> None:
        loop = asyncio.get_running_loop()
        if pause > 0 and self._timer is None:
            self._timer = loop.call_later(pause, self._pause_over)
        future = loop.create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            # A wake-up that was meant for this caller belongs to the next one.
            if future.done() and not future.cancelled():
                self._wake()
            raise

    def _pause_over(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        now = self._clock()
        pause = self.core.pause_s(now)
        free = self.core.limit - self.core.in_flight
        if pause > self._max_pause_s:
            free = len(self._waiting)  # All of them, to learn that there is nothing to wait for.
        elif pause > 0:
            if self._waiting and self._timer is None:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(pause, self._pause_over)
            return
        while self._waiting and free > 0:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                free -= 1


def outcome_of(error: TransportError) -> Outcome:
    """How a failed call counts for the limit."""
    return "overload" if error.overload else "error"
