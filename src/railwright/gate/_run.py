"""The whole of a check: register, run until the boundaries decide, sign the facts, decide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from railwright.evaluate import (
    Budget,
    Cache,
    Limits,
    Manifest,
    Progress,
    RunOutcome,
    RunStore,
    Sample,
    Scorer,
    Task,
    run,
)
from railwright.gate._errors import BrokenLedgerError, GateError
from railwright.gate._evidence import (
    PREREG,
    RESULT,
    EvidenceIndex,
    GateEvidence,
    SuiteTally,
    result_predicate,
)
from railwright.gate._lane import Lane
from railwright.gate._lint import sound_suites
from railwright.gate._plan import DEFAULT_SEED, CheckPlan, make_plan
from railwright.gate._schedule import Schedule
from railwright.gate._scoring import scorers_for_plan
from railwright.gate._trust import trusted_keys
from railwright.gate._types import Verdict
from railwright.gate._verdict import decide_system
from railwright.ledger import Entry, Ledger, subject_ref
from railwright.standard import resolve_gates
from railwright.system import System, subject
from railwright.targets import Target, TargetError, config_from, open_target

OnProgress = Callable[[Progress, Schedule], None]
SVR = "https://in-toto.io/attestation/svr/v0.2"


@dataclass(frozen=True)
class CheckOptions:
    """How a check is run. ``budget`` overrides what system.yaml says, key by key."""

    seed: int = DEFAULT_SEED
    resume: bool = False
    fresh: bool = False
    only: tuple[str, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    concurrency: int | None = None


@dataclass(frozen=True)
class CheckResult:
    """What a check leaves behind: the verdict, how the run ended, where its samples lie."""

    verdict: Verdict
    outcome: RunOutcome
    run_dir: Path
    plan: CheckPlan


def check(
    folder: Path, options: CheckOptions | None = None, *, on_progress: OnProgress | None = None
) -> CheckResult:
    """Check a system: see the module.

    Args:
        folder: the system folder, or its ``system.yaml``.
        options: seed, budget, resuming.
        on_progress: told about five times a second while calls are made.

    Raises:
        ManifestError, SuiteError, LockError, GateError: the files have errors; nothing was called.
        BrokenLedgerError: the ledger contradicts itself; nothing was called.
        TargetError: the endpoint cannot be used (wrong key, down, no such model) and gave nothing.
        StoreError, LedgerError: the disk refuses; what was acknowledged is kept.
    """
    session = Session(folder, options or CheckOptions())
    started = time.monotonic()
    plan = session.plan()
    prereg = session.register(plan)
    lanes = plan.lanes()
    outcome, run_dir, tallies, digest = asyncio.run(session.execute(plan, lanes, on_progress))
    session.record(plan, lanes, tallies, prereg, {"id": run_dir.name, "digest": digest}, outcome)
    if outcome.reason == "fatal" and outcome.stored == 0:
        raise TargetError(outcome.error_kind or "config", outcome.message, fatal=True)
    verdict = session.conclude(plan, outcome, time.monotonic() - started)
    return CheckResult(verdict, outcome, run_dir, plan)


class Session:
    """One check in the making; its steps are the methods, in order."""

    def __init__(self, folder: Path, options: CheckOptions) -> None:
        self.options = options
        self.suites = sound_suites(folder)
        self.system: System = self.suites.system
        self.subject = subject(self.system)
        self.ledger = Ledger.open(self.system.root, create=True)
        self._refuse_broken_ledger()
        self.index = EvidenceIndex(self.ledger, self.system.id)
        self.target: Target = open_target(
            config_from(self.system.manifest.target), folder=self.system.folder
        )
        self.scorers: Mapping[str, Scorer] = {}

    def _refuse_broken_ledger(self) -> None:
        found = self.ledger.verify(trusted_keys=trusted_keys(self.system.root))
        if found.exit_code:
            reasons = [*found.integrity.detail, *found.authenticity.detail]
            raise BrokenLedgerError(str(self.ledger.folder), reasons)

    def plan(self) -> CheckPlan:
        """Resolve, bind and design; nothing is called yet."""
        plan = make_plan(
            self.system,
            self.subject,
            suites=self.suites,
            seed=self.options.seed,
            attempt_of=self.index.attempt_of,
            only=self.options.only,
            target=self.target.identity,
            epoch=self._epoch(),
        )
        if not plan.gates:
            why = "; ".join(f"{name}: {text}" for name, (_, text) in plan.not_applicable.items())
            raise GateError(f"no gate applies to {self.system.id} ({why})", "declare its plants")
        self.scorers = scorers_for_plan(plan, self.system)
        return replace(plan, scorers={s.name: s.version for s in self.scorers.values()})

    def _epoch(self) -> int:
        """``--fresh`` asks anew under a number that no earlier registration used."""
        used = [
            int(record.statement.predicate.get("epoch", 0))
            for record in self.ledger.statements(kind=PREREG, subject=self.system.id)
            if record.statement.predicate.get("subject") == self.subject.digest
        ]
        last = max(used, default=0)
        return last + 1 if self.options.fresh and used else last

    def register(self, plan: CheckPlan) -> Mapping[str, Any]:
        """Append the registration, unless this very plan is registered already."""
        known = self.index.registered(plan.digest)
        if known is not None:
            return {"index": known.index, "leaf": known.leaf_hash}
        body = {**plan.registration(), "plan_digest": plan.digest}
        receipt = self.ledger.append(PREREG, self._subject(), body)
        return {"index": receipt.index, "leaf": receipt.leaf_hash}

    def _subject(self) -> dict[str, Any]:
        return subject_ref(self.system.id, self.subject.digest)

    async def execute(
        self, plan: CheckPlan, lanes: Sequence[Lane], on_progress: OnProgress | None
    ) -> tuple[RunOutcome, Path, Mapping[str, SuiteTally], str]:
        """Make the calls and seal the run; (outcome, folder, tallies, digest)."""
        tallies = {lane.suite: SuiteTally() for lane in lanes}

        def count(sample: Sample) -> None:
            tallies[sample.suite].add(sample)

        schedule = Schedule(
            lanes,
            repeat=plan.epoch,
            concurrency=self.limits().concurrency,
            on_sample=count,
        )
        folder = self._run_folder(plan)
        rai = self.system.root / "rai"
        try:
            with (
                RunStore.open(folder, self.manifest(plan)) as store,
                Cache(rai / "cache.sqlite") as cache,
            ):
                outcome = await run(
                    schedule,
                    self.target,
                    self.scorer_of,
                    store,
                    limits=self.limits(),
                    budget=self.budget(),
                    cache=cache,
                    subject=self.subject.digest,
                    on_event=(lambda event: on_progress(event, schedule)) if on_progress else None,
                )
                seal = store.seal(counted={lane.suite: lane.counted for lane in lanes})
        finally:
            await self.target.close()
        return outcome, folder, tallies, seal.digest

    def scorer_of(self, task: Task) -> Scorer:
        """The scorer of a task's suite."""
        return self.scorers[task.suite]

    def _run_folder(self, plan: CheckPlan) -> Path:
        runs = self.system.root / "rai" / "runs"
        tail = f"-{self.system.id}-{plan.digest[7:15]}"
        if self.options.resume:
            earlier = sorted(p for p in runs.glob(f"*{tail}") if p.is_dir())
            if earlier:
                return earlier[-1]
        return runs / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}{tail}"

    def manifest(self, plan: CheckPlan) -> Manifest:
        """What a run folder is bound to; resuming demands the same."""
        return Manifest(
            subject=self.subject.digest,
            suites={gate.suite.name: gate.suite.digest for gate in plan.gates},
            scorers=dict(plan.scorers),
            target=dict(plan.target),
            seed=plan.seed,
            plan=plan.digest,
        )

    def limits(self) -> Limits:
        """How hard the target may be pressed."""
        target = self.system.manifest.target
        return Limits(
            concurrency=self.options.concurrency or target.concurrency or 4,
            timeout_s=target.timeout.total_seconds(),
        )

    def budget(self) -> Budget:
        """The budget of system.yaml, overridden key by key."""
        stated = self.system.manifest.budget
        given = dict(self.options.budget)
        money = stated.money
        return Budget(
            calls=_whole(given.get("calls", stated.calls)),
            tokens=_whole(given.get("tokens", stated.tokens)),
            money=given.get("money", money.amount if money is not None else None),
            minutes=given.get("minutes", stated.minutes),
            price=config_from(self.system.manifest.target).price,
            max_output_tokens=self.system.manifest.target.max_tokens,
        )

    def record(
        self,
        plan: CheckPlan,
        lanes: Sequence[Lane],
        tallies: Mapping[str, SuiteTally],
        prereg: Mapping[str, Any],
        run_ref: Mapping[str, str],
        outcome: RunOutcome,
    ) -> None:
        """Append what each gate counted; a result that is in the ledger already is not repeated."""
        by_suite = {lane.suite: lane for lane in lanes}
        held = EvidenceIndex(self.ledger, self.system.id)
        entries = []
        for gate in plan.gates:
            lane = by_suite[gate.suite.name]
            claims = [claim for claim in lane.claims if claim.gate == gate.gate.id]
            body = result_predicate(
                plan,
                gate,
                claims,
                tallies[lane.suite],
                prereg=prereg,
                run=run_ref,
                stopped=outcome.reason,
            )
            if not _repeats(held.results(gate.gate.id), body):
                entries.append(Entry(RESULT, self._subject(), body))
        self.ledger.append_many(entries)

    def conclude(self, plan: CheckPlan, outcome: RunOutcome, seconds: float) -> Verdict:
        """Decide from the ledger, sign the verdict as a summary, sign the tree head, decide again.

        The second decision sees the final checkpoint; nothing else can differ.
        """
        notes = []
        if outcome.reason != "finished" and outcome.message:
            notes.append(f"The run ended early: {outcome.message}.")
        resolved = resolve_gates(self.system)

        def decide() -> Verdict:
            return decide_system(
                self.system,
                self.subject,
                resolved,
                self.ledger,
                not_applicable=plan.not_applicable,
                as_of=moment,
                notes=notes,
                seconds=seconds,
                target=plan.target,
            )

        moment = datetime.now(UTC)
        first = decide()
        self.ledger.append(SVR, self._subject(), summary_predicate(first))
        self.ledger.checkpoint()
        return decide()


def _repeats(results: Sequence[GateEvidence], body: Mapping[str, Any]) -> bool:
    """Whether the newest of a gate's results says the same from the same answers.

    Deciding again from cached answers must not make old evidence look new.
    """
    if not results:
        return False
    last = results[-1].predicate
    same = (
        "prereg",
        "binds",
        "decision",
        "n",
        "failed_at",
        "missing_at",
        "slices",
        "suite_digest",
    )
    return all(last.get(name) == body.get(name) for name in same)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def summary_predicate(verdict: Verdict) -> dict[str, Any]:
    """Simple Verification Result: the properties that hold for this subject."""
    properties = [
        f"RAI_GATE_{gate.id.upper().replace('-', '_')}"
        for gate in verdict.gates
        if gate.outcome == "pass"
    ]
    if verdict.outcome == "pass":
        properties.append(f"RAI_CHECK_TIER{verdict.tier}")
    return {
        "verifier": {
            "id": "https://railwright.dev/check",
            "version": {"railwright": verdict.version},
        },
        "timeVerified": verdict.as_of,
        "properties": properties,
        "verdict": {gate.id: gate.outcome for gate in verdict.gates},
        "exitCode": verdict.exit_code,
    }
