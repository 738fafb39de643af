"""`railwright guard lint-rules`: rule packs of one's own, before they are in force."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from railwright.cli._lint import counted

if TYPE_CHECKING:
    from railwright.detectors import PackReport


@click.command("lint-rules")
@click.argument("packs", nargs=-1, required=True)
@click.option(
    "--benign",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Ordinary texts: JSON lines with `text`, else one text a line. May be repeated.",
)
@click.option(
    "--max-false-hits",
    type=click.FloatRange(0, 1),
    help="Exit 1 when a rule hits a larger share of these texts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lint_rules(
    packs: tuple[str, ...],
    benign: tuple[Path, ...],
    max_false_hits: float | None,
    as_json: bool,
) -> int:
    """Compile every rule of PACKS, try its examples, and show its hits on ordinary texts.

    PACKS are pack files, folders of them, or names of built-in packs.

    Exit codes: 0 nothing is wrong, 1 a rule or an example is (or hits too many texts), 2 usage.
    """
    from railwright.detectors import PackError, lint_packs

    if max_false_hits is not None and not benign:
        raise click.UsageError("--max-false-hits needs --benign FILE")
    for name in packs:
        if name.endswith((".yaml", ".yml", "/")) and not Path(name).exists():
            raise click.UsageError(f"{name} is not there")
    try:
        report = lint_packs(packs, _texts(benign))
    except PackError as error:
        raise click.UsageError(str(error)) from error
    over = [
        hits.rule
        for hits in report.false_hits
        if max_false_hits is not None and hits.texts > max_false_hits * hits.of
    ]
    if as_json:
        import msgspec

        shown = {**msgspec.to_builtins(report), "over": over}
        click.echo(msgspec.json.encode(shown).decode())
    else:
        _print(report, over)
    return 1 if report.faults or over else 0


def _texts(files: tuple[Path, ...]) -> Iterator[str]:
    import json

    for file in files:
        try:
            lines = file.read_text("utf-8").splitlines()
        except OSError as error:
            raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{file} is not UTF-8 (byte {error.start})") from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            if file.suffix not in (".jsonl", ".json"):
                yield line
                continue
            try:
                yield str(json.loads(line)["text"])
            except (ValueError, KeyError, TypeError) as error:
                mend = 'write one object a line, such as {"text": "..."}'
                raise click.UsageError(f"{file}:{number}: no object with `text`; {mend}") from error


def _print(report: PackReport, over: list[str]) -> None:
    from railwright.stats import clopper_pearson
    from railwright.system import format_problem

    for fault in report.faults:
        click.echo(format_problem(fault))
    for hits in report.false_hits:
        low, high = clopper_pearson(hits.texts, hits.of, two_sided=True)
        share = f"{hits.texts / hits.of:.2%} ({low:.2%} to {high:.2%}, 95% interval)"
        mark = "OVER  " if hits.rule in over else "hits  "
        click.echo(f"{mark}{hits.rule}: {hits.texts} of {hits.of} ordinary texts, {share}")
        click.echo("      " + ", ".join(repr(text[:60]) for text in hits.shown))
    texts = f"; {report.texts} ordinary texts" if report.texts else ""
    click.echo(f"{counted(report.rules, 'rule')}, {counted(len(report.faults), 'fault')}{texts}")
