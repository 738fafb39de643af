"""`railwright lint`: every problem with file, line, column and mend."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def lint(path: Path, style: str) -> int:
    """Report every problem of the system (or systems) at PATH.

    Exit code 2 when there is an error; warnings and notes do not fail.
    """
    import msgspec

    from railwright.gate import lint_all
    from railwright.system import errors, format_problem

    problems = lint_all(path)
    failed = errors(problems)
    if style == "json":
        click.echo(msgspec.json.encode({"problems": problems, "errors": len(failed)}).decode())
    else:
        for problem in problems:
            click.echo(format_problem(problem))
        rest = len(problems) - len(failed)
        click.echo(f"{counted(len(failed), 'error')}, {counted(rest, 'other finding')}", err=True)
    return 2 if failed else 0


def counted(number: int, what: str) -> str:
    """``1 error``, ``2 errors``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
