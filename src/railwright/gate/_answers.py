"""Questions that need no call: what a check takes, what the verdict is now, is the ledger sound."""

from __future__ import annotations

from pathlib import Path

from railwright.evaluate import read_samples
from railwright.gate._evidence import PREREG, RESULT, EvidenceIndex
from railwright.gate._forecast import Forecast, forecast
from railwright.gate._lint import sound_suites
from railwright.gate._plan import DEFAULT_SEED, applicable, make_plan
from railwright.gate._trust import trusted_keys
from railwright.gate._types import Verdict
from railwright.gate._verdict import decide_system
from railwright.ledger import Ledger, LedgerMissingError, Verification
from railwright.standard import resolve_gates
from railwright.system import System, find_root, load_system, subject

_PACE_SAMPLES = 200


def forecast_system(folder: Path, *, seed: int = DEFAULT_SEED) -> Forecast:
    """What a check of the system would take; nothing is called and nothing written."""
    suites = sound_suites(folder)
    system = suites.system
    ledger = _ledger_of(system)
    attempt_of = EvidenceIndex(ledger, system.id).attempt_of if ledger is not None else None
    plan = make_plan(system, subject(system), suites=suites, seed=seed, attempt_of=attempt_of)
    return forecast(plan, _pace(system))


def verdict_now(folder: Path) -> Verdict:
    """The verdict from files and ledger as they stand.

    No boundaries are designed: evidence is read against those that were registered with it.
    """
    suites = sound_suites(folder)
    system = suites.system
    _, absent = applicable(suites)
    return decide_system(
        system, subject(system), resolve_gates(system), _ledger_of(system), not_applicable=absent
    )


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
    root = path
    if (path / "system.yaml").is_file() or path.name == "system.yaml":
        system = load_system(path)
        root = system.root
        expected, required = subject(system).digest, (PREREG, RESULT)
    elif not (path / "log.jsonl").is_file():
        root = find_root(path)
    return Ledger.open(root).verify(
        at_least=at_least,
        expected=expected,
        required=required,
        trusted_keys=trusted_keys(root, trusted),
    )
