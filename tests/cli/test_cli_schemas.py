"""Published schemas are those of the code, and what the commands print satisfies them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.cli.conftest import ChatServer, Cli

from railwright.cli._schema import all_schemas

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas"


def test_every_schema_is_published_as_it_is() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == set(all_schemas())


@pytest.mark.parametrize("name", sorted(all_schemas()))
def test_the_published_file_is_current(name: str) -> None:
    """Run ``make schemas`` after changing a record."""
    published = json.loads((PUBLISHED / f"{name}.json").read_text())
    assert published == json.loads(json.dumps(all_schemas()[name]))
    jsonschema.Draft202012Validator.check_schema(published)


def test_outputs_satisfy_their_schemas(cli: Cli, chat: ChatServer, system: Path) -> None:
    schemas = all_schemas()
    jsonschema.validate(cli.json("gate", "plan", "bot", "--json"), schemas["plan-v1"])
    cli("check", "bot", "--gate", "secrets", "--json", "v.json", code=None)
    jsonschema.validate(json.loads((cli.cwd / "v.json").read_text()), schemas["verdict-v1"])
    found = cli.json("ledger", "verify", "bot", "--json")
    jsonschema.validate(found, schemas["ledger-verify-v1"])
    (cli.cwd / "c.jsonl").write_text('{"id": "a", "input": "hi", "expect": "hi"}\n')
    run = cli.json("eval", "run", "c.jsonl", "--target", chat.target, "--scorer", "exact", "--json")
    jsonschema.validate(run, schemas["eval-run-v1"])
