"""Slips of the pen that would leave a guard, a gate or a rate worth less than it looks."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from railwright import detectors
from railwright.detectors import Context, get, may_read_plants, signal
from railwright.detectors._registry import _BUILT_IN
from railwright.evaluate import ScorerOptionError, make_scorer
from railwright.guard import (
    Guard,
    GuardError,
    calibrate,
    default_policy,
    diff_traffic,
    parse_policy,
    read_rows,
    run_tests,
)
from railwright.system import ManifestError, Problem

HEAD = "schema: guard/v1\n"
BLOCK = "rules: [{id: keys, stage: input, detector: secrets, action: block}]\n"
FLAG = BLOCK.replace("block", "flag")
SECRET = "secrets:\n  - {id: token, env: SHOP_TOKEN}\n"


def problem(text: str, tier: int = 1) -> Problem:
    with pytest.raises(ManifestError) as caught:
        parse_policy(HEAD + text).plan(tier)
    (found,) = caught.value.problems
    return found


def test_a_mistyped_label_is_refused_by_scorer_and_signal() -> None:
    told = r"detector pii finds no label 'ibann'; did you mean iban\? \(labels are .*\biban\b"
    with pytest.raises(ScorerOptionError, match=told):
        make_scorer("detector:pii?labels=ibann")
    with pytest.raises(ScorerOptionError, match=told):
        make_scorer("detector", detector="pii", labels=["iban", "ibann"])
    with pytest.raises(ValueError, match=told):
        signal("pii", labels=["iban", "ibann"])
    with pytest.raises(ValueError, match=r"no label 'x'; labels are echo, leak, partial_leak$"):
        signal("leak", labels=["x"])
    with pytest.raises(ValueError, match="'iban' is one text; write a list"):
        signal("pii", labels="iban")
    with pytest.raises(ScorerOptionError, match="no label 5"):
        make_scorer("detector:pii?labels=5")


def test_the_labels_are_those_of_the_detector_whatever_its_name() -> None:
    named = get("off_topic", name="shop", topics=["orders and deliveries"])
    with pytest.raises(ValueError, match="detector shop finds no label 'off'"):
        signal(named, labels=["off"])
    assert signal(named, labels=["off_topic"]).labels == ("off_topic",)


@pytest.mark.parametrize("detector", ["secrets", "system_prompt_leak"])
def test_secrets_that_no_rule_looks_for_are_an_error(
    detector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "quiet otter 42")
    found = problem(SECRET + BLOCK.replace("detector: secrets", f"detector: {detector}"))
    assert (found.code, found.line) == ("unused-secrets", 2)
    assert found.mend.startswith("add `extends: default`, or a rule: {id: planted-out, ")
    rule = found.mend.partition("a rule: ")[2]
    mended = Guard(parse_policy(f"{HEAD}{SECRET}rules: [{rule}]"))
    assert mended.check("output", "it is quiet otter 42").action == "redact"
    off = "extends: default\noff: [planted-out, planted-likely-out, planted-in-call]\n"
    assert problem(off + SECRET).mend.startswith("take planted-out out of `off`")


def test_secrets_may_be_looked_for_by_options_at_other_tiers_or_by_own_detectors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "quiet otter 42")
    rule = "rules: [{id: a, stage: output, detector: mine, action: flag, tiers: [2]}]\n"
    named = parse_policy(HEAD + SECRET + "detectors: {mine: {kind: leak}}\n" + rule)
    assert named.plan(3).rules == ()
    detectors.register("mine", lambda: get("planted"))
    try:
        assert parse_policy(HEAD + SECRET + rule).plan(2).rules
    finally:
        detectors._registry._registered.pop("mine")
        detectors._registry._instances.pop("mine", None)


def test_which_detectors_read_planted_values_is_what_their_code_says() -> None:
    own = {name: place.partition(":")[0] for name, place in _BUILT_IN.items()}
    reads = {
        name
        for name, module in own.items()
        if ".hosted." not in module and "context.plants" in inspect.getsource(import_module(module))
    }
    assert reads == {name for name in _BUILT_IN if may_read_plants(name)}
    folder = Path(inspect.getfile(detectors)).parent / "hosted"
    assert not [p.name for p in folder.glob("*.py") if ".plants" in p.read_text("utf-8")]
    known = Context(prompt="hello", plants=("MAPLE-7731-XY",))
    assert all(get(name).detect("so MAPLE-7731-XY", known) for name in reads)


@pytest.mark.parametrize("value", ["open", "{high: open, medium: ask, low: open}"])
def test_on_limit_open_is_refused_at_tier_1_as_on_error_is(value: str) -> None:
    limits = f"limits: {{max_chars: 10, on_limit: {value}}}\n"
    found = problem(limits + BLOCK)
    assert (found.code, found.line) == ("fails-open", 2)
    assert found.mend == "write closed, ask or flag"
    assert parse_policy(HEAD + limits + BLOCK).plan(3).on_limit == "open"
    assert parse_policy(HEAD + limits + FLAG).plan(1).on_limit == "open"


def test_a_policy_without_tests_is_compiled_all_the_same() -> None:
    bad = parse_policy(HEAD + FLAG.replace("secrets", "secretz"))
    with pytest.raises(ManifestError, match="no detector named 'secretz'"):
        run_tests(bad)
    assert run_tests(parse_policy(HEAD + BLOCK)) == []


def test_a_test_that_expects_a_rule_that_is_not_there_says_so() -> None:
    test = "tests: [{stage: input, text: hello, action: allow, rules: [%s]}]\n"
    (result,) = run_tests(parse_policy(HEAD + BLOCK + test % "nope"))
    assert result.wrong[0] == "there is no rule nope at tier 1; rules are keys"
    (result,) = run_tests(parse_policy(HEAD + BLOCK + test % "keyz"))
    assert result.wrong[0] == "there is no rule keyz at tier 1; did you mean keys?"
    (result,) = run_tests(parse_policy(HEAD + BLOCK + test % "keys"))
    assert result.wrong == ("rules are [], expected ['keys']",)


def rows_file(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("label", ['"attack"', '"unsafe"', "1"])
def test_attacks_among_benign_rows_are_refused(tmp_path: Path, label: str) -> None:
    path = rows_file(tmp_path, '{"text": "a"}', f'{{"text": "b", "label": {label}}}')
    with pytest.raises(GuardError, match=r"rows\.jsonl:2: the row is labelled .*file benign") as e:
        read_rows(path, label="benign")
    assert "--labelled" in e.value.mend
    rows = read_rows(path, ignore_labels=True)
    assert [row.label for row in rows] == ["benign"] * 2
    sliced = read_rows(path, by=["label"], ignore_labels=True)
    assert [row.slices["label"] for row in sliced] == ["(none)", label.strip('"')]


@pytest.mark.parametrize("label", ['"evil"', "[1]", "2"])
def test_an_unknown_label_names_the_known_ones(tmp_path: Path, label: str) -> None:
    path = rows_file(
        tmp_path, '{"text": "a", "label": "safe"}', f'{{"text": "b", "label": {label}}}'
    )
    for wanted in (None, "benign"):
        with pytest.raises(GuardError, match=r"rows\.jsonl:2: `label` cannot be") as caught:
            read_rows(path, label=wanted)
        assert caught.value.mend.startswith("write benign or attack")


def test_a_slice_that_no_row_has_is_refused(tmp_path: Path) -> None:
    path = rows_file(tmp_path, '{"text": "a", "channel": "web"}', '{"text": "b", "lang": "de"}')
    guard = Guard(parse_policy(HEAD + BLOCK))
    rows = read_rows(path, by=["chanel"], label="benign")
    for use in (lambda: calibrate(guard, rows, 0.05), lambda: diff_traffic(guard, guard, rows)):
        with pytest.raises(GuardError, match="no slice chanel") as caught:
            use()
        assert caught.value.mend == "did you mean channel?"
    rows = read_rows(path, by=["channel", "lang"], label="benign")
    assert calibrate(guard, rows, 0.05).policy_slices.keys() == {"channel", "lang"}


@pytest.mark.parametrize("text", ["id: shop\n", "rules: []\n", "extends: default\noff: [{}]\n"])
def test_a_policy_without_a_rule_is_refused(text: str) -> None:
    inherited = ", ".join(rule.id for rule in default_policy().file.rules)
    found = problem(text.replace("{}", inherited))
    assert found.code == "no-rules"
    assert found.mend.startswith("add `extends: default`, rules of your own")


@pytest.mark.parametrize("verb", [["check", "--stage", "input"], ["explain"]])
def test_a_short_key_and_a_closed_input_are_one_clear_line(tmp_path: Path, verb: list[str]) -> None:
    (tmp_path / "guard.yaml").write_text(HEAD + BLOCK, encoding="utf-8")
    command = [sys.executable, "-m", "railwright", "guard", *verb]

    def run(key: str, shell: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *command],
            cwd=tmp_path,
            env={**os.environ, "RAILWRIGHT_GUARD_KEY": key},
            capture_output=True,
            text=True,
            check=False,
        )

    short = run("short", "</dev/null")
    assert short.returncode == 2
    assert "Traceback" not in short.stderr
    assert "RAILWRIGHT_GUARD_KEY: a guard key has at least 16 bytes" in short.stderr
    closed = run("k" * 16, "<&-")
    assert closed.returncode == (2 if verb[0] == "check" else 0), closed.stderr
    assert ("standard input is closed" in closed.stderr) == (verb[0] == "check")
