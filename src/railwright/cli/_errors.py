"""Known faults to one clear message and an exit code; unknown ones keep their traceback."""

from __future__ import annotations

import sys

import click

# exception class by its public place -> exit code. Looked up only among modules already imported:
# an error of a room that was never loaded cannot have been raised.
_CODES = {
    ("railwright.system", "ManifestError"): 2,
    ("railwright.system", "TargetSpecError"): 2,
    ("railwright.standard", "RequirementError"): 2,
    ("railwright.cases", "CaseError"): 2,
    ("railwright.cases", "SuiteError"): 2,
    ("railwright.cases", "LockError"): 2,
    ("railwright.detectors", "UnknownDetectorError"): 2,
    ("railwright.detectors", "DetectorConfigError"): 2,
    ("railwright.detectors", "MissingExtraError"): 2,
    ("railwright.guard", "GuardError"): 2,
    ("railwright.events", "EventError"): 2,
    ("railwright.evaluate", "UnknownScorerError"): 2,
    ("railwright.evaluate", "ScorerOptionError"): 2,
    ("railwright.evaluate", "StoreError"): 2,
    ("railwright.targets", "TargetError"): 2,
    ("railwright.targets", "ModelNotFoundError"): 2,
    ("railwright.targets", "ModelServerError"): 2,
    ("railwright.ledger", "LedgerKeyError"): 2,
    ("railwright.ledger", "LedgerMissingError"): 2,
    ("railwright.ledger", "LedgerFullError"): 2,
    ("railwright.ledger", "LedgerBrokenError"): 4,
    ("railwright.ledger", "MalformedError"): 4,
    ("railwright.ledger", "LedgerError"): 2,
    ("railwright.gate", "GateError"): 2,
    ("railwright.gate", "BrokenLedgerError"): 4,
}


def exit_for(error: BaseException) -> int | None:
    """Print a known error and return its exit code; None for an error that is ours to mend."""
    for (module, name), code in _CODES.items():
        known = getattr(sys.modules.get(module), name, None)
        if isinstance(known, type) and isinstance(error, known):
            stated = getattr(error, "exit_code", None)
            return _say(error, stated if isinstance(stated, int) else code)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"railwright: {where}{error.strerror or error}", err=True)
        return 2
    return None


def _say(error: BaseException, code: int) -> int:
    mend = getattr(error, "mend", "")
    text = str(error)
    click.echo(f"railwright: {text}", err=True)
    if mend and mend not in text:
        click.echo(f"  -> {mend}", err=True)
    return code
