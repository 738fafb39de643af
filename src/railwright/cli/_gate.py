"""`railwright gate`: plan, explain and A/A-test release gates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from railwright.gate import Forecast, GateVerdict


@click.group()
def gate() -> None:
    """Plan, explain and A/A-test release gates."""


@gate.command(short_help="What each gate of SYSTEM needs and costs, before any call.")
@click.argument("system", type=click.Path(path_type=Path), required=False)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Highest failure rate that may pass: the calculator, without a system.",
)
@click.option("--errors", default="0,1,2,3,5", show_default=True, help="Failures, by commas.")
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="Of the calculator's bound, one-sided.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Fixes the order of cases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(
    system: Path | None,
    threshold: float | None,
    errors: str,
    confidence: float,
    seed: int,
    as_json: bool,
) -> None:
    """Print what each gate of SYSTEM needs and costs; or, with --threshold, a table of n."""
    if (system is None) == (threshold is None):
        raise click.UsageError("name a system, or give --threshold for the calculator, not both")
    if threshold is not None:
        _calculate(threshold, errors, confidence, as_json)
        return
    assert system is not None
    import msgspec
    from rich.console import Console

    from railwright.gate import forecast_system

    found = forecast_system(system, seed=seed)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    console = Console(width=None if Console().is_terminal else 140)
    _print_forecast(found, console)


def _calculate(threshold: float, errors: str, confidence: float, as_json: bool) -> None:
    import msgspec

    from railwright.stats import plan as needed

    parts = [part.strip() for part in errors.split(",")]
    if not all(part.isdigit() for part in parts):
        raise click.BadParameter("write whole numbers, such as 0,1,2", param_hint="--errors")
    try:
        counts = [int(part) for part in parts]
        table = {str(k): needed(threshold, k, confidence) for k in counts}
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint="--errors") from error
    if as_json:
        click.echo(
            msgspec.json.encode(
                {"threshold": threshold, "confidence": confidence, "n": table}
            ).decode()
        )
        return
    click.echo(f"sources needed for an upper {confidence:.0%} bound of at most {threshold:.2%}:")
    for k, n in table.items():
        click.echo(f"  {k:>3} failing: {n}")


def _print_forecast(found: Forecast, console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from railwright.report import print_list

    # A narrow terminal leaves out what `lint` and `--json` say as well, before it breaks a word.
    wide, roomy = console.width >= 128, console.width >= 92
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("gate", no_wrap=True)
    if wide:
        table.add_column("requirement", no_wrap=True)
    columns = ["sources", "first\npass at", "calls\ngood", "calls\nat limit", "calls\nbad"]
    columns += ["calls\nat most", *(["wrong\npass", "attempt"] if roomy else [])]
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for item in found.gates:
        table.add_row(
            item.gate,
            *([item.require] if wide else []),
            str(item.sources),
            "-" if item.earliest_pass is None else str(item.earliest_pass),
            *(f"{item.calls_expected[name]:.0f}" for name in ("good", "at the limit", "bad")),
            str(item.calls_max),
            *([f"{item.false_pass:.2%}", f"{item.attempt} of {item.attempts}"] if roomy else []),
        )
    console.print(table)
    print_list(((item.gate, item.note) for item in found.gates if item.note), console)
    if found.not_applicable:
        console.print("\n  not applicable", style="dim")
        print_list(found.not_applicable.items(), console, style="dim")
    wrong = "; wrong pass: its exact probability at the limit" if roomy else ""
    console.print(
        "\nFirst pass at: sources without a failure. Calls are means, for a failure rate of a "
        f"fifth of the limit (good), at the limit, and three times the limit (bad){wrong}.",
        style="dim",
        highlight=False,
    )
    console.print(_totals(found), highlight=False)


def _totals(found: Forecast) -> str:
    parts = [f"at most {found.calls_max:,} calls", f"about {found.tokens_max:,} tokens"]
    if found.money_max is not None:
        parts.append(f"{found.money_max:.2f} {found.currency}")
    else:
        parts.append("no price (set target.price)")
    if found.minutes_max is not None:
        parts.append(f"{found.minutes_max:.0f} min at the pace of the last run")
    budget = ", ".join(f"{value:,.10g} {name}" for name, value in found.budget.items())
    return f"all gates: {', '.join(parts)}; budget: {budget or 'none'}"


@gate.command(short_help="Decide again without a call; name what is missing.")
@click.argument("system", type=click.Path(path_type=Path), default=Path())
@click.argument("gate_id", required=False)
@click.option("--without-guard", is_flag=True, help="On the system without its guard.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def explain(system: Path, gate_id: str | None, without_guard: bool, as_json: bool) -> int:
    """Decide again from files and ledger, without a call; name what is missing and its mend."""
    from railwright.gate import GateError, verdict_now
    from railwright.report import headline, to_json

    verdict = verdict_now(system, without_guard=without_guard)
    if as_json:
        click.echo(to_json(verdict).decode(), nl=False)
        return verdict.exit_code
    known = [item for item in verdict.gates if gate_id in (None, item.id)]
    if not known:
        names = ", ".join(item.id for item in verdict.gates)
        raise GateError(f"there is no gate {gate_id!r}", f"one of: {names}")
    for item in known:
        _explain_gate(item)
    click.echo(headline(verdict))
    return verdict.exit_code


def _explain_gate(item: GateVerdict) -> None:
    from railwright.report import rate

    click.echo(f"{item.id}: {item.outcome.replace('_', ' ')}")
    click.echo(f"  requirement  {item.require} ({item.file}:{item.line})")
    if item.outcome != "not_applicable":
        click.echo(f"  evidence     {rate(item.bounds)}")
    if item.evidence:
        click.echo(
            f"               statement {item.evidence.index}, recorded {item.evidence.recorded}, "
            f"attempt {item.attempt} of {item.attempts}"
        )
    for reason in item.reasons:
        click.echo(f"  because      {reason}")
    for failures, sources in item.needed.items():
        if item.outcome == "inconclusive":
            click.echo(f"  would pass   with {failures} failing of {sources} sources")
    if item.mend:
        click.echo(f"  next         {item.mend}")
    click.echo("")


@gate.command(short_help="Run the same subject twice; report how often verdicts flip.")
@click.argument("system", type=click.Path(path_type=Path), default=Path())
@click.option("--gate", "only", multiple=True, help="Test this gate only; may be repeated.")
@click.option("--budget-calls", type=click.IntRange(min=1), help="Calls at most for each run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def aa(system: Path, only: tuple[str, ...], budget_calls: int | None, as_json: bool) -> None:
    """Run the same subject twice and report how often verdicts and outcomes flip."""
    import msgspec

    from railwright.cli._progress import CheckProgress
    from railwright.gate import aa_test

    with CheckProgress() as progress:
        results = aa_test(system, only, calls=budget_calls, on_progress=progress.update)
    if as_json:
        click.echo(msgspec.json.encode({"results": results}).decode())
        return
    for item in results:
        share = f"{item.outcome_flips / item.n:.1%}" if item.n else "-"
        click.echo(
            f"{item.gate}: {item.first} then {item.second}; {item.outcome_flips} of {item.n} "
            f"sources flipped ({share}, {item.low:.1%} to {item.high:.1%}); "
            f"pass/fail flips predicted {item.predicted_flip:.2%}"
        )
