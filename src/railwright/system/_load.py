"""Reading a system, strictly (``load_system``) or to report everything (``lint_system``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from railwright.system._checks import Reporter, check_files, check_manifest, check_text
from railwright.system._problem import ManifestError, Problem, errors
from railwright.system._repair import repaired
from railwright.system._system import MANIFEST, System, find_root
from railwright.system._validate import validate
from railwright.system._yaml import Positions, load_yaml

if TYPE_CHECKING:
    from railwright.system._models import Manifest

_HINTS = {
    "schema": "add `schema: system/v1` as the first line",
    "id": "add `id: my-system`",
    "purpose": "add `purpose:` with one sentence on what the system does, and for whom",
    "owner": "add `owner:` with a team or a person",
    "tier": "add `tier: 1` (high risk), `tier: 2` (medium) or `tier: 3` (low)",
    "parts": "add `parts:` with at least `model:`",
    "target": "add `target:` with openai:BASE_URL#MODEL, http:URL or python:MODULE:FUNCTION",
    "effect": "add `effect: read` or `effect: write`",
    "kind": "add `kind: local`, `vendor`, `file` or `endpoint`",
}


def manifest_path(path: Path | str) -> Path:
    """Return the manifest's file for a system folder or for that file itself."""
    given = Path(path)
    return given / MANIFEST if given.is_dir() else given


def load_system(path: Path | str) -> System:
    """Read a system from its folder or its ``system.yaml``.

    Other files are not read; ``subject`` and ``lint_system`` do that.

    Raises:
        ManifestError: the manifest has errors; its ``problems`` hold all of them.
    """
    file = manifest_path(path)
    data, positions = _read(file)
    manifest, problems = _validated(data, positions, file)
    if manifest is not None:
        problems += check_manifest(manifest, Reporter(str(file), positions.locate))
    if manifest is None or errors(problems):
        raise ManifestError(errors(problems))
    return _system(manifest, file, data, positions)


def lint_system(path: Path | str) -> list[Problem]:
    """Return every problem of a system: manifest, parts, digests, plants and suites.

    Never raises for what a user can mend. What is sound is checked even where other places of
    the manifest are not. The list is in order of place in the file.
    """
    file = manifest_path(path)
    try:
        data, positions = _read(file)
    except ManifestError as error:
        return list(error.problems)
    manifest, problems = _validated(data, positions, file)
    if manifest is None:
        repair = repaired(data)
        if repair is None:
            return problems
        manifest, data = repair
        found = _deeper(_system(manifest, file, data, positions))
        problems += [item for item in found if item.code not in _UNSURE]
    else:
        problems += _deeper(_system(manifest, file, data, positions))
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda item: (item.file, item.line, item.column, item.code))


_UNSURE = (
    "no-parts",
    "placeholder",
    "no-tenants",
    "tenant-not-sent",
    "unknown-tenant",
    "unpinned-model",
)
"""Findings that may come from what was left out rather than from what is in the file."""


def _deeper(system: System) -> list[Problem]:
    report = Reporter(system.file, system.positions.locate)
    problems = check_manifest(system.manifest, report)
    if not any(problem.code == "bad-pattern" for problem in problems):
        problems += check_files(system, report)
    return problems


def _validated(
    data: dict[str, Any], positions: Positions, file: Path
) -> tuple[Manifest | None, list[Problem]]:
    from railwright.system._models import Manifest

    problems = check_text(data, Reporter(str(file), positions.locate))
    manifest, found = validate(Manifest, data, positions, str(file), _HINTS)
    return manifest, problems + found


def _read(file: Path) -> tuple[dict[str, Any], Positions]:
    data, positions = load_yaml(file)
    if not isinstance(data, dict):
        message = "is empty" if data is None else "must be a mapping of keys to values"
        mend = "run `railwright init` in another folder to see one"
        problem = Problem(file=str(file), code="not-a-manifest", message=message, mend=mend)
        raise ManifestError([problem])
    return data, positions


def _system(manifest: Manifest, file: Path, data: dict[str, Any], positions: Positions) -> System:
    path = file.resolve()
    return System(
        manifest=manifest,
        folder=path.parent,
        path=path,
        root=find_root(path.parent),
        data=data,
        positions=positions,
        file=str(file),
    )
