"""The JSON Schemas in the documentation are those of the code, and say what lint says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from railwright.standard import json_schemas
from railwright.system import schema_text

DOCS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
GATE = {"id": "harm", "require": "upper(unsafe) <= 0.01", "looks": "auto", "max_age": "30d"}
SYSTEM = {
    "schema": "system/v1",
    "id": "bot",
    "purpose": "p",
    "owner": "o",
    "tier": 3,
    "parts": {"model": {"kind": "local", "id": "m"}, "own": {"a": 1}},
    "target": "python:a:b",
}
WAIVER = {
    "id": "W",
    "gate": "harm",
    "system": "bot",
    "reason": "r",
    "compensates": ["RAI-30"],
    "accept_up_to": 0.05,
    "expires": "2027-01-01",
}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("system-v1", {**SYSTEM, "gates": [GATE]}),
    ("gates-v1", {"schema": "gates/v1", "gates": [GATE]}),
    ("waiver-v1", WAIVER),
]


@pytest.mark.parametrize("name", ["system-v1", "gates-v1", "waiver-v1"])
def test_published_files_are_current(name: str) -> None:
    text = (DOCS / f"{name}.json").read_text("utf-8")
    assert text == schema_text(json_schemas()[name])
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize(("name", "data"), GOOD)
def test_schemas_accept_good_files_and_refuse_unknown_keys(name: str, data: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()[name])
    assert list(validator.iter_errors(data)) == []
    assert list(validator.iter_errors({**data, "unknown": 1}))


def test_inline_gates_are_checked_too() -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()["system-v1"])
    assert list(validator.iter_errors({**SYSTEM, "gates": [{**GATE, "requires": "x"}]}))
