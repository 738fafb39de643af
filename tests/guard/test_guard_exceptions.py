"""A policy's own addresses and numbers are no finding, in a whole text and in a stream alike."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from railwright.guard import Guard, parse_policy
from railwright.guard._exceptions import exceptions_of, fault_of
from railwright.system import ManifestError

pytest.importorskip("re2", reason="needs the extra 'guard'")

OWN = """schema: guard/v1
extends: default
tier: 1
except: ["*@shop.example", "+43 1 555 0140", "https://shop.example/*"]
"""
TEXT = (
    "Write to help@shop.example or call +43 (1) 555-0140; Ann is ann@mailbox.example, "
    "+43 660 555 0187, eve@shop.example.evil.example."
)
KEPT = (
    "Write to help@shop.example or call +43 (1) 555-0140; Ann is [EMAIL], [PHONE], [EMAIL]."
)  # fmt: skip


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard(parse_policy(OWN))


@pytest.mark.parametrize(
    ("entry", "text", "covered"),
    [
        ("Help@Shop.example", "help@shop.EXAMPLE", True),
        ("*@shop.example", "a.b+c@shop.example", True),
        ("*@shop.example", "@shop.example", False),  # a star stands for something
        ("*@shop.example", "a@b@shop.example", False),
        ("*@shop.example", "a@shop.example.evil", False),
        ("*@shop.example", "a@sub.shop.example", False),
        ("*@shop.example", "see a@shop.example", False),
        ("+43 1 555 0140", "+43 (1) 555-0140", True),
        ("+43 1 555 0140", "0043 1 555 0140", False),
        ("+43 1 555 0140", "+43 1 555 01401", False),
        ("+43 1 555 *", "+43 1 555-0187", True),
        ("+43 1 555 *", "+43 1 556 0187", False),
        ("*@shop.example", "ann.1982@shop.example", True),
        ("*@shop.example", "4111111111111111@shop.example", False),  # a card behind the star
        ("DE89 3704 0044 0532 0130 00", "de89370400440532013000", True),
        ("room 1-2 a", "room 12a", False),  # more letters than digits
        ("https://shop.example/*", "https://shop.example/help", True),
        ("https://shop.example/*", "https://shop.example/a/b", False),
    ],
)
def test_what_an_entry_covers(entry: str, text: str, covered: bool) -> None:
    assert fault_of(entry) is None
    assert exceptions_of([entry, "other"]).cover(text) is covered


def test_the_policy_excepts_for_inherited_rules_too(guard: Guard) -> None:
    verdict = guard.check("output", TEXT)
    assert (verdict.action, verdict.text) == ("redact", KEPT)
    assert {(TEXT[d.start : d.end], d.policy) for d in verdict.detections} == {
        ("ann@mailbox.example", "contact-out"),
        ("+43 660 555 0187", "contact-out"),
        ("eve@shop.example.evil.example", "contact-out"),
    }
    assert guard.check("output", "help@shop.example").action == "allow"
    assert guard.check("output", "4111111111111111@shop.example").action == "redact"
    bare = Guard.default(tier=1)
    assert bare.check("output", "help@shop.example").action == "redact"
    assert bare.plan.digest != guard.plan.digest


def test_a_rule_excepts_for_itself_alone() -> None:
    rules = (
        "rules:\n"
        "  - {id: a, stage: output, detector: pii, labels: email, action: redact, "
        "except: '*@shop.example'}\n"
        "  - {id: b, stage: input, detector: pii, labels: email, action: redact}\n"
    )
    guard = Guard(parse_policy(f"schema: guard/v1\n{rules}"))
    assert guard.check("output", "x@shop.example").action == "allow"
    assert guard.check("input", "x@shop.example").action == "redact"
    (first, second) = guard.plan.rules
    assert first.described()["except"] == ["*@shop.example"]
    assert second.described()["except"] == []


@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
@settings(max_examples=60, deadline=None)
@example([*range(len(TEXT))])
def test_a_stream_excepts_as_the_whole_text_does(guard: Guard, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    stream = guard.stream("output")
    out = [stream.feed(TEXT[a:b]) for a, b in pairwise(places)]
    assert "".join(out) + stream.close() == KEPT
    assert stream.verdict is not None
    assert stream.verdict.detections == guard.check("output", TEXT).detections


@pytest.mark.parametrize(
    ("entry", "message", "mend"),
    [
        ("*@*.example", "more than one star", "one entry for each form"),
        ("*", "fewer than 4 letters or digits", "'*@shop.example'"),
        ("*.de", "fewer than 4 letters or digits", "'*@shop.example'"),
    ],
)
def test_an_entry_that_would_cover_too_much_is_refused(entry: str, message: str, mend: str) -> None:
    rule = "{id: a, stage: input, detector: pii, action: flag, except: ['%s']}"
    for text, line in (
        (f"schema: guard/v1\nextends: default\nexcept: [help, '{entry}']\n", 3),
        (f"schema: guard/v1\nrules:\n  - {rule % entry}\n", 3),
    ):
        with pytest.raises(ManifestError) as caught:
            parse_policy(text).plan()
        (problem,) = caught.value.problems
        assert (problem.code, problem.line) == ("bad-exception", line)
        assert message in problem.message
        assert mend in problem.mend
