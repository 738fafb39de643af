"""Writing a first manifest that is short, explained and passes lint."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from railwright.system._checks import (
    PLACEHOLDER_INDEX,
    PLACEHOLDER_OWNER,
    PLACEHOLDER_PURPOSE,
    PLACEHOLDER_TOOL,
)
from railwright.system._problem import ManifestError, Problem
from railwright.system._schema import json_schemas, schema_text
from railwright.system._system import MANIFEST, find_root
from railwright.system._target import FORMS, TargetSpec, parse_target_spec

RUNS_IGNORED = ("rai/runs/", "rai/cache.sqlite*")
"""What the user's repository need not keep; the ledger it must keep."""


class Question(msgspec.Struct, frozen=True):
    """One question that ``init`` asks a person.

    ``key`` is the argument of ``init_system`` that takes the answer; ``type`` converts it;
    ``default`` is "" where the answer must be given; ``choices`` is empty where any will do.
    """

    key: str
    text: str
    default: str = ""
    type: type = str
    choices: tuple[str, ...] = ()


def questions(folder: Path | str | None = None) -> tuple[Question, ...]:
    """Return what ``init`` asks, in order, with defaults that fit ``folder``."""
    name = slug(Path(folder).resolve().name) if folder is not None else "my-system"
    tiers = (
        "Risk tier (1 high: decides about people, moves money or touches safety; "
        "2 medium: serves customers or acts within limits; 3 low: internal help, easily undone)"
    )
    return (
        Question("name", "Name of the system", name),
        Question("purpose", "What does it do, and for whom (one sentence)", PLACEHOLDER_PURPOSE),
        Question("owner", "Who answers for it (a team or a person)", PLACEHOLDER_OWNER),
        Question("tier", tiers, "2", int, ("1", "2", "3")),
        Question("target", f"How is it called ({FORMS})"),
        Question("retrieval", "Does it answer from documents", "no", bool),
        Question("tools", "Does it call tools", "no", bool),
        Question("tenants", "Does it serve customers whose data must not mix", "no", bool),
    )


def slug(name: str) -> str:
    """Return a valid id made from any name (``my-system`` where nothing is left)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:63] or "my-system"


def init_system(  # noqa: PLR0913
    folder: Path | str,
    *,
    target: str,
    name: str = "",
    tier: int = 2,
    purpose: str = "",
    owner: str = "",
    key_env: str = "",
    retrieval: bool = False,
    tools: bool | Sequence[str] = False,
    tenants: bool = False,
) -> list[Path]:
    """Write ``system.yaml``, the ``rai/`` folder with its schema, and ``.gitignore`` lines.

    Nothing that exists is overwritten. Plants are not invented: the file says how to declare
    them. Folders named ``prompts`` and ``kb`` and a ``guard.yaml`` that are there become parts.

    Args:
        folder: where the system lies; made when it does not exist.
        target: how it is called (``parse_target_spec``).
        name: any text; the id is made from it (default: the folder's name).
        tier: 1 high, 2 medium, 3 low risk.
        purpose: one sentence.
        owner: a team or a person.
        key_env: name of the environment variable that holds the endpoint's key.
        retrieval: it answers from documents.
        tools: it calls tools; names, where they are known.
        tenants: it serves tenants whose data must not mix.

    Returns:
        The files that were written.

    Raises:
        ManifestError: there is a ``system.yaml`` already, or the folder cannot be written.
        TargetSpecError: the target cannot be read.
        ValueError: the tier is not 1, 2 or 3.
    """
    spec = parse_target_spec(target)
    if tier not in (1, 2, 3):
        raise ValueError(f"tier {tier} does not exist; write 1 (high), 2 (medium) or 3 (low)")
    place = Path(folder)
    answers = {
        "name": name or place.resolve().name,
        "purpose": purpose or PLACEHOLDER_PURPOSE,
        "owner": owner or PLACEHOLDER_OWNER,
    }
    flags = {"retrieval": retrieval, "tools": tools, "tenants": tenants, "key_env": key_env}
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _write(place, _text(place, spec, tier, answers, flags))
    except FileExistsError:
        mend = "edit it, or choose another folder"
        raise _refusal(place / MANIFEST, "exists", "is there already", mend) from None
    except OSError as error:
        message = f"cannot be written: {error.strerror}"
        raise _refusal(Path(error.filename or place), "unwritable", message, "") from error


def _refusal(path: Path, code: str, message: str, mend: str) -> ManifestError:
    return ManifestError([Problem(file=str(path), code=code, message=message, mend=mend)])


def _write(place: Path, text: str) -> list[Path]:
    manifest = place / MANIFEST
    with manifest.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
    written = [manifest]
    schema = _schema_file(place)
    if not schema.exists():
        schema.parent.mkdir(parents=True, exist_ok=True)
        schema.write_text(schema_text(json_schemas()["system-v1"]), "utf-8", newline="\n")
        written.append(schema)
    ignored = find_root(place) / ".gitignore"
    lines = ignored.read_text("utf-8").splitlines() if ignored.exists() else []
    missing = [line for line in RUNS_IGNORED if line not in lines]
    if missing:
        ignored.write_text("\n".join([*lines, *missing]) + "\n", "utf-8", newline="\n")
        written.append(ignored)
    return written


def _schema_file(place: Path) -> Path:
    # Below the root, because a second `rai/` would make a second root and a second ledger.
    return find_root(place) / "rai" / "schemas" / "system-v1.json"


def _text(
    place: Path, spec: TargetSpec, tier: int, answers: Mapping[str, str], flags: Mapping[str, Any]
) -> str:
    """Return the manifest; every value is quoted where YAML could read it otherwise."""
    own_id = slug(answers["name"])
    schema = Path(os.path.relpath(_schema_file(place), place.resolve())).as_posix()
    lines = [
        f"# yaml-language-server: $schema={schema}",
        "schema: system/v1",
        f"id: {_scalar(own_id)}",
        *([f"name: {_scalar(answers['name'])}"] if answers["name"] != own_id else []),
        f"purpose: {_scalar(answers['purpose'])}",
        "out_of_scope: []            # what it must not be used for, such as [legal advice]",
        f"owner: {_scalar(answers['owner'])}",
        f"tier: {tier}                     # 1 high, 2 medium, 3 low risk; chooses the gates",
        "people: {users: [], affected: [], jurisdictions: []}   # such as [EU, US-NY]",
        "parts:                      # everything whose change can change behaviour",
        *(f"  {line}" for line in _parts(place, spec, flags)),
        *_target_lines(spec, flags),
        *_plant_lines(flags),
        "budget: {calls: 2000}       # a hard limit for one check; also tokens, money, minutes",
        "baseline: none              # run:ID of the release in use, to compare with",
    ]
    return "\n".join(lines) + "\n"


def _parts(place: Path, spec: TargetSpec, flags: Mapping[str, Any]) -> list[str]:
    lines = [_model_line(place, spec)]
    if _filled(place / "prompts"):
        lines.append("prompts: {path: prompts/}")
    else:
        lines.append(
            "# prompts: {path: prompts/}     # files are hashed; one byte changes the subject"
        )
    names = [] if isinstance(flags["tools"], bool) else list(flags["tools"])
    if flags["tools"]:
        tools = [f"{_scalar(tool)}: {{effect: read}}" for tool in names or [PLACEHOLDER_TOOL]]
        lines.append(f"tools: {{{', '.join(tools)}}}   # effect: read or write; limit, approval")
    if _filled(place / "kb"):
        lines.append("retrieval: {path: kb/}")
    elif flags["retrieval"]:
        lines.append(
            f"retrieval: {{index: {PLACEHOLDER_INDEX}, digest: auto}}   # or {{path: kb/}}"
        )
    if (place / "guard.yaml").is_file():
        lines.append("guardrails: {path: guard.yaml}")
    return lines


def _model_line(place: Path, spec: TargetSpec) -> str:
    if spec.kind == "openai":
        return (
            f'model: {{kind: endpoint, id: {_scalar(spec.model)}}}   # add pin: "revision or date"'
        )
    if spec.kind == "python":
        module = spec.address.replace(".", "/")
        for path in (f"{module}.py", f"{module}/"):
            if (place / path).exists():
                return f"code: {{path: {_scalar(path)}}}"
        return f"model: {{kind: local, id: {_scalar(f'{spec.address}:{spec.function}')}}}"
    kind = "endpoint" if spec.kind == "http" else "local"
    return f"model: {{kind: {kind}, id: {_scalar(spec.address)}}}"


def _target_lines(spec: TargetSpec, flags: Mapping[str, Any]) -> list[str]:
    lines = ["target:", f"  spec: {_scalar(str(spec))}"]
    if flags["key_env"]:
        lines.append(f"  key_env: {_scalar(flags['key_env'])}")
    elif spec.kind in ("openai", "http"):
        lines.append("  # key_env: MY_KEY         # NAME of the environment variable with the key")
    if flags["retrieval"]:
        lines.append("  documents: inline         # how test documents are handed over")
    if flags["tenants"]:
        lines.append("  # tenant_header: X-Tenant # how a call says for which tenant it is")
    return lines


def _plant_lines(flags: Mapping[str, Any]) -> list[str]:
    lines = [
        "plants: {}                  # values put into the system so that a leak is recognised:",
        '#   secrets: [{id: code, about: "the manager code", value: "...", where: system prompt}]',
    ]
    if flags["tenants"]:
        lines += [
            "#   tenants:               # two or more, with facts that the others must not learn",
            '#     - {id: acme, name: Acme, facts: [{id: fee, about: "its fee", value: "..."}]}',
        ]
    return lines


def _filled(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._/-]*[A-Za-z0-9/]")


def _scalar(text: str) -> str:
    """Return ``text`` as a YAML scalar on one line, quoted unless it is plainly text."""
    if _PLAIN.fullmatch(text) and text.lower() not in ("true", "false", "null", "yes", "no"):
        return text
    whole = text.encode("utf-8", "replace").decode()  # a lone surrogate has no place in a file
    quoted = json.dumps(whole, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)
