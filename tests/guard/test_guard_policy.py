"""Reading policies: errors with line and mend, tiers, inheritance, digests, tests beside them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from railwright.detectors import get
from railwright.detectors._labels import FIXED, known_labels
from railwright.guard import (
    Guard,
    default_policy,
    diff_plans,
    diff_traffic,
    json_schemas,
    load_policy,
    outline_changes,
    parse_policy,
    read_rows,
    run_tests,
)
from railwright.system import ManifestError

HEAD = "schema: guard/v1\n"
RULE = "{id: a, stage: input, detector: secrets, action: redact%s}"


def plan(text: str, tier: int | None = None):  # type: ignore[no-untyped-def]
    return parse_policy(HEAD + text).plan(tier)


@pytest.mark.parametrize(
    ("rules", "message", "mend"),
    [
        (
            "[{id: a, stage: inputs, detector: secrets, action: flag}]",
            "cannot be 'inputs'",
            "input",
        ),
        (
            "[{id: a, stage: input, detector: secret, action: flag}]",
            "no detector named",
            "did you mean secrets?",
        ),
        ("[{id: a, stage: input, detector: secrets, action: flagg}]", "'flagg'", "flag"),
        ("[" + RULE % ", threshold: 0.5, rate: 0.1" + "]", "exclude each other", ""),
        ("[" + RULE % ", rate: 0.01" + "]", "no calibration reaches it", "guard calibrate"),
        ("[" + RULE % ", rate: 1 %" + "]", "between 0 and 1, such as 0.01, or one for each", ""),
        ("[" + RULE % ", rate: 1" + "]", "must be a false-positive rate between 0 and 1", ""),
        ("[" + RULE % ", rate: true" + "]", "must be a false-positive rate between 0 and 1", ""),
        ("[" + RULE % ", threshold: true" + "]", "must be a number from 0 to 1", ""),
        (
            "[" + RULE % ", rate: {high: 2, medium: 0.1, low: 0.1}" + "]",
            "`rules.0.rate.high` must be a false-positive rate between 0 and 1, such as 0.01",
            "",
        ),
        ("[" + RULE % ", on_error: open" + "]", "lets unchecked text through", "closed"),
        ("[" + RULE % "" + ", " + RULE % "" + "]", "stands twice", "rename"),
        ("[{id: a, stage: input, detector: secrets, action: rewrite}]", "says not how", "with:"),
        ("[" + RULE % ", modus: shadow" + "]", "unknown key", "mode"),
        ("[" + RULE % ", with: '<{name}>'" + "]", "`rules.0.with`: unknown placeholder {name}", ""),
        ("[" + RULE % ", with: '{ label }'" + "]", "placeholder { label }; known: {label}", ""),
    ],
)
def test_errors_name_line_and_mend(rules: str, message: str, mend: str) -> None:
    with pytest.raises(ManifestError) as caught:
        plan(f"tier: 1\nrules: {rules}\n")
    problem = caught.value.problems[0]
    assert message in problem.message
    assert mend in problem.mend
    assert problem.line == 3


@pytest.mark.parametrize(
    ("fields", "mend"),
    [
        ("detector: injection_classifier, labels: injection, rate: 0.02", "write 0.01 or 0.05, w"),
        ("detector: injection_classifier, rate: 0.02", "name `labels:`, for which injection_cl"),
        ("detector: secrets, rate: 0.02", "run `railwright guard calibrate"),
    ],
)
def test_a_rate_without_a_threshold_names_those_that_there_are(fields: str, mend: str) -> None:
    with pytest.raises(ManifestError) as caught:
        plan(f"rules: [{{id: a, stage: input, action: flag, {fields}}}]")
    (problem,) = caught.value.problems
    assert problem.mend.startswith(mend)
    assert "`railwright guard calibrate --out FILE`" in problem.mend


def test_an_id_that_stands_twice_is_refused_with_both_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_A", "MAPLE-7731")
    rules = f"rules:\n  - {RULE % ''}\n  - {RULE % ''}\n"
    secret = "{id: code, env: SHOP_A}"
    secrets = f"extends: default\nsecrets:\n  - {secret}\n  - {secret.replace('code', 'b')}\n"
    for text, place, first in ((rules, 4, 3), (f"{secrets}  - {secret}\n", 6, 4)):
        with pytest.raises(
            ManifestError, match=rf"stands twice \(first on line {first}\)"
        ) as caught:
            plan(text)
        (problem,) = caught.value.problems
        assert (problem.line, problem.code) == (place, "duplicate-id")


def test_signs_that_are_no_placeholder_stay_as_they_are() -> None:
    text = """<{label}> {"gone": true} {} {1}"""
    (rule,) = plan("rules: [" + RULE % f", with: '{text}'" + "]").rules
    assert rule.replacement_for("secret") == """<SECRET> {"gone": true} {} {1}"""


def test_conditions_are_checked_when_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cel")
    for text, message in (
        ("tenant ==", "cannot be used"),
        ("tennant == 'a'", "tennant"),
        ("tenant", "it gives a string, not true or false.*tenant == 'acme'"),
        ("meta", "a map, not"),
        ("size(tenant) + tier", "a number, not"),
        ("tenant == '' ? true : channel", "a string, not"),
        ("stage == 'input' ? [tier] : []", "a list, not"),
        ("tenant > 2", "it fails for every call .TypeError."),
    ):
        with pytest.raises(ManifestError, match=message):
            plan("rules: [" + RULE % f', when: "{text}"' + "]")
    for text in (
        "[1, 2].exists(n, n == tier)",
        "meta.trusted",
        "int(tenant) > 2",
        "has(meta.risk) && meta.risk > 2",
        "stage == 'output' ? tenant : true",  # the rule is of the stage input
    ):
        plan("rules: [" + RULE % f', when: "{text}"' + "]")
    monkeypatch.setitem(sys.modules, "cel", None)
    with pytest.raises(ManifestError, match=r"railwright\[cel\]"):
        plan("rules: [" + RULE % ', when: "tier == 1"' + "]")


def test_a_condition_without_a_truth_value_is_decided_by_on_error() -> None:
    pytest.importorskip("cel")
    rule = RULE % ", when: meta.risk, on_error: %s"
    for fail, action in (("closed", "block"), ("ask", "ask"), ("flag", "flag")):
        guard = Guard(parse_policy(HEAD + f"tier: 1\nrules: [{rule % fail}]\n"))
        verdict = guard.check("input", "Hello.", meta={"risk": "very private"})
        assert verdict.action == action
        (reason,) = verdict.reasons
        assert (reason.policy, reason.kind) == ("a", "error")
        assert reason.detail == "condition: it gives a string, not true or false"
        assert guard.check("input", "Hello.", meta={"risk": True}).action == "allow"


def test_options_that_cannot_work_are_a_problem_with_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAILWRIGHT_LLAMA_GUARD", raising=False)
    rule = "{id: %s, stage: input, detector: %s, action: block}"
    rules = f"rules:\n  - {rule % ('a', 'mine')}\n  - {rule % ('b', 'mine')}\n"
    url = "url: 'http://localhost:1/v1'"
    for text, line, message in (
        (f"rules:\n  - {rule % ('a', 'llama_guard')}", 3, "no address"),
        (f"{rules}detectors:\n  mine: {{kind: llama_guard, {url}, modle: x}}", 6, "`modle`"),
        (f"{rules}detectors:\n  mine: {{kind: lama_guard, {url}}}", 6, "no detector named"),
        (f"{rules}detectors:\n  mine: {{kind: refusal}}", 6, "cannot be made"),
        (f"{rules}detectors:\n  mine: {{{url}}}", 6, "kind"),
        (f"{rules}detectors:\n  mine: {{kind: llama_guard, {url}, name: x}}", 6, "leave `name`"),
    ):
        with pytest.raises(ManifestError, match=message) as caught:
            plan(text)
        assert [problem.line for problem in caught.value.problems] == [line], text


def test_values_by_tier() -> None:
    text = (
        "rules: [{id: a, stage: input, detector: secrets, "
        "action: {high: block, medium: ask, low: flag}, "
        "threshold: {high: 0.1, medium: 0.5, low: 0.9}, "
        "on_error: {high: closed, medium: ask, low: open}}, "
        "{id: b, stage: input, detector: secrets, action: flag, tiers: [1]}]"
    )
    found = [
        [(r.id, r.action, r.threshold, r.on_error) for r in plan(text, tier).rules]
        for tier in (1, 2, 3)
    ]
    assert found == [
        [("a", "block", 0.1, "closed"), ("b", "flag", 0.0, "flag")],
        [("a", "ask", 0.5, "ask")],
        [("a", "flag", 0.9, "open")],
    ]


def test_a_policy_that_names_no_tier_is_held_to_the_strictest() -> None:
    assert plan("rules: [" + RULE % "" + "]").tier == 1
    assert plan("tier: 3\nrules: [" + RULE % "" + "]").tier == 3
    assert plan("tier: 3\nrules: [" + RULE % "" + "]", tier=2).tier == 2


def test_extending_the_default_policy() -> None:
    pytest.importorskip("re2")
    base = [rule.id for rule in default_policy().plan(2).rules]
    first, second = base[0], base[1]
    own = plan(
        f"extends: default\ntier: 2\noff: {second}\nrules:\n"
        f"  - {{id: {first}, stage: input, detector: secrets, action: block}}\n"
        "  - {id: mine, stage: output, detector: secrets, action: flag}\n"
    )
    assert [rule.id for rule in own.rules] == [first, *base[2:], "mine"]
    assert own.rules[0].action == "block"
    with pytest.raises(ManifestError, match="names no inherited rule: nope"):
        plan("extends: default\noff: nope\n")


def test_the_message_is_inherited_and_can_be_replaced() -> None:
    pytest.importorskip("re2")
    base = default_policy().plan(2)
    own = plan("extends: default\ntier: 2\n")
    assert own.message == base.message
    assert diff_plans(base, own).settings.keys() == {"id"}
    assert plan("extends: default\nmessage: Stop.\n").message == "Stop."
    own = plan("rules: [{id: a, stage: input, detector: secrets, action: flag}]\n")
    assert own.message == "This request was stopped by a safety rule."


def test_names_that_are_not_there_have_a_mend(tmp_path: Path) -> None:
    pytest.importorskip("re2")
    for text, line, mend in (
        (
            "extends: default\noff:\n  - contact-out\n  - identty-in\n",
            5,
            "did you mean identity-in?",
        ),
        ("extends: default\noff: [zzz]\n", 3, "inherited are takeover-in, "),
        ("off: [zzz]\n", 2, "add `extends: default`, or remove it"),
        (
            "rules: [{id: a, stage: input, detector: zzzzz, action: flag}]\n",
            2,
            "known are abstention",
        ),
    ):
        with pytest.raises(ManifestError) as caught:
            plan(text)
        (problem,) = caught.value.problems
        assert problem.line == line, text
        assert problem.mend.startswith(mend)
    with pytest.raises(ManifestError, match="no such file") as caught:
        load_policy(tmp_path / "nosuch.yaml")
    assert "extends: default" in caught.value.problems[0].mend
    assert "system.yaml" not in caught.value.problems[0].mend


def test_the_digest_is_over_all_that_decides() -> None:
    text = "rules: [" + RULE % "" + "]"
    one = plan(text).digest
    assert one == plan(text + "\ntests: [{stage: input, text: x, action: allow}]").digest
    others = [
        plan(text, 2),
        plan("rules: [" + RULE % ", threshold: 0.5" + "]"),
        plan("rules: [" + RULE % ", mode: shadow" + "]"),
        plan("limits: {max_chars: 5}\n" + text),
    ]
    assert len({one, *(other.digest for other in others)}) == 5


def test_the_default_policy_passes_its_own_tests() -> None:
    pytest.importorskip("re2")
    results = run_tests(default_policy())
    assert len(results) >= 5
    assert [(r.id, r.wrong) for r in results if not r.passed] == []


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_the_default_policy_has_rules_at_every_stage(tier: int) -> None:
    pytest.importorskip("re2")
    found = default_policy().plan(tier)
    assert all(stage.rules for stage in found.stages.values())


def test_tests_beside_a_policy(tmp_path: Path) -> None:
    (tmp_path / "guard.yaml").write_text(
        HEAD + "rules: [" + RULE % "" + "]\n"
        "tests:\n"
        "  - {stage: input, text: hello, action: allow, rules: []}\n"
        "  - {id: wrong, stage: input, text: AKIAIOSFODNN7EXAMPLE, action: block}\n"
    )
    line = {"stage": "input", "text": "k AKIAIOSFODNN7EXAMPLE", "action": "redact"}
    more = {"redacted": "k [SECRET]", "rules": ["a"], "labels": ["secret"]}
    (tmp_path / "guard_tests.jsonl").write_text(json.dumps({**line, **more}) + "\n")
    results = run_tests(load_policy(tmp_path))
    assert [(r.id, r.passed) for r in results] == [
        ("test-1", True),
        ("wrong", False),
        ("test-3", True),
    ]
    assert results[1].wrong == ("action is redact by a, expected block",)
    (tmp_path / "guard_tests.jsonl").write_text('\n{"stage": "input", "txt": "x"}\n')
    with pytest.raises(ManifestError) as caught:
        run_tests(load_policy(tmp_path))
    assert {problem.line for problem in caught.value.problems} == {2}


def test_diff_says_what_changed(tmp_path: Path) -> None:
    old = parse_policy(HEAD + "rules: [" + RULE % "" + "]")
    new = parse_policy(
        HEAD + "rules: [" + RULE % ", threshold: 0.99" + ", "
        "{id: b, stage: input, detector: personal_data, action: block}]"
    )
    found = diff_plans(old.plan(), new.plan())
    assert (found.added, found.removed, found.same) == (("b",), (), False)
    assert found.changed == {"a": {"threshold": (0.0, 0.99)}}
    rows = [
        {"text": "hello", "lang": "en"},
        {"text": "bob@example.com", "lang": "en"},
        {"text": "AKIAIOSFODNN7EXAMPLE", "lang": "de"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    texts = read_rows(tmp_path / "t.jsonl", "input", ["lang"], "benign")
    moved = diff_traffic(Guard(old), Guard(new), texts)
    assert (moved.n, moved.same, moved.moves) == (3, 2, {"allow -> block": 1})
    assert moved.slices == {"lang": {"en": {"allow -> block": 1}}}


def test_a_diff_tells_once_what_a_policy_excepts_for_every_rule() -> None:
    rules = "rules: [" + RULE % ", except: [own]" + ", " + (RULE % "").replace("id: a", "id: b")
    old, new = (
        parse_policy(f"{HEAD}{text}{rules}]\n").plan()
        for text in ("", "except: ['*@shop.example']\n")
    )
    found = diff_plans(old, new)
    assert found.changed == {}
    assert found.settings == {"except": ([], ["*@shop.example"])}
    assert not found.same
    # A rule's own stays the rule's, even where it is the only one.
    alone = parse_policy(HEAD + "rules: [" + RULE % ", except: [own]" + "]").plan()
    assert diff_plans(alone, old).settings == {}
    assert diff_plans(alone, old).added == ("b",)


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "guard.md"


def test_the_documented_policy_passes_its_own_tests_when_copied(tmp_path: Path) -> None:
    pytest.importorskip("re2")
    pytest.importorskip("cel")
    (text,) = re.findall(r"```yaml\n(schema: guard/v1.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "guard.yaml").write_text(text)
    policy = load_policy(tmp_path)
    assert policy.plan().tier == 2
    results = run_tests(policy)
    assert [result.wrong for result in results] == [(), ()]


def test_every_key_is_documented() -> None:
    page = PAGE.read_text()
    schema = json_schemas()["guard-v1"]
    keys = {*schema["properties"], *schema["$defs"]["RuleEntry"]["properties"]} - {"about"}
    shown = set(re.findall(r"^[ -]*([a-z_]+):", page, re.MULTILINE))
    assert {key for key in keys if key not in shown and f"`{key}" not in page} == set()


@pytest.mark.parametrize(
    ("detector", "label", "mend"),
    [
        ("pii", "ibann", "did you mean iban?"),
        ("injection_classifier", "injektion", "did you mean injection?"),
        ("personal_data", "town", "labels are card, email, iban, ip, national_id, phone"),
        ("leak", "leek", "did you mean leak?"),
    ],
)
def test_a_label_that_the_detector_never_gives_is_refused(
    detector: str, label: str, mend: str
) -> None:
    pytest.importorskip("re2")
    rule = f"rules:\n  - id: a\n    stage: output\n    detector: {detector}\n    action: block\n"
    with pytest.raises(ManifestError) as caught:
        plan(f"{rule}    labels: [{label}]\n")
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.mend) == ("unknown-label", 7, mend)
    assert repr(label) in problem.message


def test_labels_of_a_hosted_detector_come_from_its_table_and_its_options() -> None:
    text = (
        "rules: [{id: a, stage: input, detector: mine, labels: [%s], action: block}]\n"
        "detectors: {mine: {kind: openai_moderation, url: 'http://localhost:1/v1', "
        "labels: {novel: new_harm}}}\n"
    )
    assert plan(text % "hte, new_harm").rules[0].labels == {"hte", "new_harm"}
    with pytest.raises(ManifestError, match="finds no label 'novell'") as caught:
        plan(text % "novell")
    assert "map a category of the service" in caught.value.problems[0].mend
    granite = text.replace("openai_moderation", "granite_guardian").replace(
        "labels: {novel: new_harm}", "criteria: {Our Own: is it about us}, model: m"
    )
    assert plan(granite % "our_own").rules[0].labels == {"our_own"}


def test_detectors_of_others_that_do_not_say_their_labels_take_any() -> None:
    from railwright import detectors
    from railwright.detectors import Context, Detection

    class Own:
        name, version = "t-own", "1"

        def detect(self, text: str, context: Context | None = None) -> list[Detection]:
            return [Detection(0, len(text), "mine", 1.0)]

        def detect_batch(self, texts, contexts=None):  # type: ignore[no-untyped-def]
            return [self.detect(text) for text in texts]

    detectors.register("t-own", Own)
    try:
        assert plan("rules: [{id: a, stage: input, detector: t-own, labels: x, action: flag}]")
    finally:
        detectors._registry._registered.pop("t-own")
        detectors._registry._instances.pop("t-own", None)


def test_the_labels_of_our_detectors_are_those_of_their_table() -> None:
    page = (PAGE.parent / "detectors.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", page, re.MULTILINE)
    shown = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert {name: set(labels) for name, labels in FIXED.items()} == {
        name: shown[name] for name in FIXED
    }
    told = {"by", "injection_classifier", "harm_classifier"}
    for name, labels in shown.items():
        if labels and name not in FIXED and name not in told and "minilm" not in name:
            assert known_labels(get(name)) == labels


BY_TIER = "must be a number from 0 to 1, or one for each tier (high, medium, low)"
RATE_BY_TIER = (
    "must be a false-positive rate between 0 and 1, such as 0.01, or one for each tier "
    "(high, medium, low)"
)


@pytest.mark.parametrize(
    ("value", "key", "message", "mend"),
    [
        ("threshold: 1.5", "threshold", BY_TIER, ""),
        ("threshold: high", "threshold", BY_TIER, ""),
        ("rate: [0.1]", "rate", RATE_BY_TIER, ""),
        (
            "threshold: {high: 1.5, medium: 1, low: 1}",
            "threshold.high",
            "must be a number from 0 to 1",
            "",
        ),
        ("threshold: {high: 1, medium: 1}", "threshold.low", "is missing", "add `low: ...`"),
        ("action: blok", "action", "cannot be 'blok'", "did you mean block?"),
        (
            "action: {high: blok, medium: ask, low: ask}",
            "action.high",
            "cannot be 'blok'",
            "did you mean block?",
        ),
        (
            "mode: {canary: 5}",
            "mode.canary",
            "must be a share of conversations between 0 and 1, such as 0.1",
            "",
        ),
        ("mode: shado", "mode", "cannot be 'shado'", "did you mean shadow?"),
        ("on_error: clos", "on_error", "cannot be 'clos'", "did you mean closed?"),
    ],
)
def test_a_wrong_value_is_one_error_in_the_words_of_the_file(
    value: str, key: str, message: str, mend: str
) -> None:
    action = "" if value.startswith("action") else ", action: flag"
    with pytest.raises(ManifestError) as caught:
        plan(f"rules:\n  - {{id: a, stage: input, detector: secrets{action},\n    {value}}}\n")
    (problem,) = caught.value.problems
    assert problem.message == f"`rules.0.{key}` {message}"
    assert (problem.line, problem.mend) == (4, mend)


def test_an_outline_says_what_changed_without_saying_what_the_policy_holds() -> None:
    old = parse_policy(
        "schema: guard/v1\nid: a\nrules:\n"
        "  - {id: keep, stage: output, detector: pii, action: flag}\n"
        "  - {id: alter, stage: output, detector: pii, action: flag}\n"
        "  - {id: drop, stage: output, detector: pii, action: flag, except: ['a@b.example']}\n"
    ).plan(2)
    new = parse_policy(
        "schema: guard/v1\nid: a\nmessage: other\nrules:\n"
        "  - {id: keep, stage: output, detector: pii, action: flag}\n"
        "  - {id: alter, stage: output, detector: pii, action: redact}\n"
        "  - {id: extra, stage: output, detector: secrets, action: flag}\n"
    ).plan(1)
    assert outline_changes(old.outline, old.outline) == []
    assert outline_changes(old.outline, new.outline) == [
        "tier 2 became 1",
        "rules changed: alter",
        "rules added: extra",
        "rules removed: drop",
        "detectors added: secrets",
        "settings changed: message",
    ]
    assert "b.example" not in str(old.outline)
    text = "schema: guard/v1\nextends: default\n"
    before, after = (parse_policy(text + more).plan(2) for more in ("", "except: ['*@a.example']"))
    assert outline_changes(before.outline, after.outline) == ["settings changed: except"]
    assert after.excepted == {"*@a.example"}
    assert outline_changes({"plan": "x", "tier": 2}, new.outline) == ["tier 2 became 1"]
