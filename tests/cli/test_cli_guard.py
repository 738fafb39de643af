"""`railwright guard` in a process of its own: what it prints and how it exits."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from railwright.cli import main
from railwright.cli._schema import all_schemas
from railwright.ledger import Ledger
from railwright.system import find_root

POLICY = """schema: guard/v1
tier: 2
rules:
  - {id: iban, stage: output, detector: personal_data, labels: iban, action: redact}
  - {id: keys, stage: input, detector: secrets, action: block, message: No keys please.}
tests:
  - {stage: output, text: hello, action: allow}
"""
TEXT = "Grüße! Pay DE89 3704 0044 0532 0130 00 now"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guard.yaml").write_text(POLICY)
    return tmp_path


def run(folder: Path, *args: str, text: str | bytes = "", code: int = 0) -> str:
    """Run the command line in this process; one test below does so in its own."""
    raw = text if isinstance(text, bytes) else text.encode()
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(raw))
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(["guard", *args])
    finally:
        sys.stdin = before
    said = out.getvalue() + err.getvalue()
    assert ended.value.code == code, said
    return out.getvalue() if code == 0 else said


def test_check_reads_standard_input_of_a_process(folder: Path) -> None:
    args = ("check", "--stage", "output", "--policy", "guard.yaml", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "railwright", "guard", *args],
        cwd=folder,
        input=TEXT.encode(),
        capture_output=True,
        check=True,
    )
    (span,) = json.loads(done.stdout)["spans"]
    assert (span["start"], span["end"], span["label"]) == (11, 38, "iban")


def test_check_prints_action_rules_and_character_offsets(folder: Path) -> None:
    args = ("check", "--stage", "output", "--policy", "guard.yaml", "--json")
    found: dict[str, Any] = json.loads(run(folder, *args, text=TEXT))
    assert list(found)[:3] == ["action", "rules", "spans"]
    assert (found["action"], found["rules"]) == ("redact", ["iban"])
    assert found["spans"] == [
        {
            "start": 11,
            "end": 38,
            "label": "iban",
            "score": 1.0,
            "rule": "iban",
            "detector": "personal_data",
            "policy": "iban",
            "action": "redact",
            "enforced": True,
        }
    ]
    assert "detections" not in found  # one list, under one name
    assert TEXT[11:38] == "DE89 3704 0044 0532 0130 00"
    assert found["text"] == "Grüße! Pay [IBAN] now"
    assert found["tier"] == 2
    jsonschema.validate(found, all_schemas()["guard-verdict-v1"])
    people = run(folder, *args[:-1], "--tier", "3", text=TEXT)
    assert "iban: iban at 11-38" in people
    assert "Grüße! Pay [IBAN] now" in people


def test_check_can_stop_a_script(folder: Path) -> None:
    args = ("check", "--stage", "input", "--policy", ".")
    run(folder, *args, text="AKIAIOSFODNN7EXAMPLE")
    said = run(folder, *args, "--fail", text="AKIAIOSFODNN7EXAMPLE", code=1)
    assert "No keys please." in said
    assert "AKIAIOSFODNN7EXAMPLE" not in said


def test_usage_errors_have_one_clear_line(folder: Path) -> None:
    assert "not UTF-8" in run(folder, "check", "--stage", "input", text=b"\xff", code=2)
    run(folder, "check", "--stage", "inputs", code=2)
    assert "no such file" in run(folder, "check", "--stage", "input", "--policy", "no.yaml", code=2)
    (folder / "bad.yaml").write_text(POLICY.replace("secrets", "secretz"))
    said = run(folder, "explain", "bad.yaml", code=2)
    assert "bad.yaml:5:" in said


def test_the_tests_of_a_policy(folder: Path) -> None:
    assert "1 of 1 tests pass" in run(folder, "test")
    (folder / "guard_tests.jsonl").write_text(
        '{"id": "x", "stage": "input", "text": "hi", "action": "block"}\n'
    )
    said = run(folder, "test", "guard.yaml", "--json", code=1)
    found = json.loads(said)
    assert (found["tests"], found["failed"]) == (2, 1)
    rule = "rules: [{id: a, stage: output, detector: leak, action: flag}]\n"
    (folder / "none.yaml").write_text(f"schema: guard/v1\n{rule}")
    (folder / "guard_tests.jsonl").unlink()
    assert "has no tests" in run(folder, "test", "none.yaml", code=3)


def test_without_a_policy_the_default_one_of_a_tier_is_used(tmp_path: Path, folder: Path) -> None:
    pytest.importorskip("re2")
    assert "policy  guard at tier 2" in run(folder, "explain")
    (folder / "guard.yaml").unlink()
    assert "policy  default at tier 2" in run(tmp_path, "explain")
    assert "policy  default at tier 3" in run(tmp_path, "explain", "--tier", "3")
    assert "tests pass" in run(tmp_path, "test")
    args = ("check", "--stage", "tool_call", "--fail")
    said = run(tmp_path, *args, text="use AKIAQ4XVZ2L7MNB3RTYU", code=1)
    assert "action  ask" in said
    assert "no guard.yaml here; using the default policy of tier 2" in said


def test_check_is_told_the_system_prompt_and_planted_values(folder: Path) -> None:
    pytest.importorskip("re2")
    prompt = "You are the assistant of the shop. Refunds above 40 euros need the manager's word."
    (folder / "prompt.md").write_text(prompt + "\n")
    (folder / "planted.txt").write_text("\nquiet otter 42\n BIRCH-1200 \n")
    at = ("check", "--stage", "output", "--policy", "default")
    text = "MAPLE-7731, Quiet Otter 42, birch 1200 and @maple99"
    assert json.loads(run(folder, *at, "--json", text=text))["action"] == "allow"
    plants = ("--plant", "MAPLE-7731", "--plant", "@planted.txt", "--plant", "@@maple99")
    said = run(folder, *at, *plants, text=text)
    assert "text    [SECRET], [SECRET], [SECRET] and @[SECRET]\n" in said
    assert "maple" not in said.lower()
    found = json.loads(run(folder, *at, *plants, "--system", "prompt.md", "--json", text=prompt))
    assert found["rules"] == ["prompt-out"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--plant", "good-value-1", "--plant", "a-1"), "--plant number 2 has a value of fewer"),
        (("--plant", "@MAPLE-7731"), "the file of --plant number 1 cannot be read: No such file"),
        (("--plant", "@empty.txt"), "--plant number 1 is empty"),
        (("--plant", " "), "--plant number 1 is empty"),
        (("--system", "gone.md"), "--system gone.md cannot be read: No such file"),
        (("--system", "latin.md"), "--system latin.md is not UTF-8 (byte 1)"),
    ],
)
def test_what_check_is_told_can_be_wrong_and_is_not_echoed(
    folder: Path, args: tuple[str, ...], message: str
) -> None:
    (folder / "empty.txt").write_text("\n")
    (folder / "latin.md").write_bytes(b"a\xfc")
    said = run(folder, "check", "--stage", "output", *args, text="x", code=2)
    assert message in " ".join(said.split())
    assert "MAPLE" not in said
    assert "good-value" not in said


def test_explain_and_diff(folder: Path) -> None:
    assert "on error closed" in run(folder, "explain", "guard.yaml")
    plan = json.loads(run(folder, "explain", "guard.yaml", "--json"))
    assert [rule["id"] for rule in plan["rules"]] == ["iban", "keys"]
    assert run(folder, "diff", "guard.yaml", ".")
    (folder / "new.yaml").write_text(POLICY.replace("action: block", "action: ask"))
    (folder / "t.jsonl").write_text('{"text": "AKIAIOSFODNN7EXAMPLE"}\n{"text": "hi"}\n')
    said = run(folder, "diff", "guard.yaml", "new.yaml", "--on", "t.jsonl", code=1)
    assert "~ rule keys: action block -> ask" in said
    assert "1  block -> ask" in said


def test_calibrate_claims_what_n_supports(folder: Path) -> None:
    lines = [json.dumps({"text": f"hello {n}", "language": "en"}) for n in range(300)]
    (folder / "b.jsonl").write_text("\n".join(lines))
    args = ("calibrate", "--benign", "b.jsonl", "--policy", "guard.yaml", "--json")
    out = ("--out", "c.json", "--slice", "language")
    found = json.loads(run(folder, *args, "--target-fpr", "0.01", *out))
    assert found["supported"]
    assert [rule["rule"] for rule in found["rules"]] == ["keys"]
    assert found["rules"][0]["slices"]["language"]["en"]["n"] == 300
    written = json.loads((folder / "c.json").read_text())
    jsonschema.validate(written, all_schemas()["guard-calibration-v1"])
    assert found == {**written, "supported": True}
    said = run(folder, *args, "--target-fpr", "0.005", code=3)
    assert "at least 598 are needed" in said
    assert "give --benign" in run(folder, "calibrate", "--target-fpr", "0.1", code=2)


def test_the_default_policy_has_one_tier_for_every_command(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("re2")
    lines = [json.dumps({"text": f"hello {n}"}) for n in range(30)]
    (folder / "b.jsonl").write_text("\n".join(lines))
    args = ("calibrate", "--benign", "b.jsonl", "--target-fpr", "0.2", "--json")
    assert [rule["rule"] for rule in json.loads(run(folder, *args))["rules"]] == ["keys"]
    assert json.loads(run(folder, *args, "--policy", "default"))["tier"] == 2
    assert "default at tier 2" in run(folder, "explain", "default")
    run(folder, "diff", "default", "default")
    for tier in (1, 3):
        (folder / "mine.yaml").write_text(f"schema: guard/v1\ntier: {tier}\nextends: default\n")
        found = json.loads(run(folder, "diff", "default", "mine.yaml", "--json", code=1))
        assert (found["plans"]["settings"].keys(), found["plans"]["changed"]) == ({"id"}, {})


def test_rates_are_signed_into_the_ledger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWRIGHT_KEYS", str(folder / "keys"))
    with contextlib.chdir(folder), pytest.raises(SystemExit) as ended:
        main(["init", "bot", "--yes", "--target", "openai:http://127.0.0.1:1/v1#bot"])
    assert ended.value.code == 0
    rows = [{"text": f"hello {n}", "label": "benign"} for n in range(60)]
    rows += [{"text": "AKIAIOSFODNN7EXAMPLE", "label": "attack"}]
    (folder / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
    args = ("calibrate", "--labelled", "l.jsonl", "--policy", "guard.yaml", "--json")
    run(folder, *args, "--target-fpr", "0.05", "--record", "bot")
    (record,) = Ledger.open(find_root(folder / "bot")).statements(kind="guard-rates")
    facts = record.statement.predicate
    assert facts["controls"] == ["RAI-27"]
    assert (facts["policy"]["benign_blocked"]["k"], facts["policy"]["benign_blocked"]["n"]) == (
        0,
        60,
    )
    assert facts["rules"]["keys"]["falseNegatives"]["k"] == 0
    with contextlib.chdir(folder), pytest.raises(SystemExit) as ended:
        main(["ledger", "verify", "bot"])
    assert ended.value.code == 0
    assert "AKIA" not in json.dumps(facts)


def test_the_policy_satisfies_its_published_schema() -> None:
    import yaml

    policy = yaml.safe_load(POLICY)
    schema = all_schemas()["guard-v1"]
    jsonschema.validate(policy, schema)
    policy["rules"][0]["actions"] = "redact"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(policy, schema)


def test_shadow_reports_from_an_event_log(folder: Path) -> None:
    from railwright.events import EventLog
    from railwright.guard import Guard, parse_policy, record_verdicts

    events = folder / "events"
    assert "no events yet" in run(folder, "shadow", str(folder), code=3)
    watched = POLICY.replace("action: block", "action: block, mode: shadow")
    with EventLog(events) as log:
        guard = Guard(parse_policy(watched), sink=record_verdicts(log))
        guard.check("input", "AKIAIOSFODNN7EXAMPLE", channel="web")
        guard.check("input", "hello", channel="web")
    said = run(folder, "shadow", "events", "--slice", "channel")
    assert "newly         50.00% (1/2" in said
    assert "channel=web: newly stopped 50.00% (1/2" in said
    assert json.loads(run(folder, "shadow", "events", "--json"))["would_stop"]["k"] == 1


def test_explain_prints_what_is_excepted_once(folder: Path) -> None:
    text = POLICY.replace("rules:", 'except: ["*@shop.example"]\nrules:', 1)
    text = text.replace("labels: iban,", "labels: iban, except: DE00,")
    (folder / "guard.yaml").write_text(text)
    said = run(folder, "explain")
    assert "except  *@shop.example\n" in said
    assert said.count("shop.example") == 1
    assert "on time-out closed; except de00\n" in said
    (folder / "old.yaml").write_text(text.replace("*@shop.example", "*@old.example"))
    said = run(folder, "diff", "old.yaml", "guard.yaml", code=1)
    assert "~ except ['*@old.example'] -> ['*@shop.example']\n" in said
    assert said.count("shop.example") == 1
