"""`railwright init`: a good system.yaml by few questions, or by flags alone."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from railwright.system import Question


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Ask nothing; take flags and defaults.")
@click.option("--name", help="Name of the system (default: the folder's).")
@click.option("--tier", type=click.IntRange(1, 3), help="Risk tier: 1 high, 2 medium, 3 low.")
@click.option("--purpose", help="What the system is for, in one sentence.")
@click.option("--owner", help="The team that answers for it.")
@click.option(
    "--target", help="openai:BASE_URL#MODEL, http:URL, python:MODULE:FUNCTION, replay:RUN"
)
@click.option("--key-env", help="Environment variable that holds the endpoint's key.")
def init(
    folder: Path,
    yes: bool,
    name: str | None,
    tier: int | None,
    purpose: str | None,
    owner: str | None,
    target: str | None,
    key_env: str | None,
) -> None:
    """Write system.yaml and rai/ into FOLDER, and make the two signing keys if there are none."""
    from railwright.ledger import create_keys, keys_folder, load_keys
    from railwright.system import init_system, questions

    answers: dict[str, Any] = {
        "name": name,
        "tier": tier,
        "purpose": purpose,
        "owner": owner,
        "target": target,
        "key_env": key_env,
    }
    if not yes:
        for question in questions(folder):
            if answers.get(question.key) is None:
                answers[question.key] = _ask(question)
            if question.key == "target" and answers["key_env"] is None:
                answers["key_env"] = _ask_key(answers["target"])
    if not answers["target"]:
        raise click.UsageError("name a target: --target openai:BASE_URL#MODEL (or http:, python:)")
    given = {key: value for key, value in answers.items() if value not in (None, "")}
    for path in init_system(folder, **given):
        click.echo(f"wrote {_short(path)}")
    if not load_keys(need=()).keyids:
        create_keys(outside=folder)
        click.echo(f"made two signing keys in {keys_folder()}; keep them out of repositories")
    name_ = shlex.quote(str(folder))
    click.echo(f"next: railwright lint {name_}; railwright gate plan {name_}")


def _ask(question: Question) -> Any:
    """Ask until the answer can be used, so that no answer is lost to a fault in a later one."""
    text, _, detail = question.text.partition(" (")
    if question.type is bool:
        return click.confirm(f"{text}?", default=question.default == "yes")
    if detail:
        for line in detail.removesuffix(")").split("; "):
            click.echo(f"  {line}")
    if question.choices:
        kind = click.Choice(question.choices)
        return question.type(click.prompt(text, default=question.default or None, type=kind))
    check = _target if question.key == "target" else None
    return click.prompt(text, default=question.default or None, value_proc=check)


def _target(text: str) -> str:
    from railwright.system import TargetSpecError, parse_target_spec

    try:
        parse_target_spec(text)
    except TargetSpecError as error:
        mend = getattr(error, "mend", "")
        raise click.BadParameter(f"{error}" + (f"; {mend}" if mend else "")) from error
    return text


def _ask_key(target: str) -> str:
    if not target.startswith(("openai:", "http:")):
        return ""
    text = "Environment variable that holds its key (Enter if it needs none)"
    return str(click.prompt(text, default="", show_default=False))


def _short(path: Path) -> Path:
    """Return the path as seen from here where it lies below."""
    full, here = path.resolve(), Path.cwd()
    return full.relative_to(here) if full.is_relative_to(here) else full
