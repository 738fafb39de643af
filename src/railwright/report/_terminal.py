"""The verdict table a person sees in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from railwright.gate import GateVerdict, Verdict
from railwright.report._text import (
    MARKS,
    attempt,
    effort,
    guard_sentences,
    headline,
    limit,
    percent,
    signed,
)

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "not_applicable": "dim",
}
# From these widths on a column fits beside the others without breaking a word.
_WIDE, _EFFORT = 132, 104
_WORDS = ("gate", "without", "with")


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Print the table, what would change each verdict that is not pass, and the checkpoint."""
    from rich.text import Text

    shown = [gate for gate in verdict.gates if gate.outcome != "not_applicable"]
    _print_table(shown, console)
    open_gates = [gate for gate in shown if gate.outcome in {"fail", "inconclusive"}]
    print_list(((gate.id, " ".join(gate.reasons)) for gate in open_gates), console)
    mends = dict.fromkeys(gate.mend for gate in open_gates if gate.mend)
    if mends:
        console.print("\n  what to do", style="bold")
        for mend in mends:
            names = [gate.id for gate in open_gates if gate.mend == mend]
            every = len(open_gates) > 1 and len(names) == len(open_gates)
            print_list([("all of them" if every else ", ".join(names), mend)], console, stack=True)
    absent = [gate for gate in verdict.gates if gate.outcome == "not_applicable"]
    if absent:
        console.print("\n  not applicable", style="dim")
        print_list(((gate.id, " ".join(gate.reasons)) for gate in absent), console, style="dim")
    if verdict.notes:
        console.print()
        print_list((("note", note) for note in verdict.notes), console, style="dim")
    console.print()
    console.print(Text(headline(verdict), style=_STYLES[verdict.outcome]))
    console.print(f"subject     {verdict.subject_digest}", highlight=False, soft_wrap=True)
    console.print(f"checkpoint  {verdict.ledger.checkpoint}", highlight=False, soft_wrap=True)


def print_guard(verdict: Verdict, console: Console) -> None:
    """Print what the guard changed, where the system was tested behind one."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    effect = verdict.guard
    if effect is None:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="without and with the guard")
    table.title_justify = "left"
    for name in (
        "gate",
        "without",
        "with",
        "same\nsources",
        "mended",
        "broken",
        "stopped or\nchanged",
        "of them\nmended",
    ):
        table.add_column(name, no_wrap=True, justify="left" if name in _WORDS else "right")
    table.add_column("points (interval)", no_wrap=True)
    for change in effect.gates:
        after = f"[{_STYLES[change.after]}]{MARKS[change.after]}[/]"
        table.add_row(
            change.gate,
            f"[{_STYLES[change.before]}]{MARKS[change.before]}[/]",
            f"{after} (turned)" if change.turned else after,
            str(change.n),
            str(change.better),
            str(change.worse),
            f"{change.screened.k} of {change.screened.n}",
            f"{change.mended} of {change.touched}" if change.touched else "",
            f"{signed(change.difference)} ({signed(change.low)} to {signed(change.high)})",
        )
    console.print()
    console.print(table)
    for sentence in guard_sentences(effect):
        console.print(f"    {sentence}", highlight=False, soft_wrap=False)


def print_list(
    items: Iterable[tuple[str, str]], console: Console, *, style: str = "", stack: bool = False
) -> None:
    """Print names with sentences beside them, continued lines under the sentence, not the name.

    With ``stack`` the sentence stands below the name.
    """
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    rows = list(items)
    if stack:
        for name, text in rows:
            console.print(Padding(Text(name, style=style or "bold"), (0, 0, 0, 4)))
            console.print(Padding(Text(text, style=style), (0, 0, 0, 6)))
        return
    if not rows:
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in rows:
        grid.add_row(Text(name, style=style or "bold"), Text(text, style=style))
    console.print(Padding(grid, (0, 0, 0, 4)))


def _print_table(gates: list[GateVerdict], console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    wide, with_effort = console.width >= _WIDE, console.width >= _EFFORT
    table.add_column("gate", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("needs" if wide else "limit", no_wrap=True)
    table.add_column("failing sources")
    table.add_column("interval", no_wrap=True)
    if with_effort:
        table.add_column("effort")
    for gate in gates:
        style = _STYLES[gate.outcome] if gate.blocking or gate.outcome == "pass" else "yellow"
        mark = MARKS[gate.outcome] + ("" if gate.blocking or gate.outcome == "pass" else " (warns)")
        table.add_row(
            gate.id,
            f"[{style}]{mark}[/]",
            gate.require if wide else limit(gate),
            _count(gate),
            _interval(gate),
            *([_effort(gate)] if with_effort else []),
        )
    console.print(table)


def _count(gate: GateVerdict) -> str:
    if gate.bounds is None or gate.bounds.n == 0:
        return "no evidence"
    missing = (
        f", {gate.coverage.missing} missing" if gate.coverage and gate.coverage.missing else ""
    )
    return f"{gate.bounds.k} of {gate.bounds.n}{missing}"


def _interval(gate: GateVerdict) -> str:
    if gate.bounds is None or gate.bounds.n == 0:
        return ""
    return f"{percent(gate.bounds.low)} to {percent(gate.bounds.high)}"


def _effort(gate: GateVerdict) -> str:
    parts = [effort(gate.effort), attempt(gate)]
    return ", ".join(part for part in parts if part)
