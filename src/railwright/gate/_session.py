"""One check in the making: register, run until the boundaries decide, sign the facts, decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    TaskSource,
    run,
)
from railwright.gate._attempts import outcomes
from railwright.gate._errors import BrokenLedgerError, GateError
from railwright.gate._evidence import (
    PREREG,
    RESULT,
    EvidenceIndex,
    GateEvidence,
    SuiteTally,
    asked_again,
    result_predicate,
)
from railwright.gate._guarded import (
    Bare,
    earlier_answers,
    guarded_target,
    part_of,
)
from railwright.gate._instruments import Instruments
from railwright.gate._lane import Lane
from railwright.gate._lint import sound_suites
from railwright.gate._plan import DEFAULT_SEED, CheckPlan, make_plan
from railwright.gate._schedule import Schedule
from railwright.gate._suites import Suites
from railwright.gate._trust import trusted_keys
from railwright.gate._types import Verdict
from railwright.gate._verdict import decide_system
from railwright.ledger import Entry, Ledger, load_keys, subject_ref
from railwright.standard import resolve_gates
from railwright.system import System, subject
from railwright.targets import Target, config_from, open_target

if TYPE_CHECKING:
    from railwright.guard import Guard

OnProgress = Callable[[Progress, Schedule | None], None]
"""Told of progress, with the schedule where gates are being decided."""
SVR = "https://in-toto.io/attestation/svr/v0.2"


@dataclass(frozen=True)
class CheckOptions:
    """How a check is run. ``budget`` overrides what system.yaml says, key by key.

    ``without_guard`` leaves out the second run, behind the guard that system.yaml names.
    """

    seed: int = DEFAULT_SEED
    resume: bool = False
    fresh: bool = False
    only: tuple[str, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    concurrency: int | None = None
    without_guard: bool = False


class Session:
    """One check in the making; its steps are the methods, in order."""

    def __init__(
        self,
        folder: Path,
        options: CheckOptions,
        *,
        suites: Suites | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Open everything; ``suites`` and ``guard`` are those of a guarded system."""
        self.options = options
        self.suites = suites or sound_suites(folder)
        self.share = 1.0
        self.spent: list[RunOutcome] = []
        self.bare: Bare | None = None
        self.system: System = self.suites.system
        self.subject = subject(self.system)
        self.ledger = Ledger.open(self.system.root, create=True)
        self._refuse_broken_ledger()
        load_keys()  # both are needed at the end, and no call shall be paid for in vain
        self.index = EvidenceIndex(self.ledger, self.system.id)
        self.guarded = guarded_target(self.system, guard) if guard is not None else None
        self.target: Target = self.guarded or open_target(
            config_from(self.system.manifest.target), folder=self.system.folder
        )
        self.instruments = Instruments(self.suites, self.target.identity)

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
            scorer_of=self.instruments.scorer_name,
            target=self.target.identity,
            epoch=self._epoch(),
        )
        self._refuse_unknown(plan)
        if not plan.gates:
            why = "; ".join(f"{name}: {text}" for name, (_, text) in plan.not_applicable.items())
            raise GateError(f"no gate applies to {self.system.id} ({why})", "declare its plants")
        scorers = [self.instruments.scorer(gate.suite.name) for gate in plan.gates]
        return replace(plan, scorers={scorer.name: scorer.version for scorer in scorers})

    def _refuse_unknown(self, plan: CheckPlan) -> None:
        known = [gate.id for gate in resolve_gates(self.system).gates]
        known += [name for name in plan.not_applicable if name not in known]
        for name in self.options.only:
            if name not in known:
                raise GateError(f"there is no gate {name!r}", f"one of: {', '.join(known)}")

    def _epoch(self) -> int:
        """``--fresh`` asks anew under a number that no earlier registration used."""
        last = self.index.last_epoch(self.subject.digest)
        if last is None:
            return 0
        return last + 1 if self.options.fresh else last

    def register(self, plan: CheckPlan, gone: Sequence[str]) -> Mapping[str, Any]:
        """Append the registration, unless this very plan is registered already.

        It is registered again for gates whose earlier run is ``gone`` without a result: whoever
        saw its answers and threw them away has had that attempt.
        """
        known = self.index.registered(plan.digest)
        if known is not None and not gone:
            return {"index": known.index, "leaf": known.leaf_hash}
        body = {**plan.registration(), "plan_digest": plan.digest}
        if gone:
            body["again"] = list(gone)
        receipt = self.ledger.append(PREREG, self._subject(), body)
        return {"index": receipt.index, "leaf": receipt.leaf_hash}

    def gone(self, plan: CheckPlan) -> list[str]:
        """Gates that were registered before, without a result, in runs that are not there."""
        gone = []
        for gate in plan.gates:
            key = gate.key(self.subject.digest, plan.seed, plan.epoch, plan.target)
            digests = self.index.unfinished(gate.gate.id, key)
            if digests and not any(self._runs_of(digest) for digest in digests):
                gone.append(gate.gate.id)
        return gone

    def _subject(self) -> dict[str, Any]:
        return subject_ref(self.system.id, self.subject.digest)

    async def execute(
        self,
        plan: CheckPlan,
        lanes: Sequence[Lane],
        folder: Path,
        on_progress: OnProgress | None,
    ) -> tuple[RunOutcome, Mapping[str, SuiteTally], str]:
        """Make the calls and seal the run; (outcome, tallies, digest)."""
        tallies = {lane.suite: SuiteTally() for lane in lanes}

        def count(sample: Sample, new: bool) -> None:
            tallies[sample.suite].add(sample, new=new)

        schedule = Schedule(
            lanes,
            repeat=plan.epoch,
            concurrency=self.limits().concurrency,
            held=self._held(plan),
            on_sample=count,
        )
        with RunStore.open(folder, self.manifest(plan)) as store:
            tell = (lambda event: on_progress(event, schedule)) if on_progress else None
            outcome = await self.ask(schedule, store, tell)
            seal = store.seal(counted={lane.suite: lane.counted for lane in lanes})
        return outcome, tallies, seal.digest

    async def ask(
        self,
        source: TaskSource,
        store: RunStore,
        on_event: Callable[[Progress], None] | None = None,
    ) -> RunOutcome:
        """Work through tasks within the budget, with the cache; closes the target."""
        try:
            with Cache(self.system.root / "rai" / "cache.sqlite") as cache:
                if self.guarded is not None and self.bare is not None:
                    self.guarded.earlier = earlier_answers(cache, self.guarded.bare, self.bare)
                return await run(
                    source,
                    self.target,
                    self.scorer_of,
                    store,
                    limits=self.limits(),
                    budget=self.budget(),
                    cache=cache,
                    subject=self.subject.digest,
                    on_event=on_event,
                )
        finally:
            await self.target.close()

    def scorer_of(self, task: Task) -> Scorer:
        """The scorer of a task's suite."""
        return self.instruments.scorer(task.suite)

    def run_folder(self, plan: CheckPlan) -> Path:
        """The folder of this run: the latest of the same plan on resuming, else a new one."""
        earlier = self._runs_of(plan.digest) if self.options.resume else []
        if earlier:
            return earlier[-1]
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{self.system.id}-{plan.digest[7:15]}"
        folder = self.system.root / "rai" / "runs" / name
        folder.mkdir(parents=True)
        return folder

    def _runs_of(self, plan_digest: str) -> list[Path]:
        """Run folders of a plan, oldest first."""
        runs = self.system.root / "rai" / "runs"
        found = runs.glob(f"*-{self.system.id}-{plan_digest[7:15]}")
        return sorted(path for path in found if path.is_dir())

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
        """The budget of system.yaml, overridden key by key; this run's part of it."""
        stated = self.system.manifest.budget
        given = dict(self.options.budget)
        money = stated.money
        whole = {
            "calls": given.get("calls", stated.calls),
            "tokens": given.get("tokens", stated.tokens),
            "money": given.get("money", money.amount if money is not None else None),
            "minutes": given.get("minutes", stated.minutes),
        }
        part = part_of(whole, self.share, self.spent)
        return Budget(
            calls=_whole(part["calls"]),
            tokens=_whole(part["tokens"]),
            money=part["money"],
            minutes=part["minutes"],
            price=config_from(self.system.manifest.target).price,
            max_output_tokens=self.system.manifest.target.max_tokens,
        )

    def _held(self, plan: CheckPlan) -> dict[str, int]:
        """Sources of each suite whose outcomes the ledger holds under this registration."""
        held: dict[str, int] = {}
        for gate in plan.gates:
            key = gate.key(self.subject.digest, plan.seed, plan.epoch, plan.target)
            known = self.index.attempts(gate.gate.id).seen.get(key, {})
            held[gate.suite.name] = max(held.get(gate.suite.name, 0), len(known))
        return held

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
            tally = tallies[lane.suite]
            key = gate.key(self.subject.digest, plan.seed, plan.epoch, plan.target)
            known = held.attempts(gate.gate.id).seen.get(key, {})
            body = result_predicate(
                plan,
                gate,
                claims,
                tally,
                prereg=prereg,
                run=run_ref,
                stopped=outcome.reason,
                asked_again=asked_again(tally, lane.first_order, known),
            )
            if not _repeats([r for r in held.results(gate.gate.id) if r.key == key], body):
                entries.append(Entry(RESULT, self._subject(), body, _occurred(tally)))
        self.ledger.append_many(entries)

    def _strays(self) -> list[str]:
        """A note where run folders lie here that no registration in the ledger speaks of."""
        known = self.index.plan_digests | EvidenceIndex(self.ledger, self.system.id).plan_digests
        tails = tuple(digest[7:15] for digest in known)
        runs = self.system.root / "rai" / "runs"
        mine = runs.glob(f"{'?' * 8}T{'?' * 12}-{self.system.id}-{'?' * 8}")
        baseline = self.system.manifest.baseline.removeprefix("run:")
        strays = [f for f in mine if not f.name.endswith(tails) and f.name != baseline]
        if not strays:
            return []
        return [
            f"{len(strays)} run(s) in {strays[0].parent} are of no registration in this ledger, so "
            "they count as no attempt here; was the ledger begun anew?"
        ]

    def conclude(self, plan: CheckPlan, outcome: RunOutcome, seconds: float) -> Verdict:
        """Decide from the ledger, sign the verdict as a summary, sign the tree head, decide again.

        The second decision sees the final checkpoint; nothing else can differ.
        """
        notes = []
        if outcome.reason != "finished" and outcome.message:
            notes.append(f"The run ended early: {outcome.message}.")
        notes += self._strays()
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
                instruments=self.instruments,
            )

        moment = datetime.now(UTC)
        first = decide()
        self.ledger.append(SVR, self._subject(), summary_predicate(first))
        self.ledger.checkpoint()
        return decide()


def _occurred(tally: SuiteTally) -> datetime | None:
    """When the oldest answer was given: evidence is as old as that, however often it is read."""
    if tally.oldest == float("inf"):
        return None
    return min(datetime.fromtimestamp(tally.oldest, UTC), datetime.now(UTC))


def _repeats(results: Sequence[GateEvidence], body: Mapping[str, Any]) -> bool:
    """Whether the newest result of a registration says the same from the same answers.

    Deciding again from cached answers must not make old evidence look new, nor put a pass that
    was followed by a fail under another seed back in front of it.
    """
    if not results or body["asked_again"]:
        return False
    last = results[-1].predicate
    if body["decision"] == "continue" and last.get("binds") == body["binds"]:
        # A smaller budget read the same answers less far.
        return outcomes(body).items() <= outcomes(last).items()
    same = ("binds", "decision", "n", "failed_at", "missing_at", "slices", "paired")
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
