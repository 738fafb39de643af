"""JSON Schemas of the files whose form this room knows."""

from __future__ import annotations

from typing import Any

from railwright.system import json_schemas as system_schemas
from railwright.system import publish


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas by name: ``system-v1`` (with gates), ``gates-v1``, ``waiver-v1``."""
    from railwright.standard._gate_file import GatesFile, WaiverFile

    gates = GatesFile.model_json_schema(by_alias=True)
    system = system_schemas()["system-v1"]
    inline = {**system["properties"]["gates"], "items": {"$ref": "#/$defs/GateEntry"}}
    return {
        "system-v1": {
            **system,
            "$defs": {**system["$defs"], **gates["$defs"]},
            "properties": {**system["properties"], "gates": inline},
        },
        "gates-v1": publish("gates-v1", "Railwright gates", gates),
        "waiver-v1": publish(
            "waiver-v1", "Railwright waiver proposal", WaiverFile.model_json_schema(by_alias=True)
        ),
    }
