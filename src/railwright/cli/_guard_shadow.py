"""`railwright guard shadow`: what rules in shadow would have done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from railwright.guard import ShadowReport


@click.command(short_help="What rules in shadow would have done, from recorded events.")
@click.argument("events", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--slice", "slices", multiple=True, help="stage, channel, language, tenant, tool...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shadow(events: Path, slices: tuple[str, ...], as_json: bool) -> int:
    """Report what rules in shadow would have done, from the event log in the folder EVENTS.

    Exit codes: 0, 2 the log is damaged, 3 there are no events.
    """
    import msgspec

    from railwright.events import read_events
    from railwright.guard import shadow_report

    found = shadow_report(read_events(events), slices)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _print(found)
    return 0 if found.events else 3


def _print(found: ShadowReport) -> None:
    from datetime import UTC, datetime

    from railwright.cli._guard import rate_text as rate

    if not found.events:
        click.echo("no events yet; record them with Guard(sink=record_verdicts(EventLog(folder)))")
        return
    first, last = (
        datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
        for moment in (found.first, found.last)
    )
    click.echo(f"{found.events} texts of {found.stopped.n} sources, {first} to {last}")
    if len(found.plans) > 1:
        click.echo(f"mixed: {len(found.plans)} plans decided; --slice plan tells them apart")
    click.echo(f"stopped       {rate(found.stopped)}")
    click.echo(f"would stop    {rate(found.would_stop)}")
    click.echo(f"newly         {rate(found.newly)}")
    for rule in found.rules:
        click.echo(f"{rule.rule} (would {rule.action}): found {rate(rule.found)}")
        click.echo(f"  more than was done: {rate(rule.stricter)}")
    for field, values in found.slices.items():
        for value, rates in values.items():
            click.echo(f"{field}={value}: newly stopped {rate(rates['newly'])}")
