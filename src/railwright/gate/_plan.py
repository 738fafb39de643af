"""What a check will run, and what it will decide by, fixed before the first call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from railwright.cases import BoundSuite, Suite, registered_order
from railwright.gate._errors import GateError
from railwright.gate._lane import Claim, Lane, Unit, units_of
from railwright.gate._paired import Baseline, find_baseline, load_baseline
from railwright.gate._suites import Suites
from railwright.ledger import canonical
from railwright.standard import COVERAGE_FLOOR, Gate, resolve_gates
from railwright.stats import (
    SequentialPlan,
    clopper_pearson,
    design,
    expected_calls,
    group_sequential_looks,
    operating_characteristics,
    single_look,
    split_alpha,
)
from railwright.system import Subject, System

DEFAULT_SEED = 1


@dataclass(frozen=True)
class SlicePlan:
    """The registered boundaries of one slice of a gate."""

    by: str
    value: str
    require: str
    plan: SequentialPlan


@dataclass(frozen=True)
class GatePlan:
    """One gate with its suite in the registered order and its boundaries.

    ``threshold`` is the limit; ``plan.confidence`` already carries the share of alpha that this
    attempt may spend. ``scorer`` is ``name@version`` of what judges the answers, ``cases``
    the digest of what is asked.
    """

    gate: Gate
    suite: Suite
    units: tuple[Unit, ...]
    plan: SequentialPlan
    slices: tuple[SlicePlan, ...]
    attempt: int
    attempts: int
    baseline: Baseline | None = None
    scorer: str = ""
    cases: str = ""

    @property
    def planned_calls(self) -> int:
        """Calls of the whole registered plan, were it run to its end."""
        return sum(len(unit.cases) for unit in self.units[: self.plan.n_max])

    @property
    def calls_per_source(self) -> float:
        """Mean number of calls for one independent source."""
        used = self.units[: self.plan.n_max]
        return self.planned_calls / len(used) if used else 0.0

    def expected_calls(self, rate: float) -> float:
        """Calls to expect at a true failure rate, by the exact distribution of the stop."""
        return expected_calls(self.plan, rate) * self.calls_per_source

    def registration(self) -> dict[str, Any]:
        """The part of the registration that is about this gate."""
        return {
            "gate": self.gate.id,
            "suite": self.suite.name,
            "suite_version": self.suite.spec.version,
            "suite_digest": self.suite.digest,
            "metric": self.gate.metric,
            "require": self.gate.require,
            "threshold": self.gate.requirement.number,
            "confidence": self.gate.confidence,
            "attempt": self.attempt,
            "attempts": self.attempts,
            "binds": list(self.gate.binds),
            "sources": len(self.units),
            "own_cases": self.suite.replaced,
            "order": order_digest(self.units),
            "cases": self.cases,
            "coverage_floor": COVERAGE_FLOOR,
            "plan": self.plan.to_dict(),
            "slices": [
                {"by": s.by, "value": s.value, "require": s.require, "plan": s.plan.to_dict()}
                for s in self.slices
            ],
            "scorers": list(self.suite.scorers),
            "scorer": self.scorer,
            "baseline": self.baseline.reference if self.baseline else None,
        }

    def key(self, subject: str, seed: int, epoch: int, target: Mapping[str, Any]) -> str:
        """What makes two registrations the same attempt: all but the attempt's number."""
        return registration_key(self.registration(), subject, seed, epoch, target)

    def claims(self) -> list[Claim]:
        """Fresh claims: the gate itself first, then its slices."""
        main = Claim(gate=self.gate.id, plan=self.plan, floor=COVERAGE_FLOOR)
        return [main, *(_slice_claim(self.gate.id, part) for part in self.slices)]


@dataclass(frozen=True)
class CheckPlan:
    """Everything a check registers before it runs.

    ``not_applicable`` maps a gate to the reason; ``problems`` keep a gate from being measured.
    """

    system: System
    subject: Subject
    seed: int
    gates: tuple[GatePlan, ...]
    not_applicable: Mapping[str, tuple[Gate, str]]
    scorers: Mapping[str, str]
    target: Mapping[str, Any]
    epoch: int = 0

    @property
    def digest(self) -> str:
        """Digest of the registration: equal plans continue each other, others are new attempts."""
        return "sha256:" + hashlib.sha256(canonical(self.registration())).hexdigest()

    def registration(self) -> dict[str, Any]:
        """The predicate of the ``prereg`` statement."""
        return {
            "system": self.system.id,
            "tier": self.system.tier,
            "subject": self.subject.digest,
            "parts": dict(self.subject.parts),
            "seed": self.seed,
            "epoch": self.epoch,
            "gates": [gate.registration() for gate in self.gates],
            "not_applicable": {name: why for name, (_, why) in self.not_applicable.items()},
            "scorers": dict(self.scorers),
            "target": dict(self.target),
        }

    def lanes(self) -> list[Lane]:
        """Fresh lanes, one a suite, with the claims of every gate that rests on it."""
        by_suite: dict[str, list[GatePlan]] = {}
        for plan in self.gates:
            by_suite.setdefault(plan.suite.name, []).append(plan)
        return [
            Lane(
                name,
                plans[0].gate.metric,
                plans[0].units,
                [claim for plan in plans for claim in plan.claims()],
            )
            for name, plans in by_suite.items()
        ]

    def gate(self, gate_id: str) -> GatePlan:
        """Return the plan of one gate; ``GateError`` when it is not planned."""
        for plan in self.gates:
            if plan.gate.id == gate_id:
                return plan
        known = ", ".join(plan.gate.id for plan in self.gates)
        raise GateError(f"no gate {gate_id!r} is planned for {self.system.id}", f"one of: {known}")


def make_plan(  # noqa: PLR0913 (the plan's inputs, each named)
    system: System,
    subject: Subject,
    *,
    suites: Suites | None = None,
    seed: int = DEFAULT_SEED,
    attempt_of: Callable[[str, str], int] | None = None,
    only: Sequence[str] = (),
    scorers: Mapping[str, str] | None = None,
    scorer_of: Callable[[str], str] | None = None,
    target: Mapping[str, Any] | None = None,
    epoch: int = 0,
) -> CheckPlan:
    """Resolve the gates of a system, bind their suites and design their boundaries.

    Args:
        system: the loaded system.
        subject: its digest and parts.
        suites: the system's suites, where some are bound already.
        seed: fixes the registered order.
        attempt_of: (gate id, registration key) to the number of this attempt (see ``Attempts``).
        only: gate ids to plan; empty for all.
        scorers: versions of the scorers, for the registration.
        scorer_of: ``name@version`` of the scorer of a suite, for the registration.
        target: the target's identity, for the registration.
        epoch: raised to ask anew instead of taking answers from the cache.

    Raises:
        GateError: a suite cannot be measured as it stands; ManifestError: the gates have errors.
    """
    bound_once = suites or Suites(system)
    measured, absent = applicable(bound_once, only)
    plans: list[GatePlan] = []
    for gate, bound in measured:
        plan = _plan_gate(system, gate, bound, seed)
        plan = replace(plan, cases=bound_once.cases_digest(gate.suite))
        if scorer_of is not None:
            plan = replace(plan, scorer=scorer_of(gate.suite))
        if attempt_of is not None:
            key = plan.key(subject.digest, seed, epoch, target or {})
            plan = replace(plan, attempt=attempt_of(gate.id, key))
        plans.append(plan)
    return CheckPlan(
        system, subject, seed, tuple(plans), absent, scorers or {}, target or {}, epoch
    )


def applicable(
    suites: Suites, only: Sequence[str] = ()
) -> tuple[list[tuple[Gate, BoundSuite]], dict[str, tuple[Gate, str]]]:
    """Return the gates that can be measured with their suites, and the others with the reason.

    Raises:
        GateError: a suite cannot be measured as it stands, or the baseline run is not there;
            ManifestError: the gates have errors.
    """
    system = suites.system
    resolved = resolve_gates(system)
    resolved.raise_for_errors()
    measured: list[tuple[Gate, BoundSuite]] = []
    absent: dict[str, tuple[Gate, str]] = dict(resolved.not_applicable)
    for gate in resolved.gates:
        if only and gate.id not in only:
            continue
        if gate.requirement.baseline and system.manifest.baseline == "none":
            absent[gate.id] = (gate, "There is no baseline run yet to compare with.")
            continue
        bound = suites[gate.suite]
        if not bound.applicable:
            absent[gate.id] = (gate, f"The system declares no {', '.join(bound.missing)}.")
            continue
        check_decidable(gate, bound.sources, bound.suite.metric)
        if gate.requirement.baseline:
            find_baseline(system, bound.suite.name, bound.suite.digest)
        measured.append((gate, bound))
    return measured, absent


def check_decidable(gate: Gate, sources: int, metric: str) -> None:
    """Raise ``GateError`` where a suite of so many sources can never decide a gate as written."""
    if gate.metric != metric:
        raise GateError(
            f"gate {gate.id}: the suite {gate.suite} measures {metric}, not {gate.metric}",
            f"write `{gate.require.replace(gate.metric, metric)}`, or name another suite",
        )
    if gate.requirement.stat == "count":
        _check_count(gate, sources)
    if gate.requirement.baseline or gate.requirement.stat == "count":
        return
    if gate.requirement.stat != "upper":
        raise GateError(
            f"gate {gate.id}: a suite cannot decide `{gate.require}`",
            "write upper(METRIC) <= NUMBER, or count(METRIC) == 0 with min_n",
        )
    last = max(gate.looks, default=0)
    if last > sources:
        raise GateError(
            f"gate {gate.id} registers a look at {last} sources; its suite has {sources}",
            "add sources or lower the look",
        )


def _check_count(gate: Gate, sources: int) -> None:
    if _most(gate) < 0:
        raise GateError(
            f"gate {gate.id}: `{gate.require}` can never hold", f"write count({gate.metric}) == 0"
        )
    if gate.min_n > sources:
        raise GateError(
            f"gate {gate.id} asks for {gate.min_n} sources; its suite has {sources}",
            "add sources or lower `min_n`",
        )


def _most(gate: Gate) -> int:
    """Most failures that a gate on a count lets pass."""
    return int(gate.requirement.number) - (gate.requirement.op == "<")


def _plan_gate(system: System, gate: Gate, bound: BoundSuite, seed: int) -> GatePlan:
    cases = list(bound.cases())
    order = registered_order(cases, seed, by=bound.suite.spec.stratify)
    units = units_of(cases, order)
    attempts = max(1, gate.attempts)
    confidence = 1.0 - split_alpha(1.0 - gate.confidence, attempts)
    if gate.requirement.baseline:
        suite = bound.suite
        earlier = load_baseline(system, suite.name, suite.digest, gate.metric, units)
        reached = earlier.asked if earlier is not None else len(units)
        whole = single_look(reached, 0.5, confidence)
        return GatePlan(gate, suite, units, whole, (), 1, attempts, earlier)
    plan = _boundaries(gate, confidence, len(units))
    slices = tuple(_slice_plans(gate, units, confidence))
    return GatePlan(gate, bound.suite, units, plan, slices, 1, attempts)


def _boundaries(gate: Gate, confidence: float, sources: int) -> SequentialPlan:
    threshold = gate.requirement.number
    if gate.requirement.stat == "count":
        return _count_plan(_most(gate), gate.min_n or sources, confidence)
    if not gate.looks:
        return _at_least(gate.min_n, design(threshold, confidence, n_max=sources))
    n_max = max(gate.looks)
    plan = group_sequential_looks(n_max, gate.looks, threshold=threshold, confidence=confidence)
    return _at_least(gate.min_n, plan)


def _at_least(min_n: int, plan: SequentialPlan) -> SequentialPlan:
    """The same plan without passes before ``min_n`` sources; it can only pass less often."""
    passes = tuple(
        limit if look >= min_n else -1 for look, limit in zip(plan.looks, plan.pass_at, strict=True)
    )
    return replace(plan, pass_at=passes)


def _count_plan(most: int, n: int, confidence: float) -> SequentialPlan:
    """Fail at the first failure too many; pass when all n sources are through.

    The rate that the reported interval is read against is the one that n sources can show.
    """
    looks = tuple(range(1, n + 1))
    rate = clopper_pearson(most, n, confidence)[1]
    return SequentialPlan(
        threshold=min(rate, 0.999),
        confidence=confidence,
        n_max=n,
        looks=looks,
        pass_at=(*(-1 for _ in looks[1:]), most),
        fail_at=tuple(most + 1 for _ in looks),
    )


def _slice_plans(gate: Gate, units: Sequence[Unit], confidence: float) -> list[SlicePlan]:
    """One look at the end of each slice; their verdicts are adjusted for their number (Holm)."""
    if gate.slices is None:
        return []
    counts: dict[str, int] = {}
    for unit in units:
        value = slice_value(unit, gate.slices.by)
        if value:
            counts[value] = counts.get(value, 0) + 1
    if not counts:
        raise GateError(
            f"gate {gate.id}: no case of the suite {gate.suite} has a slice {gate.slices.by!r}",
            "mend `slices.by`, or add the slice to the cases",
        )
    threshold = gate.slices.requirement.number
    return [
        SlicePlan(gate.slices.by, value, gate.slices.require, single_look(n, threshold, confidence))
        for value, n in sorted(counts.items())
    ]


def slice_value(unit: Unit, by: str) -> str:
    """The value of a slice of a source: that of its first case; harms under the key ``harm``."""
    case = unit.cases[0]
    if by == "harm":
        return case.harms[0] if case.harms else ""
    return case.slices.get(by, "")


def _slice_claim(gate: str, part: SlicePlan) -> Claim:
    def member(unit: Unit) -> bool:
        return slice_value(unit, part.by) == part.value

    return Claim(
        gate=gate,
        plan=part.plan,
        floor=COVERAGE_FLOOR,
        member=member,
        slice=(part.by, part.value),
    )


def registration_key(
    gate: Mapping[str, Any], subject: str, seed: int, epoch: int, target: Mapping[str, Any]
) -> str:
    """Digest of a gate's registration without its attempt number (see ``GatePlan.key``)."""
    rest = {name: value for name, value in gate.items() if name not in {"attempt", "attempts"}}
    material = {
        "subject": subject,
        "seed": seed,
        "epoch": epoch,
        "target": dict(target),
        "gate": rest,
    }
    return hashlib.sha256(canonical(material)).hexdigest()


def order_digest(units: Sequence[Unit]) -> str:
    """Digest of the registered order: sources and case ids, nothing of their content."""
    text = "\n".join(f"{u.source}\t{','.join(c.id for c in u.cases)}" for u in units)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def power_at(plan: SequentialPlan, rate: float) -> tuple[float, float, float]:
    """Probability of pass, fail and inconclusive at a true failure rate."""
    row = operating_characteristics(plan, [rate])[0]
    return row.p_pass, row.p_fail, row.p_inconclusive
