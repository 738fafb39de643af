"""What a schema cannot say about a manifest: secrets, plants, paths, placeholders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from railwright.system._ignore import Ignore
from railwright.system._problem import Problem, Severity
from railwright.system._subject import PartError, locate_part, part_digest, part_problem
from railwright.system._system import KNOWN_PARTS, System
from railwright.system._target import TargetSpecError, parse_target_spec
from railwright.system._text import closest
from railwright.system._yaml import Path_

if TYPE_CHECKING:
    from railwright.system._models import Manifest, Target

PLACEHOLDER_OWNER = "unassigned"
PLACEHOLDER_PURPOSE = "Answer the questions of its users"
PLACEHOLDER_TOOL = "my_tool"
PLACEHOLDER_INDEX = "my-index"
MIN_PLANT = 4
"""Letters and digits that a planted value needs; shorter ones occur by chance."""

_KEYS = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|sk_(?:live|test)_[A-Za-z0-9]{10,}|AKIA[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}|AIza[0-9A-Za-z_-]{30,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|(?i:\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,})"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
_TENANT = re.compile(r"\{\{\s*tenant\s*\}\}")
_SECRET_HEADER = re.compile(r"(?i)authorization|.*(?:api-?key|token|secret|password|cookie)")


class Reporter:
    """Makes problems of one file at places of its document."""

    def __init__(self, file: str, locate: Callable[[Path_], tuple[int, int]]) -> None:
        """Remember the file's name and how to find a place in it."""
        self._file = file
        self._locate = locate

    def __call__(
        self, loc: Path_, code: str, message: str, mend: str, severity: Severity = "error"
    ) -> Problem:
        """Return a problem at ``loc``."""
        line, column = self._locate(loc)
        return Problem(
            file=self._file,
            line=line,
            column=column,
            code=code,
            severity=severity,
            message=message,
            mend=mend,
        )


def check_text(data: Any, report: Reporter) -> list[Problem]:
    """Report keys and passwords that stand in the file. Plants are meant to be there."""
    found = []
    for loc, text in _strings(data, ()):
        if loc[0] == "plants":
            continue
        header = loc[-2:-1] == ("headers",) and _SECRET_HEADER.fullmatch(str(loc[-1]))
        if _KEYS.search(text) or (header and not text.startswith("${")):
            path = ".".join(str(name) for name in loc)
            mend = "revoke it, put it into an environment variable and name that in `key_env:`"
            found.append(report(loc, "secret-in-file", f"`{path}` holds a credential", mend))
    return found


def _strings(data: Any, loc: Path_) -> Iterator[tuple[Path_, str]]:
    if isinstance(data, str) and loc:
        yield loc, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _strings(value, (*loc, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _strings(value, (*loc, index))


def check_manifest(manifest: Manifest, report: Reporter) -> list[Problem]:
    """Report what is wrong inside a valid manifest, without looking at other files."""
    return [
        *_check_parts(manifest, report),
        *_check_ignore(manifest, report),
        *_check_plants(manifest, report),
        *_check_placeholders(manifest, report),
        *_check_target(manifest, report),
        *_check_guard(manifest, report),
    ]


def _check_guard(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    if manifest.guard is not None and manifest.parts.guardrails is not None:
        message = "`guard` and the part `guardrails` both say what guards the system"
        mend = "leave `parts.guardrails` out: the policy becomes that part of the guarded system"
        yield report(("guard",), "guard-twice", message, mend)
    if manifest.guard is None and "guard" in manifest.model_fields_set:
        message = "`guard` names no policy, so the system is tested without one"
        mend = "write `guard: default` or a policy file, or remove the key"
        yield report(("guard",), "no-policy", message, mend, "warning")


def _check_parts(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    parts = manifest.parts
    free = parts.model_extra or {}
    declared = parts.model_fields_set | set(free)
    if not {name for name in declared if getattr(parts, name, free.get(name)) is not None}:
        message = "`parts` is empty, so no change of the system would be seen"
        yield report(("parts",), "no-parts", message, "add at least `model:`")
    for name in free:
        guess = closest(name, KNOWN_PARTS)
        if guess:
            message = f"part `{name}` is a free name close to `{guess}`"
            yield report(("parts", name), "part-name", message, f"did you mean `{guess}`?", "note")
    for name in declared:
        part = getattr(parts, name, free.get(name))
        if getattr(part, "index", None) is not None and getattr(part, "digest", "") == "auto":
            message = f"part `{name}`: a change of the index will not be seen"
            mend = "state the digest or revision that its owner publishes: `digest: sha256:...`"
            yield report(("parts", name), "blind-part", message, mend, "warning")
    model = parts.model
    if model is not None and not (model.pin or model.sha256 or model.path):
        message = "the model has no revision, so a change behind its name will not be seen"
        mend = 'add `pin: "revision or date"` or `sha256:`'
        yield report(("parts", "model"), "unpinned-model", message, mend, "note")


def _check_ignore(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    for index, pattern in enumerate(manifest.ignore):
        try:
            Ignore((pattern,))
        except (ValueError, re.error) as error:
            mend = "write a pattern as in .gitignore"
            yield report(("ignore", index), "bad-pattern", str(error), mend)


def _check_plants(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    ids: set[tuple[str, str]] = set()
    for loc, scope, plant in _plants(manifest):
        if (scope, plant.id) in ids:
            message = f"the plant id '{plant.id}' stands twice"
            yield report((*loc, "id"), "duplicate-id", message, "give each plant its own id")
        ids.add((scope, plant.id))
        bare = re.sub(r"\W", "", plant.value).casefold()
        if len(bare) < MIN_PLANT:
            message = f"plant '{plant.id}': the value is too short to recognise a leak"
            mend = f"plant a value with at least {MIN_PLANT} letters or digits, better 8"
            yield report((*loc, "value"), "short-plant", message, mend)
            continue
        if bare in seen:
            message = f"plants '{seen[bare]}' and '{plant.id}' have the same value"
            yield report((*loc, "value"), "same-plant", message, "give each plant its own value")
        seen.setdefault(bare, plant.id)
        if bare in re.sub(r"\W", "", plant.about).casefold():
            message = f"plant '{plant.id}': `about` gives the value away"
            mend = "describe the value without writing it; questions are made from `about`"
            yield report((*loc, "about"), "telling-plant", message, mend)
    yield from _check_tenants(manifest, report)


def _check_tenants(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    tenants = [tenant.id for tenant in manifest.plants.tenants]
    for index, tenant in enumerate(tenants):
        if tenant in tenants[:index]:
            loc = ("plants", "tenants", index, "id")
            mend = "give each tenant its own id"
            yield report(loc, "duplicate-id", f"tenant '{tenant}' stands twice", mend)
    for index, datum in enumerate(manifest.plants.personal_data):
        if datum.tenant is not None and datum.tenant not in tenants:
            guess = closest(datum.tenant, tenants)
            mend = f"did you mean '{guess}'?" if guess else "add it to `plants.tenants`"
            message = f"there is no tenant '{datum.tenant}'"
            loc = ("plants", "personal_data", index, "tenant")
            yield report(loc, "unknown-tenant", message, mend)


def _plants(manifest: Manifest) -> Iterator[tuple[Path_, str, Any]]:
    """Yield (place, scope of the id, plant) of every planted value."""
    for index, secret in enumerate(manifest.plants.secrets):
        yield ("plants", "secrets", index), "secrets", secret
    for index, datum in enumerate(manifest.plants.personal_data):
        yield ("plants", "personal_data", index), "personal_data", datum
    for index, tenant in enumerate(manifest.plants.tenants):
        for place, fact in enumerate(tenant.facts):
            loc = ("plants", "tenants", index, "facts", place)
            yield loc, f"tenants/{tenant.id}", fact


def _check_placeholders(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    severity: Severity = "warning" if manifest.tier == 1 else "note"
    if manifest.owner == PLACEHOLDER_OWNER:
        message = "nobody owns the system yet"
        mend = "name a team or a person in `owner:`"
        yield report(("owner",), "placeholder", message, mend, severity)
    if manifest.purpose == PLACEHOLDER_PURPOSE:
        message = "`purpose` is still the text that init wrote"
        mend = "say in one sentence what the system does, and for whom"
        yield report(("purpose",), "placeholder", message, mend, severity)
    if isinstance(manifest.parts.tools, dict) and PLACEHOLDER_TOOL in manifest.parts.tools:
        message = f"`{PLACEHOLDER_TOOL}` is still the tool that init wrote"
        loc = ("parts", "tools", PLACEHOLDER_TOOL)
        yield report(loc, "placeholder", message, "name the tools it can call", severity)
    if getattr(manifest.parts.retrieval, "index", None) == PLACEHOLDER_INDEX:
        message = f"`{PLACEHOLDER_INDEX}` is still the index that init wrote"
        yield report(
            ("parts", "retrieval"),
            "placeholder",
            message,
            "name the index, or its folder",
            severity,
        )


def _check_target(manifest: Manifest, report: Reporter) -> Iterator[Problem]:
    if manifest.target.tenant_header and not manifest.plants.tenants:
        message = "`tenant_header` is set, but no tenants are planted to test it with"
        mend = "declare two tenants with facts under `plants.tenants`"
        yield report(("target", "tenant_header"), "no-tenants", message, mend, "note")
    holders = [tenant for tenant in manifest.plants.tenants if tenant.facts]
    if len(holders) > 1 and not _told_tenant(manifest.target):
        message = "calls do not say for which tenant they are, so the tenants gate measures little"
        mend = "set `tenant_header:`; an http target may have {{tenant}} in its `template:` instead"
        yield report(("target",), "tenant-not-sent", message, mend, "warning")
    key = manifest.target.key_env
    if key and re.search(r"[a-z]", key) and len(key) >= 32:
        message = "`key_env` looks like a key rather than the name of a variable"
        mend = "put the key into an environment variable and write that variable's NAME here"
        yield report(("target", "key_env"), "secret-in-file", message, mend)


def _told_tenant(target: Target) -> bool:
    """Whether the tenant of a case reaches the target; true of kinds that are called in process."""
    try:
        kind = parse_target_spec(target.spec).kind
    except TargetSpecError:  # scripted or installed kinds
        return True
    if target.tenant_header or kind not in ("openai", "http"):
        return True
    written = _strings(target.template, ("template",))
    return kind == "http" and any(_TENANT.search(text) for _, text in written)


def check_files(system: System, report: Reporter) -> list[Problem]:
    """Report what is wrong with the files that a manifest names; reads them all."""
    found: list[Problem] = []
    for part in system.parts:
        try:
            part_digest(part, system)
        except PartError as error:
            found.append(part_problem(system, part, error))
    for name, suite in system.manifest.suites.items():
        place = system.folder / suite.path
        if not place.exists():
            loc = ("suites", name)
            message = f"suite '{name}': there is no '{suite.path}'"
            found.append(report(loc, "missing-path", message, "create it or mend the path"))
    found.extend(_check_policy(system, report))
    found.extend(_check_model_file(system, report))
    found.extend(_check_planted(system, report))
    return found


def _check_policy(system: System, report: Reporter) -> Iterator[Problem]:
    """A policy is a file here, a folder with `guard.yaml`, or the built-in `default`."""
    guard = system.manifest.guard
    if guard is None or guard.policy == "default" or (system.folder / guard.policy).exists():
        return
    names = ["default", *(path.name for path in sorted(system.folder.glob("*.y*ml")))]
    guess = closest(guard.policy, names)
    mend = f"did you mean {guess}?" if guess else "mend the path, or write `guard: default`"
    message = f"guard: there is no policy '{guard.policy}'"
    yield report(("guard", "policy"), "missing-path", message, mend)


def _check_model_file(system: System, report: Reporter) -> Iterator[Problem]:
    model = system.manifest.parts.model
    if model is None or model.path is None or model.sha256 is None:
        return
    if not (system.folder / os.path.expanduser(model.path)).exists():  # noqa: PTH111
        message = f"the model file '{model.path}' is not here; its stated digest is taken as it is"
        loc = ("parts", "model", "path")
        yield report(loc, "unchecked-model", message, "fetch it to have it checked", "note")


_SEARCH_LIMIT = 16 << 20


def _check_planted(system: System, report: Reporter) -> Iterator[Problem]:
    """Note plants that no file of the system holds: a leak test of them would pass unduly."""
    plants = list(_plants(system.manifest))
    texts = _part_texts(system) if plants else None
    if texts is None:
        return
    for loc, _, plant in plants:
        if not any(plant.value in text for text in texts):
            message = f"plant '{plant.id}' stands in no file of the parts"
            mend = "make sure the running system holds it, or its leak test proves nothing"
            yield report((*loc, "value"), "unseen-plant", message, mend, "note")


def _part_texts(system: System) -> list[str] | None:
    """Return the text of all files of the parts; None where there are none or too many."""
    from railwright.system._subject import part_files

    texts: list[str] = []
    left = _SEARCH_LIMIT
    for part in system.parts:
        if part.kind != "files":
            continue
        try:
            locate_part(part, system)
            for _, file in part_files(part, system):
                left -= file.stat().st_size
                if left < 0:
                    return None
                texts.append(file.read_text("utf-8", errors="replace"))
        except (PartError, OSError):
            continue
    return texts or None
