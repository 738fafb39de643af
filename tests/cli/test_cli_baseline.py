"""A new version against the one in use: the same sources, paired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import ChatServer, Cli, Reply, completion, question

SOURCES = 80


def answers(wrong: set[int]) -> Any:
    def answer(body: dict[str, Any], number: int) -> Reply:
        index = int(question(body).split()[-1])
        return completion("no" if index in wrong else f"value {index}")

    return answer


def prepare(system: Path) -> None:
    cases = [
        {"id": f"c{i}", "input": f"Say value {i}", "expect": {"text": [f"value {i}"]}}
        for i in range(SOURCES)
    ]
    (system / "own.jsonl").write_text("\n".join(map(json.dumps, cases)) + "\n")
    file = system / "system.yaml"
    text = file.read_text().replace("baseline: none", "")
    file.write_text(text + "\nsuites: {quality: own.jsonl}\n")


def compare(cli: Cli, system: Path, run: str, code: int) -> dict[str, Any]:
    file = system / "system.yaml"
    text = file.read_text()
    if "baseline:" not in text:
        gate = '{id: newer, suite: quality, require: "upper(task_failure - baseline) <= 0.1"}'
        file.write_text(text + f"baseline: run:{run}\ngates:\n  - {gate}\n")
    cli("check", "bot", "--gate", "newer", "--json", "v.json", code=code)
    verdict = json.loads((cli.cwd / "v.json").read_text())
    found: dict[str, Any] = next(g for g in verdict["gates"] if g["id"] == "newer")
    return found


def test_a_version_that_is_as_good_passes_and_a_worse_one_fails(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    prepare(system)
    chat.answer = answers(wrong={3, 40})
    cli("check", "bot", "--gate", "quality", code=0)
    (run,) = (system / "rai" / "runs").iterdir()
    (system / "prompts" / "system.txt").write_text("two")
    chat.answer = answers(wrong={5, 40})
    same = compare(cli, system, run.name, code=0)
    assert same["bounds"]["low"] < 0 < same["bounds"]["high"]
    reached = same["bounds"]["n"]
    assert 0 < reached <= SOURCES
    assert same["outcome"] in {"pass", "inconclusive"}
    (system / "prompts" / "system.txt").write_text("three")
    chat.answer = answers(wrong=set(range(0, SOURCES, 2)))
    worse = compare(cli, system, run.name, code=1)
    assert worse["outcome"] == "fail"
    assert worse["bounds"]["low"] > 0.1
    assert worse["bounds"]["n"] == reached
    assert "sources fail that passed" in worse["reasons"][0]
