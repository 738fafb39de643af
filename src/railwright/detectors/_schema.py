"""Is the text JSON that satisfies a JSON Schema? Needs the extra ``schema``."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

from railwright.detectors._base import DetectorBase
from railwright.detectors._extras import MissingExtraError
from railwright.detectors._options import OwnOptions, digest, read_own
from railwright.detectors.interface import Context, Detection

_FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*)\n\s*```\s*\Z", re.DOTALL)


def _validator(schema: dict[str, Any]) -> Any:
    try:
        jsonschema = importlib.import_module("jsonschema")
    except ImportError as error:
        raise MissingExtraError("schema", "checking answers against a JSON Schema") from error
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    return cls(schema)


class SchemaOptions(OwnOptions, frozen=True, kw_only=True):
    """``schema``: the JSON Schema, where the context gives none."""

    schema: dict[str, Any] | None = None


class SchemaDetector(DetectorBase):
    """Find where a text breaks a JSON Schema: that of ``context.reference[0]``, else its own.

    Labels: ``not_json``, ``schema_violation`` (one per violation, at most ten). ``rule`` names the
    path and the keyword that is broken in the words of the schema alone: keys that it does not
    name stand as ``*``, and values of the text are left out. Each finding spans the whole text.
    One fenced code block is unwrapped first.

    Raises:
        DetectorConfigError: an option is wrong.
    """

    def __init__(self, **options: Any) -> None:
        told = read_own(SchemaOptions, "json_schema", options)
        self.name = told.name or "json_schema"
        self._schema = told.schema
        own = "" if told.schema is None else f":{digest(told.schema)}"
        self.version = f"2{own}"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return the violations, or nothing when the text satisfies the schema.

        Raises:
            MissingExtraError: ``jsonschema`` is not installed.
            ValueError: there is no schema.
        """
        if context is not None and context.reference:
            schema = json.loads(context.reference[0])
        elif self._schema is not None:
            schema = self._schema
        else:
            raise ValueError(
                "json_schema needs the schema as JSON in context.reference, or as its option"
            )
        validator = _validator(schema)
        fenced = _FENCE.match(text)
        try:
            value = json.loads(fenced.group(1) if fenced else text)
        except ValueError as error:
            return [Detection(0, len(text), "not_json", 1.0, f"not JSON: {error}", self.name)]
        problems = sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.path)))
        named = _names_in(schema)
        return [
            Detection(0, len(text), "schema_violation", 1.0, _rule(problem, named), self.name)
            for problem in problems[:10]
        ]


def _names_in(schema: Any) -> frozenset[str]:
    """Every key that a schema says anything about."""
    if isinstance(schema, list):
        return frozenset().union(*map(_names_in, schema))
    if not isinstance(schema, dict):
        return frozenset()
    return frozenset(schema).union(*map(_names_in, schema.values()))


def _rule(problem: Any, named: frozenset[str]) -> str:
    parts = [part if isinstance(part, int) or part in named else "*" for part in problem.path]
    path = "$" + "".join(f"[{part!r}]" for part in parts)
    wanted = json.dumps(problem.validator_value, ensure_ascii=False)
    return f"{path}: breaks {problem.validator} {wanted}"[:300]
