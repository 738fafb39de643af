"""Every problem of a system: its manifest, its gates and the suites that they rest on."""

from __future__ import annotations

from pathlib import Path

from railwright.cases import CasesError
from railwright.detectors import MissingExtraError
from railwright.gate._errors import GateError
from railwright.gate._guarded import guard_of
from railwright.gate._plan import check_decidable
from railwright.gate._suites import Suites
from railwright.ledger import keys_folder
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
    return [problem for folder in folders for problem in _lint_one(folder)[0]]


def sound_suites(folder: Path) -> Suites:
    """Return one system, without an error, and its suites, bound.

    Raises:
        ManifestError: with every error that ``lint_all`` reports of it.
    """
    problems, suites = _lint_one(folder)
    failed = errors(problems)
    if failed or suites is None:
        raise ManifestError(failed)
    return suites


def _systems(path: Path) -> list[Path]:
    if path.is_file() or (path / "system.yaml").is_file():
        return [path]
    found = sorted(path.glob("rai/systems/*/system.yaml")) or sorted(path.glob("*/system.yaml"))
    return [file.parent for file in found] or [path]


def _lint_one(path: Path) -> tuple[list[Problem], Suites | None]:
    """Return every problem of a system, and its suites where its manifest is sound."""
    problems = list(lint_system(path))
    if errors(problems):
        return problems, None
    try:
        suites = Suites(load_system(path))
    except ManifestError as error:
        return [*problems, *error.problems], None
    problems += [*_lint_keys(suites.system), *_lint_guard(suites.system)]
    problems += lint_gates(suites.system)
    if not errors(problems):
        problems += _lint_suites(suites)
    return problems, suites


def _lint_keys(system: System) -> list[Problem]:
    """Note that one reader of this disk could write evidence and sign for it too."""
    folder = keys_folder()
    both = all((folder / name).is_file() for name in ("writer.pem", "checkpoint.pem"))
    if system.tier != 1 or not both:
        return []
    line, column = system.position(("tier",))
    return [
        Problem(
            file=system.file,
            line=line,
            column=column,
            code="keys-together",
            severity="note",
            message=f"both signing keys lie on this disk ({folder}): who writes evidence here can "
            "sign checkpoints over it too",
            mend="keep checkpoint.pem elsewhere, such as with the CI as RAILWRIGHT_CHECKPOINT_KEY",
        )
    ]


def _lint_guard(system: System) -> list[Problem]:
    """Report what keeps the declared policy from being compiled at the system's tier."""
    try:
        guard_of(system)
    except ManifestError as error:
        return list(error.problems)
    except MissingExtraError as error:
        line, column = system.position(("guard",))
        return [
            Problem(
                file=system.file,
                line=line,
                column=column,
                code="missing-extra",
                message=f"the guard cannot be tested here: {error}",
                mend="install it, or run `railwright check --without-guard`",
                severity="warning",
            )
        ]
    return []


def _lint_suites(suites: Suites) -> list[Problem]:
    system = suites.system
    problems = []
    for gate in resolve_gates(system).gates:
        try:
            bound = suites[gate.suite]
            if suites.stand_in(gate.suite):
                problems.append(_stand_in(system, gate.suite))
            if bound.applicable:
                check_decidable(gate, bound.sources, bound.suite.metric)
        except (CasesError, GateError) as error:
            problems.append(
                Problem(
                    file=system.file,
                    line=system.line("suites", gate.suite),
                    column=1,
                    code="suite",
                    message=f"gate {gate.id}: {str(error).removesuffix(f'; {error.mend}')}",
                    mend=error.mend,
                )
            )
    return problems


def _stand_in(system: System, suite: str) -> Problem:
    return Problem(
        file=system.file,
        line=system.line("suites", suite),
        column=1,
        code="replaced-suite",
        severity="warning",
        message=f"own cases stand in place of those of the suite '{suite}', so its gate proves no "
        "more than they ask",
        mend="write `mode: extend` to keep both",
    )
