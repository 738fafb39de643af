"""JSON Schemas, so that editors complete and check the files."""

from __future__ import annotations

import json
from typing import Any

SCHEMA_BASE = "urn:railwright:schema:"
"""Prefix of the identifiers; files are found by path, since no network is needed for them."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas (2020-12) of this room's files by name: ``system-v1``."""
    from railwright.system._models import Manifest

    schema = Manifest.model_json_schema(by_alias=True)
    return {"system-v1": publish("system-v1", "Railwright system manifest", schema)}


def publish(name: str, title: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return ``schema`` with its identifier and title first."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_BASE}{name}",
        "title": title,
    }
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as it is written to a file: indented JSON with a final newline."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
