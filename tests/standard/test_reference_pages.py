"""The reference pages name every key and every row of data that there is."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from railwright.standard import (
    METRICS,
    calendar,
    controls,
    frameworks,
    hazards,
    json_schemas,
    severity_rubric,
    tier,
)
from railwright.system import DEFAULT_IGNORES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def keys(schema: dict[str, Any]) -> set[str]:
    found = set(schema.get("properties", {}))
    for name, definition in schema.get("$defs", {}).items():
        if name not in ("GateEntry", "SliceEntry", "JsonValue"):
            found |= set(definition.get("properties", {}))
    return found


@pytest.mark.parametrize(
    ("name", "schema"), [("system-yaml.md", "system-v1"), ("gates.md", "gates-v1")]
)
def test_every_key_is_documented(name: str, schema: str) -> None:
    named = set(re.findall(r"`([a-z_0-9]+)`", page(name)))
    expected = keys(json_schemas()[schema])
    if schema == "gates-v1":
        expected = set(json_schemas()[schema]["$defs"]["GateEntry"]["properties"])
    assert expected - named == set()


def test_keys_of_a_waiver_are_shown() -> None:
    text = page("gates.md")
    shown = set(re.findall(r"^([a-z_]+):", text, re.MULTILINE))
    assert set(json_schemas()["waiver-v1"]["required"]) <= shown


def test_what_is_left_out_is_listed() -> None:
    text = page("system-yaml.md")
    assert [pattern for pattern in DEFAULT_IGNORES if f"`{pattern}`" not in text] == []


def test_the_table_of_default_gates_is_that_of_the_data() -> None:
    text = page("gates.md")
    for gate in tier(1).gates:
        cells = []
        for number in (1, 2, 3):
            value = gate.thresholds.get(number)
            plain = "" if value is None else f"{value:.2f}"
            cells.append(f"({plain})" if number in gate.warn else plain)
        row = next(line for line in text.splitlines() if line.startswith(f"| {gate.id} "))
        columns = [cell.strip() for cell in row.strip("|").split("|")]
        assert columns[1] == f"`{gate.metric}`"
        assert columns[2] == ", ".join(gate.controls)
        assert columns[4:7] == cells
        assert columns[7] == ", ".join(gate.binds)
    assert all(f"`{metric}`" in text for metric in METRICS)


def test_the_standard_is_shown_whole() -> None:
    text = page("standard.md")
    for control in controls():
        needed = max(number for number in (1, 2, 3) if control.id in tier(number).controls)
        row = next(line for line in text.splitlines() if line.startswith(f"| {control.id} "))
        columns = [cell.strip() for cell in row.strip("|").split("|")]
        assert columns[0] == f"{control.id} {control.name}"
        assert columns[1].startswith(control.text.strip())
        assert columns[3] == str(needed)
        assert all(item in columns[4] for ids in control.maps.values() for item in ids)
    names = [framework.name for framework in frameworks()] + [hazard.id for hazard in hazards()]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert [level.id for level in severity_rubric() if f"| {level.id} |" not in text] == []
    for item in calendar(date(2026, 11, 23)):
        assert f"| {item.date} | {item.jurisdiction} | {item.what.strip()} |" in text
        assert f"| {item.status} |" in text
