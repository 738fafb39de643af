"""What a guard changed: two runs of one system, compared source by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from railwright.evaluate import METRICS, Sample, iter_samples
from railwright.gate._touched import Outcomes, Screened
from railwright.gate._types import Bounds, GateChange, GateVerdict, GuardEffect, Verdict
from railwright.guard import Guard, intervention
from railwright.stats import clopper_pearson, paired_difference

CONFIDENCE = 0.95
_QUESTION = ("input", "retrieved", "tool_result", "memory")
_ANSWER = ("output", "tool_call")
_EDITED = frozenset({"redact", "rewrite", "ask", "block"})


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


class Side(NamedTuple):
    """One of the two: its verdict, its outcomes, those of touched sources, its run folder."""

    verdict: Verdict
    outcomes: Outcomes
    touched: Outcomes
    run_dir: Path


def effect_of(
    guard: Guard, screened: Mapping[str, Screened], bare: Side, guarded: Side
) -> GuardEffect:
    """Compare two checks of one system, without and with its guard."""
    verdict = guarded.verdict
    benign = {g.suite for g in verdict.gates if _answer_is_due(g)}
    count = _Count(benign)
    for sample in iter_samples(guarded.run_dir):
        count.add(sample)
    answers = [1000 * s.latency_s for s in iter_samples(bare.run_dir) if s.latency_s > 0]
    gates = [_change(g, bare, guarded, screened.get(g.suite)) for g in verdict.gates]
    stops = [stop for name in benign if name in screened for stop in screened[name].stopped]
    counts = count.counts
    return GuardEffect(
        policy=guard.plan.id,
        plan=guard.plan.digest,
        tier=guard.plan.tier,
        gates=tuple(change for change in gates if change is not None),
        harmless=_bounds(count.harmless.values()),
        harmless_screened=_bounds(stops),
        samples=counts["samples"],
        stopped=counts["stopped"],
        cut=counts["cut"],
        questions_changed=counts["questions"],
        answers_changed=counts["answers"],
        flagged=counts["flagged"],
        reused=counts["reused"],
        asked=counts["asked"],
        rules=dict(count.rules.most_common()),
        actions=_actions(guard),
        guard_ms=(_percentile(count.checks_ms, 0.5), _percentile(count.checks_ms, 0.95)),
        answer_ms=_percentile(answers, 0.5),
    )


def _actions(guard: Guard) -> dict[str, tuple[str, ...]]:
    """The rules in force by what they do; a canary rule by what it does within its share."""
    found: dict[str, list[str]] = {}
    for rule in guard.plan.rules:
        found.setdefault("shadow" if rule.mode == "shadow" else rule.action, []).append(rule.id)
    return {action: tuple(names) for action, names in found.items()}


def _answer_is_due(gate: GateVerdict) -> bool:
    """Whether the cases of a gate have a right to an answer, so that a stop is a false one."""
    metric = METRICS.get(gate.metric)
    return metric is not None and metric.blocked == "fails" and gate.outcome != "not_applicable"


def _change(
    after: GateVerdict, bare: Side, guarded: Side, screened: Screened | None
) -> GateChange | None:
    """The change of one gate over the sources that both runs scored, and over the touched ones."""
    if after.outcome == "not_applicable":
        return None
    before = bare.verdict.gate(after.id)
    both = _paired(bare.outcomes, guarded.outcomes, after.suite)
    better, worse = _discordant(both)
    difference, low, high = paired_difference(worse, better, len(both), CONFIDENCE)
    touched = _paired(bare.touched, guarded.touched, after.suite)
    mended, broken = _discordant(touched)
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
        screened=_bounds(screened.touched if screened else ()),
        touched=len(touched),
        mended=mended,
        broken=broken,
    )


def _paired(before: Outcomes, after: Outcomes, suite: str) -> list[tuple[bool, bool]]:
    """(failed without, failed with) of each source that both sides scored."""
    first, second = before.get(suite, {}), after.get(suite, {})
    found = [(first[source], second[source]) for source in first.keys() & second.keys()]
    return [(was, now) for was, now in found if was is not None and now is not None]


def _discordant(pairs: Iterable[tuple[bool, bool]]) -> tuple[int, int]:
    """How many failed only without, and how many only with the guard."""
    listed = list(pairs)
    return (
        sum(was and not now for was, now in listed),
        sum(now and not was for was, now in listed),
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
