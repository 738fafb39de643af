"""`railwright eval`: any file of cases against any target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from railwright.evaluate import FileSummary


@click.group()
def evaluate() -> None:
    """Run any file of cases against a target."""


@evaluate.command()
@click.argument("cases", type=click.Path(path_type=Path))
@click.option(
    "--target", required=True, help="openai:URL#MODEL, http:URL, python:MOD:FUNC, replay:RUN"
)
@click.option("--scorer", default="contains", show_default=True, help="Name of the scorer.")
@click.option("--metric", default="task_failure", show_default=True, help="What failing means.")
@click.option("--concurrency", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; the same again resumes.")
@click.option("--key-env", help="Environment variable that holds the endpoint's key.")
@click.option("--budget-calls", type=click.IntRange(min=0), help="Calls at most.")
@click.option("--timeout", type=click.FloatRange(min=0.01), default=60.0, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def run(
    cases: Path,
    target: str,
    scorer: str,
    metric: str,
    concurrency: int,
    out: Path | None,
    key_env: str | None,
    budget_calls: int | None,
    timeout: float,
    repeats: int,
    as_json: bool,
) -> int:
    """Run the cases in CASES (JSON lines) and print n, estimate, interval, coverage and cost.

    Exit codes: 0 done, 2 usage, configuration or endpoint, 3 ended early (budget), 130 interrupted.
    """
    import msgspec

    from railwright.cli._progress import CheckProgress
    from railwright.evaluate import Budget, Limits, evaluate_file
    from railwright.targets import TargetConfig

    folder = out or Path("runs") / cases.stem
    options: dict[str, Any] = {"spec": target, "timeout_s": timeout}
    if key_env:
        options["key_env"] = key_env
    with CheckProgress() as progress:
        summary = evaluate_file(
            cases,
            TargetConfig(**options),
            scorer,
            folder,
            limits=Limits(concurrency=concurrency, timeout_s=timeout),
            budget=Budget(calls=budget_calls),
            metric=metric,
            repeats=repeats,
            on_event=progress.update,
        )
    if as_json:
        click.echo(msgspec.json.encode(summary).decode())
    else:
        _print(summary)
    return _exit_code(summary)


def _exit_code(summary: FileSummary) -> int:
    if summary.reason == "finished":
        return 0
    click.echo(f"railwright: {summary.message}", err=True)
    return {"fatal": 2, "interrupted": 130}.get(summary.reason, 3)


def _print(summary: FileSummary) -> None:
    low, high = summary.interval
    estimate = "-" if summary.estimate is None else f"{summary.estimate:.2%}"
    accuracy = "-" if summary.accuracy is None else f"{summary.accuracy:.2%}"
    lines = {
        "n": f"{summary.n} sources ({summary.samples} samples)",
        "failure rate": f"{estimate} ({low:.2%} to {high:.2%}, {summary.confidence:.0%} interval)",
        "accuracy": accuracy,
        "coverage": f"{summary.coverage:.2%} (failure rate {summary.best:.2%} to "
        f"{summary.worst:.2%} by what is missing)",
        "statuses": ", ".join(f"{count} {name}" for name, count in summary.statuses.items()),
        "calls": f"{summary.calls} ({summary.cached} answers from the cache)",
        "seconds": f"{summary.seconds:.1f}",
        "digest": summary.digest or "not sealed",
        "run": summary.out,
    }
    for name, text in lines.items():
        click.echo(f"{name:<13} {text}")
