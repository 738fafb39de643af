"""What a check writes into the ledger, and how it is read back: digests and counts only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from railwright.evaluate import Sample
from railwright.gate._lane import Claim, Unit
from railwright.gate._paired import pairs
from railwright.gate._plan import CheckPlan, GatePlan, registration_key, slice_value
from railwright.ledger import Ledger, Record

PREREG, RESULT = "prereg", "eval-result"


@dataclass
class SuiteTally:
    """What the samples of one suite add up to; fed one by one, memory does not grow."""

    statuses: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    cached: int = 0
    samples: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    def add(self, sample: Sample) -> None:
        """Count one stored sample."""
        self.statuses[sample.status] = self.statuses.get(sample.status, 0) + 1
        self.samples += 1
        self.calls += sample.calls
        self.cached += sample.cached
        self.input_tokens += sample.input_tokens or 0
        self.output_tokens += sample.output_tokens or 0
        self.cost += sample.cost or 0.0
        self.seconds += sample.latency_s

    def to_dict(self, planned_calls: int, currency: str, *, decided: bool) -> dict[str, Any]:
        """The ``effort`` of an evidence statement; what was merely not reached is not saved."""
        return {
            "calls": self.calls,
            "cached": self.cached,
            "planned_calls": planned_calls,
            "saved_calls": max(0, planned_calls - self.samples) if decided else 0,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": f"{self.cost:.6f}",
            "currency": currency,
            "milliseconds": round(1000 * self.seconds),
        }


def result_predicate(
    check: CheckPlan,
    plan: GatePlan,
    claims: Sequence[Claim],
    tally: SuiteTally,
    *,
    prereg: Mapping[str, Any],
    run: Mapping[str, str],
    stopped: str,
) -> dict[str, Any]:
    """Return the predicate of an ``eval-result``: what was counted, and under which registration.

    Rates are not stored: everyone recomputes them from the positions of the failing sources.
    """
    main = claims[0]
    price = check.system.manifest.target.price
    return {
        "system": check.system.id,
        "gate": plan.gate.id,
        "suite": plan.suite.name,
        "suite_version": plan.suite.spec.version,
        "suite_digest": plan.suite.digest,
        "metric": plan.gate.metric,
        "controls": list(plan.gate.controls),
        "comparator": "upper bound at most",
        "require": plan.gate.require,
        "passed": main.decision == "pass",
        "sampleSize": main.n,
        "assuranceLevel": "reproduced",
        "prereg": dict(prereg),
        "binds": bound_parts(plan.gate.binds, check.subject.parts),
        "decision": main.decision,
        "n": main.n,
        "failed_at": main.failed_at,
        "missing_at": main.missing_at,
        "slices": [_slice_result(claim) for claim in claims[1:]],
        "shown": slice_table(plan.units, main),
        "paired": pairs(main, plan.units, plan.baseline) if plan.baseline else None,
        "statuses": dict(sorted(tally.statuses.items())),
        "effort": tally.to_dict(
            plan.planned_calls, price.currency if price else "", decided=main.decided
        ),
        "stopped": stopped if main.decision == "continue" else "decided",
        "run": dict(run),
        "harness": {"name": "railwright", "version": _version(), "scorers": dict(check.scorers)},
    }


def _version() -> str:
    from railwright import __version__

    return __version__


def _slice_result(claim: Claim) -> dict[str, Any]:
    by, value = claim.slice or ("", "")
    return {
        "by": by,
        "value": value,
        "n": claim.n,
        "failed_at": claim.failed_at,
        "missing_at": claim.missing_at,
        "decision": claim.decision,
    }


def bound_parts(binds: Iterable[str], parts: Mapping[str, str]) -> dict[str, str]:
    """Digest of each part that evidence binds to; a part the system lacks binds as ``absent``."""
    return {name: parts.get(name, "absent") for name in binds}


def slice_table(units: Sequence[Unit], claim: Claim) -> dict[str, dict[str, list[int]]]:
    """Failing and scored sources by slice over the sources that the decision read (k, n)."""
    failed, missing = set(claim.failed_at), set(claim.missing_at)
    table: dict[str, dict[str, list[int]]] = {}
    for unit in units[: claim.n]:
        if unit.position in missing:
            continue
        keys = dict.fromkeys(unit.cases[0].slices)
        if unit.cases[0].harms:
            keys["harm"] = None
        for by in keys:
            counts = table.setdefault(by, {}).setdefault(slice_value(unit, by), [0, 0])
            counts[0] += unit.position in failed
            counts[1] += 1
    return table


@dataclass(frozen=True)
class GateEvidence:
    """An evidence statement with the registration that it cites (None where there is none)."""

    record: Record
    predicate: Mapping[str, Any]
    prereg: Record | None
    registration: Mapping[str, Any] | None


class EvidenceIndex:
    """The registrations and results of one system in a ledger, in the order of the log."""

    def __init__(self, ledger: Ledger, system_id: str) -> None:
        self._preregs = list(ledger.statements(kind=PREREG, subject=system_id))
        self._results = list(ledger.statements(kind=RESULT, subject=system_id))
        self._by_leaf = {record.leaf_hash: record for record in self._preregs}

    def results(self, gate: str) -> list[GateEvidence]:
        """Results of a gate, oldest first."""
        return [
            self._with_registration(record)
            for record in self._results
            if record.statement.predicate.get("gate") == gate
        ]

    def _with_registration(self, record: Record) -> GateEvidence:
        predicate = record.statement.predicate
        leaf = str((predicate.get("prereg") or {}).get("leaf", ""))
        prereg = self._by_leaf.get(leaf)
        registration = None
        if prereg is not None:
            for entry in prereg.statement.predicate.get("gates", []):
                if entry.get("gate") == predicate.get("gate"):
                    registration = entry
        return GateEvidence(record, predicate, prereg, registration)

    def registered(self, digest: str) -> Record | None:
        """The registration with this plan digest, if it was made before."""
        for record in reversed(self._preregs):
            if record.statement.predicate.get("plan_digest") == digest:
                return record
        return None

    def attempt_of(self, gate: str, key: str) -> int:
        """The number of the attempt that a registration key is, in the series since the last pass.

        A registration whose result says that it made no call and used no answer does not count.
        """
        series: list[str] = []
        passed: list[str] = []
        for found in self._registrations(gate):
            if found not in series and found not in passed:
                if self._ended_with_pass(gate, series):
                    passed, series = series, []
                series.append(found)
        if key in passed and key not in series:
            return passed.index(key) + 1
        if key in series:
            return series.index(key) + 1
        return 1 if self._ended_with_pass(gate, series) else len(series) + 1

    def _registrations(self, gate: str) -> list[str]:
        idle = self._idle(gate)
        keys = []
        for record in self._preregs:
            predicate = record.statement.predicate
            for entry in predicate.get("gates", []):
                if entry.get("gate") == gate and record.leaf_hash not in idle:
                    keys.append(_key_of(predicate, entry))
        return keys

    def _idle(self, gate: str) -> set[str]:
        """Registrations all of whose results for the gate rest on no call at all."""
        used: dict[str, bool] = {}
        for item in self.results(gate):
            if item.prereg is not None:
                effort = item.predicate.get("effort") or {}
                touched = bool(effort.get("calls") or effort.get("cached"))
                leaf = item.prereg.leaf_hash
                used[leaf] = used.get(leaf, False) or touched
        return {leaf for leaf, touched in used.items() if not touched}

    def _ended_with_pass(self, gate: str, series: Sequence[str]) -> bool:
        if not series:
            return False
        for item in self.results(gate):
            if item.prereg is None or item.registration is None:
                continue
            entry = item.registration
            key = _key_of(item.prereg.statement.predicate, entry)
            # An attempt beyond the registered number cannot pass, so it ends no series either.
            counts = int(entry.get("attempt", 1)) <= int(entry.get("attempts", 1))
            if counts and key == series[-1] and item.predicate.get("decision") == "pass":
                return True
        return False


def _key_of(predicate: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    return registration_key(
        entry,
        str(predicate.get("subject", "")),
        int(predicate.get("seed", 0)),
        int(predicate.get("epoch", 0)),
    )
