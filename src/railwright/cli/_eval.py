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


@evaluate.command(short_help="Run the cases in CASES (JSON lines) against a target.")
@click.argument("cases", type=click.Path(path_type=Path))
@click.option(
    "--target", required=True, help="openai:URL#MODEL, http:URL, python:MOD:FUNC, replay:RUN"
)
@click.option(
    "--scorer",
    default="contains",
    show_default=True,
    help="Such as exact, contains, regex, refusal, leak; docs/reference/scorers.md has all.",
)
@click.option("--metric", default="task_failure", show_default=True, help="What failing means.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Calls in flight at most.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder (default: runs/NAME); the same again resumes.",
)
@click.option("--key-env", help="Environment variable that holds the endpoint's key.")
@click.option("--budget-calls", type=click.IntRange(min=0), help="Calls at most.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.01),
    default=60.0,
    show_default=True,
    help="Seconds for one attempt.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How often each case is put; a source fails if any of its samples does.",
)
@click.option(
    "--slice",
    "slices",
    multiple=True,
    help="Count each value of this slice apart; may be repeated.",
)
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
    slices: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run the cases in CASES (JSON lines) and print n, estimate, interval, coverage and cost.

    Exit codes: 0 done, 2 usage, configuration or endpoint, 3 ended early (budget) or
    nothing scored, 130 interrupted.
    """
    import msgspec

    from railwright.cli._progress import CheckProgress
    from railwright.evaluate import METRICS, Budget, Limits, evaluate_file
    from railwright.targets import TargetConfig

    if metric not in METRICS:
        raise click.BadParameter(
            f"no metric {metric!r}; one of: {', '.join(METRICS)}", param_hint="--metric"
        )
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
            slices=slices,
            on_event=progress.update,
        )
    if as_json:
        click.echo(msgspec.json.encode(summary).decode())
    elif summary.samples or summary.reason != "fatal":
        _print(summary)
    for name in slices:
        if summary.samples and not summary.slices.get(name):
            click.echo(f"railwright: no case has a slice {name!r}", err=True)
    return _exit_code(summary)


def _exit_code(summary: FileSummary) -> int:
    if summary.reason == "finished":
        # A run in which nothing could be scored shows nothing, so it is no success either.
        return 0 if summary.n or not summary.samples else 3
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
        "statuses": ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in summary.statuses.items()
        ),
        "calls": f"{summary.calls} ({summary.cached} answers from the cache)",
        "seconds": f"{summary.seconds:.1f}",
        "digest": summary.digest or "not sealed",
        "run": summary.out,
    }
    for name, text in lines.items():
        click.echo(f"{name:<13} {text}")
    for by, values in summary.slices.items():
        for value, part in values.items():
            share = "-" if part.rate is None else f"{part.rate:.2%}"
            click.echo(
                f"{by + ' ' + value:<24} {part.k} of {part.n} failing: {share} "
                f"({part.low:.2%} to {part.high:.2%})"
            )
    unscored = sum(count for name, count in summary.statuses.items() if "error" in name)
    if unscored:
        click.echo(
            f"without score {unscored} of {summary.samples} samples; {_first_error(summary)}"
        )


def _first_error(summary: FileSummary) -> str:
    """Return the first error of the run as an example: one line of many like it."""
    from railwright.evaluate import iter_samples

    for sample in iter_samples(Path(summary.out)):
        if "error" in sample.status:
            return f"the first, {sample.case_id}: {sample.error or sample.why}"
    return f"see the column `error` of {summary.out}"
