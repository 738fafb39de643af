"""`railwright subject`: the digest of a release and of its parts."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("system", type=click.Path(path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def subject(system: Path, as_json: bool) -> None:
    """Print the subject digest of SYSTEM and the digest of each part."""
    import msgspec

    from railwright.system import load_system
    from railwright.system import subject as digest_of

    found = digest_of(load_system(system))
    if as_json:
        click.echo(msgspec.json.encode({"digest": found.digest, "parts": found.parts}).decode())
        return
    width = max(len(name) for name in [*found.parts, "subject"])
    for name, digest in found.parts.items():
        click.echo(f"{name:<{width}}  {digest}")
    click.echo(f"{'subject':<{width}}  {found.digest}")
