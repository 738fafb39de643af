"""Reading the gates that a person wrote, inline or in ``gates.yaml``, each with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from railwright.standard._requirement import Requirement, RequirementError, parse_requirement
from railwright.system import (
    ManifestError,
    Positions,
    Problem,
    Severity,
    System,
    load_yaml,
    validate,
)

if TYPE_CHECKING:
    from railwright.standard._gate_file import GateEntry

GATES = "gates.yaml"
_HINTS = {
    "schema": "add `schema: gates/v1` as the first line",
    "id": "add `id:`, of a default gate to change it or a new one",
    "by": "add `by:` with the name of a slice",
    "require": "add `require: upper(metric) <= number`",
}


class Entry(msgspec.Struct, frozen=True):
    """A gate as written: its model, its file and where it stands there."""

    model: GateEntry
    confidence: float | None
    file: str
    path: Path
    positions: Positions
    loc: tuple[str | int, ...]

    @property
    def line(self) -> int:
        """The line at which the gate starts."""
        return self.positions.locate_value(self.loc)[0]

    def problem(
        self,
        key: str,
        code: str,
        message: str,
        mend: str = "",
        severity: Severity = "error",
        shift: int = 0,
    ) -> Problem:
        """Return a problem at one key of the gate; ``shift`` moves into the value."""
        names = [int(name) if name.isdigit() else name for name in key.split(".") if name]
        loc = (*self.loc, *names)
        line, column = self.positions.locate(loc)
        if shift:
            line, column = self.positions.locate_value(loc)
            column += shift - 1 + self._quoted(line, column)
        return Problem(
            file=self.file,
            line=line,
            column=column,
            code=code,
            severity=severity,
            message=f"gate '{self.model.id}': {message}",
            mend=mend,
        )

    def _quoted(self, line: int, column: int) -> int:
        lines = self.path.read_text("utf-8-sig").splitlines()
        return int(lines[line - 1][column - 1 : column] in ("'", '"'))

    def requirement(self, key: str, text: str) -> Requirement | Problem:
        """Parse a requirement of this gate, or say where and how it is wrong."""
        try:
            return parse_requirement(text)
        except RequirementError as error:
            return self.problem(key, "requirement", str(error), error.mend, shift=error.column)


def read_entries(system: System) -> tuple[list[Entry], list[Problem]]:
    """Return the gates written in ``system.yaml`` and in ``gates.yaml`` beside it, in order."""
    entries, problems = _inline(system)
    path = system.folder / GATES
    if path.exists():
        more, found = _from_file(path, str(Path(system.file).parent / GATES))
        entries += more
        problems += found
    first: dict[str, Entry] = {}
    unique: list[Entry] = []
    for entry in entries:
        if entry.model.id in first:
            other = first[entry.model.id]
            message = f"is written twice (first in {other.file}:{other.line})"
            problems.append(entry.problem("id", "duplicate-gate", message, "keep one of the two"))
            continue
        first[entry.model.id] = entry
        unique.append(entry)
    return unique, problems


def _inline(system: System) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for index, data in enumerate(system.data.get("gates") or ()):
        loc = ("gates", index)
        model, found = _entry(data, system.positions, system.file, loc)
        problems += found
        if model is not None:
            entries.append(Entry(model, None, system.file, system.path, system.positions, loc))
    return entries, problems


def _from_file(path: Path, file: str) -> tuple[list[Entry], list[Problem]]:
    from railwright.standard._gate_file import GatesFile

    try:
        data, positions = load_yaml(path, file)
    except ManifestError as error:
        return [], list(error.problems)
    model, problems = validate(GatesFile, data, positions, file, _HINTS)
    if model is None:
        return [], problems
    return [
        Entry(entry, model.confidence, file, path, positions, ("gates", index))
        for index, entry in enumerate(model.gates)
    ], []


def _entry(
    data: Any, positions: Positions, file: str, loc: tuple[str | int, ...]
) -> tuple[GateEntry | None, list[Problem]]:
    from railwright.standard._gate_file import GateEntry

    return validate(GateEntry, data, positions, file, _HINTS, loc)
