"""Is the text JSON that satisfies a JSON Schema? Needs the extra ``schema``."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

from railwright.detectors._base import DetectorBase
from railwright.detectors._extras import MissingExtraError
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


class SchemaDetector(DetectorBase):
    """Find where a text breaks the JSON Schema given as JSON in ``context.reference[0]``.

    Labels: ``not_json``, ``schema_violation`` (one per violation, at most ten; ``rule`` names the
    path and what is wrong). Each spans the whole text. One fenced code block is unwrapped first.
    """

    name = "json_schema"
    version = "1"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return the violations, or nothing when the text satisfies the schema.

        Raises:
            MissingExtraError: ``jsonschema`` is not installed.
            ValueError: there is no schema in ``context.reference``.
        """
        if context is None or not context.reference:
            raise ValueError("json_schema needs the schema as JSON in context.reference")
        validator = _validator(json.loads(context.reference[0]))
        fenced = _FENCE.match(text)
        try:
            value = json.loads(fenced.group(1) if fenced else text)
        except ValueError as error:
            return [Detection(0, len(text), "not_json", 1.0, f"not JSON: {error}", self.name)]
        problems = sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.path)))
        return [
            Detection(
                0,
                len(text),
                "schema_violation",
                1.0,
                f"${''.join(f'[{part!r}]' for part in problem.path)}: {problem.message}"[:300],
                self.name,
            )
            for problem in problems[:10]
        ]
