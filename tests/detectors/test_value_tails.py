"""A value given to a name is covered whole, however long, and nothing beyond it."""

from __future__ import annotations

import random
import string
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.growth import MOST
from tests.fuzz.work import rule_growth

from railwright.detectors import Rule, RuleEngine, RulePack, load_packs
from railwright.detectors import _tails as tails
from railwright.detectors._regex import parse
from railwright.detectors._rules import MAX_LENGTH
from railwright.detectors._secrets import SecretsDetector
from railwright.guard import StreamRedactor, redact_whole

pytest.importorskip("re2", reason="the rule engine needs google-re2")

LONGEST = tails.longest("value-rest")


def drawn(size: int, seed: int = 1) -> str:
    source = random.Random(seed)
    return "".join(source.choice(string.ascii_letters + string.digits) for _ in range(size))


@lru_cache
def engine() -> RuleEngine:
    return RuleEngine(load_packs(["pii", "secrets"]))


def streamed(rules: RuleEngine, text: str, size: int) -> str:
    stream = StreamRedactor(rules)
    parts = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join(parts) + stream.close()


@pytest.mark.parametrize("size", [190, 199, 200, 201, 260, 996, 2000, 5000, 7200])
@pytest.mark.parametrize(
    "form", ["client_secret={}", "api_key: '{}'", '"token": "{}",', "`auth={}`"]
)
def test_a_long_value_is_covered_whole(form: str, size: int) -> None:
    text = f"It says {form.format(drawn(size))} and then, 12 lines later, no more."
    assert redact_whole(engine(), text).text == text.replace(drawn(size), "[SECRET]")
    for part in (1, 64, 1000):
        assert streamed(engine(), text, part) == text.replace(drawn(size), "[SECRET]")


@pytest.mark.parametrize("kind", ["Bearer", "Basic"])
def test_a_long_token_of_a_header_is_covered_whole(kind: str) -> None:
    for size in (100, 999, 1000, 1001, 4000):
        text = f"Authorization: {kind} {drawn(size)}==) it says"
        assert redact_whole(engine(), text).text == f"Authorization: {kind} [SECRET]) it says"


def test_a_value_is_covered_up_to_the_longest_tail() -> None:
    text = "api_key=" + drawn(9000)
    (found,) = engine().scan(text)
    assert (found.start, found.end) == (8, 8 + 200 + LONGEST)
    assert max(rule.max_length for rule in engine().rules if rule.tail) <= MAX_LENGTH


def test_without_the_engine_a_value_is_covered_whole_too() -> None:
    for size in (30, 200, 201, 3000):
        (found,) = SecretsDetector().detect(f"my api_key={drawn(size)}, that is it")
        assert (found.start, found.end) == (11, 11 + size)


@pytest.mark.parametrize("shift", [194, 190, 150])
def test_a_match_within_a_tail_is_found_and_has_none_of_its_own(shift: int) -> None:
    text = f"token={drawn(shift)}" * 60
    spans = [(item.start, item.end) for item in engine().scan(text)]
    first = 6 + 200 + LONGEST
    assert spans[0] == (6, first)
    assert all(end - start == 200 for start, end in spans[1:] if start < first)
    following = min(start for start, _ in spans if start >= first)
    assert (following, min(len(text), following + first - 6)) in spans


_BITS = st.one_of(
    st.sampled_from(["password=", "token: ", "api_key='", "bearer ", "authorization: basic "]),
    st.sampled_from([" ", ",", "'", ";", "\n", "&", "=", "=="]),
    st.sampled_from(["%20", "%74oken%3d", "\u200b", "é", "_", "`"]),
    st.sampled_from(["-----BEGIN+PRIVATE+KEY-----", "-----BEGIN PRIVATE KEY-----\n"]),
    st.builds(drawn, st.sampled_from([3, 12, 60, 180, 201, 990, 3000]), st.integers(1, 9)),
    st.sampled_from(["xxxx" * 60, "The words go on and on. "]),
)


@given(st.lists(_BITS, min_size=1, max_size=12), st.sampled_from([1, 7, 64, 500, 9000]))
@settings(max_examples=120, deadline=None)
def test_a_stream_is_what_the_whole_text_is(bits: list[str], size: int) -> None:
    text = "".join(bits)
    assert streamed(engine(), text, size) == redact_whole(engine(), text).text


@lru_cache
def own_engine() -> RuleEngine:
    """Expressions whose last part is not what the tail goes on with, short ones, two at once."""
    rules = (
        Rule(id="a", label="a", regex=r"(?i)key:(?P<value>\d{1,9})", tail="value-rest"),
        Rule(id="b", label="b", regex="tok", tail="token-rest", not_before="[ 1-9]"),
        Rule(id="c", label="c", regex=r"\b[a-z]{1,4}=(?P<value>[^ ]{2,5})", tail="value-rest"),
    )
    return RuleEngine([RulePack(schema="rules/v1", pack="own", rules=rules)])


@given(
    st.lists(st.sampled_from(["key:", "12", "tok", "ab=", "c", " ", ",", "=", ".", "é", "%3d"])),
    st.integers(1, 9),
    st.integers(0, 3000),
)
@settings(max_examples=150, deadline=None)
def test_a_stream_under_rules_of_ones_own_is_too(bits: list[str], size: int, more: int) -> None:
    text = "".join(bits) + "x1" * more + "".join(bits)
    assert streamed(own_engine(), text, size) == redact_whole(own_engine(), text).text


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        (r"(?i)auth=(?P<value>[^\s\"'`,;]{8,200})", 200),
        (r"auth=[^,;]{8,64}", 64),
        (r"auth=[^,;]{8,64}?", 13),
        (r"auth=\d{8,64}", 13),
        (r"auth=[^ ]{8,64}\b", 13),
        ("a|b{2,9}", 1),
    ],
)
def test_what_is_too_short_for_a_match_with_a_tail(pattern: str, least: int) -> None:
    assert tails.least("value-rest", parse(pattern)) == least
    assert tails.least("key-body", parse(pattern)) == parse(pattern).min_length


BODY = drawn(6000)
UNITS = {
    "names": "password=",
    "names and a little": "token=aB3x9",
    "values": f"token={BODY[:50]}&",
    "long values": f"token={BODY[:300]}&",
    "headers": f"bearer {BODY[:1200]} ",
    "keys and values": "-----BEGIN+PRIVATE+KEY-----" + BODY + "token=" + BODY[:2500],
    "fillers": "auth=" + "x" * 300,
    "escapes": "%74oken=" + "%61" * 90,
}


@pytest.mark.parametrize("name", UNITS)
def test_time_grows_with_the_length_alone(name: str) -> None:
    assert rule_growth(engine(), UNITS[name]) <= MOST
