"""A private key is found whole, whatever stands between its lines, and nothing beyond it."""

from __future__ import annotations

import random
import re
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detectors.private_keys import FORMS, KINDS, block
from tests.fuzz.growth import MOST, cost, growth
from tests.fuzz.work import FIRST

from railwright.detectors import Rule, RuleEngine, RulePack, get, load_packs
from railwright.detectors import _tails as tails
from railwright.detectors._regex import literal, parse
from railwright.detectors._secrets import SecretsDetector
from railwright.guard import StreamRedactor, redact_whole

pytest.importorskip("re2", reason="the rule engine needs google-re2")

HEADER = "-----BEGIN PRIVATE KEY-----"
read = tails.get("key-body")


@lru_cache
def engine() -> RuleEngine:
    return RuleEngine(load_packs(["secrets"]))


def found(text: str) -> list[str]:
    return [text[d.start : d.end] for d in get("secrets").detect(text)]


def whole(shown: str) -> str:
    """Return a written block from the first character of its header to the last of its footer."""
    match = re.search("-----BEGIN.*-----END[^-]*-----", shown, re.DOTALL)
    assert match is not None
    return match.group()


@pytest.mark.parametrize("form", FORMS)
def test_a_block_of_any_kind_in_any_form_is_one_finding(form: str) -> None:
    source = random.Random(form)
    for kind, heads in KINDS:
        if heads and form.startswith("columns"):
            continue  # a comment that is broken anywhere
        for last in (64, 40, 12, 4, 2):
            shown = FORMS[form](block(source, kind, heads, rows=source.randint(1, 12), last=last))
            text = f"This is it: {shown}\nThanks, Anna wrote.\n"
            assert found(text) == [whole(shown)], (kind, last)


def test_long_blocks_are_found_up_to_the_longest_tail() -> None:
    lines = block(random.Random(1), rows=120)
    assert found("\n".join(lines)) == ["\n".join(lines)]
    long = "\n".join(block(random.Random(1), rows=400))
    size = len(lines[0]) + tails.longest("key-body")
    assert get("secrets").detect(long)[0].end == size
    assert engine().max_length >= size


@pytest.mark.parametrize("after", ["", "\n", "\n\nThanks for the help.", "\n```\nUse it well 12"])
def test_without_a_footer_the_body_is_covered_and_no_more(after: str) -> None:
    lines = block(random.Random(2), rows=3, last=64)
    for cut in (20, 40, 64):
        shown = "\n".join([*lines[:3], lines[3][:cut]])
        assert found(shown + after) == [shown]


def test_a_text_that_stops_in_the_first_line_is_covered() -> None:
    assert found(HEADER + "\nMIIEvQIB") == [HEADER + "\nMIIEvQIB"]


def test_a_body_left_out_is_covered_with_its_footer() -> None:
    for body in ("MIIEvQ...", "<your key here>", "..."):
        text = f"{HEADER}\n{body}\n-----END PRIVATE KEY-----"
        assert found(text + "\nnext") == [text]


@pytest.mark.parametrize(
    "after",
    [
        " is a key.",
        " or",
        ". Never send it.",
        "` or `-----END PRIVATE KEY-----`, as a rule",
        " and -----END PRIVATE KEY-----",
        '"\nEND = "-----END PRIVATE KEY-----"',
        "'):\n    return loadPrivateKeyFromFile(path, 12)",
        "\nThanks a lot",
        "\n1. First, internationalisation\n2. Second",
        "\n-----------------------------------\n",
        "\n===================================\n",
        "\n///////////////////////////////////\n",
        "\n\nVersion: a header line says who wrote it.\n\nComment: so does this.",
        "/etc/ssl/private/server.key",
        "\n" * 500 + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
    ],
)
def test_what_follows_a_mere_mention_is_no_part_of_it(after: str) -> None:
    assert found(f"A file that begins with {HEADER}{after}") == [HEADER]


def test_a_second_header_begins_a_finding_of_its_own() -> None:
    first, second = (
        "\n".join(block(random.Random(seed), rows=2)[:-1]) for seed in (1, 2)
    )  # no footers
    assert found(f"{first}\n{second}") == [first, second]


def test_without_the_engine_a_key_is_found_whole_too() -> None:
    shown = FORMS["quoted"](block(random.Random(4)))
    detected = SecretsDetector().detect(f"{shown}\nThanks")
    assert [(d.rule, d.start, d.end) for d in detected] == [("private-key", 2, len(shown))]


_LINES = "\n".join(block(random.Random(5), rows=2))
_BITS = st.one_of(
    st.sampled_from(["LS0tLS1CRUdJTiB", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"]),
    st.sampled_from(
        ["\n", "\\n", "\n> ", '",\n "', "<br>", "<span class='a", "</p><p>", " + ", "// ", "# 12 "]
    ),
    st.sampled_from(
        ["Proc-Type: 4,ENCRYPTED", "\nVersion: a b", "Comment: it's -", "line_1: ", "x = "]
    ),
    st.sampled_from(
        ["-----END PRIVATE KEY-----", "-----END", HEADER, "---", "=aB3x", "Thanks", "is"]
    ),
    st.sampled_from(["aB3x", "a" * 40, "A" * 20, "1" * 20, "7", _LINES[40:80], _LINES, "\n" * 300]),
    st.text(alphabet="aB1+/= \n<>\"'\\-:.", max_size=9),
)


@given(st.lists(_BITS, max_size=9), st.data())
@settings(max_examples=400, deadline=None)
def test_what_is_settled_does_not_change_whatever_follows(
    bits: list[str], data: st.DataObject
) -> None:
    text = "".join(bits)
    last = read(text, 0)
    for size in data.draw(st.lists(st.integers(0, len(text)), max_size=20)):
        part = read(text[:size], 0)
        assert part.end <= size
        assert part.open or part.end == last.end, size


@given(st.lists(_BITS, max_size=5), st.integers(7000, 8100))
@settings(max_examples=50, deadline=None)
def test_a_tail_ends_at_its_longest(bits: list[str], fill: int) -> None:
    text = ("\n" + "aB3x" * 16) * (fill // 65) + "".join(bits) + _LINES
    for size in (len(text), len(text) - 1, 8000, 8001):
        part = read(text[:size], 0)
        assert part.end <= tails.longest("key-body")
        assert part.open or part.end == read(text, 0).end


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("-----BEGIN (?:A ){0,3}KEY", "-----BEGIN "),
        ("abc?d", "ab"),
        ("ab{2}c", "a"),
        (r"a\d", "a"),
        ("a|b", ""),
        ("(?i)abc", ""),
        (r"\bab", ""),
    ],
)
def test_what_every_match_begins_with(pattern: str, start: str) -> None:
    assert literal(parse(pattern)) == start


@given(st.lists(_BITS | st.just("The KEY: "), max_size=9), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_a_stream_under_a_rule_of_ones_own_finds_what_the_whole_does(
    bits: list[str], size: int
) -> None:
    text = "".join(bits)
    stream = StreamRedactor(own_engine())
    out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size))
    whole = redact_whole(own_engine(), text)
    assert out + stream.close() == whole.text
    assert stream.detections == whole.detections


@lru_cache
def own_engine() -> RuleEngine:
    """An expression that begins with nothing certain, a keyword, a check and a tail."""
    rules = (
        Rule(id="a", label="a", regex="(?i)key:", keywords=("the",), window=9, tail="key-body"),
        Rule(id="b", label="b", regex="(?:is|aB3x|-----END)", tail="key-body", not_before="[ 1-9]"),
        Rule(id="c", label="c", regex="[A-Za-z0-9]{4,12}", confirm="with-digit", tail="key-body"),
    )
    return RuleEngine([RulePack(schema="rules/v1", pack="own", rules=rules)])


UNITS = {
    "headers": HEADER + "\n",
    "headers without a break": HEADER,
    "bodies without footers": "\n".join(block(random.Random(6), rows=3)[:-1]) + "\n",
    "bodies": "\n".join(block(random.Random(6), rows=3)) + "\n",
    "header lines": HEADER + "\n" + "Note: this is a note\n" * 8,
    "gaps": HEADER + "\n> " * 80,
    "tags begun": HEADER + "<span " * 20,
    "words": HEADER + "\nThanks" * 9,
    "odd words": HEADER + "\naB3x" * 9,
}
GROWING = {
    **{
        name: (lambda size, unit=unit: (unit * (size // len(unit) + 1))[:size])
        for name, unit in UNITS.items()
    },
    **{
        name: (lambda size, unit=unit: (HEADER + unit * (size // len(unit)))[:size])
        for name, unit in {
            "digits": "1",
            "letters": "x",
            "breaks": "\n",
            "crumbs": "\naB3x",
            "lines": "\n" + "aB3x" * 16,
            "quoted breaks": "\n> ",
            "backslashes": "\\",
            "escaped breaks": "\\n",
            "tags": "<b>",
            "angles": "<",
            "numbers": "\n12 ",
            "header lines": "\nA: b",
        }.items()
    },
}


@pytest.mark.parametrize("name", GROWING)
def test_time_grows_with_the_length_alone(name: str) -> None:
    make = GROWING[name]
    assert growth(engine().scan, make, 4000) <= MOST
    assert growth(engine().safe_cut, make, 4000) <= MOST


BASE64_HEADER = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"


def test_keys_in_base64_each_end_where_the_next_begins() -> None:
    body = "aB3x" * 20
    keys = [BASE64_HEADER + body, BASE64_HEADER + body + "=="]
    assert found(" ".join(keys)) == keys
    for gap in "/+":  # one run of base64
        assert found(gap.join(keys)) == [gap.join(keys)]


@pytest.mark.parametrize("gap", ["\n", "/", " "])
def test_rows_of_keys_in_base64_are_read_once(gap: str) -> None:
    unit = BASE64_HEADER + gap
    first = FIRST["check"] // len(unit)  # some caps long: a shorter text is read otherwise
    assert growth(lambda text: redact_whole(engine(), text), lambda n: unit * n, first) <= MOST


def test_a_header_costs_no_more_than_reading_its_body() -> None:
    """The body without a header is read by the same engine; the header must not change its kind."""
    lines = block(random.Random(8))
    bare, key = "\n".join(lines[1:-1]), "\n".join(lines)
    engine().scan(key)
    assert cost(engine().scan, key, 9) <= 10 * cost(engine().scan, bare, 9)
