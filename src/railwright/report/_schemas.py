"""JSON Schemas of what the commands print and write, generated from the records themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from railwright.evaluate import FileSummary
from railwright.gate import Forecast, Verdict

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_RECORDS: dict[str, tuple[type, str]] = {
    "verdict-v1": (Verdict, "The verdict that `check --json` writes"),
    "plan-v1": (Forecast, "What `gate plan SYSTEM --json` prints"),
    "eval-run-v1": (FileSummary, "What `eval run --json` prints"),
}


def output_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by name; each is complete in itself."""
    found = {name: _schema(name, kind, title) for name, (kind, title) in _RECORDS.items()}
    return {**found, "ledger-verify-v1": _LEDGER_VERIFY}


def _schema(name: str, kind: type, title: str) -> dict[str, Any]:
    made = msgspec.json.schema(kind)
    return {"$schema": _DRAFT, "$id": f"urn:railwright:schema:{name}", "title": title, **made}


_ANSWER = {
    "type": "object",
    "required": ["ok", "detail"],
    "properties": {
        "ok": {"type": ["boolean", "null"], "description": "null: not asked"},
        "detail": {"type": "array", "items": {"type": "string"}},
    },
}
_LEDGER_VERIFY: dict[str, Any] = {
    "$schema": _DRAFT,
    "$id": "urn:railwright:schema:ledger-verify-v1",
    "title": "What `ledger verify --json` prints",
    "type": "object",
    "required": [
        "integrity",
        "authenticity",
        "completeness",
        "freshness",
        "binding",
        "size",
        "root",
        "checkpoint",
        "origin",
        "genesis_keys",
        "exit_code",
    ],
    "properties": {
        **dict.fromkeys(
            ("integrity", "authenticity", "completeness", "freshness", "binding"), _ANSWER
        ),
        "size": {"type": "integer", "minimum": 0},
        "root": {"type": "string"},
        "checkpoint": {"type": ["object", "null"]},
        "origin": {"type": "string"},
        "genesis_keys": {"type": "array", "items": {"type": "string"}},
        "exit_code": {"enum": [0, 4]},
    },
}
