"""The hard budget."""

from __future__ import annotations

import asyncio

import pytest

from railwright.evaluate import Budget, BudgetExhaustedError, BudgetMeter, Spent
from railwright.targets import Price, Usage


async def test_calls_in_flight_count_against_the_limit() -> None:
    meter = BudgetMeter(Budget(calls=2))
    first = await meter.reserve(10)
    await meter.reserve(10)
    third = asyncio.ensure_future(meter.reserve(10))
    await asyncio.sleep(0)
    assert not third.done()  # waits: a call in flight might still be given back
    meter.give_back(first)
    await third
    assert meter.spent.calls == 0


async def test_a_limit_that_is_used_up_says_which() -> None:
    meter = BudgetMeter(Budget(calls=1))
    meter.settle(await meter.reserve(10), Usage(3, 4))
    with pytest.raises(BudgetExhaustedError, match="1 calls"):
        await meter.reserve(10)


async def test_waiting_ends_when_the_calls_in_flight_use_up_the_rest() -> None:
    meter = BudgetMeter(Budget(calls=1))
    held = await meter.reserve(10)
    waiting = asyncio.ensure_future(meter.reserve(10))
    await asyncio.sleep(0)
    meter.settle(held, None)
    with pytest.raises(BudgetExhaustedError):
        await waiting


async def test_tokens_are_reserved_at_their_bound_and_settled_as_reported() -> None:
    meter = BudgetMeter(Budget(tokens=1000, max_output_tokens=100))
    held = await meter.reserve(400)  # at most 400 + 100
    assert meter.settle(held, Usage(90, 10)) == Spent(1, 90, 10, 0.0)
    await meter.reserve(400)
    waits = asyncio.ensure_future(meter.reserve(400))  # 100 + 500 + 500 would be too many
    await asyncio.sleep(0)
    assert not waits.done()
    waits.cancel()


async def test_unreported_tokens_are_taken_as_a_third_of_the_bytes() -> None:
    meter = BudgetMeter(Budget(tokens=10_000))
    held = await meter.reserve(300)
    assert meter.settle(held, Usage(), sent=300, received=31) == Spent(1, 100, 11, 0.0)


async def test_money_is_bounded_before_the_call() -> None:
    price = Price(input_per_mtok=1.0, output_per_mtok=10.0, currency="EUR")
    meter = BudgetMeter(Budget(money=0.01, price=price, max_output_tokens=400))
    held = await meter.reserve(1000)  # 0.001 + 0.004
    spent = meter.settle(held, Usage(1000, 400))
    assert spent.cost == pytest.approx(0.005)
    meter.settle(await meter.reserve(1000), Usage(1000, 400))
    with pytest.raises(BudgetExhaustedError, match="EUR"):
        await meter.reserve(1000)


async def test_what_earlier_parts_spent_counts() -> None:
    meter = BudgetMeter(Budget(calls=5), Spent(calls=5))
    with pytest.raises(BudgetExhaustedError):
        await meter.reserve(1)


async def test_the_deadline_is_by_the_clock() -> None:
    now = 100.0
    meter = BudgetMeter(Budget(minutes=1), clock=lambda: now)
    await meter.reserve(1)
    now = 160.0
    with pytest.raises(BudgetExhaustedError, match="1 minutes"):
        await meter.reserve(1)


def test_money_without_a_price_is_refused() -> None:
    with pytest.raises(ValueError, match="price"):
        Budget(money=1.0)


def test_negative_budgets_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Budget(calls=-1)
