"""From evidence to one gate's verdict: the counts are walked again, nothing is trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from railwright.gate._evidence import GateEvidence
from railwright.gate._instruments import Instrument
from railwright.gate._lane import Claim
from railwright.gate._needs import needed_sources, needed_text
from railwright.gate._paired import compare
from railwright.gate._types import (
    Bounds,
    Coverage,
    Effort,
    EvidenceRef,
    GateVerdict,
    Outcome,
    SliceResult,
)
from railwright.standard import COVERAGE_FLOOR, Gate
from railwright.stats import (
    SequentialPlan,
    clopper_pearson,
    decide,
    sequential_bounds,
    slice_decisions,
)
from railwright.system import format_duration

TRUSTED = frozenset({"reproduced", "independent"})
_SKEW = timedelta(minutes=10)


def walk(
    plan: SequentialPlan, n: int, failed_at: Sequence[int], missing_at: Sequence[int], gate: str
) -> Claim:
    """Walk the recorded outcomes through the registered boundaries.

    Raises:
        ValueError: positions outside the sources that were read, or in both lists.
    """
    failed, missing = set(failed_at), set(missing_at)
    if not (failed | missing) <= set(range(n)) or failed & missing or n > plan.n_max:
        raise ValueError("the recorded positions do not fit the registration")
    claim = Claim(gate=gate, plan=plan, floor=COVERAGE_FLOOR)
    for position in range(n):
        if claim.decided:
            raise ValueError("the record goes on after the registered boundaries had decided")
        claim.take(None if position in missing else position in failed)
    return claim


def bounds_of(claim: Claim) -> Bounds:
    """The interval of a claim, valid at its stop; the missing count as failing at the upper end."""
    low = _end(claim.plan, claim.k, claim.n, 0)
    high = _end(claim.plan, claim.k + claim.missing, claim.n, 1)
    return Bounds(claim.k, claim.n, low, high, claim.plan.confidence)


def _end(plan: SequentialPlan, k: int, n: int, which: int) -> float:
    if n == 0:
        return (0.0, 1.0)[which]
    try:
        return sequential_bounds(plan, k, n, decide(plan, k, n))[which]
    except ValueError:
        # The plan could not have come here with these counts (a look was passed over because too
        # much was missing): the fixed-sample bound, widened so that it claims nothing.
        low, high = clopper_pearson(k, n, plan.confidence)
        return (min(low, plan.threshold), max(high, plan.threshold))[which]


@dataclass(frozen=True)
class Use:
    """What is in use now: the digests of the system's parts and what gates are measured with."""

    parts: Mapping[str, str]
    instrument: Instrument | None = None

    def differences(self, gate: Gate, evidence: GateEvidence) -> Iterator[str]:
        """Yield, in sentences, why evidence is about something else than what is in use."""
        binds = evidence.predicate.get("binds") or {}
        changed = [n for n in gate.binds if binds.get(n) != self.parts.get(n, "absent")]
        if changed:
            yield f"It is stale: {', '.join(changed)} changed since it was recorded."
        if self.instrument and evidence.prereg is not None and evidence.registration is not None:
            target = evidence.prereg.statement.predicate.get("target") or {}
            yield from self.instrument.differences(evidence.registration, target)


def judge(
    gate: Gate,
    evidence: GateEvidence | None,
    *,
    use: Use,
    as_of: datetime,
    command: str,
) -> GateVerdict:
    """Return the verdict of one gate over its newest usable evidence.

    Missing, stale, unbound and untrusted evidence is inconclusive with its reason, never pass.
    """
    if evidence is None:
        reason = "There is no evidence for this gate in the ledger."
        return _verdict(gate, "inconclusive", (reason,), mend=f"Run `{command}`.")
    flaws = _flaws(gate, evidence, use, as_of)
    plan = None
    claim = None
    if evidence.registration is not None:
        try:
            flaws += _asked_less(gate, evidence.registration)
            plan = SequentialPlan.from_dict(evidence.registration["plan"])
            claim = _claim(gate, plan, evidence.predicate)
        except (ValueError, KeyError, TypeError) as error:
            flaws.append(f"The evidence contradicts its registration: {error}.")
    if claim is None or flaws:
        again = " --fresh" if _too_old(gate, evidence, as_of) else ""
        mend = f"Run `{command}{again}`."
        return _verdict(gate, "inconclusive", tuple(flaws), claim, evidence, as_of, mend=mend)
    if gate.requirement.baseline:
        return _compared(gate, evidence, claim, as_of, command)
    slices = _slices(gate, evidence)
    outcome, reasons = _decide(claim, slices, evidence)
    mend = _mend(outcome, claim, evidence, command)
    return _verdict(gate, outcome, reasons, claim, evidence, as_of, slices=slices, mend=mend)


def set_aside(gate: Gate, why: str) -> GateVerdict:
    """Return the verdict of a gate that does not apply to the system."""
    return _verdict(gate, "not_applicable", (why,))


def _claim(gate: Gate, plan: SequentialPlan, predicate: Mapping[str, Any]) -> Claim:
    claim = walk(
        plan,
        int(predicate["n"]),
        list(predicate["failed_at"]),
        list(predicate["missing_at"]),
        gate.id,
    )
    if claim.decision != predicate["decision"]:
        raise ValueError(f"it says {predicate['decision']}, its counts say {claim.decision}")
    return claim


def _flaws(gate: Gate, evidence: GateEvidence, use: Use, as_of: datetime) -> list[str]:
    """Why the evidence cannot be used, in sentences; empty when it can."""
    predicate, record = evidence.predicate, evidence.record
    flaws = []
    if evidence.prereg is None or evidence.registration is None:
        flaws.append("The evidence cites no registration in this ledger.")
    elif evidence.prereg.index >= record.index:
        flaws.append("The result was recorded before its registration.")
    flaws += use.differences(gate, evidence)
    if predicate.get("assuranceLevel") not in TRUSTED:
        flaws.append(f"Its assurance is {predicate.get('assuranceLevel')}, which no gate accepts.")
    occurred = record.statement.occurred
    if occurred - as_of > _SKEW:
        flaws.append("It is dated in the future.")
    elif _too_old(gate, evidence, as_of):
        flaws.append(
            f"It is {_whole_units(as_of - occurred)} old; the gate accepts "
            f"{format_duration(gate.max_age)}."
        )
    return flaws


def _whole_units(age: timedelta) -> str:
    """An age as it is spoken of: whole days, under two days whole minutes, rounded up."""
    unit = timedelta(days=1) if age >= timedelta(days=2) else timedelta(minutes=1)
    return format_duration(-(-age // unit) * unit)


def _too_old(gate: Gate, evidence: GateEvidence, as_of: datetime) -> bool:
    return as_of - evidence.record.statement.occurred > gate.max_age


def _asked_less(gate: Gate, registration: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what the gate asks something else, or more, than was registered."""
    if registration.get("require") != gate.require:
        yield (
            f"It was registered for `{registration.get('require')}`, "
            f"the gate now asks `{gate.require}`."
        )
    confidence = float(registration.get("confidence", 0.0))
    if confidence < gate.confidence:
        yield (
            f"It was registered at confidence {confidence:g}, the gate now asks "
            f"{gate.confidence:g}."
        )
    if gate.slices is not None:
        rules = {(item.get("by"), item.get("require")) for item in registration.get("slices", [])}
        if rules != {(gate.slices.by, gate.slices.require)}:
            yield f"It was registered without the slices by {gate.slices.by} that are asked for."
    if gate.min_n and not gate.requirement.baseline:
        earliest = SequentialPlan.from_dict(registration["plan"]).earliest_pass
        if earliest is not None and earliest < gate.min_n:
            yield f"It could pass with {earliest} sources, the gate now asks for {gate.min_n}."


def _decide(
    claim: Claim, slices: Sequence[SliceResult], evidence: GateEvidence
) -> tuple[Outcome, tuple[str, ...]]:
    registration = evidence.registration or {}
    attempts = int(registration.get("attempts", 1))
    failing = [item for item in slices if item.require and item.outcome == "fail"]
    open_slices = [item for item in slices if item.require and item.outcome == "inconclusive"]
    if claim.decision == "fail":
        return "fail", (_against_limit(claim, "fail"),)
    if failing:
        named = ", ".join(f"{item.by} {item.value}" for item in failing)
        return "fail", (f"The lower bound lies over the limit of the slice {named}.",)
    if claim.decision != "pass":
        return "inconclusive", (needed_text(claim, str(evidence.predicate.get("stopped", ""))),)
    if evidence.attempt > attempts:
        return "inconclusive", (_beyond(evidence.attempt, attempts),)
    if open_slices:
        named = ", ".join(f"{item.by} {item.value}" for item in open_slices)
        return "inconclusive", (f"The gate passes as a whole, not yet in the slice {named}.",)
    return "pass", (_against_limit(claim, "pass"),)


def _beyond(attempt: int, attempts: int) -> str:
    allowed = "1 was" if attempts == 1 else f"{attempts} were"
    return f"This is attempt {attempt} where {allowed} registered: it cannot pass."


def _against_limit(claim: Claim, outcome: Outcome) -> str:
    bounds, limit = bounds_of(claim), claim.plan.threshold
    end = f"At most {bounds.high:.2%}" if outcome == "pass" else f"At least {bounds.low:.2%}"
    return (
        f"{end} of sources fail ({_plain(bounds.confidence)} bound); the limit is {_plain(limit)}."
    )


def _plain(share: float) -> str:
    """A percentage without digits that say nothing: 95%, 97.5%."""
    return f"{100 * share:.4g}%"


def _compared(
    gate: Gate, evidence: GateEvidence, claim: Claim, as_of: datetime, command: str
) -> GateVerdict:
    """The verdict of a comparison with the baseline run, over the paired sources."""
    counted = evidence.predicate.get("paired") or {"n": 0, "sources": claim.n}
    confidence = claim.plan.confidence
    outcome, _, low, high = compare(
        counted, gate.requirement.number, confidence, COVERAGE_FLOOR, complete=claim.decided
    )
    worse, better, n = (int(counted.get(name, 0)) for name in ("worse", "better", "n"))
    reason = (
        f"Against {counted.get('baseline_run', 'no run')}, {worse} sources fail that passed and "
        f"{better} pass that failed, of {n} that both runs scored."
    )
    attempts = int((evidence.registration or {}).get("attempts", 1))
    if outcome == "pass" and evidence.attempt > attempts:
        outcome, reason = "inconclusive", f"{reason} {_beyond(evidence.attempt, attempts)}"
    mend = "" if outcome == "pass" else _mend(outcome, claim, evidence, command)
    verdict = _verdict(gate, outcome, (reason,), claim, evidence, as_of, mend=mend)
    bounds = Bounds(worse - better, n, low, high, confidence)
    return msgspec.structs.replace(
        verdict, bounds=bounds, looks=(), pass_at=(), fail_at=(), failed_at=(), needed={}
    )


def _mend(outcome: Outcome, claim: Claim, evidence: GateEvidence, command: str) -> str:
    if outcome == "pass":
        return ""
    if outcome == "fail":
        return (
            "Read the failing samples, mend the system, register a further attempt "
            f"(`attempts:` of the gate) and run `{command}`."
        )
    registration = evidence.registration or {}
    if evidence.attempt > int(registration.get("attempts", 1)):
        return (
            f"Register {evidence.attempt + 1} attempts (`attempts: {evidence.attempt + 1}` of the "
            "gate) and run again; alpha is then split over them."
        )
    return _mend_open(claim, evidence, command)


def _mend_open(claim: Claim, evidence: GateEvidence, command: str) -> str:
    """What settles a gate whose evidence can be used but does not suffice."""
    if claim.coverage < claim.floor:
        return (
            "See why answers could not be used (statuses in the report), mend the system, the "
            f"cases or the scorer, then run `{command} --fresh`."
        )
    if claim.decided:
        return "Add independent sources to the suite (`suites:` in system.yaml), then run again."
    if not claim.plan.can_pass:
        suite = evidence.predicate.get("suite", "")
        return (
            "No budget makes it pass: add cases of your own, `suites: "
            f"{{{suite}: {{path: cases/{suite}.jsonl, mode: extend}}}}` in system.yaml."
        )
    more = "" if evidence.predicate.get("stopped") == "interrupted" else " with a larger budget"
    return f"Run `{command} --resume`{more}."


def _slices(gate: Gate, evidence: GateEvidence) -> tuple[SliceResult, ...]:
    results = _decided_slices(gate, evidence)
    decided = {(item.by, item.value) for item in results}
    for by, values in sorted((evidence.predicate.get("shown") or {}).items()):
        for value, (k, n) in sorted(values.items()):
            if value and (by, value) not in decided:
                low, high = clopper_pearson(k, n, gate.confidence)
                bounds = Bounds(k, n, low, high, gate.confidence)
                results.append(SliceResult(by, value, bounds, "not_applicable"))
    return tuple(results)


def _decided_slices(gate: Gate, evidence: GateEvidence) -> list[SliceResult]:
    """Verdicts on the slices that the gate has a rule for: Holm over all, the missing at worst."""
    registered = (evidence.registration or {}).get("slices", [])
    if not registered:
        return []
    counted = {(item["by"], item["value"]): item for item in evidence.predicate["slices"]}
    claims = {
        item["value"]: _slice_claim(item, counted[item["by"], item["value"]], gate.id)
        for item in registered
    }
    plan = next(iter(claims.values())).plan
    whole = {name: c for name, c in claims.items() if c.n == c.plan.n_max}
    fails = slice_decisions(
        {name: (c.k, c.n) for name, c in whole.items()}, plan.threshold, plan.confidence
    )
    passes = slice_decisions(
        {name: (c.k + c.missing, c.n) for name, c in whole.items()}, plan.threshold, plan.confidence
    )
    results = []
    for item in registered:
        name, claim = item["value"], claims[item["value"]]
        outcome: Outcome = "inconclusive"
        if name in whole and claim.coverage >= claim.floor:
            if fails[name].decision == "fail":
                outcome = "fail"
            elif passes[name].decision == "pass":
                outcome = "pass"
        why = "" if outcome != "inconclusive" else needed_text(claim, "")
        low, high = clopper_pearson(claim.k, claim.n, plan.confidence)
        bounds = Bounds(claim.k, claim.n, low, high, plan.confidence)
        results.append(SliceResult(item["by"], name, bounds, outcome, item["require"], why))
    return results


def _slice_claim(registered: Mapping[str, Any], counted: Mapping[str, Any], gate: str) -> Claim:
    plan = SequentialPlan.from_dict(registered["plan"])
    return walk(plan, int(counted["n"]), counted["failed_at"], counted["missing_at"], gate)


def _verdict(
    gate: Gate,
    outcome: Outcome,
    reasons: tuple[str, ...],
    claim: Claim | None = None,
    evidence: GateEvidence | None = None,
    as_of: datetime | None = None,
    *,
    slices: tuple[SliceResult, ...] = (),
    mend: str = "",
) -> GateVerdict:
    registration = (evidence.registration if evidence else None) or {}
    plan = claim.plan if claim else None
    return GateVerdict(
        id=gate.id,
        suite=gate.suite,
        metric=gate.metric,
        controls=tuple(gate.controls),
        require=gate.require,
        threshold=gate.requirement.number,
        confidence=gate.confidence,
        outcome=outcome,
        blocking=_blocks(gate, outcome),
        reasons=reasons,
        mend=mend,
        bounds=bounds_of(claim) if claim else None,
        coverage=_coverage(claim, evidence) if claim and evidence else None,
        effort=_effort(evidence.predicate) if evidence else None,
        slices=slices,
        evidence=_reference(evidence, as_of) if evidence and as_of else None,
        attempt=evidence.attempt if evidence else 0,
        attempts=int(registration.get("attempts", 1)),
        looks=plan.looks if plan else (),
        pass_at=plan.pass_at if plan else (),
        fail_at=plan.fail_at if plan else (),
        failed_at=tuple(claim.failed_at) if claim else (),
        stopped=str(evidence.predicate.get("stopped", "")) if evidence else "",
        needed=needed_sources(claim) if claim and not claim.decided else {},
        title=gate.title,
        file=gate.file,
        line=gate.line,
    )


def _blocks(gate: Gate, outcome: Outcome) -> bool:
    """Whether this outcome stops the release; a pass is shown as blocking where a fail would be."""
    if outcome == "not_applicable":
        return False
    return gate.blocks_on_inconclusive if outcome == "inconclusive" else gate.blocks_on_fail


def _coverage(claim: Claim, evidence: GateEvidence) -> Coverage:
    best, worst = claim.cases_bound()
    statuses = {str(k): int(v) for k, v in (evidence.predicate.get("statuses") or {}).items()}
    return Coverage(claim.n - claim.missing, claim.missing, claim.coverage, worst, best, statuses)


def _effort(predicate: Mapping[str, Any]) -> Effort:
    effort = predicate.get("effort") or {}
    return Effort(
        calls=int(effort.get("calls", 0)),
        cached=int(effort.get("cached", 0)),
        planned_calls=int(effort.get("planned_calls", 0)),
        saved_calls=int(effort.get("saved_calls", 0)),
        input_tokens=int(effort.get("input_tokens", 0)),
        output_tokens=int(effort.get("output_tokens", 0)),
        cost=float(effort.get("cost", 0.0)),
        currency=str(effort.get("currency", "")),
        seconds=int(effort.get("milliseconds", 0)) / 1000,
    )


def _reference(evidence: GateEvidence, as_of: datetime) -> EvidenceRef:
    record, predicate = evidence.record, evidence.predicate
    run = predicate.get("run") or {}
    return EvidenceRef(
        index=record.index,
        leaf=record.leaf_hash,
        recorded=record.statement.recorded.isoformat(timespec="seconds"),
        prereg_index=evidence.prereg.index if evidence.prereg else None,
        run_id=str(run.get("id", "")),
        run_digest=str(run.get("digest", "")),
        suite=f"{predicate.get('suite')} version {predicate.get('suite_version')}",
        suite_digest=str(predicate.get("suite_digest", "")),
        assurance=str(predicate.get("assuranceLevel", "")),
        age_seconds=max(0.0, (as_of - record.statement.occurred).total_seconds()),
    )
