"""A guard's stream releases early, and says in the end what a check of the whole text says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import Detection, RuleSource, _registry
from railwright.guard import Guard, GuardError, Verdict
from railwright.guard._rule_stream import RuleStream, open_rule_stream
from railwright.guard._types import NO_CALL

pytest.importorskip("re2", reason="the rule engine needs google-re2")

MAIL = "anna.berg@mail.example.org"
CARD = "4111 1111 1111 1111"
KEY = "ghp_" + "a1B2" * 9
BLOCK_KEY = "\n".join(
    ("-----BEGIN PRIVATE KEY-----", *["aB3x" * 16] * 3, "-----END PRIVATE KEY-----")
)


def guard(tmp_path: Path, rules: str, **options: object) -> Guard:
    path = tmp_path / "guard.yaml"
    path.write_text(f"schema: guard/v1\nid: test\nrules:\n{rules}", encoding="utf-8")
    return Guard.load(path, tier=1, **options)


REDACT = """
  - {id: mails, detector: pii, labels: [email], stage: output, action: redact,
     except: ["help@example.org"]}
  - {id: keys, detector: secrets, stage: output, action: redact}
  - {id: cards, detector: pii, labels: [card], stage: output, action: flag}
"""
BLOCK = (
    REDACT
    + """
  - {id: ssn, detector: pii, labels: [national_id], stage: output, action: block}
"""
)


def opened(made: Guard) -> RuleStream:
    stream = open_rule_stream(made, "output", NO_CALL)
    assert stream is not None
    return stream


def same(a: Verdict, b: Verdict) -> bool:
    return (a.action, a.text, a.detections, a.reasons, a.would, a.shadow) == (
        b.action, b.text, b.detections, b.reasons, b.would, b.shadow,
    )  # fmt: skip


PARTS = st.lists(
    st.sampled_from([MAIL, CARD, KEY, BLOCK_KEY, "help@example.org", " ", "the tents, ", "ü"]),
    max_size=6,
)


@pytest.fixture(scope="module")
def redacting(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    return guard(tmp_path_factory.mktemp("policy"), REDACT)


@settings(max_examples=40, deadline=None)
@given(PARTS, st.integers(1, 30))
def test_a_stream_gives_text_and_verdict_of_the_check(
    redacting: Guard, parts: list[str], size: int
) -> None:
    text = "".join(parts)
    stream = opened(redacting)
    out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert not stream.verdict
    out += stream.close()
    whole = redacting.check("output", text)
    assert out == whole.text
    verdict = stream.verdict
    assert verdict is not None
    assert same(verdict, whole)


def test_what_is_exempt_is_exempt_as_a_whole(tmp_path: Path) -> None:
    """A reading of a part of an exempt text does not bring it back; another value stays found."""
    rule = """
  - {id: all, detector: pii, stage: output, action: redact, except: ["DE89 3704 0044 0532 0130 00"]}
"""
    made = guard(tmp_path, rule)
    text = "To DE89 3704 0044 0532 0130 00, not NL91 ABNA 0417 1643 00 or +49 30 901820."
    told = "To DE89 3704 0044 0532 0130 00, not [IBAN] or [PHONE]."
    assert made.check("output", text).text == told
    for size in (1, 7, 40):
        stream = opened(made)
        out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size))
        assert out + stream.close() == told


def test_nothing_after_what_blocks_is_released(tmp_path: Path) -> None:
    made = guard(tmp_path, BLOCK)
    text = f"To {MAIL}: 123-45-6789 and more {MAIL}"
    for size in range(1, 40):
        stream = opened(made)
        out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size))
        if stream.verdict is not None:
            assert stream.feed("more") == ""  # stopped, not yet closed
        out += stream.close()
        assert out == "To [EMAIL]: "
        assert stream.verdict is not None
        assert (stream.verdict.action, stream.verdict.text) == ("block", "")
        assert stream.close() == ""
        with pytest.raises(GuardError, match="closed"):
            stream.feed("more")


def test_a_guard_in_shadow_changes_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    made = guard(tmp_path, BLOCK, mode="shadow")
    text = f"To {MAIL}: 123-45-6789."
    stream = opened(made)
    assert "".join([*map(stream.feed, text), stream.close()]) == text
    assert stream.verdict is not None
    assert same(stream.verdict, made.check("output", text))
    assert stream.verdict.would == "block"


def test_a_rule_that_acts_and_needs_the_whole_text_gives_no_early_stream(tmp_path: Path) -> None:
    rule = "\n  - {id: refusals, detector: refusal, stage: output, action: ACTION}\n"
    assert (
        open_rule_stream(
            guard(tmp_path, REDACT + rule.replace("ACTION", "block")), "output", NO_CALL
        )
        is None
    )
    made = guard(tmp_path, REDACT + rule.replace("ACTION", "flag"))
    text = "I'm sorry, but I cannot help with that."
    stream = opened(made)
    assert "".join([*map(stream.feed, text), stream.close()]) == text
    assert stream.verdict is not None
    assert same(stream.verdict, made.check("output", text))
    assert stream.verdict.action == "flag"


class Broken(RuleSource):
    name, version = "broken", "1"
    lookbehind, max_length = 1, 4

    def source(self, context: object) -> Broken:
        return self

    def detect(self, text: str, context: object = None) -> list[Detection]:
        return self.scan(text)

    def detect_batch(self, texts: list[str], contexts: object = None) -> list[list[Detection]]:
        return [self.scan(text) for text in texts]

    def safe_cut(self, text: str, start: int = 0) -> int:
        return len(text)

    def scan(self, text: str, start: int = 0) -> list[Detection]:
        if "!" in text:
            raise RuntimeError(text)
        return []


@pytest.mark.parametrize(
    ("fail", "out", "action"), [("closed", "ab ", "block"), ("flag", "ab c!d", "flag")]
)
def test_an_error_counts_as_the_policy_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: str, out: str, action: str
) -> None:
    monkeypatch.setitem(_registry._registered, "broken", Broken)
    made = guard(
        tmp_path,
        f"  - {{id: b, detector: broken, stage: output, action: redact, on_error: {fail}}}\n",
    )
    stream = opened(made)
    assert "".join([stream.feed("ab "), stream.feed("c!"), stream.feed("d"), stream.close()]) == out
    assert stream.verdict is not None
    assert stream.verdict.action == action
    assert stream.verdict.failed
    assert "c!" not in str(stream.verdict.reasons)


def test_a_text_beyond_the_limit_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "guard.yaml"
    path.write_text(
        "schema: guard/v1\nid: test\nlimits: {max_chars: 2000, on_limit: closed}\n"
        f"rules:\n{REDACT}",
        encoding="utf-8",
    )
    stream = opened(Guard.load(path, tier=1))
    assert stream.feed("word; " * 300) == "word; " * 300
    assert stream.feed("word; " * 300) == ""
    assert stream.verdict is not None
    assert stream.verdict.action == "block"
