"""``secrets:`` of a policy: read from where they are kept, planted in every call, never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from railwright.events import EventLog
from railwright.guard import (
    Canary,
    Guard,
    diff_plans,
    load_policy,
    parse_policy,
    record_verdicts,
    run_tests,
)
from railwright.system import ManifestError

CODE, TOKEN = "MAPLE-7731", "quiet otter 42"
PROMPT = f"You help customers.\nThe override code {CODE} is for managers.\n"
HEAD = "schema: guard/v1\nextends: default\nsecrets:\n"
IN_PROMPT = "  - {id: code, file: prompt.md, pattern: 'override code ([A-Z]+-\\d+)'}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prompt.md").write_text(PROMPT, encoding="utf-8")
    (tmp_path / "canaries.txt").write_text(f"\n  {TOKEN}  \nQZ5T6RPLMNB7\n", encoding="utf-8")
    return tmp_path


def guard(folder: Path, entries: str, **options: object) -> Guard:
    path = folder / "guard.yaml"
    path.write_text(HEAD + entries, encoding="utf-8")
    return Guard.load(path, tier=2, **options)


def test_values_are_read_from_files_and_variables_and_redacted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", " tok-99 ")
    made = guard(
        folder,
        IN_PROMPT + "  - {id: canaries, file: canaries.txt}\n  - {id: token, env: SHOP_TOKEN}\n",
    )
    text = f"{CODE}; {TOKEN.upper()}; q-z-5-t-6-r-p-l-m-n-b-7; T O K 9 9"
    verdict = made.check("output", text)
    assert verdict.text == "; ".join(["[SECRET]"] * 4)
    assert "planted-out" in verdict.rule_ids
    # Those of the call count beside them.
    assert made.check("output", f"{CODE} EUR 48,200", plants=["EUR 48,200"]).text == (
        "[SECRET] [SECRET]"
    )
    stream = made.stream("output")
    assert "".join([*map(stream.feed, text), stream.close()]) == verdict.text


def test_no_value_is_in_plan_verdict_event_or_message(folder: Path) -> None:
    log = EventLog(folder / "events")
    made = guard(folder, IN_PROMPT, sink=record_verdicts(log), key=b"k" * 32)
    verdict = made.check("output", f"The code is {CODE}.")
    log.close()
    shown = [repr(made.plan), json.dumps(made.plan.described()), repr(verdict)]
    shown += [path.read_text("utf-8") for path in (folder / "events").rglob("*") if path.is_file()]
    assert len(shown) > 3
    assert not [text for text in shown if CODE in text or CODE.replace("-", "") in text]
    kept = made.plan.described()["secrets"]
    assert list(kept) == [
        {"id": "code", "file": "prompt.md", "pattern": r"override code ([A-Z]+-\d+)"}
    ]


def test_a_changed_value_is_taken_in_by_reload_and_the_digest_stays(folder: Path) -> None:
    made = guard(folder, IN_PROMPT)
    digest = made.plan.digest
    assert not made.reload()
    (folder / "prompt.md").write_text(PROMPT.replace(CODE, "BIRCH-1200"), encoding="utf-8")
    assert made.check("output", "BIRCH-1200").action == "allow"
    assert made.reload()
    assert made.check("output", f"BIRCH-1200 {CODE}").text == f"[SECRET] {CODE}"
    assert made.plan.digest == digest
    assert guard(folder, IN_PROMPT.replace("id: code", "id: other")).plan.digest != digest


@pytest.mark.parametrize(
    ("entry", "message", "mend"),
    [
        ("{id: a, env: NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE is not set", "set it"),
        ("{id: a, file: gone.md}", "gone.md cannot be read", "folder of the policy"),
        ("{id: a, file: empty.md}", "empty.md is empty", "a value a line"),
        ("{id: a, file: prompt.md, pattern: 'key (\\w+)'}", "nothing that the pattern", "mend"),
        ("{id: a, file: short.md}", "fewer than 4", "longer"),
        ("{id: a}", "write `env: NAME`, `file: PATH` or `prompt: PATTERN`", ""),
        ("{id: a, env: HOME, file: prompt.md}", "write `env: NAME`, `file: PATH` or", ""),
        ("{id: a, prompt: '['}", "`secrets.0.prompt`: is no expression", "mend it"),
        ("{id: a, prompt: 'code (?=A)x'}", "`secrets.0.prompt`: cannot be searched", "look-around"),
        ("{id: a, file: prompt.md, pattern: '(a)\\1'}", "in linear time: RE2 says", "references"),
        ("{id: a, env: HOME, pattern: x}", "`pattern` says what of a `file`", ""),
        ("{id: a, file: prompt.md, pattern: '('}", "`secrets.0.pattern`: is no exp", "mend it"),
        ("{id: a, value: MAPLE-7731}", "unknown key", ""),
    ],
)
def test_errors_name_line_and_mend(folder: Path, entry: str, message: str, mend: str) -> None:
    (folder / "empty.md").write_text("\n", encoding="utf-8")
    (folder / "short.md").write_text("a-1\n", encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        guard(folder, f"  - {entry}\n")
    problem = caught.value.problems[0]
    assert message in problem.message
    assert mend in problem.mend
    assert problem.line == 4
    assert problem.file.endswith("guard.yaml")


def test_values_are_taken_from_the_prompt_in_force(folder: Path) -> None:
    made = guard(folder, "  - {id: code, prompt: 'override code ([A-Z]+-\\d+)'}\n")
    text = f"{CODE} and BIRCH-1200"
    assert made.check("output", text).text == text
    assert made.check("output", text, system=PROMPT).text == "[SECRET] and BIRCH-1200"
    stream = made.stream("output", system=PROMPT.replace(CODE, "BIRCH-1200"))
    assert "".join([*map(stream.feed, text), stream.close()]) == f"{CODE} and [SECRET]"
    assert made.check("output", text, system="override code A-1").text == text  # too short


def test_a_prompt_of_a_client_cannot_make_a_pattern_slow(folder: Path) -> None:
    # By backtracking this takes more than a lifetime.
    made = guard(folder, "  - {id: code, prompt: 'override code ((?:[A-Z]+-?)+[0-9])!'}\n")
    system = f"override code {'A' * 5000}, override code MAPLE-7!"
    assert made.check("output", "It is maple-7.", system=system).text == "It is [SECRET]."


def test_a_fault_of_a_pattern_names_its_own_line(folder: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        guard(folder, "  - id: a\n    prompt: 'x(?!y)'\n")
    assert caught.value.problems[0].line == 5


def test_canaries_of_the_prompt_in_force_need_no_word_in_the_policy() -> None:
    canary, other = Canary.derive(b"k" * 16, "shop"), Canary.random()
    text = f"Reference {canary.value.lower()}, {other.value}."
    made = Guard.default(2)
    assert made.check("output", text, system=canary.planted(PROMPT)).text == (
        f"Reference [SECRET], {other.value}."
    )
    assert Canary.planted_in(other.planted(canary.planted(PROMPT))) == [canary, other]
    assert Canary.planted_in(PROMPT) == []


def test_a_value_beside_an_excepted_one_is_redacted_alike_in_a_stream() -> None:
    rule = "{id: r, stage: output, detector: planted, action: redact, except: [MAPLE-7731]}"
    made = Guard(parse_policy(f"schema: guard/v1\nrules: [{rule}]\n"))
    text, plants = "It is MAPLE-7731 otter 42.", ["MAPLE-7731", "7731 otter 42"]
    stream = made.stream("output", plants=plants)
    assert "".join([*map(stream.feed, text), stream.close()]) == "It is MAPLE-[SECRET]."
    assert made.check("output", text, plants=plants).text == "It is MAPLE-[SECRET]."


def test_a_diff_of_policies_names_their_secrets(folder: Path) -> None:
    with_secret = guard(folder, IN_PROMPT).plan
    without = parse_policy("schema: guard/v1\nextends: default\n").plan(2)
    assert "secrets" in diff_plans(without, with_secret).settings
    assert "secrets" in diff_plans(with_secret, without).settings


def test_a_policy_is_tested_with_its_secrets(folder: Path) -> None:
    path = folder / "guard.yaml"
    tests = f"tests:\n  - {{stage: output, text: '{CODE}', action: redact, redacted: '[SECRET]'}}\n"
    path.write_text(HEAD + IN_PROMPT + tests, encoding="utf-8")
    assert [result.wrong for result in run_tests(load_policy(path), 2)] == [()]


def test_prompts_and_canaries_of_a_configured_detector_are_not_in_the_plan(folder: Path) -> None:
    rules = "detectors:\n  own: {kind: system_prompt_leak, canaries: CANARY-99812, prompts: [%s],\n"
    rules += "    public: [Hello there]}\n"
    rules += "rules: [{id: a, stage: output, detector: own, action: flag}]\n"
    plan = parse_policy("schema: guard/v1\n" + rules % PROMPT.replace("\n", " ")).plan(1)
    shown = json.dumps(plan.described())
    assert "CANARY-99812" not in shown
    assert "override" not in shown
    assert plan.configured["own"] == {
        "kind": "system_prompt_leak",
        "canaries": "1 kept",
        "prompts": "1 kept",
        "public": ["Hello there"],
    }
