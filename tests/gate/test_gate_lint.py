"""Lint of a whole system: keys, suites, and what no number of its sources can decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from railwright.gate import GateError, lint_all, make_plan, verdict_now
from railwright.gate._suites import Suites
from railwright.ledger import create_keys
from railwright.system import ManifestError, Problem, load_system, subject

MANIFEST = """schema: system/v1
id: bot
purpose: Answer questions
owner: team
tier: {tier}
parts:
  model: {{kind: endpoint, id: m, pin: "1"}}
target: {{spec: "python:bot:answer"}}
plants:
  secrets: [{{id: code, about: the code, value: "MAPLE-7731"}}]
"""


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "keys"
    monkeypatch.setenv("RAILWRIGHT_KEYS", str(folder))
    return folder


def write(folder: Path, tier: int = 3, more: str = "") -> Path:
    system = folder / "bot"
    system.mkdir(exist_ok=True)
    (system / "system.yaml").write_text(MANIFEST.format(tier=tier) + more)
    return system


def of(code: str, problems: list[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.code == code]


def test_both_keys_on_one_disk_are_noted_at_tier_1_only(tmp_path: Path, keys: Path) -> None:
    system = write(tmp_path, tier=1)
    assert of("keys-together", lint_all(system)) == []
    create_keys(keys)
    (note,) = of("keys-together", lint_all(system))
    assert (note.severity, note.line) == ("note", 5)
    assert str(keys) in note.message
    assert "checkpoint.pem" in note.mend
    write(tmp_path, tier=2)
    assert of("keys-together", lint_all(system)) == []
    write(tmp_path, tier=1)
    (keys / "checkpoint.pem").unlink()
    assert of("keys-together", lint_all(system)) == []


def test_a_fault_of_a_suite_names_its_mend_once(tmp_path: Path, keys: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "own.jsonl").write_text('{"id": "a", "input": "hi"}\n{"id": "b"}\n')
    system = write(tmp_path, more="suites: {secrets: {path: own.jsonl, mode: extend}}\n")
    (problem,) = of("suite", lint_all(system))
    assert problem.line == 11
    assert problem.message.endswith("own.jsonl:2: input: required field is missing")
    assert problem.mend == "add it"


def test_a_look_beyond_the_sources_is_an_error_before_any_run(tmp_path: Path, keys: Path) -> None:
    gate = '{id: secrets, require: "upper(leak) <= 0.05", looks: [100, 5000]}'
    system = write(tmp_path, more=f"gates: [{gate}]\n")
    (problem,) = of("suite", lint_all(system))
    assert "registers a look at 5000 sources" in problem.message
    assert problem.severity == "error"
    with pytest.raises(ManifestError, match="look at 5000"):
        verdict_now(system)
    loaded = load_system(system)
    with pytest.raises(GateError, match="look at 5000"):
        make_plan(loaded, subject(loaded))


def test_a_comparison_without_its_baseline_run_cannot_be_answered(
    tmp_path: Path, keys: Path
) -> None:
    gate = '{id: newer, suite: secrets, require: "upper(leak - baseline) <= 0.05"}'
    system = write(tmp_path, more=f"gates: [{gate}]\nbaseline: run:gone\n")
    assert of("suite", lint_all(system)) == []
    with pytest.raises(GateError, match="baseline run gone is not in"):
        verdict_now(system)


def test_what_is_not_applicable_is_the_same_with_and_without_a_plan(
    tmp_path: Path, keys: Path
) -> None:
    system = load_system(write(tmp_path, tier=2))
    plan = make_plan(system, subject(system), only=["tenants", "personal-data"])
    absent = {
        gate.id for gate in verdict_now(system.folder).gates if gate.outcome == "not_applicable"
    }
    assert {"tenants", "personal-data"} <= absent
    assert {"tenants", "personal-data"} <= plan.not_applicable.keys()


def test_a_suite_is_bound_once_for_all_that_ask(tmp_path: Path, keys: Path) -> None:
    suites = Suites(load_system(write(tmp_path)))
    assert suites["secrets"] is suites["secrets"]
    assert suites["secrets"].sources > 0


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ('{id: m, suite: secrets, require: "upper(flip) <= 0.1"}', "measures leak, not flip"),
        ('{id: m, suite: secrets, require: "count(leak) < 0"}', "can never hold"),
        ('{id: m, suite: secrets, require: "count(leak) == 0", min_n: 9999}', "9999 sources"),
    ],
)
def test_what_a_suite_cannot_decide_is_an_error(
    tmp_path: Path, keys: Path, gate: str, said: str
) -> None:
    system = write(tmp_path, more=f"gates:\n  - {gate}\n")
    (problem,) = of("suite", lint_all(system))
    assert said in problem.message
    assert problem.severity == "error"


def test_a_strict_count_lets_one_failure_less_pass(tmp_path: Path, keys: Path) -> None:
    for op, most in (("<=", 2), ("<", 1)):
        gate = f'{{id: m, suite: secrets, require: "count(leak) {op} 2", min_n: 30}}'
        system = load_system(write(tmp_path, more=f"gates:\n  - {gate}\n"))
        plan = make_plan(system, subject(system), only=["m"]).gates[0].plan
        assert (plan.pass_at[-1], plan.fail_at[-1], plan.n_max) == (most, most + 1, 30)


def test_a_slice_that_no_case_has_is_an_error_and_no_pass(tmp_path: Path, keys: Path) -> None:
    gate = "{id: secrets, slices: {by: colour, require: upper(leak) <= 0.2}}"
    system = load_system(write(tmp_path, more=f"gates:\n  - {gate}\n"))
    with pytest.raises(GateError, match="colour"):
        make_plan(system, subject(system), only=["secrets"])
