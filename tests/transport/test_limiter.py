"""Adaptive concurrency: the rules with a clock of our own, then on the event loop."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from railwright.transport import Limiter, LimiterCore, Ticket, TransportError


def fill(core: LimiterCore, now: float = 0.0) -> list[Ticket]:
    tickets = []
    while core.may_start(now):
        tickets.append(core.start(now))
    return tickets


def test_it_doubles_each_round_until_the_first_overload() -> None:
    core = LimiterCore(start=4, maximum=100)
    held = fill(core)
    for _ in range(4):
        core.finish(held.pop(0), 0.0, "ok")
        held += fill(core)
    assert core.limit == 8
    core.finish(held.pop(0), 0.0, "overload")
    assert core.limit == 4


def test_growth_after_an_overload_is_one_a_round() -> None:
    core = LimiterCore(start=16, maximum=100)
    core.finish(core.start(0.0), 0.0, "overload")
    assert core.limit == 8
    held = fill(core)
    for _ in range(40):
        core.finish(held.pop(0), 0.0, "ok")
        held += fill(core)
    # 8 + 9 + 10 + 11 successes take it from 8 to 12; forty take it to 12 and not to 13.
    assert core.limit == 12


def test_all_calls_of_one_window_halve_the_limit_once() -> None:
    core = LimiterCore(start=16, maximum=16)
    window = fill(core)
    for ticket in window:
        core.finish(ticket, 1.0, "overload")
    assert core.limit == 8
    core.finish(core.start(1.0), 2.0, "overload")
    assert core.limit == 4


def test_other_errors_leave_the_limit_alone() -> None:
    core = LimiterCore(start=4, maximum=8)
    core.finish(core.start(0.0), 1.0, "error")
    assert core.limit == 4


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    core = LimiterCore(start=4, maximum=64)
    for turn in range(50):
        core.finish(core.start(turn), turn + 0.1, "ok")
    assert core.limit == 4


def test_nobody_calls_before_retry_after_is_over() -> None:
    core = LimiterCore(start=4, maximum=8)
    core.finish(core.start(0.0), 1.0, "overload", 5.0)
    core.finish(core.start(1.0), 1.0, "error", 2.0)  # A shorter wish does not shorten the pause.
    assert core.pause_s(1.0) == 5.0
    assert not core.may_start(5.999)
    assert core.may_start(6.0)


def served_one_at_a_time(rounds: int, service_s: float) -> LimiterCore:
    """A server with one worker: a call waits for all that came before it."""
    core, now, free_at = LimiterCore(start=2, maximum=64), 0.0, 0.0
    queue: list[tuple[float, Ticket]] = []
    for _ in range(rounds):
        while core.may_start(now):
            free_at = max(free_at, now) + service_s
            queue.append((free_at, core.start(now)))
        done, ticket = queue.pop(0)
        now = done
        core.finish(ticket, now, "ok")
    return core


def test_it_stops_growing_where_calls_only_wait_in_line() -> None:
    settled = served_one_at_a_time(200, 1.0).limit
    # The average latency lags behind, so growth overshoots a little; then it stays.
    assert settled <= 10
    assert served_one_at_a_time(4000, 1.0).limit == settled


def test_it_grows_to_the_bound_where_latency_stays_the_same() -> None:
    core = LimiterCore(start=2, maximum=64)
    held = fill(core)
    for _ in range(62):
        ticket = held.pop(0)
        core.finish(ticket, ticket.started + 1.0, "ok")
        held += fill(core, ticket.started + 1.0)
    assert core.limit == 64


@pytest.mark.parametrize("bad", [(0, 4, 1), (5, 4, 1), (2, 4, 0), (1, 4, 2)])
def test_impossible_bounds_are_refused(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="need 1 <= minimum"):
        LimiterCore(start=bad[0], maximum=bad[1], minimum=bad[2])


class LimiterMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, the promises of the core hold."""

    @initialize(start=st.integers(1, 8), room=st.integers(0, 24))
    def begin(self, start: int, room: int) -> None:
        self.core = LimiterCore(start=start, maximum=start + room)
        self.maximum = start + room
        self.now = 0.0
        self.blocked_until = 0.0
        self.held: list[Ticket] = []

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.core.may_start(self.now))
    @rule()
    def start(self) -> None:
        assert self.now >= self.blocked_until
        self.held.append(self.core.start(self.now))
        assert self.core.in_flight <= self.core.limit

    @precondition(lambda self: self.held)
    @rule(
        place=st.integers(0),
        outcome=st.sampled_from(["ok", "overload", "error"]),
        wait=st.none() | st.floats(0, 5),
    )
    def finish(self, place: int, outcome: str, wait: float | None) -> None:
        ticket = self.held.pop(place % len(self.held))
        before = self.core.limit
        self.core.finish(ticket, self.now, outcome, wait)  # type: ignore[arg-type]
        if wait is not None:
            self.blocked_until = max(self.blocked_until, self.now + wait)
        assert before // 2 <= self.core.limit <= before + 1
        if outcome != "ok":
            assert self.core.limit <= before

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "core"):
            assert 1 <= self.core.limit <= self.maximum
            assert self.core.in_flight == len(self.held)
            assert self.core.pause_s(self.now) == pytest.approx(
                max(0.0, self.blocked_until - self.now)
            )

    @invariant()
    def never_stuck(self) -> None:
        if hasattr(self, "core") and not self.held:
            assert self.core.may_start(max(self.now, self.blocked_until))


TestLimiterMachine = LimiterMachine.TestCase
TestLimiterMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_calls_at_once_never_exceed_the_limit_and_all_run() -> None:
    limiter = Limiter(LimiterCore(start=3, maximum=3))
    running = peak = done = 0

    async def call() -> None:
        nonlocal running, peak, done
        async with limiter.slot():
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0)
            running -= 1
            done += 1

    await asyncio.gather(*(call() for _ in range(50)))
    assert (peak, done, limiter.core.in_flight) == (3, 50, 0)


async def test_a_pause_holds_everyone_back_and_then_lets_them_go() -> None:
    limiter = Limiter(LimiterCore(start=4, maximum=4))
    started: list[float] = []
    loop = asyncio.get_running_loop()

    async def call() -> None:
        async with limiter.slot():
            started.append(loop.time())

    ticket = await limiter.acquire()
    begun = loop.time()
    limiter.release(ticket, "overload", 0.05)
    await asyncio.gather(*(call() for _ in range(6)))
    assert len(started) == 6
    assert min(started) >= begun + 0.05 - 0.005


async def test_a_pause_that_is_too_long_is_a_fatal_error_for_those_who_wait_too() -> None:
    limiter = Limiter(LimiterCore(start=1, maximum=1), max_pause_s=60)
    ticket = await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    limiter.release(ticket, "overload", 3600)
    with pytest.raises(TransportError, match="3600 s") as caught:
        await waiting
    assert caught.value.fatal
    with pytest.raises(TransportError, match="start it again later"):
        await limiter.acquire()


async def test_a_cancelled_waiter_passes_its_turn_on() -> None:
    limiter = Limiter(LimiterCore(start=1, maximum=1))
    ticket = await limiter.acquire()
    first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    limiter.release(ticket, "error")  # Wakes the first, which is cancelled before it runs.
    first.cancel()
    assert (await asyncio.wait_for(second, 5)).number == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_call_that_is_cancelled_gives_its_place_back() -> None:
    limiter = Limiter(LimiterCore(start=1, maximum=1))

    async def hang() -> None:
        async with limiter.slot():
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert limiter.core.in_flight == 0


async def test_the_outcome_is_read_off_the_error() -> None:
    limiter = Limiter(LimiterCore(start=8, maximum=8))
    with pytest.raises(TransportError):
        async with limiter.slot():
            raise TransportError("rate_limit", "slow down", retryable=True, retry_after=0.0)
    assert limiter.core.limit == 4
