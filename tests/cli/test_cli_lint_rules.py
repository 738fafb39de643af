"""`railwright guard lint-rules`: faults, false hits with their interval, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from railwright.stats import clopper_pearson

PACK = r"""schema: rules/v1
pack: house
rules:
  - id: customer
    label: customer
    regex: '\bC-\d{5}\b'
    score: 0.9
    examples: {match: ['send [[C-12345]] today'], no_match: ['C-12']}
  - id: colour
    label: colour
    regex: '\bblue\b'
    score: 0.9
    examples: {match: ['a [[blue]] bird'], no_match: ['blues']}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "house.yaml").write_text(PACK)
    (tmp_path / "benign.txt").write_text("the sky is blue\n\nnothing here\n")
    rows = [{"text": "a blue tent"}, {"text": "two\nlines"}]
    (tmp_path / "benign.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "railwright", "guard", "lint-rules", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_false_hits_are_counted_with_an_interval(folder: Path) -> None:
    done = run(folder, "rules", "--benign", "benign.txt", "--benign", "benign.jsonl")
    assert done.returncode == 0, done.stderr
    low, high = clopper_pearson(2, 4, two_sided=True)
    assert f"colour: 2 of 4 ordinary texts, 50.00% ({low:.2%} to {high:.2%}" in done.stdout
    assert "'blue', 'blue'" in done.stdout
    assert "2 rules, 0 faults; 4 ordinary texts" in done.stdout


def test_a_limit_on_false_hits_decides_the_exit_code(folder: Path) -> None:
    args = ("rules/house.yaml", "--benign", "benign.txt", "--json", "--max-false-hits")
    over, within = run(folder, *args, "0.4"), run(folder, *args, "0.5")
    assert (over.returncode, within.returncode) == (1, 0)
    assert json.loads(over.stdout)["over"] == ["colour"]
    assert json.loads(within.stdout)["over"] == []


def test_a_broken_rule_and_a_failing_example_are_faults(folder: Path) -> None:
    pack = PACK.replace("[[blue]] bird", "[[green]] bird")
    (folder / "rules" / "house.yaml").write_text(pack)
    (folder / "rules" / "other.yaml").write_text(PACK.replace(r"\d{5}", "(?=x)"))
    done = run(folder, "rules")
    assert done.returncode == 1
    said = (
        "rules/house.yaml:13:24: error [example] rule 'colour': does not find 'green' in 'a green"
    )
    assert said in done.stdout
    assert "rules/other.yaml:6:5: error [bad-rule] rule 'customer'" in done.stdout
    assert "write not_before or not_after" in done.stdout
    assert "rules/other.yaml:9:5: error [duplicate-id] rule 'colour'" in done.stdout
    assert "3 rules, 3 faults" in done.stdout


def test_the_built_in_packs_are_without_fault(folder: Path) -> None:
    done = run(folder, "code", "exfiltration", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["faults"] == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("gone.yaml",), "gone.yaml is not there"),
        ((".",), "there is no *.yaml in this folder"),
        (("rules", "--benign", "gone.txt"), "gone.txt cannot be read"),
        (("rules", "--max-false-hits", "0.1"), "--max-false-hits needs --benign"),
        (("rules", "--benign", "rows.jsonl"), "rows.jsonl:1: no object with `text`"),
    ],
)
def test_usage(folder: Path, args: tuple[str, ...], said: str) -> None:
    (folder / "rows.jsonl").write_text('{"txt": 1}\n')
    done = run(folder, *args)
    assert done.returncode == 2
    assert said in done.stderr
