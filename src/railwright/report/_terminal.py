"""The verdict table a person sees in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from railwright.gate import GateVerdict, Verdict
from railwright.report._text import MARKS, attempt, effort, headline, percent

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {
    "pass": "bold green",
    "fail": "bold red",
    "inconclusive": "bold yellow",
    "not_applicable": "dim",
}


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Print the table, what would change each verdict that is not pass, and the checkpoint."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("gate", "verdict", "needs", "failing sources", "interval", "effort"):
        table.add_column(column, overflow="fold")
    shown = [gate for gate in verdict.gates if gate.outcome != "not_applicable"]
    for gate in shown:
        style = _STYLES[gate.outcome] if gate.blocking or gate.outcome == "pass" else "yellow"
        mark = MARKS[gate.outcome] + ("" if gate.blocking or gate.outcome == "pass" else " (warns)")
        table.add_row(
            gate.id,
            f"[{style}]{mark}[/]",
            gate.require,
            _count(gate),
            _interval(gate),
            _effort(gate),
        )
    console.print(table)
    open_gates = [gate for gate in shown if gate.outcome in {"fail", "inconclusive"}]
    for gate in open_gates:
        console.print(f"  [bold]{gate.id}[/]: {' '.join(gate.reasons)}", highlight=False)
    for mend in dict.fromkeys(gate.mend for gate in open_gates if gate.mend):
        names = ", ".join(gate.id for gate in open_gates if gate.mend == mend)
        console.print(f"  [dim]{names}: {mend}[/]", highlight=False)
    for gate in verdict.gates:
        if gate.outcome == "not_applicable":
            console.print(f"  [dim]{gate.id}: n/a, {' '.join(gate.reasons)}[/]", highlight=False)
    for note in verdict.notes:
        console.print(f"  [dim]note: {note}[/]", highlight=False)
    console.print()
    console.print(f"[{_STYLES[verdict.outcome]}]{headline(verdict)}[/]", highlight=False)
    console.print(f"subject     {verdict.subject_digest}", highlight=False, soft_wrap=True)
    console.print(f"checkpoint  {verdict.ledger.checkpoint}", highlight=False, soft_wrap=True)


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
