"""JSON Schemas of the file formats, so that editors complete and check them."""

from __future__ import annotations

from typing import Any

import msgspec

from railwright.cases._suite import SuiteFile
from railwright.cases._types import Case


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the published schemas by file name: ``case.json`` (one line) and ``suite.json``."""
    return {
        "case.json": _schema(Case, "case/v1", "One line of a Railwright case file"),
        "suite.json": _schema(SuiteFile, "suite/v1", "A Railwright suite.yaml"),
    }


def _schema(kind: type, version: str, title: str) -> dict[str, Any]:
    made = msgspec.json.schema(kind)
    for name, entry in made["$defs"].items():
        entry["description"] = _first_line(entry.get("description", name))
    full = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:railwright:schema:{version.replace('/', ':')}",
        "title": title,
        **made,
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(full))
    return plain


def _first_line(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())
