"""One question put to the target: place, budget, time-out, repetition."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from railwright.evaluate._budget import BudgetExhaustedError, BudgetMeter
from railwright.evaluate._records import Limits, Reason, Spent
from railwright.evaluate._store import add_spent
from railwright.targets import Request, Response, Target, TargetError, Usage
from railwright.transport import (
    Limiter,
    LimiterCore,
    RetryPolicy,
    Ticket,
    TransportError,
    outcome_of,
)

_START = 4
_PATIENCE_S = 3600.0  # how long one sample may wait in line for a rate limit to lift
_DEAD_AT_FIRST = 5  # connections refused in a row, before the first answer, that mean "down"
_DEAD_LATER = 10
_NO_SPENT = Spent()


class Halt(Exception):  # noqa: N818 (a signal, not an error)
    """The run must end: nothing wrong with this sample alone."""

    def __init__(self, reason: Reason, message: str, error_kind: str = "") -> None:
        super().__init__(message)
        self.reason, self.error_kind = reason, error_kind


class Dropped(Exception):  # noqa: N818
    """The run is ending and this sample is left for the next part of it."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came of a question: a response, or the error that the last attempt ended in.

    ``at`` is when a cached response was given, in seconds since 1970; 0 for one given now.
    """

    response: Response | None
    error: TransportError | None
    calls: int
    spent: Spent
    at: float = 0.0


class Watchdog:
    """Cancels calls that take too long, from one timer for all of them.

    A timer a call, as ``asyncio.timeout`` sets, would cost more than a quick call itself. A call
    is ended at most a quarter of the limit, or a second, late.

    Args:
        limit_s: seconds that a call may take.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit = limit_s
        self._period = min(1.0, limit_s / 4)
        self._since: dict[asyncio.Task[Any], float] = {}
        self._bitten: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self) -> asyncio.Task[Any]:
        """Begin to watch a call of the current task."""
        task = asyncio.current_task()
        assert task is not None
        self._since[task] = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._period, self._look)
        return task

    def leave(self, task: asyncio.Task[Any]) -> None:
        """End watching a call."""
        self._since.pop(task, None)
        self._bitten.discard(task)

    def bit(self, task: asyncio.Task[Any]) -> bool:
        """Whether a cancellation that arrived is this watchdog's and nobody else's."""
        return task in self._bitten and task.uncancel() == 0

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._period, self._look)
        late = time.monotonic() - self._limit
        for task, since in self._since.items():
            if since < late and task not in self._bitten:
                self._bitten.add(task)
                task.cancel()


class Caller:
    """Puts questions to one target within the limits and the budget of a run.

    Args:
        target: the system.
        limits: see ``Limits``.
        meter: the budget.
        stopping: set when the run is ending; pauses between attempts end then.
        seed: of the jitter.
    """

    def __init__(
        self,
        target: Target,
        limits: Limits,
        meter: BudgetMeter,
        stopping: asyncio.Event,
        seed: int = 0,
    ) -> None:
        self._target, self._limits, self._meter = target, limits, meter
        self._stopping = stopping
        most = max(1, limits.concurrency)
        first = min(_START, most) if limits.adaptive else most
        core = LimiterCore(start=first, maximum=most, minimum=1 if limits.adaptive else most)
        self.limiter = Limiter(core)
        base, cap = limits.backoff_s, limits.backoff_max_s
        self._usual = RetryPolicy(1 + limits.retries, base, cap, _PATIENCE_S, seed)
        self._waiting = RetryPolicy(1 + limits.rate_limit_retries, base, cap, _PATIENCE_S, seed)
        self._watchdog = Watchdog(limits.timeout_s)
        self._answered = False
        self._refused = 0

    def close(self) -> None:
        """Stop watching calls."""
        self._watchdog.close()

    async def place(self) -> Ticket:
        """Wait for a place to call from.

        Raises:
            Halt: the endpoint asks for a longer pause than a run waits.
        """
        try:
            return await self.limiter.acquire()
        except TransportError as error:
            raise Halt("fatal", str(error), error.kind) from error

    async def ask(self, request: Request, wire: bytes, name: str, ticket: Ticket) -> Answer:
        """Put a question, repeating it as the limits say; takes the ticket over.

        Args:
            request: the question.
            wire: its bytes, whose number bounds its tokens.
            name: of the sample, for the jitter.
            ticket: a place.

        Raises:
            Halt: the budget is used up or going on is pointless.
            Dropped: the run is ending.
        """
        began, spent = time.monotonic(), _NO_SPENT
        attempts = {True: 0, False: 0}
        while True:
            outcome, cost = await self._attempt(request, wire, ticket)
            spent = cost if spent is _NO_SPENT else add_spent(spent, cost)
            if isinstance(outcome, Response):
                self._answered, self._refused = True, 0
                return Answer(outcome, None, spent.calls, spent, outcome.at)
            crowded = outcome.kind == "rate_limit"
            attempts[crowded] += 1
            policy = self._waiting if crowded else self._usual
            elapsed = time.monotonic() - began
            wait = policy.delay(outcome, attempts[crowded], key=name, elapsed_s=elapsed)
            self._judge(outcome, last=wait is None)
            if wait is None:
                return Answer(None, outcome, spent.calls, spent)
            await self._pause(wait)
            ticket = await self.place()

    async def _attempt(
        self, request: Request, wire: bytes, ticket: Ticket
    ) -> tuple[Response | TransportError, Spent]:
        try:
            held = await self._meter.reserve(len(wire))
        except BaseException as error:
            self.limiter.release(ticket, "error")
            if isinstance(error, BudgetExhaustedError):
                raise Halt("budget", str(error)) from error
            raise
        try:
            response = await self._call(request)
        except TransportError as error:
            # What timed out may have been answered, and charged for, out of sight.
            usage = Usage(None, 0) if error.kind == "timeout" else None
            spent = self._meter.settle(held, usage, sent=len(wire))
            self.limiter.release(ticket, outcome_of(error), error.retry_after)
            return error, spent
        except BaseException:
            self._meter.settle(held, Usage(None, 0), sent=len(wire))
            self.limiter.release(ticket, "error")
            raise
        self.limiter.release(ticket, "ok")
        if not response.calls:
            self._meter.give_back(held)
            return response, _NO_SPENT
        received = len(response.text)
        return response, self._meter.settle(held, response.usage, sent=len(wire), received=received)

    async def _call(self, request: Request) -> Response:
        task = self._watchdog.enter()
        try:
            return await self._target.call(request)
        except TransportError:
            raise
        except asyncio.CancelledError as error:
            if not self._watchdog.bit(task):
                raise
            limit = self._limits.timeout_s
            raise TargetError(
                "timeout", f"the target gave no answer within {limit:g} s", retryable=True
            ) from error
        except Exception as error:
            # A target of someone else's that does not keep to the protocol.
            raise TargetError("application", f"{type(error).__name__}: {error}") from error
        finally:
            self._watchdog.leave(task)

    def _judge(self, error: TransportError, *, last: bool) -> None:
        """Raise ``Halt`` where repeating this or any other call is pointless."""
        if error.fatal:
            raise Halt("fatal", str(error), error.kind) from error
        if error.kind != "connect":
            self._answered, self._refused = True, 0
            return
        self._refused += 1
        patience = max(_DEAD_LATER, 3 * self._limits.concurrency)
        if self._answered:
            if self._refused >= patience:
                message = (
                    f"the endpoint stopped answering ({self._refused} times in a row): {error}"
                )
                raise Halt("fatal", message, "connect") from error
        elif last or self._refused >= _DEAD_AT_FIRST:
            raise Halt("fatal", str(error), "connect") from error

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Dropped
