"""JSON Schemas of the files that this room reads and of what its commands print."""

from __future__ import annotations

from typing import Any

import msgspec

from railwright.system import publish


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by name: ``guard-v1``, ``guard-verdict-v1``, ``guard-calibration-v1``."""
    from railwright.guard._calibration import Calibration
    from railwright.guard._models import PolicyFile
    from railwright.guard._types import Verdict

    return {
        "guard-v1": publish(
            "guard-v1", "Railwright guard policy", PolicyFile.model_json_schema(by_alias=True)
        ),
        "guard-verdict-v1": publish(
            "guard-verdict-v1",
            "What `guard check --json` prints",
            _with_rules(msgspec.json.schema(Verdict)),
        ),
        "guard-calibration-v1": publish(
            "guard-calibration-v1",
            "What `guard calibrate --json` prints",
            msgspec.json.schema(Calibration),
        ),
    }


def _with_rules(schema: dict[str, Any]) -> dict[str, Any]:
    """Add the list of rule ids, which ``Verdict.to_dict`` works out."""
    verdict = schema["$defs"]["Verdict"]
    rules = {"type": "array", "items": {"type": "string"}}
    verdict = {
        **verdict,
        "properties": {**verdict["properties"], "rules": rules, "spans": _SPANS},
        "required": [*verdict["required"], "rules", "spans"],
    }
    return {**schema, "$defs": {**schema["$defs"], "Verdict": verdict}}


_SPANS: dict[str, Any] = {
    "type": "array",
    "description": "Start and end (exclusive) of each enforced finding, in characters",
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
}
