"""What a check writes into the ledger, and how it is read back: digests and counts only."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from railwright.evaluate import Sample
from railwright.gate._attempts import Attempts, Registered, Resulted, count_attempts
from railwright.gate._lane import Claim, Unit
from railwright.gate._paired import compare, pairs
from railwright.gate._plan import CheckPlan, GatePlan, registration_key, slice_value
from railwright.ledger import Ledger, Record
from railwright.standard import COVERAGE_FLOOR

PREREG, RESULT = "prereg", "eval-result"


@dataclass
class SuiteTally:
    """What the samples of one suite add up to, fed one by one.

    ``asked`` holds the orders of samples that this run called the target for; ``oldest`` is the
    time of the oldest answer, in seconds since 1970, or infinite before the first.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    cached: int = 0
    samples: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    oldest: float = float("inf")
    asked: array[int] = field(default_factory=lambda: array("q"))

    def add(self, sample: Sample, *, new: bool = True) -> None:
        """Count one stored sample; ``new`` is false where an earlier part of the run stored it."""
        if new and sample.calls:
            self.asked.append(sample.order)
        if sample.finished_at:
            self.oldest = min(self.oldest, sample.finished_at)
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
    asked_again: int = 0,
) -> dict[str, Any]:
    """Return the predicate of an ``eval-result``: what was counted, and under which registration.

    Rates are not stored: everyone recomputes them from the positions of the failing sources.
    ``asked_again`` counts sources whose outcome under this registration the ledger held already
    and that the target was called for once more.
    """
    main = claims[0]
    paired = pairs(main, plan.units, plan.baseline) if plan.baseline else None
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
        "passed": _passed(plan, main, paired),
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
        "paired": paired,
        "statuses": dict(sorted(tally.statuses.items())),
        "effort": tally.to_dict(
            plan.planned_calls, price.currency if price else "", decided=main.decided
        ),
        "stopped": stopped if main.decision == "continue" else "decided",
        "asked_again": asked_again,
        "run": dict(run),
        "harness": {"name": "railwright", "version": _version(), "scorers": dict(check.scorers)},
    }


def _passed(plan: GatePlan, main: Claim, paired: Mapping[str, Any] | None) -> bool:
    if paired is None:
        return main.decision == "pass"
    limit, confidence = plan.gate.requirement.number, plan.plan.confidence
    outcome, *_ = compare(paired, limit, confidence, COVERAGE_FLOOR, complete=main.decided)
    return outcome == "pass"


def asked_again(tally: SuiteTally, first_order: Sequence[int], known: Iterable[int]) -> int:
    """Sources among ``known`` (positions with an outcome in the ledger) that were asked again."""
    asked = {bisect_right(first_order, order) - 1 for order in tally.asked}
    return len(asked & set(known))


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
    """An evidence statement with the registration that it cites (None where there is none).

    ``attempt`` is counted from the log; ``key`` is that of the registration.
    """

    record: Record
    predicate: Mapping[str, Any]
    prereg: Record | None
    registration: Mapping[str, Any] | None
    attempt: int = 0
    key: str = ""


class EvidenceIndex:
    """The registrations and results of one system in a ledger, in the order of the log."""

    def __init__(self, ledger: Ledger, system_id: str) -> None:
        self._preregs = list(ledger.statements(kind=PREREG, subject=system_id))
        self._results = list(ledger.statements(kind=RESULT, subject=system_id))
        self._by_leaf = {record.leaf_hash: record for record in self._preregs}
        self._attempts: dict[str, Attempts] = {}

    def results(self, gate: str) -> list[GateEvidence]:
        """Results of a gate, oldest first."""
        attempts = self.attempts(gate)
        found = []
        for record in self._results_of(gate):
            item = self._with_registration(record)
            stated = int((item.registration or {}).get("attempt", 0))
            number = max(stated, attempts.at.get(record.index, 0))
            found.append(replace(item, attempt=number))
        return found

    def _results_of(self, gate: str) -> list[Record]:
        return [r for r in self._results if r.statement.predicate.get("gate") == gate]

    def _with_registration(self, record: Record) -> GateEvidence:
        predicate = record.statement.predicate
        prereg = self._by_leaf.get(_cited(predicate))
        if prereg is not None:
            for entry in prereg.statement.predicate.get("gates", []):
                if entry.get("gate") == predicate.get("gate"):
                    key = _key_of(prereg.statement.predicate, entry)
                    return GateEvidence(record, predicate, prereg, entry, key=key)
        return GateEvidence(record, predicate, prereg, None)

    @property
    def plan_digests(self) -> set[str]:
        """Digests of all registered plans."""
        return {str(r.statement.predicate.get("plan_digest", "")) for r in self._preregs}

    def last_epoch(self, subject: str) -> int | None:
        """The highest epoch under which a subject was registered; None if it never was."""
        used = [
            int(record.statement.predicate.get("epoch", 0))
            for record in self._preregs
            if record.statement.predicate.get("subject") == subject
        ]
        return max(used, default=None)

    def registered(self, digest: str) -> Record | None:
        """The registration with this plan digest, if it was made before."""
        for record in reversed(self._preregs):
            if record.statement.predicate.get("plan_digest") == digest:
                return record
        return None

    def attempt_of(self, gate: str, key: str) -> int:
        """The number of the attempt that a registration key is, or would be if it came next."""
        return self.attempts(gate).of(key)

    def attempts(self, gate: str) -> Attempts:
        """The attempts at a gate, counted from the log."""
        if gate not in self._attempts:
            results = [
                Resulted(r.index, _cited(r.statement.predicate), r.statement.predicate)
                for r in self._results_of(gate)
            ]
            self._attempts[gate] = count_attempts(self._registrations(gate), results)
        return self._attempts[gate]

    def _registrations(self, gate: str) -> list[Registered]:
        return [
            Registered(
                index=record.index,
                leaf=record.leaf_hash,
                key=_key_of(record.statement.predicate, entry),
                attempts=int(entry.get("attempts", 1)),
                again=gate in record.statement.predicate.get("again", ()),
            )
            for record in self._preregs
            for entry in record.statement.predicate.get("gates", [])
            if entry.get("gate") == gate
        ]

    def unfinished(self, gate: str, key: str) -> list[str]:
        """Digests of the plans under which a key was registered, where no result of it followed."""
        if any(item.key == key for item in self.results(gate)):
            return []
        return [
            str(self._by_leaf[entry.leaf].statement.predicate.get("plan_digest", ""))
            for entry in self._registrations(gate)
            if entry.key == key
        ]


def _cited(predicate: Mapping[str, Any]) -> str:
    return str((predicate.get("prereg") or {}).get("leaf", ""))


def _key_of(predicate: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    return registration_key(
        entry,
        str(predicate.get("subject", "")),
        int(predicate.get("seed", 0)),
        int(predicate.get("epoch", 0)),
        predicate.get("target") or {},
    )
