"""The one verdict function: files at digest, ledger at checkpoint, as-of date in; a verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from railwright import __version__
from railwright.gate._evidence import PREREG, RESULT, EvidenceIndex, GateEvidence
from railwright.gate._instruments import Instruments
from railwright.gate._judge import Use, judge, set_aside
from railwright.gate._plan import DEFAULT_SEED
from railwright.gate._trust import trusted_keys
from railwright.gate._types import GateVerdict, LedgerState, Outcome, Verdict
from railwright.ledger import Ledger
from railwright.standard import ExitCode, Gate, ResolvedGates, worst
from railwright.system import Subject, System


def decide_system(  # noqa: PLR0913 (the verdict's inputs, each named)
    system: System,
    subject: Subject,
    resolved: ResolvedGates,
    ledger: Ledger | None,
    *,
    not_applicable: Mapping[str, tuple[Gate, str]] | None = None,
    as_of: datetime | None = None,
    notes: Sequence[str] = (),
    seconds: float = 0.0,
    target: Mapping[str, Any] | None = None,
    instruments: Instruments | None = None,
) -> Verdict:
    """Return the verdict on a system from what its ledger holds.

    Args:
        system: the loaded system; its gates decide what must hold.
        subject: its digest now; evidence about other parts is stale.
        resolved: the gates of its tier with its own overrides.
        ledger: None where the system has none yet.
        not_applicable: gates that do not apply, with the reason.
        as_of: the moment that ages are counted to; default now.
        notes: sentences for the reader.
        seconds: duration of the run that led here, for JUnit.
        target: the target's identity, for the reader.
        instruments: what the gates are measured with now; evidence measured otherwise is stale.
            None where that is not to be compared.
    """
    moment = as_of or datetime.now(UTC)
    absent = {**resolved.not_applicable, **(not_applicable or {})}
    gates = [gate for gate in resolved.gates if gate.id not in absent]
    verdicts, seeds = _judge_all(gates, system, subject, ledger, instruments, moment)
    verdicts += [set_aside(gate, why) for gate, why in absent.values()]
    state, integrity_ok = _ledger_state(ledger, system, subject)
    outcome, code = _overall(verdicts, integrity_ok, system.tier)
    return Verdict(
        system=system.id,
        tier=system.tier,
        purpose=system.manifest.purpose,
        owner=system.manifest.owner,
        subject_digest=subject.digest,
        parts=dict(subject.parts),
        as_of=moment.isoformat(timespec="seconds"),
        outcome=outcome,
        exit_code=int(code),
        gates=tuple(verdicts),
        ledger=state,
        target=dict(target or {}),
        notes=(*notes, *_on_seeds(seeds), *_on_cases(verdicts, instruments)),
        run_ids=tuple(
            dict.fromkeys(v.evidence.run_id for v in verdicts if v.evidence and v.evidence.run_id)
        ),
        seconds=seconds,
        version=__version__,
    )


def _judge_all(
    gates: Sequence[Gate],
    system: System,
    subject: Subject,
    ledger: Ledger | None,
    instruments: Instruments | None,
    as_of: datetime,
) -> tuple[list[GateVerdict], set[int]]:
    """Judge each gate on its newest usable evidence; also the seeds that are not the default."""
    command = f"railwright check {Path(system.file).parent}"
    index = EvidenceIndex(ledger, system.id) if ledger is not None else None
    verdicts: list[GateVerdict] = []
    seeds: set[int] = set()
    for gate in gates:
        use = Use(subject.parts, instruments.of(gate) if instruments else None)
        evidence = _usable(gate, index, use) if index is not None else None
        seeds |= _seed(evidence)
        verdicts.append(judge(gate, evidence, use=use, as_of=as_of, command=command))
    return verdicts, seeds


def _usable(gate: Gate, index: EvidenceIndex, use: Use) -> GateEvidence | None:
    """The newest result about what is in use now, else the newest at all."""
    results = index.results(gate.id)
    for item in reversed(results):
        if not any(use.differences(gate, item)):
            return item
    return results[-1] if results else None


def _seed(evidence: GateEvidence | None) -> set[int]:
    if evidence is None or evidence.prereg is None:
        return set()
    return {int(evidence.prereg.statement.predicate.get("seed", DEFAULT_SEED))} - {DEFAULT_SEED}


def _on_seeds(seeds: Iterable[int]) -> list[str]:
    """A note on orders that a person chose: whoever knows the answers could choose a lucky one."""
    return [
        f"The order of cases was chosen by hand (--seed {seed}); it proves as much as any other "
        "only if nobody knew the answers when choosing."
        for seed in sorted(seeds)
    ]


def _on_cases(verdicts: Sequence[GateVerdict], instruments: Instruments | None) -> list[str]:
    if instruments is None:
        return []
    shown = [verdict for verdict in verdicts if verdict.outcome != "not_applicable"]
    names = dict.fromkeys(v.suite for v in shown if instruments.suites.stand_in(v.suite))
    return [
        f"The cases of the suite {name} are the system's own in place of those that Railwright "
        "ships; read them before relying on the gate."
        for name in names
    ]


def _ledger_state(
    ledger: Ledger | None, system: System, subject: Subject
) -> tuple[LedgerState, bool]:
    if ledger is None:
        return LedgerState("", 0, "", "none", {}, True), True
    found = ledger.verify(
        about=system.id,
        expected=subject.digest,
        required=(PREREG, RESULT),
        trusted_keys=trusted_keys(system.root),
    )
    checkpoint = found.checkpoint.short if found.checkpoint else "none"
    state = LedgerState(
        path=str(ledger.folder),
        size=found.size,
        root=found.root,
        checkpoint=checkpoint,
        verdicts={name: verdict.to_dict() for name, verdict in found.verdicts().items()},
        ok=found.exit_code == 0,
    )
    return state, state.ok


def _overall(
    verdicts: Sequence[GateVerdict], integrity_ok: bool, tier: int
) -> tuple[Outcome, ExitCode]:
    """The outcome over the blocking gates, and the worst exit code."""
    codes = [ExitCode.PASS]
    if not integrity_ok:
        codes.append(ExitCode.INTEGRITY)
    for verdict in verdicts:
        if verdict.blocking and verdict.outcome == "fail":
            codes.append(ExitCode.GATE_FAILED)
        if verdict.blocking and verdict.outcome == "inconclusive":
            codes.append(ExitCode.INCONCLUSIVE)
    applicable = [v for v in verdicts if v.outcome != "not_applicable"]
    if not applicable and tier < 3:
        codes.append(ExitCode.INCONCLUSIVE)
    code = worst(codes)
    if code == ExitCode.GATE_FAILED:
        return "fail", code
    if code == ExitCode.PASS:
        quiet = all(v.outcome != "inconclusive" for v in applicable)
        return ("pass" if quiet and applicable else "inconclusive"), code
    return "inconclusive", code
