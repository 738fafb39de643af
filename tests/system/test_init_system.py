"""What init writes: short, explained, free of problems, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.system import (
    ManifestError,
    TargetSpecError,
    errors,
    find_root,
    init_system,
    json_schemas,
    lint_system,
    load_system,
    questions,
    subject,
)

TARGETS = [
    "openai:http://127.0.0.1:8000/v1#qwen2.5:0.5b",
    "http:https://example.org/chat?x=1",
    "python:app.bot:answer",
    "replay:run-1",
]


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("flags", [{}, {"retrieval": True, "tools": True, "tenants": True}])
def test_what_is_written_passes_lint(
    tmp_path: Path, target: str, tier: int, flags: dict[str, Any]
) -> None:
    written = init_system(tmp_path / "my bot", target=target, tier=tier, **flags)
    assert errors(lint_system(tmp_path / "my bot")) == []
    system = load_system(tmp_path / "my bot")
    assert (system.id, system.tier) == ("my-bot", tier)
    assert system.manifest.target.spec == target
    assert subject(system).parts
    assert {path.name for path in written} == {"system.yaml", "system-v1.json", ".gitignore"}
    assert len(written[0].read_text().splitlines()) <= 30


@settings(max_examples=25, deadline=None)
@given(
    st.text(min_size=1, max_size=30),
    st.text(max_size=40),
    st.text(max_size=30),
)
def test_any_answers_are_written_as_valid_yaml(
    tmp_path_factory: pytest.TempPathFactory, name: str, purpose: str, owner: str
) -> None:
    folder = tmp_path_factory.mktemp("init")
    init_system(folder, target=TARGETS[0], name=name, purpose=purpose, owner=owner)
    manifest = load_system(folder).manifest
    assert purpose in ("", manifest.purpose)
    assert owner in ("", manifest.owner)
    assert manifest.name in (None, name)


def test_parts_that_are_there_are_declared(tmp_path: Path) -> None:
    for name in ("prompts/system.md", "kb/a.md", "guard.yaml", "app.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    init_system(tmp_path, target="python:app:answer", tools=["refund"], key_env="BOT_KEY")
    system = load_system(tmp_path)
    assert [part.name for part in system.parts] == [
        "code", "guardrails", "prompts", "retrieval", "tools",
    ]  # fmt: skip
    assert system.manifest.target.key_env == "BOT_KEY"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text("mine")
    with pytest.raises(ManifestError) as caught:
        init_system(tmp_path, target=TARGETS[0])
    assert caught.value.problems[0].code == "exists"
    assert (tmp_path / "system.yaml").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["system.yaml"]


def test_lines_are_added_to_an_own_gitignore_once(tmp_path: Path) -> None:
    (tmp_path / "rai").mkdir()
    (tmp_path / ".gitignore").write_text("*.pyc\nrai/runs/")
    init_system(tmp_path / "one", target=TARGETS[0])
    init_system(tmp_path / "two", target=TARGETS[0])
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines == ["*.pyc", "rai/runs/", "rai/cache.sqlite*"]


def test_one_repository_keeps_one_root(tmp_path: Path) -> None:
    (tmp_path / "rai").mkdir()
    folder = tmp_path / "services" / "bot"
    init_system(folder, target=TARGETS[0])
    assert find_root(folder) == tmp_path.resolve()
    first = (folder / "system.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../rai/schemas/system-v1.json"
    schema = (folder / first.rpartition("=")[2]).resolve()
    assert json.loads(schema.read_text()) == json_schemas()["system-v1"]


def test_bad_answers_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(TargetSpecError):
        init_system(tmp_path / "x", target="nonsense")
    with pytest.raises(ValueError, match="tier"):
        init_system(tmp_path / "x", target=TARGETS[0], tier=4)
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ManifestError) as caught:
        init_system(tmp_path / "file" / "below", target=TARGETS[0])
    assert caught.value.problems[0].code in ("unwritable", "exists")


def test_every_question_has_an_argument_and_few_are_asked(tmp_path: Path) -> None:
    import inspect

    asked = questions(tmp_path)
    assert {question.key for question in asked} <= set(inspect.signature(init_system).parameters)
    assert len(asked) <= 8
    assert [question.key for question in asked if not question.default] == ["target"]


def test_the_schema_accepts_what_is_written_and_refuses_faults(tmp_path: Path) -> None:
    schema = json_schemas()["system-v1"]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    init_system(tmp_path, target=TARGETS[0], retrieval=True, tools=True)
    data = yaml.safe_load((tmp_path / "system.yaml").read_text())
    assert list(validator.iter_errors(data)) == []
    for change in ({"tier": 4}, {"porpose": "x"}, {"parts": {"model": {"kind": "x"}}}):
        assert list(validator.iter_errors({**data, **change}))
