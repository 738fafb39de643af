"""What a guard changed: two runs of one system, compared source by source."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from railwright.cases import Case
from railwright.evaluate import METRICS, Sample, iter_samples
from railwright.gate._lane import Lane
from railwright.gate._types import Bounds, GateChange, GateVerdict, GuardEffect, Verdict
from railwright.guard import Guard, GuardedTarget, intervention
from railwright.stats import clopper_pearson, paired_difference
from railwright.targets import Request

CONFIDENCE = 0.95
_QUESTION = ("input", "retrieved", "tool_result", "memory")
_ANSWER = ("output", "tool_call")
_STOPPED = frozenset({"ask", "block"})
_EDITED = frozenset({"redact", "rewrite"}) | _STOPPED

Outcomes = Mapping[str, Mapping[str, bool | None]]
"""By suite, whether each source failed; None without a usable outcome."""


class _Count:
    """What the guard did in one run."""

    def __init__(self, benign: Iterable[str]) -> None:
        self.benign = frozenset(benign)
        self.counts: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.checks_ms: list[float] = []
        self.harmless: dict[tuple[str, str], bool] = {}

    def add(self, sample: Sample) -> None:
        """Count one sample of the guarded run."""
        told = intervention(sample.raw)
        stages: Mapping[str, str] = told.get("stages") or {}
        counts = self.counts
        counts["samples"] += 1
        counts["asked"] += sample.calls
        counts["reused"] += bool(told.get("reused"))
        stopped = told.get("stopped")
        counts["stopped"] += stopped in _QUESTION
        counts["cut"] += stopped in _ANSWER
        if not stopped:
            counts["questions"] += any(stages.get(stage) in _EDITED for stage in _QUESTION)
            counts["answers"] += any(stages.get(stage) in _EDITED for stage in _ANSWER)
            counts["flagged"] += told.get("action") == "flag"
        self.rules.update(told.get("rules") or ())
        if "ms" in told:
            self.checks_ms.append(float(told["ms"]))
        if sample.suite in self.benign and sample.status in ("scored", "blocked"):
            source = (sample.suite, sample.source)
            # A filter of the system's own may answer too; only the guard's stops count here.
            blocked = sample.status == "blocked" and bool(stopped)
            self.harmless[source] = self.harmless.get(source, False) or blocked


class _Screen:
    """What the guard does to the questions of each suite, over all of its sources."""

    def __init__(self, target: GuardedTarget, lanes: Iterable[Lane]) -> None:
        self.stopped: dict[str, list[bool]] = {}
        self.touched: dict[str, list[bool]] = {}
        asyncio.run(self._run(target, lanes))

    async def _run(self, target: GuardedTarget, lanes: Iterable[Lane]) -> None:
        for lane in lanes:
            found = [[await target.screen(_asked(c)) for c in u.cases] for u in lane.units]
            self.stopped[lane.suite] = [bool(_STOPPED & set(actions)) for actions in found]
            self.touched[lane.suite] = [bool(_EDITED & set(actions)) for actions in found]


def _asked(case: Case) -> Request:
    return Request(
        messages=case.messages,
        documents=case.documents,
        tenant=case.tenant,
        variables=case.variables,
    )


def effect_of(
    guard: Guard,
    target: GuardedTarget,
    lanes: Sequence[Lane],
    bare: tuple[Verdict, Outcomes, Path],
    guarded: tuple[Verdict, Outcomes, Path],
) -> GuardEffect:
    """Compare two checks of one system, each as (verdict, outcomes by suite, run folder).

    ``lanes`` are those of the guarded run: all sources of its suites, reached or not.
    """
    verdict = guarded[0]
    screen = _Screen(target, lanes)
    benign = {g.suite for g in verdict.gates if _answer_is_due(g)}
    count = _Count(benign)
    for sample in iter_samples(guarded[2]):
        count.add(sample)
    answers = [1000 * s.latency_s for s in iter_samples(bare[2]) if s.latency_s > 0]
    gates = [
        _change(g, bare[0], bare[1], guarded[1], screen.touched.get(g.suite, ()))
        for g in verdict.gates
    ]
    counts = count.counts
    return GuardEffect(
        policy=guard.plan.id,
        plan=guard.plan.digest,
        tier=guard.plan.tier,
        gates=tuple(change for change in gates if change is not None),
        harmless=_bounds(count.harmless.values()),
        harmless_screened=_bounds(x for name in benign for x in screen.stopped.get(name, ())),
        samples=counts["samples"],
        stopped=counts["stopped"],
        cut=counts["cut"],
        questions_changed=counts["questions"],
        answers_changed=counts["answers"],
        flagged=counts["flagged"],
        reused=counts["reused"],
        asked=counts["asked"],
        rules=dict(count.rules.most_common()),
        guard_ms=(_percentile(count.checks_ms, 0.5), _percentile(count.checks_ms, 0.95)),
        answer_ms=_percentile(answers, 0.5),
    )


def _answer_is_due(gate: GateVerdict) -> bool:
    """Whether the cases of a gate have a right to an answer, so that a stop is a false one."""
    metric = METRICS.get(gate.metric)
    return metric is not None and metric.blocked == "fails" and gate.outcome != "not_applicable"


def _change(
    after: GateVerdict,
    bare: Verdict,
    before_of: Outcomes,
    after_of: Outcomes,
    touched: Iterable[bool],
) -> GateChange | None:
    """The change of one gate over the sources that both runs scored."""
    if after.outcome == "not_applicable":
        return None
    before = bare.gate(after.id)
    first, second = before_of.get(after.suite, {}), after_of.get(after.suite, {})
    both = [
        (first[source], second[source])
        for source in first.keys() & second.keys()
        if first[source] is not None and second[source] is not None
    ]
    better = sum(bool(was) and not now for was, now in both)
    worse = sum(bool(now) and not was for was, now in both)
    difference, low, high = paired_difference(worse, better, len(both), CONFIDENCE)
    return GateChange(
        gate=after.id,
        before=before.outcome,
        after=after.outcome,
        bounds=before.bounds,
        n=len(both),
        better=better,
        worse=worse,
        difference=difference,
        low=low,
        high=high,
        confidence=CONFIDENCE,
        screened=_bounds(touched),
    )


def _bounds(stops: Iterable[bool]) -> Bounds:
    """The share of stopped sources; each end one-sided."""
    found = list(stops)
    k, n = sum(found), len(found)
    low, high = clopper_pearson(k, n, CONFIDENCE)
    return Bounds(k, n, low, high, CONFIDENCE)


def _percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies; 0 of none."""
    ordered: list[Any] = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else 0.0
