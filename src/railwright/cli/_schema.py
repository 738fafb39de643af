"""`railwright schema`: the JSON Schemas of the files people write and of what commands print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("name", required=False)
@click.option("--write", "folder", type=click.Path(path_type=Path), help="Write all into a folder.")
def schema(name: str | None, folder: Path | None) -> None:
    """Print the schema NAME; without a name, list them."""
    import msgspec

    found = all_schemas()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in found.items():
            (folder / f"{key}.json").write_bytes(as_text(value))
    elif name is None:
        click.echo("\n".join(found))
    elif name not in found:
        raise click.BadParameter(f"no schema {name!r}; one of {', '.join(found)}")
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(found[name]), indent=2).decode())


def all_schemas() -> dict[str, dict[str, Any]]:
    """Every published schema by name."""
    from railwright.cases import json_schemas as case_schemas
    from railwright.guard import json_schemas as guard_schemas
    from railwright.report import output_schemas
    from railwright.standard import json_schemas as standard_schemas

    cases = {name.removesuffix(".json"): value for name, value in case_schemas().items()}
    found = {**cases, **standard_schemas(), **guard_schemas(), **output_schemas()}
    return dict(sorted(found.items()))


def as_text(value: dict[str, Any]) -> bytes:
    """A schema as it is published."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
