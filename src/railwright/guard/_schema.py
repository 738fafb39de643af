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
            _as_printed(msgspec.json.schema(Verdict)),
        ),
        "guard-calibration-v1": publish(
            "guard-calibration-v1",
            "What `guard calibrate --json` prints",
            msgspec.json.schema(Calibration),
        ),
    }


def _as_printed(schema: dict[str, Any]) -> dict[str, Any]:
    """Do to the schema of a verdict what ``Verdict.to_dict`` does to its values."""
    verdict = schema["$defs"]["Verdict"]
    rest = dict(verdict["properties"])
    properties = {
        "action": rest.pop("action"),
        "rules": {"type": "array", "items": {"type": "string"}},
        "spans": rest.pop("detections"),
        **rest,
    }
    verdict = {**verdict, "properties": properties, "required": list(properties)}
    return {**schema, "$defs": {**schema["$defs"], "Verdict": verdict}}
