"""Waivers: proposals to accept less of a gate, to a number and until a date."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from railwright.standard._catalog import control
from railwright.standard._frameworks import UnknownIdError
from railwright.system import ManifestError, Problem, System, load_yaml, validate


class Waiver(msgspec.Struct, frozen=True):
    """A waiver as proposed in a file. It changes no verdict before it is signed."""

    id: str
    gate: str
    system: str
    reason: str
    compensates: tuple[str, ...]
    accept_up_to: float
    expires: date
    file: str

    def covers(self, gate: str, number: float | None, as_of: date) -> bool:
        """Say whether it proposes to accept ``number`` (None: any other relaxation) of a gate."""
        enough = number is None or number <= self.accept_up_to
        return self.gate == gate and enough and as_of < self.expires


def read_waivers(system: System, as_of: date) -> tuple[list[Waiver], list[Problem]]:
    """Return the waivers under ``rai/waivers/`` for this system, and what is wrong with them."""
    waivers: list[Waiver] = []
    problems: list[Problem] = []
    for path in sorted((system.root / "rai" / "waivers").glob("*.yaml")):
        waiver, found = _read(path, as_of)
        problems += found
        if waiver is not None and waiver.system == system.id:
            waivers.append(waiver)
    return waivers, problems


def _read(path: Path, as_of: date) -> tuple[Waiver | None, list[Problem]]:
    from railwright.standard._gate_file import WaiverFile

    file = str(path)
    try:
        data, positions = load_yaml(path)
    except ManifestError as error:
        return None, list(error.problems)
    model, problems = validate(WaiverFile, data, positions, file, _HINTS)
    if model is None:
        return None, problems
    for index, name in enumerate(model.compensates):
        try:
            control(name)
        except UnknownIdError as error:
            line, column = positions.locate(("compensates", index))
            problems.append(
                Problem(
                    file=file,
                    line=line,
                    column=column,
                    code="unknown-control",
                    message=error.message,
                    mend=error.mend,
                )
            )
    if as_of >= model.expires:
        line, column = positions.locate(("expires",))
        problems.append(
            Problem(
                file=file,
                line=line,
                column=column,
                code="waiver-expired",
                severity="warning",
                message=f"waiver {model.id} expired on {model.expires}",
                mend="remove it, or propose a new one with a new reason",
            )
        )
    return _waiver(model, file), problems


_HINTS = {
    "compensates": "add `compensates: [RAI-30]` with the controls that hold the risk meanwhile",
    "accept_up_to": "add `accept_up_to:` with a number; a gate is never waived altogether",
    "expires": "add `expires: 2027-01-31`",
    "reason": "add `reason:` in one sentence",
}


def _waiver(model: object, file: str) -> Waiver:
    from railwright.standard._gate_file import WaiverFile

    assert isinstance(model, WaiverFile)
    return Waiver(
        id=model.id,
        gate=model.gate,
        system=model.system,
        reason=model.reason,
        compensates=model.compensates,
        accept_up_to=model.accept_up_to,
        expires=model.expires,
        file=file,
    )
