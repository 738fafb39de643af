"""`railwright check`: test a system, decide, sign the facts, show the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from railwright.evaluate import Sample
    from railwright.gate import CheckResult, Verdict
    from railwright.report import SampleSet, SamplesState

_OUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("system", type=click.Path(path_type=Path), default=Path())
@click.option("--budget-calls", type=click.IntRange(min=0), help="Calls at most.")
@click.option("--budget-minutes", type=click.FloatRange(min=0), help="Minutes at most.")
@click.option("--gate", "only", multiple=True, help="Run this gate only; may be repeated.")
@click.option("--seed", type=int, default=1, show_default=True, help="Fixes the order of cases.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Calls in flight at most.")
@click.option("--resume", is_flag=True, help="Go on with the latest run of the same plan.")
@click.option("--fresh", is_flag=True, help="Ask anew instead of taking answers from the cache.")
@click.option("--without-guard", is_flag=True, help="Leave out the run behind the guard.")
@click.option("--json", "json_path", type=_OUT, help="Write the verdict as JSON.")
@click.option("--junit", "junit_path", type=_OUT, help="Write JUnit XML.")
@click.option("--sarif", "sarif_path", type=_OUT, help="Write SARIF 2.1.0.")
@click.option("--html", "html_path", type=_OUT, help="Write the HTML report.")
@click.option("--summary", "summary_path", type=_OUT, help="Append a Markdown summary.")
def check(
    system: Path,
    budget_calls: int | None,
    budget_minutes: float | None,
    only: tuple[str, ...],
    seed: int,
    concurrency: int | None,
    resume: bool,
    fresh: bool,
    without_guard: bool,
    json_path: Path | None,
    junit_path: Path | None,
    sarif_path: Path | None,
    html_path: Path | None,
    summary_path: Path | None,
) -> int:
    """Run what the tier of SYSTEM requires, decide, sign the facts, and show the result.

    SYSTEM is a folder with system.yaml. Where it names a guard, it is run without and with it;
    the verdict is that of the guarded system. Exit codes: 0 pass, 1 a gate fails, 2 configuration,
    3 inconclusive, 4 integrity, 130 interrupted.
    """
    from rich.console import Console

    from railwright.cli._progress import CheckProgress
    from railwright.gate import CheckOptions
    from railwright.gate import check as run_check
    from railwright.report import print_guard, print_verdict

    limits = {"calls": budget_calls, "minutes": budget_minutes}
    options = CheckOptions(
        seed=seed,
        resume=resume,
        fresh=fresh,
        only=only,
        budget={name: value for name, value in limits.items() if value is not None},
        concurrency=concurrency,
        without_guard=without_guard,
    )
    outputs = {
        "json": json_path,
        "junit": junit_path,
        "sarif": sarif_path,
        "html": html_path,
        "summary": summary_path,
    }
    wanted = {name: path for name, path in outputs.items() if path is not None}
    prepare_outputs(wanted.values())
    with CheckProgress() as progress:
        result = run_check(system, options, on_progress=progress.update)
    console = Console(width=None if Console().is_terminal else 140)
    print_verdict(result.verdict, console)
    print_guard(result.verdict, console)
    write_outputs(result, wanted)
    if html_path is not None:
        console.print(f"report      {html_path}", highlight=False, soft_wrap=True)
    if result.outcome.interrupted:
        click.echo(f"interrupted; nothing is lost: railwright check {system} --resume", err=True)
        return 130
    return result.verdict.exit_code


def prepare_outputs(paths: Iterable[Path]) -> None:
    """Make the folders of the outputs and see that they can be written, before calls are paid."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists()
        with path.open("ab"):
            pass
        if fresh:
            path.unlink()


def write_outputs(result: CheckResult, paths: dict[str, Path]) -> None:
    """Write each rendering; the verdict is the same object in all of them."""
    from railwright.report import to_html, to_json, to_junit, to_markdown, to_sarif

    verdict = result.verdict
    for name, path in paths.items():
        if name == "html":
            runs, beside = result.run_dir.parent, ""
            if result.bare is not None:
                beside = f"{path.stem}-without-guard{path.suffix}"
                before = result.bare.verdict
                page = to_html(before, samples_for(before, runs))
                path.with_name(beside).write_text(page, "utf-8")
            found = samples_for(verdict, runs)
            path.write_text(to_html(verdict, found, bare=beside), "utf-8")
        elif name == "summary":
            # CI systems hand over a file to append to.
            with path.open("a", encoding="utf-8") as stream:
                stream.write(to_markdown(verdict))
        else:
            render = {"json": to_json, "junit": to_junit, "sarif": to_sarif}[name]
            path.write_bytes(render(verdict))


def samples_for(verdict: Verdict, runs: Path) -> dict[str, SampleSet]:
    """Failing samples by gate from the run folders, checked against the ledger's digests."""
    from railwright.report import SampleSet

    states: dict[str, tuple[SamplesState, dict[str, int] | None]] = {}
    found: dict[str, SampleSet] = {}
    for gate in verdict.gates:
        if gate.evidence is None:
            continue
        run_id = gate.evidence.run_id
        if run_id not in states:
            states[run_id] = _state_of(runs / run_id, gate.evidence.run_digest)
        state, counted = states[run_id]
        failing = _failing(runs / run_id, gate.suite, counted) if state == "verified" else ()
        found[gate.id] = SampleSet(state=state, failing=failing, run=str(runs / run_id))
    return found


def _state_of(folder: Path, digest: str) -> tuple[SamplesState, dict[str, int] | None]:
    """Whether a run folder is what the ledger says, and how far its digest reaches by suite."""
    from railwright.evaluate import StoreError, read_seal, recompute_digest

    try:
        seal = read_seal(folder) if folder.is_dir() else None
        if seal is None:
            return "missing", None
        same = recompute_digest(folder, seal.counted) == digest
    except StoreError:
        return "altered", None
    return ("verified" if same else "altered"), seal.counted


def _failing(folder: Path, suite: str, counted: dict[str, int] | None) -> tuple[Sample, ...]:
    """The failing samples under the digest; those in flight at the stop are under none."""
    from railwright.evaluate import read_samples

    end = float("inf") if counted is None else counted.get(suite, 0)
    found = read_samples(folder, where={"suite": suite, "failed": True})
    return tuple(sample for sample in found if sample.order < end)
