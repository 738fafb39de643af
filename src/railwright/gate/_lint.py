"""Every problem of a system: its manifest, its gates and the suites that they rest on."""

from __future__ import annotations

from pathlib import Path

from railwright.cases import CaseError, LockError, SuiteError
from railwright.gate._errors import GateError
from railwright.gate._plan import bind_suite
from railwright.standard import lint_gates, resolve_gates
from railwright.system import (
    ManifestError,
    Problem,
    System,
    errors,
    lint_system,
    load_system,
)


def lint_all(path: Path) -> list[Problem]:
    """Lint one system, or every system below a folder that is none itself.

    Suites are loaded and bound only where the manifest and the gates have no error.
    """
    folders = _systems(path)
    return [problem for folder in folders for problem in _lint_one(folder)]


def _systems(path: Path) -> list[Path]:
    if path.is_file() or (path / "system.yaml").is_file():
        return [path]
    found = sorted(path.glob("rai/systems/*/system.yaml")) or sorted(path.glob("*/system.yaml"))
    return [file.parent for file in found] or [path]


def _lint_one(path: Path) -> list[Problem]:
    problems = list(lint_system(path))
    if errors(problems):
        return problems
    try:
        system = load_system(path)
    except ManifestError as error:
        return [*problems, *error.problems]
    problems += lint_gates(system)
    if not errors(problems):
        problems += _lint_suites(system)
    return problems


def _lint_suites(system: System) -> list[Problem]:
    problems = []
    for gate in resolve_gates(system).gates:
        try:
            bind_suite(system, gate)
        except (SuiteError, CaseError, LockError, GateError) as error:
            problems.append(
                Problem(
                    file=system.file,
                    line=system.line("suites", gate.suite),
                    column=1,
                    code="suite",
                    message=f"gate {gate.id}: {error}",
                    mend=getattr(error, "mend", ""),
                )
            )
    return problems
