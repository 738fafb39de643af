"""The hard budget: every call reserves what it may cost before it is made."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec

from railwright.evaluate._records import Budget, Spent
from railwright.targets import Price, Request, Response, Target, TargetError, Usage

# A token of the usual byte-level vocabularies stands for at least one byte; on text it stands for
# about four. Three errs on the dear side where the endpoint reports nothing.
BYTES_PER_TOKEN = 3
_USUAL_OUTPUT = 1024


class BudgetExhaustedError(Exception):
    """What remains does not cover another call."""


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """What one call may cost at most."""

    input_tokens: int
    output_tokens: int
    money: float


class BudgetMeter:
    """Counts what is spent and what calls in flight may still cost.

    Several users (the target, a judge) may share one meter. Not for use from other threads.

    Args:
        budget: the limits.
        spent: what earlier parts of the run spent; it counts against calls, tokens and money.
        clock: seconds that never fall.
    """

    def __init__(
        self,
        budget: Budget,
        spent: Spent = Spent(),  # noqa: B008  (frozen)
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = budget
        self._calls, self._cost = spent.calls, spent.cost
        self._input, self._output = spent.input_tokens, spent.output_tokens
        self._held_calls = 0
        self._held_tokens = 0
        self._held_money = 0.0
        self._most_output = 0
        self._clock = clock
        self._deadline = math.inf
        if budget.minutes is not None:
            self._deadline = clock() + budget.minutes * 60
        self._freed: asyncio.Event | None = None

    @property
    def spent(self) -> Spent:
        """What was spent, earlier parts included."""
        return Spent(self._calls, self._input, self._output, self._cost)

    @property
    def seconds_left(self) -> float:
        """Wall clock until the deadline; infinite without one."""
        return self._deadline - self._clock()

    async def reserve(self, wire_bytes: int) -> Reservation:
        """Reserve one call, waiting for calls in flight to give back what they did not need.

        Args:
            wire_bytes: length of what is sent, from which its tokens are bounded.

        Raises:
            BudgetExhaustedError: it does not fit with nothing else in flight; says why.
        """
        want = self._bound(wire_bytes)
        while short := self._short(want):
            if self._held_calls == 0 or self.seconds_left <= 0:
                raise BudgetExhaustedError(short)
            if self._freed is None:
                self._freed = asyncio.Event()
            await self._freed.wait()
        self._held_calls += 1
        self._held_tokens += want.input_tokens + want.output_tokens
        self._held_money += want.money
        return want

    def settle(
        self, held: Reservation, usage: Usage | None, *, sent: int = 0, received: int = 0
    ) -> Spent:
        """Give a reservation back and count what the call did cost.

        Args:
            held: from ``reserve``.
            usage: as reported; None for a call without a reply that costs nothing but its count.
            sent: bytes of the request, for endpoints that report nothing.
            received: bytes of the answer, likewise.
        """
        self.give_back(held)
        tokens_in = tokens_out = 0
        if usage is not None:
            tokens_in = known_tokens(usage.input_tokens, sent)
            tokens_out = known_tokens(usage.output_tokens, received)
        cost = _cost(self.budget.price, tokens_in, tokens_out)
        self._calls += 1
        self._input += tokens_in
        self._output += tokens_out
        self._cost += cost
        self._most_output = max(self._most_output, tokens_out)
        return Spent(1, tokens_in, tokens_out, cost)

    def give_back(self, held: Reservation) -> None:
        """Give a reservation back for a call that was never sent."""
        self._held_calls -= 1
        self._held_tokens -= held.input_tokens + held.output_tokens
        self._held_money -= held.money
        if self._freed is not None:
            self._freed.set()
            self._freed = None

    def _bound(self, wire_bytes: int) -> Reservation:
        budget = self.budget
        if budget.tokens is None and budget.money is None:
            return Reservation(0, 0, 0.0)
        output = budget.max_output_tokens or max(_USUAL_OUTPUT, 2 * self._most_output)
        return Reservation(wire_bytes, output, _cost(budget.price, wire_bytes, output))

    def _short(self, want: Reservation) -> str:
        """Which limit does not allow one more call; empty if all do."""
        budget, held = self.budget, self._held_calls
        if self.seconds_left <= 0:
            return f"the time budget of {budget.minutes:g} minutes is used up"
        if budget.calls is not None and self._calls + held + 1 > budget.calls:
            return f"the budget of {budget.calls} calls is used up"
        tokens = self._input + self._output
        more = want.input_tokens + want.output_tokens
        if budget.tokens is not None and tokens + self._held_tokens + more > budget.tokens:
            return (
                f"the budget of {budget.tokens} tokens does not cover another call "
                f"({tokens} used, a call may take {more})"
            )
        if budget.money is not None and self._cost + self._held_money + want.money > budget.money:
            currency = budget.price.currency if budget.price else ""
            return (
                f"the budget of {budget.money:g} {currency} does not cover another call "
                f"({self._cost:.4g} used, a call may take {want.money:.4g})"
            )
        return ""


class MeteredTarget:
    """A target, such as a judge, whose calls count against the budget of a run.

    A call that the budget does not cover raises a fatal ``TargetError``.
    """

    def __init__(self, target: Target, meter: BudgetMeter) -> None:
        self._target, self._meter = target, meter

    @property
    def identity(self) -> dict[str, Any]:
        """The target's own."""
        return self._target.identity

    def wire(self, request: Request) -> bytes:
        """The target's own."""
        return self._target.wire(request)

    async def call(self, request: Request) -> Response:
        """Reserve, call, and count what it cost."""
        sent = len(self._target.wire(request))
        try:
            held = await self._meter.reserve(sent)
        except BudgetExhaustedError as error:
            raise TargetError("budget", str(error), fatal=True) from error
        try:
            response = await self._target.call(request)
        except BaseException:
            self._meter.settle(held, None)
            raise
        self._meter.settle(held, response.usage, sent=sent, received=len(response.text.encode()))
        return response

    async def close(self) -> None:
        """Close the target."""
        await self._target.close()


def known_tokens(tokens: int | None, size: int) -> int:
    """Tokens as reported, or else a third of the bytes, which errs on the dear side."""
    return math.ceil(size / BYTES_PER_TOKEN) if tokens is None else tokens


def _cost(price: Price | None, tokens_in: int, tokens_out: int) -> float:
    if price is None:
        return 0.0
    return (tokens_in * price.input_per_mtok + tokens_out * price.output_per_mtok) / 1e6
