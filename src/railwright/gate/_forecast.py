"""What a plan will cost: sources, calls, tokens, money and minutes, before anything is called."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from railwright.cases import Case
from railwright.gate._plan import CheckPlan, GatePlan, power_at
from railwright.stats import false_pass_probability
from railwright.stats import plan as needed_n

_BYTES_PER_TOKEN = 4
"""Rough: English text under common tokenisers; only for prices before the first call."""
_OUTPUT_TOKENS = 150
"""Assumed length of an answer where the target states no ``max_tokens``."""


class GateForecast(msgspec.Struct, frozen=True):
    """What one gate takes.

    Attributes:
        single_look: sources that a single look would need, by number of failures.
        earliest_pass: fewest sources with which the registered looks can pass; None if they
            cannot (too few sources).
        n_max: sources after which the plan ends.
        looks: number of looks; first and last stand beside.
        calls_max: calls of the whole plan; ``calls_expected`` by true failure rate.
        power: probability of (pass, fail, inconclusive) by true failure rate.
        false_pass: exact probability of passing at the threshold.
    """

    gate: str
    suite: str
    require: str
    sources: int
    single_look: dict[str, int]
    earliest_pass: int | None
    n_max: int
    looks: int
    first_look: int
    last_look: int
    calls_max: int
    calls_expected: dict[str, float]
    power: dict[str, tuple[float, float, float]]
    false_pass: float
    attempt: int
    attempts: int
    tokens_max: int
    money_max: float | None
    note: str = ""


class Forecast(msgspec.Struct, frozen=True):
    """What a check takes in all."""

    system: str
    subject: str
    gates: tuple[GateForecast, ...]
    not_applicable: dict[str, str]
    calls_max: int
    calls_expected: dict[str, float]
    tokens_max: int
    money_max: float | None
    currency: str
    minutes_max: float | None
    budget: dict[str, float]
    schema: str = "plan/v1"


def forecast(check: CheckPlan, seconds_per_call: float | None = None) -> Forecast:
    """Return what a plan will take; ``seconds_per_call`` comes from an earlier run, if any."""
    gates = tuple(_gate(check, plan) for plan in check.gates)
    calls = sum(gate.calls_max for gate in gates)
    target = check.system.manifest.target
    budget = check.system.manifest.budget
    stated = {
        "calls": budget.calls,
        "tokens": budget.tokens,
        "money": budget.money.amount if budget.money else None,
        "minutes": budget.minutes,
    }
    names = ("good", "at the limit", "bad")
    return Forecast(
        system=check.system.id,
        subject=check.subject.digest,
        gates=gates,
        not_applicable={name: why for name, (_, why) in check.not_applicable.items()},
        calls_max=calls,
        calls_expected={name: sum(gate.calls_expected[name] for gate in gates) for name in names},
        tokens_max=sum(gate.tokens_max for gate in gates),
        money_max=_total_money(gates),
        currency=target.price.currency if target.price else "",
        minutes_max=None
        if seconds_per_call is None
        else calls * seconds_per_call / max(1, target.concurrency or 1) / 60,
        budget={name: float(value) for name, value in stated.items() if value is not None},
    )


def _total_money(gates: Sequence[GateForecast]) -> float | None:
    known = [gate.money_max for gate in gates if gate.money_max is not None]
    return sum(known) if known else None


def _gate(check: CheckPlan, plan: GatePlan) -> GateForecast:
    limit, confidence = plan.plan.threshold, plan.plan.confidence
    rates = {"good": limit / 5, "at the limit": limit, "bad": min(0.9, 3 * limit)}
    tokens_in, tokens_out = _tokens(check, plan)
    price = check.system.manifest.target.price
    money = None
    if price is not None:
        money = (tokens_in * price.input_per_mtok + tokens_out * price.output_per_mtok) / 1e6
    note = ""
    if not plan.plan.can_pass:
        need = needed_n(limit, 0, confidence)
        note = (
            f"cannot pass: {len(plan.units)} independent sources, {need} are needed without a "
            "failure; add sources under suites: in system.yaml"
        )
    return GateForecast(
        gate=plan.gate.id,
        suite=plan.suite.name,
        require=plan.gate.require,
        sources=len(plan.units),
        single_look={str(k): needed_n(limit, k, confidence) for k in range(4)},
        earliest_pass=plan.plan.earliest_pass,
        n_max=plan.plan.n_max,
        looks=len(plan.plan.looks),
        first_look=plan.plan.looks[0],
        last_look=plan.plan.looks[-1],
        calls_max=plan.planned_calls,
        calls_expected={name: plan.expected_calls(rate) for name, rate in rates.items()},
        power={name: power_at(plan.plan, rate) for name, rate in rates.items()},
        false_pass=false_pass_probability(plan.plan),
        attempt=plan.attempt,
        attempts=plan.attempts,
        tokens_max=tokens_in + tokens_out,
        money_max=money,
        note=note,
    )


def _tokens(check: CheckPlan, plan: GatePlan) -> tuple[int, int]:
    used = [case for unit in plan.units[: plan.plan.n_max] for case in unit.cases]
    size = sum(_size(case) for case in used)
    out = check.system.manifest.target.max_tokens or _OUTPUT_TOKENS
    return size // _BYTES_PER_TOKEN, out * len(used)


def _size(case: Case) -> int:
    said = sum(len(message.content.encode()) for message in case.messages)
    return said + sum(len(document.text.encode()) for document in case.documents)
