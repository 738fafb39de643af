"""`railwright init`: a good system.yaml by few questions, or by flags alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


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
                kind = click.Choice(question.choices) if question.choices else question.type
                answer = click.prompt(question.text, default=question.default or None, type=kind)
                answers[question.key] = question.type(answer)
    if not answers["target"]:
        raise click.UsageError("name a target: --target openai:BASE_URL#MODEL (or http:, python:)")
    given = {key: value for key, value in answers.items() if value not in (None, "")}
    for path in init_system(folder, **given):
        click.echo(f"wrote {path}")
    if not load_keys(need=()).keyids:
        create_keys(outside=folder)
        click.echo(f"made two signing keys in {keys_folder()}; keep them out of repositories")
    click.echo(f"next: railwright lint {folder}; railwright gate plan {folder}")
