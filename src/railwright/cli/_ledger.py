"""`railwright ledger`: verify and look into the evidence ledger."""

from __future__ import annotations

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


def _trusted(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a folder without keys: it would trust whatever the ledger itself names."""
    del ctx, param
    if value is not None and value.is_dir() and not any(value.glob("*.pub")):
        raise click.BadParameter(f"{value} holds no *.pub file, so it would compare nothing")
    return value


@click.group()
def ledger() -> None:
    """Verify and look into the evidence ledger."""


@ledger.command(short_help="Five separate verdicts on the ledger.")
@click.argument("path", type=_PATH, default=Path())
@click.option("--at-least", help="A remembered checkpoint: a file, its JSON, or size:root.")
@click.option(
    "--trusted",
    type=click.Path(path_type=Path, exists=True),
    callback=_trusted,
    help="Folder or file of trusted public keys (*.pub).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(path: Path, at_least: str | None, trusted: Path | None, as_json: bool) -> int:
    """Answer integrity, authenticity, completeness, freshness and binding, each by itself.

    Exit code 0 only if integrity and authenticity hold, else 4. PATH is a system folder, the root
    that holds rai/, or the ledger folder.
    """
    import msgspec

    from railwright.gate import verify_ledger

    found = verify_ledger(path, at_least=at_least, trusted=trusted)
    if as_json:
        click.echo(msgspec.json.encode(found.to_dict()).decode())
        return found.exit_code
    words = {True: "holds", False: "DOES NOT HOLD", None: "not asked"}
    for name, verdict in found.verdicts().items():
        click.echo(f"{name:<13} {words[verdict.ok]}")
        for line in verdict.detail:
            click.echo(f"              {line}")
    click.echo(f"statements    {found.size}")
    click.echo(f"root          {found.root}")
    checkpoint = found.checkpoint.short if found.checkpoint else "none"
    click.echo(f"checkpoint    {checkpoint}")
    return found.exit_code


@ledger.command(name="show")
@click.argument("path", type=_PATH, default=Path())
@click.option("--kind", help="Only statements of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print each statement as a line of JSON.")
def show(path: Path, kind: str | None, as_json: bool) -> None:
    """List the statements, or print them whole."""
    import msgspec

    from railwright.ledger import Ledger
    from railwright.system import find_root

    for record in Ledger.open(find_root(path)).statements(kind=kind):
        statement = record.statement
        if as_json:
            body = {
                "index": record.index,
                "leaf": record.leaf_hash,
                "statement": msgspec.to_builtins(statement),
            }
            click.echo(msgspec.json.encode(body).decode())
            continue
        about = statement.predicate.get("gate") or statement.predicate.get("plan_digest") or ""
        names = ", ".join(item.name for item in statement.subject)
        click.echo(
            f"{record.index:>5}  {statement.recorded:%Y-%m-%d %H:%M:%S}  {statement.kind:<12} "
            f"{names:<24} {about}"
        )


@ledger.command(name="import", short_help="Re-append another branch's statements.")
@click.argument("path", type=_PATH)
@click.argument("other", type=_PATH)
def import_(path: Path, other: Path) -> None:
    """Re-append to the ledger at PATH what the ledger at OTHER holds beyond it, with proofs."""
    from railwright.ledger import Ledger
    from railwright.system import find_root

    target = Ledger.open(find_root(path))
    receipts = target.import_from(other)
    head = target.checkpoint()
    click.echo(f"imported {len(receipts)} statements; checkpoint {head.short}")


@ledger.command(short_help="Sign the tree head and print it as size:root.")
@click.argument("path", type=_PATH, default=Path())
def checkpoint(path: Path) -> None:
    """Sign the present tree head and print it in short; keep it outside the repository."""
    from railwright.ledger import Ledger
    from railwright.system import find_root

    click.echo(Ledger.open(find_root(path)).checkpoint().short)
