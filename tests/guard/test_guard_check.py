"""Verdicts: what is found, what is done, and what happens when a detector gives no answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright import detectors
from railwright.detectors import Context, Detection
from railwright.guard import (
    Call,
    Finding,
    Guard,
    GuardBlockedError,
    GuardError,
    guarded,
    parse_policy,
)
from railwright.guard._edits import apply_edits, edits_of
from railwright.guard._lots import in_share

IBAN = "DE89 3704 0044 0532 0130 00"
KEY = b"a key of the tests, 32 bytes....."


class Word:
    """Finds a word; behaves as told."""

    version = "1"

    def __init__(self, name: str, word: str = "bad", act: Callable[[], None] | None = None) -> None:
        self.name, self.word, self.act = name, word, act
        self.asked = 0

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        self.asked += 1
        if self.act is not None:
            self.act()
        at = text.find(self.word)
        return [] if at < 0 else [Detection(at, at + len(self.word), "word", 0.9, "w", self.name)]

    def detect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        return [self.detect(text) for text in texts]


class SlowWord(Word):
    slow = True


@pytest.fixture
def word() -> Iterator[Callable[..., Word]]:
    """Register test detectors and take them out again."""
    made: list[str] = []

    def make(name: str, kind: type[Word] = Word, **options: Any) -> Word:
        detector = kind(name, **options)
        detectors.register(name, lambda: detector)
        made.append(name)
        return detector

    yield make
    for name in made:
        detectors._registry._registered.pop(name)
        detectors._registry._instances.pop(name, None)


def guard(*rules: str, head: str = "", **options: Any) -> Guard:
    lines = "".join(f"  - {{{rule}}}\n" for rule in rules)
    text = f"schema: guard/v1\n{head}\nrules:\n{lines}"
    return Guard(parse_policy(text), key=KEY, **options)


def fail() -> None:
    raise RuntimeError("secret text in the message")


def test_redacts_the_spans_and_reports_them() -> None:
    g = guard("id: a, stage: output, detector: personal_data, labels: iban, action: redact")
    verdict = g.check("output", f"Pay {IBAN} or mail bob@example.com.")
    assert verdict.action == "redact"
    assert verdict.text == "Pay [IBAN] or mail bob@example.com."
    (found,) = verdict.detections
    assert (found.start, found.end, found.label, found.policy) == (4, 4 + len(IBAN), "iban", "a")
    assert verdict.rule_ids == ("a",)
    assert verdict.plan_digest == g.plan.digest
    assert set(verdict.timings) == {"personal_data", "total"}
    assert verdict.versions == {"personal_data": "1"}


def test_other_stages_are_left_alone() -> None:
    g = guard("id: a, stage: output, detector: personal_data, action: block")
    verdict = g.check("input", f"Pay {IBAN}")
    assert (verdict.action, verdict.text, verdict.detections) == ("allow", f"Pay {IBAN}", ())


@pytest.mark.parametrize(
    ("action", "text"),
    [("block", ""), ("ask", "a [WORD] day"), ("flag", "a bad day"), ("allow", "a bad day")],
)
def test_each_action(word: Callable[..., Word], action: str, text: str) -> None:
    word("t-word")
    verdict = guard(f"id: a, stage: input, detector: t-word, action: {action}").check(
        "input", "a bad day"
    )
    assert (verdict.action, verdict.text) == (action, text)
    assert verdict.blocked == (action in ("block", "ask"))
    assert bool(verdict.message) == verdict.blocked


def test_rewrite_puts_its_text_in_the_place(word: Callable[..., Word]) -> None:
    word("t-word")
    g = guard("id: a, stage: output, detector: t-word, action: rewrite, with: 'good ({label})'")
    assert g.check("output", "a bad day").text == "a good (WORD) day"


def test_the_strictest_rule_decides_and_its_message_is_told(word: Callable[..., Word]) -> None:
    word("t-word")
    g = guard(
        "id: a, stage: input, detector: t-word, action: flag, message: no",
        "id: b, stage: input, detector: t-word, action: block, message: stop here",
        "id: c, stage: input, detector: t-word, action: redact",
    )
    verdict = g.check("input", "bad")
    assert (verdict.action, verdict.message) == ("block", "stop here")
    assert verdict.rule_ids == ("a", "b", "c")


def test_threshold_and_exceptions() -> None:
    g = guard(
        "id: a, stage: output, detector: personal_data, labels: [email, ip], threshold: 0.7, "
        "action: redact, except: [Help@Shop.example]"
    )
    text = "help@shop.example, bob@shop.example, 8.8.8.8"  # the address has score 0.6
    assert g.check("output", text).text == "help@shop.example, [EMAIL], 8.8.8.8"


def test_shadow_changes_nothing_and_says_what_it_would_do(word: Callable[..., Word]) -> None:
    word("t-word")
    g = guard(
        "id: a, stage: input, detector: t-word, action: block, mode: shadow",
        "id: b, stage: input, detector: t-word, action: flag",
    )
    verdict = g.check("input", "so bad")
    assert (verdict.action, verdict.text, verdict.would) == ("flag", "so bad", "block")
    assert [found.policy for found in verdict.shadow] == ["a"]
    assert verdict.rule_ids == ("b",)


def test_a_guard_in_shadow_lets_everything_through(word: Callable[..., Word]) -> None:
    word("t-word", act=fail)
    for bound in ("", ", tenants: acme", ", mode: {canary: 0.9}"):
        g = guard(f"id: a, stage: input, detector: t-word, action: block{bound}", mode="shadow")
        verdict = g.check("input", "so bad", tenant="acme", conversation="c")
        assert (verdict.action, verdict.text, verdict.would) == ("allow", "so bad", "block")
        assert verdict.mode == "shadow"
        assert verdict.failed


@given(share=st.floats(0.01, 0.99), unit=st.text(min_size=1, max_size=20))
def test_a_canary_share_contains_every_smaller_one(share: float, unit: str) -> None:
    if in_share(KEY, "r", unit, share):
        assert in_share(KEY, "r", unit, min(share * 1.1, 1.0))


def test_canary_enforces_for_its_share_of_conversations(word: Callable[..., Word]) -> None:
    word("t-word")
    g = guard("id: a, stage: input, detector: t-word, action: block, mode: {canary: 0.25}")
    actions = [g.check("input", "bad", conversation=f"c{n}").action for n in range(2000)]
    blocked = actions.count("block")
    assert 400 <= blocked <= 600  # 500 expected, standard deviation 19.4: five of them either way
    assert set(actions) == {"block", "allow"}
    again = [g.check("input", "bad", conversation=f"c{n}").action for n in range(50)]
    assert again == actions[:50]
    verdict = g.check("input", "bad")  # nothing to draw by
    assert (verdict.action, verdict.would) == ("allow", "block")


@pytest.mark.parametrize(
    ("mode", "action"), [("open", "allow"), ("flag", "flag"), ("ask", "ask"), ("closed", "block")]
)
def test_an_error_is_a_verdict_with_a_reason(
    word: Callable[..., Word], mode: str, action: str
) -> None:
    word("t-word", act=fail)
    g = guard(
        f"id: a, stage: input, detector: t-word, action: block, on_error: {mode}", head="tier: 3"
    )
    verdict = g.check("input", "hello")
    assert verdict.action == action
    (reason,) = verdict.reasons
    assert (reason.policy, reason.kind, reason.action) == ("a", "error", action)
    assert reason.detail == "RuntimeError in t-word"  # never the message, which may quote the text
    assert verdict.failed


@pytest.mark.parametrize(("tier", "action"), [(1, "block"), (2, "block"), (3, "flag")])
def test_rules_that_enforce_fail_closed_but_at_tier_3(
    word: Callable[..., Word], tier: int, action: str
) -> None:
    word("t-word", act=fail)
    g = guard("id: a, stage: input, detector: t-word, action: redact", head=f"tier: {tier}")
    assert g.check("input", "hello").action == action
    mild = guard("id: a, stage: input, detector: t-word, action: flag", head=f"tier: {tier}")
    assert mild.check("input", "hello").action == "flag"


def test_spans_outside_of_the_text_are_an_error(word: Callable[..., Word]) -> None:
    detector = word("t-word")
    detector.detect = lambda text, context=None: [Detection(0, 99, "x")]  # type: ignore[method-assign]
    verdict = guard("id: a, stage: input, detector: t-word, action: redact").check("input", "short")
    assert verdict.action == "block"
    assert "outside" in verdict.reasons[0].detail


def test_a_deadline_that_passes_is_a_verdict(word: Callable[..., Word]) -> None:
    release = threading.Event()
    word("t-slow", SlowWord, act=lambda: release.wait(30) and None)
    rule = "id: a, stage: input, detector: t-slow, action: flag, deadline: 20ms, on_timeout: ask"
    try:
        g = guard(rule)
        for verdict in (g.check("input", "x"), asyncio.run(g.acheck("input", "x"))):
            assert verdict.action == "ask"
            assert verdict.reasons[0].kind == "timeout"
    finally:
        release.set()


@pytest.mark.parametrize("use_async", [False, True])
def test_slow_detectors_run_beside_each_other(word: Callable[..., Word], use_async: bool) -> None:
    both = threading.Barrier(2, timeout=20)  # opens only when both have begun
    for name in ("t-one", "t-two"):
        word(name, SlowWord, act=lambda: both.wait() and None)
    g = guard(
        "id: a, stage: input, detector: t-one, action: flag, deadline: 20s",
        "id: b, stage: input, detector: t-two, action: flag, deadline: 20s",
    )
    verdict = asyncio.run(g.acheck("input", "bad")) if use_async else g.check("input", "bad")
    assert verdict.rule_ids == ("a", "b")
    assert not verdict.failed


async def test_detectors_that_answer_asynchronously_are_awaited(word: Callable[..., Word]) -> None:
    class Hosted(Word):
        async def adetect(self, text: str, context: Context) -> list[Detection]:
            await asyncio.sleep(0)
            return [Detection(0, 1, "hosted", 0.5)]

    word("t-hosted", Hosted)
    g = guard("id: a, stage: input, detector: t-hosted, action: flag")
    verdict = await g.acheck("input", "x")
    assert [found.label for found in verdict.detections] == ["hosted"]


def test_what_is_blocked_already_costs_no_slow_call(word: Callable[..., Word]) -> None:
    word("t-word")
    slow = word("t-slow", SlowWord)
    g = guard(
        "id: a, stage: input, detector: t-word, action: block",
        "id: b, stage: input, detector: t-slow, action: block",
    )
    verdict = g.check("input", "bad")
    assert slow.asked == 0
    assert [(r.policy, r.kind) for r in verdict.reasons] == [("a", "hit"), ("b", "skipped")]
    g.check("input", "good")
    assert slow.asked == 1


def test_a_text_beyond_the_limit_is_not_let_through_unchecked() -> None:
    rule = "id: a, stage: input, detector: secrets, action: redact"
    closed = guard(rule, head="limits: {max_chars: 10}").check("input", "x" * 11)
    assert (closed.action, closed.text, closed.reasons[0].kind) == ("block", "", "limit")
    opened = guard(rule, head="limits: {max_chars: 10, on_limit: flag}").check("input", "x" * 11)
    assert (opened.action, opened.text) == ("flag", "x" * 11)


def test_rules_are_bound_to_tenants_and_channels(word: Callable[..., Word]) -> None:
    word("t-word")
    g = guard(
        "id: a, stage: input, detector: t-word, action: block, tenants: acme",
        "id: b, stage: input, detector: t-word, action: flag, channels: [mail, web]",
    )
    assert g.check("input", "bad").action == "allow"
    assert g.check("input", "bad", tenant="acme").rule_ids == ("a",)
    assert g.check("input", "bad", Call(tenant="acme", channel="web")).rule_ids == ("a", "b")


def test_conditions_in_cel(word: Callable[..., Word]) -> None:
    pytest.importorskip("cel")
    word("t-word")
    rule = "id: a, stage: input, detector: t-word, action: block"
    g = guard(rule + ', when: \'tier < 3 && meta.risk > 2 && tenant in ["acme", "zeta"]\'')
    assert g.check("input", "bad", tenant="acme", meta={"risk": 3}).action == "block"
    assert g.check("input", "bad", tenant="acme", meta={"risk": 1}).action == "allow"
    lost = g.check("input", "bad", tenant="acme")  # no meta.risk: an error, so closed
    assert (lost.action, lost.reasons[0].kind) == ("block", "error")


def test_unknown_stages_and_fields_are_refused() -> None:
    g = guard("id: a, stage: input, detector: secrets, action: flag")
    with pytest.raises(GuardError, match="no stage 'inputs'"):
        g.check("inputs", "x")  # type: ignore[arg-type]
    with pytest.raises(GuardError, match="unknown field tenat"):
        g.check("input", "x", tenat="acme")


def test_decorators_check_both_ways() -> None:
    g = guard(
        "id: a, stage: [input, output], detector: personal_data, action: redact",
        "id: b, stage: input, detector: secrets, action: block, message: no keys",
    )
    seen = []

    @guarded(g, argument="question", on_block="message")
    def answer(user: str, question: str) -> str:
        seen.append(question)
        return f"write to bob@example.com about {question}"

    assert answer("u", question=f"my account {IBAN}") == "write to [EMAIL] about my account [IBAN]"
    assert seen == ["my account [IBAN]"]
    assert answer("u", "AKIAIOSFODNN7EXAMPLE") == "no keys"
    assert len(seen) == 1

    @g.wrap()
    async def echo(text: str) -> str:
        return text

    assert asyncio.run(echo(f"x {IBAN}")) == "x [IBAN]"
    with pytest.raises(GuardBlockedError) as caught:
        asyncio.run(echo("AKIAIOSFODNN7EXAMPLE"))
    assert "AKIA" not in str(caught.value)


SPANS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.integers(0, 10),
        st.floats(0, 1),
        st.sampled_from(["redact", "rewrite", "flag"]),
    ),
    max_size=8,
)


@given(SPANS)
def test_edits_cover_every_span_once(spans: list[tuple[int, int, float, Any]]) -> None:
    text = "".join(chr(0x4E00 + n) for n in range(40))  # every character once
    found = [
        Finding(start, start + size, "x", score, "", "", "p", action)
        for start, size, score, action in spans
    ]
    edits = edits_of((item, "#") for item in found)
    assert all(a.end <= b.start for a, b in pairwise(edits))
    covered = {n for f in found if f.action != "flag" for n in range(f.start, f.end)}
    assert {n for edit in edits for n in range(edit.start, edit.end)} == covered
    kept = apply_edits(text, edits).replace("#", "")
    assert kept == "".join(c for n, c in enumerate(text) if n not in covered)


def test_reload_swaps_the_plan_in_one_step(tmp_path: Any) -> None:
    file = tmp_path / "guard.yaml"
    rule = "schema: guard/v1\nrules: [{id: a, stage: input, detector: secrets, action: %s}]\n"
    file.write_text(rule % "redact")
    g = Guard.load(file, key=KEY)
    first = g.plan
    assert g.reload() is False
    file.write_text(rule % "block")
    assert g.reload() is True
    assert g.check("input", "AKIAIOSFODNN7EXAMPLE").action == "block"
    assert first.rules[0].action == "redact"
    file.write_text("schema: guard/v1\nrules: oops\n")
    with pytest.raises(Exception, match="must be a list"):
        g.reload()
    assert g.check("input", "AKIAIOSFODNN7EXAMPLE").action == "block"


@pytest.mark.parametrize("hold", [False, True])
def test_a_stream_ends_with_the_verdict_of_the_whole_text(hold: bool) -> None:
    g = guard("id: a, stage: output, detector: personal_data, labels: iban, action: redact")
    text = f"Pay {IBAN} today."
    stream = g.stream("output", hold=hold)
    out = "".join(stream.feed(char) for char in text) + stream.close()
    verdict = g.check("output", text)
    assert out == verdict.text == "Pay [IBAN] today."
    assert stream.verdict is not None
    assert stream.verdict.detections == verdict.detections


def test_a_stream_that_no_rule_can_change_is_not_held_back(word: Callable[..., Word]) -> None:
    word("t-word")
    g = guard("id: a, stage: output, detector: t-word, action: flag")
    stream = g.stream("output")
    assert stream.feed("a bad") == "a bad"
    assert stream.close() == ""
    assert stream.verdict is not None
    assert stream.verdict.action == "flag"


def test_a_doubtful_finding_around_a_sure_one_does_not_let_it_through() -> None:
    text = "![Data][]\n\n[Data]: https://pics.example/logo.png?azure=[INFO]"
    verdict = Guard.default(2).check("output", text)
    assert verdict.action == "rewrite"
    assert "pics.example" not in verdict.text


@pytest.mark.parametrize("tier", [0, 4, 5])
def test_a_tier_that_is_not_there_is_named(tier: int) -> None:
    with pytest.raises(GuardError, match=rf"no tier {tier}; tiers are 1 \(high risk\), 2"):
        Guard.default(tier=tier)


@pytest.mark.parametrize("text", [None, b"bytes", 5, ["a"]])
def test_what_is_no_text_is_refused_and_not_judged(text: Any) -> None:
    g = guard("id: a, stage: output, detector: personal_data, action: redact")
    named = rf"checks text \(str\), not {type(text).__name__}"
    with pytest.raises(GuardError, match=named):
        g.check("output", text)
    with pytest.raises(GuardError, match=named):
        asyncio.run(g.acheck("output", text))
    with pytest.raises(GuardError, match=named):
        g.stream("output").feed(text)


@pytest.mark.parametrize("detector", ["personal_data", "pii"])  # held, and settled piece by piece
def test_a_closed_stream_takes_nothing_more(detector: str) -> None:
    pytest.importorskip("re2")
    g = guard(f"id: a, stage: output, detector: {detector}, action: redact")
    stream = g.stream("output")
    shown = stream.feed("hello")
    assert shown + stream.close() == "hello"
    assert stream.close() == ""
    with pytest.raises(GuardError, match="stream is closed"):
        stream.feed("more")


def test_what_is_asked_about_is_not_shown_before_somebody_agrees() -> None:
    text = f"Pay {IBAN} now"
    rules = "{id: r, stage: output, detector: pii, labels: [iban], action: ask}"
    made = Guard(parse_policy(f"schema: guard/v1\nrules: [{rules}]"))
    verdict = made.check("output", text)
    assert (verdict.action, verdict.blocked, verdict.text) == ("ask", True, "Pay [IBAN] now")
    stream = made.stream("output")
    assert "".join([*map(stream.feed, text), stream.close()]) == "Pay "
    limited = (
        f"schema: guard/v1\ntier: 2\nlimits: {{max_chars: 9, on_limit: ask}}\nrules: [{rules}]"
    )
    verdict = Guard(parse_policy(limited)).check("output", text)
    assert (verdict.action, verdict.text) == ("ask", "")
