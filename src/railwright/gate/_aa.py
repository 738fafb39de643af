"""The A/A test: the same subject twice, and how often verdicts flip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from railwright.evaluate import Budget, Progress, RunStore, run
from railwright.gate._plan import CheckPlan, GatePlan
from railwright.gate._schedule import Schedule
from railwright.gate._session import CheckOptions, Session
from railwright.ledger import subject_ref
from railwright.stats import aa_flip_probability, clopper_pearson

AA_REPEATS = (1_000_001, 1_000_002)
"""Repeat numbers of the two runs: no check uses them, so that neither feeds a gate."""


_Ends = dict[str, tuple[str, dict[str, bool | None]]]


class AAResult(msgspec.Struct, frozen=True):
    """Two runs of one gate over one subject.

    ``outcome_flips`` counts sources whose outcome differed among ``n`` that both runs scored;
    ``low`` and ``high`` are two-sided. ``predicted_flip`` is the exact probability that two runs
    of a subject with the observed rate end in pass and fail.
    """

    gate: str
    first: str
    second: str
    flipped: bool
    n: int
    outcome_flips: int
    low: float
    high: float
    confidence: float
    predicted_flip: float
    predicted_inconclusive: float


def aa_test(
    folder: Path,
    only: Sequence[str] = (),
    *,
    calls: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[AAResult]:
    """Run every gate (or those named) twice without the cache and compare.

    ``calls`` bounds each of the two runs. The result is signed into the ledger as ``aa-test``; it
    is no attempt, since no gate reads it.
    """
    session = Session(folder, CheckOptions(only=tuple(only)))
    plan = session.plan()
    budget = Budget(calls=calls) if calls is not None else session.budget()

    async def both() -> list[_Ends]:
        try:
            return [await _once(session, plan, n, budget, on_progress) for n in AA_REPEATS]
        finally:
            await session.target.close()

    runs = asyncio.run(both())
    results = [_compare(gate, runs[0], runs[1]) for gate in plan.gates]
    session.ledger.append(
        "aa-test",
        subject_ref(session.system.id, session.subject.digest),
        {"results": [_facts(result) for result in results]},
    )
    session.ledger.checkpoint()
    return results


async def _once(
    session: Session,
    plan: CheckPlan,
    repeat: int,
    budget: Budget,
    on_progress: Callable[[Progress], None] | None,
) -> _Ends:
    """Run the plan once; (decision, outcome by source) of each gate."""
    lanes = plan.lanes()
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{session.system.id}-aa"
    with RunStore.open(
        session.system.root / "rai" / "runs" / name, session.manifest(plan)
    ) as store:
        await run(
            Schedule(lanes, repeat=repeat, concurrency=session.limits().concurrency),
            session.target,
            session.scorer_of,
            store,
            limits=session.limits(),
            budget=budget,
            subject=session.subject.digest,
            on_event=on_progress,
        )
        store.seal()
    return {
        claim.gate: (claim.decision, lane.outcomes_by_source())
        for lane in lanes
        for claim in lane.claims
        if claim.slice is None
    }


def _compare(
    gate: GatePlan,
    one: _Ends,
    two: _Ends,
) -> AAResult:
    (first, before), (second, after) = one[gate.gate.id], two[gate.gate.id]
    both = [
        (before[source], after[source])
        for source in before.keys() & after.keys()
        if before[source] is not None and after[source] is not None
    ]
    flips = sum(a != b for a, b in both)
    n = len(both)
    low, high = clopper_pearson(flips, n, 0.95, two_sided=True)
    failing = sum(bool(a) + bool(b) for a, b in both)
    predicted = aa_flip_probability(gate.plan, failing / (2 * n) if n else 0.0)
    return AAResult(
        gate=gate.gate.id,
        first=first,
        second=second,
        flipped={first, second} == {"pass", "fail"},
        n=n,
        outcome_flips=flips,
        low=low,
        high=high,
        confidence=0.95,
        predicted_flip=predicted.pass_fail,
        predicted_inconclusive=predicted.pass_inconclusive + predicted.fail_inconclusive,
    )


def _facts(result: AAResult) -> dict[str, object]:
    return {
        "gate": result.gate,
        "first": result.first,
        "second": result.second,
        "n": result.n,
        "outcome_flips": result.outcome_flips,
    }
