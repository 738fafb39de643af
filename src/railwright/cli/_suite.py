"""`railwright suite`: list suites and pin their content digests."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def suite() -> None:
    """List suites and pin their content digests."""


@suite.command(name="list")
def list_() -> None:
    """List the starter suites with their sources and cases."""
    from railwright.cases import load_suite, starter_suites

    for name in starter_suites():
        found = load_suite(name)
        click.echo(
            f"{name:<20} {found.sources:>4} sources  {found.size:>4} cases  "
            f"{found.metric:<18} {found.spec.title}"
        )


@suite.command(short_help="Pin the content digests of the suite at PATH.")
@click.argument("path", type=click.Path(path_type=Path))
def lock(path: Path) -> None:
    """Pin the content digests of the suite at PATH; a run then refuses data that differ."""
    from railwright.cases import load_suite, write_lock

    click.echo(f"wrote {write_lock(load_suite(path))}")
