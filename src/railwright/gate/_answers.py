"""Questions that need no call: what a check takes, what the verdict is now, is the ledger sound."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from railwright.evaluate import read_samples
from railwright.gate._evidence import PREREG, RESULT, EvidenceIndex
from railwright.gate._forecast import Forecast, forecast
from railwright.gate._guarded import guarded_suites, guarded_target
from railwright.gate._instruments import Instruments
from railwright.gate._lint import sound_suites
from railwright.gate._plan import DEFAULT_SEED, applicable, make_plan
from railwright.gate._trust import trusted_keys
from railwright.gate._types import Verdict
from railwright.gate._verdict import decide_system
from railwright.ledger import Ledger, LedgerMissingError, Verification
from railwright.standard import resolve_gates
from railwright.system import System, find_root, load_system, subject
from railwright.targets import Target, TargetError, config_from, open_target

if TYPE_CHECKING:
    from railwright.guard import Guard

_PACE_SAMPLES = 200


def forecast_system(folder: Path, *, seed: int = DEFAULT_SEED) -> Forecast:
    """What a check of the system would take; nothing is called and nothing written."""
    suites = sound_suites(folder)
    system = suites.system
    ledger = _ledger_of(system)
    index = EvidenceIndex(ledger, system.id) if ledger is not None else None
    present = subject(system)
    instruments = Instruments(suites, _identity(system))
    plan = make_plan(
        system,
        present,
        suites=suites,
        seed=seed,
        attempt_of=index.attempt_of if index else None,
        scorer_of=instruments.scorer_name,
        target=instruments.target,
        epoch=(index.last_epoch(present.digest) if index else None) or 0,
    )
    return forecast(plan, _pace(system))


def verdict_now(folder: Path, *, without_guard: bool = False) -> Verdict:
    """The verdict from files and ledger as they stand, on the guarded system if there is a guard.

    No boundaries are designed: evidence is read against those that were registered with it.
    """
    suites = sound_suites(folder)
    behind = None if without_guard else guarded_suites(suites)
    suites, guard = behind or (suites, None)
    system = suites.system
    _, absent = applicable(suites)
    identity = _identity(system, guard)
    notes = [] if identity else ["The target cannot be opened here, so evidence was not compared."]
    return decide_system(
        system,
        subject(system),
        resolve_gates(system),
        _ledger_of(system),
        not_applicable=absent,
        notes=notes,
        target=identity,
        instruments=Instruments(suites, identity),
    )


def _identity(system: System, guard: Guard | None = None) -> Mapping[str, Any] | None:
    """The identity of the target, without a call; None where it cannot be opened here."""
    try:
        target: Target
        if guard is not None:
            target = guarded_target(system, guard)
        else:
            target = open_target(config_from(system.manifest.target), folder=system.folder)
    except TargetError:
        return None
    asyncio.run(target.close())
    return target.identity


def _ledger_of(system: System) -> Ledger | None:
    try:
        return Ledger.open(system.root)
    except LedgerMissingError:
        return None


def _pace(system: System) -> float | None:
    """Mean seconds of a call in the system's latest run; None before the first."""
    runs = sorted((system.root / "rai" / "runs").glob(f"*-{system.id}-*"))
    for folder in reversed(runs):
        seconds = []
        for sample in read_samples(folder, where={"cached": False}):
            if not sample.calls:  # a guard stopped it, which says nothing of the system
                continue
            seconds.append(sample.latency_s)
            if len(seconds) == _PACE_SAMPLES:
                break
        if seconds:
            return sum(seconds) / len(seconds)
    return None


def verify_ledger(
    path: Path, *, at_least: str | None = None, trusted: Path | None = None
) -> Verification:
    """Verify the ledger at a system folder, its root, or the ledger folder itself.

    Where ``path`` is a system, completeness asks for a registration and a result, and binding for
    its present subject. ``trusted`` is a folder of public keys; see ``trusted_keys`` without it.
    """
    expected: str | None = None
    required: tuple[str, ...] = ()
    root, about = path, ""
    if (path / "system.yaml").is_file() or path.name == "system.yaml":
        system = load_system(path)
        root, about = system.root, system.id
        expected, required = subject(system).digest, (PREREG, RESULT)
    elif not (path / "log.jsonl").is_file():
        root = find_root(path)
    return Ledger.open(root).verify(
        at_least=at_least,
        about=about,
        expected=expected,
        required=required,
        trusted_keys=trusted_keys(root, trusted),
    )
