"""From data that was read to a model, or to problems with line, column and mend.

Used for every file that a person writes and a pydantic model describes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from railwright.system._problem import Problem
from railwright.system._text import closest
from railwright.system._yaml import Path_, Positions

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    M = TypeVar("M", bound=BaseModel)

_MAPPING = ("must be a mapping", "write indented `key: value` lines below it")
_TYPES = {
    "string_type": ("must be text", "put the value in quotes"),
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "tuple_type": ("must be a list", "write a list: [one, two]"),
    "int_type": ("must be a whole number", "write a whole number"),
    "float_type": ("must be a number", "write a number"),
    "float_parsing": ("must be a number", "write a number"),
    "bool_type": ("must be true or false", "write true or false"),
    "bool_parsing": ("must be true or false", "write true or false"),
    "string_too_short": ("is empty", "fill it in"),
}
_PATTERNS = {
    "id": "use lower-case letters, digits, hyphens, dots and underscores, at most 63",
    "digest": "write auto, or sha256: and 64 hex digits",
    "sha256": "write the 64 hex digits of the file's SHA-256, in quotes",
    "key_env": "write the NAME of an environment variable here, never the key itself",
    "documents": "write inline, none, or field:NAME",
    "baseline": "write none, or run: and the id of a run",
    "currency": "write a three-letter currency code such as EUR",
}


def validate(
    model: type[M],
    data: Any,
    positions: Positions,
    file: str,
    hints: dict[str, str] | None = None,
    loc: Path_ = (),
) -> tuple[M | None, list[Problem]]:
    """Validate ``data``.

    Args:
        model: the pydantic model that describes the data.
        data: what ``load_yaml`` returned, or a part of it.
        positions: the positions that came with it.
        file: how problems name the file.
        hints: key to what to write where that key is missing.
        loc: where ``data`` stands in the file.

    Returns:
        The model and no problems, or None and every problem.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(data), []
    except ValidationError as error:
        schema = model.model_json_schema()
        found = [
            _problem(detail, positions, file, hints or {}, schema, loc)
            for detail in error.errors(include_url=False)
        ]
    return None, sorted(found, key=lambda problem: (problem.line, problem.column))


def _problem(
    detail: ErrorDetails,
    positions: Positions,
    file: str,
    hints: dict[str, str],
    schema: dict[str, Any],
    base: Path_,
) -> Problem:
    loc = detail["loc"]
    names = [element for element in loc if not str(element).startswith("<")]
    key = str(names[-1]) if names else ""
    path = ".".join(str(name) for name in names)
    by_key = detail["type"] in ("missing", "extra_forbidden")
    where = positions.locate if by_key else positions.locate_value
    line, column = where((*base, *names))
    code, message, mend = _texts(detail, key, path, hints, known_keys(schema, loc[:-1]))
    return Problem(file=file, line=line, column=column, code=code, message=message, mend=mend)


def _texts(
    detail: ErrorDetails, key: str, path: str, hints: dict[str, str], known: list[str]
) -> tuple[str, str, str]:
    """Return code, message and mend of one pydantic error."""
    kind = detail["type"]
    if kind == "missing":
        return "missing-key", f"`{path}` is missing", hints.get(key) or f"add `{key}: ...`"
    if kind == "extra_forbidden":
        return "unknown-key", f"unknown key `{path}`", _unknown(key, known)
    if kind == "literal_error":
        allowed = str(detail["ctx"]["expected"])
        guess = closest(str(detail["input"]), re.findall(r"'([^']+)'", allowed))
        mend = f"did you mean {guess}?" if guess else f"write {allowed}"
        return "bad-value", f"`{path}` cannot be {_show(detail['input'])}", mend
    if kind == "string_pattern_mismatch":
        mend = _PATTERNS.get(key) or f"it must match {detail['ctx']['pattern']}"
        return "bad-value", f"`{path}` cannot be {_show(detail['input'], key)}", mend
    if kind in ("value_error", "assertion_error"):
        cause = detail.get("ctx", {}).get("error")
        mend = str(getattr(cause, "mend", ""))
        place = f"`{path}`: " if path else ""
        return "bad-value", f"{place}{detail['msg'].removeprefix('Value error, ')}", mend
    what, mend = _TYPES.get(kind, (detail["msg"].replace("Input should", "must"), ""))
    return "bad-value", f"`{path}` {what}" if path else what, mend


def _unknown(key: str, known: list[str]) -> str:
    if re.fullmatch(r"(?i)(api[_-]?)?(key|token|secret|password)", key) and "key_env" in known:
        return "put the key into an environment variable and name that variable in `key_env:`"
    guess = closest(key, known)
    if guess:
        return f"did you mean `{guess}`?"
    return f"remove it; known keys here: {', '.join(known)}" if known else "remove it"


def _show(value: Any, key: str = "") -> str:
    if key == "key_env":
        return "that"  # it may be the secret itself
    text = str(value)
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}...'"


def known_keys(schema: dict[str, Any], loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys that a JSON Schema knows at ``loc`` (empty where names are free)."""
    nodes = _expand(schema, schema)
    for element in loc:
        if str(element).startswith("<"):
            continue
        nodes = [
            deeper
            for node in nodes
            for below in _below(node, element)
            for deeper in _expand(below, schema)
        ]
    return sorted({key for node in nodes for key in node.get("properties", {})})


def _below(node: dict[str, Any], element: str | int) -> list[dict[str, Any]]:
    if isinstance(element, int):
        candidates = [node.get("items")]
    else:
        candidates = [node.get("properties", {}).get(element, node.get("additionalProperties"))]
        candidates += node.get("patternProperties", {}).values()
    return [candidate for candidate in candidates if isinstance(candidate, dict)]


def _expand(node: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """Follow references and alternatives to the plain schemas behind a node."""
    if "$ref" in node:
        return _expand(root["$defs"][node["$ref"].rsplit("/", 1)[1]], root)
    choices = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    if not choices:
        return [node]
    return [plain for choice in choices for plain in _expand(choice, root)]
