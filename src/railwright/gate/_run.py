"""The whole of a check: one run, or two where the system names a guard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from railwright.evaluate import RunOutcome
from railwright.gate._guarded import (
    FIRST_SHARE,
    GUARDED_SHARE,
    TOUCHED_SHARE,
    Bare,
    guarded_suites,
    guarded_target,
)
from railwright.gate._plan import CheckPlan
from railwright.gate._session import CheckOptions, OnProgress, Session
from railwright.gate._suites import Suites
from railwright.gate._types import Verdict
from railwright.targets import TargetError

if TYPE_CHECKING:
    from railwright.guard import Guard


@dataclass(frozen=True)
class CheckResult:
    """What a check leaves behind: the verdict, how the run ended, where its samples lie.

    ``outcomes`` says by suite whether each source failed. Where the system was tested behind its
    guard, the result is that of the guarded system and ``bare`` holds the other one.
    """

    verdict: Verdict
    outcome: RunOutcome
    run_dir: Path
    plan: CheckPlan
    outcomes: Mapping[str, Mapping[str, bool | None]] = field(default_factory=dict)
    bare: CheckResult | None = None


def check(
    folder: Path, options: CheckOptions | None = None, *, on_progress: OnProgress | None = None
) -> CheckResult:
    """Check a system: see the module.

    A system that names a guard is run twice, without and with it. The first run may spend two
    thirds of the budget. The verdict is that of the guarded system.

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
    options = options or CheckOptions()
    session = Session(folder, options)
    behind = None if options.without_guard else guarded_suites(session.suites)
    if behind is None:
        return _check_one(session, on_progress)
    session.share = FIRST_SHARE
    bare = _check_one(session, on_progress)
    if bare.outcome.reason in ("interrupted", "fatal"):
        return bare
    return _behind_guard(folder, options, bare, session, behind, on_progress)


def _behind_guard(
    folder: Path,
    options: CheckOptions,
    bare: CheckResult,
    session: Session,
    behind: tuple[Suites, Guard],
    on_progress: OnProgress | None,
) -> CheckResult:
    """The second run, and what the guard touches in both; then the two compared."""
    from railwright.gate._effect import Side, effect_of  # of use behind a guard only
    from railwright.gate._touched import ask_touched, screen

    suites, guard = behind
    spent = [bare.outcome]

    def opened(share: float, own: Suites, at_work: Guard | None = None) -> Session:
        made = Session(folder, options, suites=own, guard=at_work)
        made.share, made.spent = share, list(spent)
        made.bare = Bare(session.subject, bare.plan.epoch) if at_work is not None else None
        return made

    lanes = bare.plan.lanes()
    screened = asyncio.run(screen(guarded_target(suites.system, guard), lanes))
    first = opened(TOUCHED_SHARE, session.suites)
    before, ended = asyncio.run(ask_touched(first, bare.plan, lanes, screened, on_progress))
    spent += [ended] if ended else []
    if ended is not None and ended.interrupted:
        return bare
    found = _check_one(opened(GUARDED_SHARE, suites, guard), on_progress)
    spent.append(found.outcome)
    third = opened(1.0, suites, guard)
    after, _ = asyncio.run(ask_touched(third, found.plan, lanes, screened, on_progress))
    effect = effect_of(
        guard,
        screened,
        Side(bare.verdict, bare.outcomes, before, bare.run_dir),
        Side(found.verdict, found.outcomes, after, found.run_dir),
    )
    verdict = msgspec.structs.replace(found.verdict, guard=effect)
    return replace(found, verdict=verdict, bare=bare)


def _check_one(session: Session, on_progress: OnProgress | None) -> CheckResult:
    """Register, run, record and decide for one subject."""
    started = time.monotonic()
    plan = session.plan()
    gone = session.gone(plan)
    # Made before the registration, so that a registration without a run was one that went away.
    run_dir = session.run_folder(plan)
    prereg = session.register(plan, gone)
    lanes = plan.lanes()
    outcome, tallies, digest = asyncio.run(session.execute(plan, lanes, run_dir, on_progress))
    session.record(plan, lanes, tallies, prereg, {"id": run_dir.name, "digest": digest}, outcome)
    if outcome.reason == "fatal" and outcome.stored == 0:
        raise TargetError(outcome.error_kind or "config", outcome.message, fatal=True)
    verdict = session.conclude(plan, outcome, time.monotonic() - started)
    found = {lane.suite: lane.decided_outcomes() for lane in lanes}
    return CheckResult(verdict, outcome, run_dir, plan, found)
