"""Short cuts for dense text find what searching all of it finds."""

from __future__ import annotations

import binascii
import math
import random
import re

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.detectors import Rule, load_packs
from railwright.detectors._checksums import is_varied, luhn, luhn_of, values_in
from railwright.detectors._emphasis import Beside, without_emphasis
from railwright.detectors._encoded import BASE64_RUN, HEX_RUN, stretches
from railwright.detectors._finder import Finder
from railwright.detectors._keywords import Keywords
from railwright.detectors._linear import Reading, compiled, every_of, search_of
from railwright.detectors._numbers import numbers_of
from railwright.detectors._regex import begins_apart, parse, stands_apart
from railwright.detectors._rules import examples_of, fold_pattern
from railwright.detectors._secrets import entropy
from railwright.detectors._triggers import keywords_of
from railwright.detectors._views import base64_bytes, hex_bytes

RULES = [rule for pack in load_packs() for rule in pack.rules]
PARTS = [
    "12345678",
    "123456789",
    "4405140135",
    "44051401359",
    "0612345678",
    "_",
    "__",
    "___",
    "a",
    "b",
    "(",
    ")",
    "-",
    ".",
    ",",
    "é",
    "中",
    "card",
    "x1",
]


def texts(count: int, size: int = 12) -> list[str]:
    draw = random.Random(9)
    return [
        draw.choice(("", " ", " ")).join(draw.choices([*PARTS, " "], k=draw.randint(1, size)))
        for _ in range(count)
    ]


def test_words_of_digits_are_what_the_engine_matches() -> None:
    rules = [rule for rule in RULES if numbers_of(rule.parsed) is not None]
    assert {"pl-pesel", "ro-cnp", "phone-zero-compact", "kr-rrn-named"} <= {r.id for r in rules}
    assert "card" not in {r.id for r in rules}
    held = 0
    for rule in rules:
        numbers = numbers_of(rule.parsed)
        assert numbers is not None
        every = every_of(compiled(re2, fold_pattern(rule.regex), never_capture=True))
        for text in texts(60):
            reading = Reading(text, text.encode())
            size = len(reading.data)
            for start, ranges in ((0, None), (3, None), (0, [(2, 9), (10, 40)])):
                parts = ranges or [(0, size)]
                expected = [
                    spans[0]
                    for low, high in parts
                    for spans in every(reading.data, max(start, low), min(size, high), 0)
                ]
                assert [spans[0] for spans in numbers(reading, start, ranges)] == expected
                held += len(expected)
    assert held > 100


@pytest.mark.parametrize(
    ("pattern", "apart"),
    [
        (r"\b\d{11}\b", True),
        (r"(?:\b[A-Z]\d{8}|\bx\d{3})", True),
        (r"\d{11}\b", False),  # begins anywhere
        (r"\b\d{3}[ -]\d{3}\b", False),  # a boundary within
        (r"\b[^ ]{3}\b", False),  # letters of other scripts are none to the engine
    ],
)
def test_what_stands_apart_holds_no_beginning(pattern: str, apart: bool) -> None:
    assert stands_apart(parse(pattern)) is apart


@pytest.mark.parametrize(
    ("pattern", "apart"),
    [
        (r"\b\d{3}[ -]\d{3}", True),
        (r"(?:(?:\b\d{1,2} ?)?\(\d{2}\)|\b\d{2})\d", True),
        (r"[(+]\d{3}", True),
        (r"(?i)(?:\b[a-z]{1,3})?=\w", True),
        (r"(?:\b[a-z]{1,3})?\d", False),  # the group may be missing
        (r"\d{3}\b", False),
        (r"[^ ]x", False),
    ],
)
def test_what_begins_apart_begins_within_no_word(pattern: str, apart: bool) -> None:
    assert begins_apart(parse(pattern)) is apart


def test_a_second_look_begins_at_the_words_alone_and_misses_nothing() -> None:
    draw, looked = random.Random(8), 0
    finders = [Finder(re2, rule) for rule in RULES if rule.max_length <= 64]
    apart = [finder for finder in finders if finder._apart and finder._looks > 1]
    assert {"card", "phone-named", "us-ssn"} <= {finder.rule.id for finder in apart}
    words = ["12", "1234", "030", "4111111111111111", "212", "+49", "(0", "a"]
    for _ in range(40):
        text = "".join(part for w in draw.choices(words, k=12) for part in (w, draw.choice(" -/.")))
        reading = Reading(text, text.encode())
        for finder in apart:
            spans = [found[0] for found in finder._every(reading.data, 0, len(reading.data), 0)]
            quick = finder._within(reading.data, spans)
            finder._apart = False
            assert finder._within(reading.data, spans) == quick
            finder._apart = True
            looked += len(quick)
    assert looked > 20


def luhn_by_hand(digits: str) -> bool:
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 * (d > 9) for d in doubled)) % 10 == 0


def test_luhn_on_values_is_luhn_on_text() -> None:
    draw = random.Random(3)
    told = set()
    for _ in range(2000):
        digits = "".join(draw.choices("0123456789", k=draw.randint(1, 20)))
        told.add(luhn(digits))
        assert (
            luhn_of(values_in(f"{digits[:3]}- {digits[3:]}"))
            is luhn(digits)
            is luhn_by_hand(digits)
        )
        assert (
            is_varied(values_in(digits)) is is_varied(digits) is (digits != digits[0] * len(digits))
        )
    assert told == {True, False}


def test_entropy_is_that_of_the_frequencies() -> None:
    draw = random.Random(3)
    assert entropy("") == 0.0
    assert entropy("aaaa") == 0.0
    assert entropy("abcd") == 2.0
    for _ in range(200):
        text = "".join(draw.choices("abcXYZ0123é中", k=draw.randint(1, 60)))
        shares = [text.count(char) / len(text) for char in set(text)]
        assert entropy(text) == pytest.approx(-sum(p * math.log2(p) for p in shares))


def test_beside_underscores_the_same_is_found_as_in_all_of_the_text() -> None:
    draw = random.Random(4)
    chosen = draw.sample([rule for rule in RULES if rule.pack == "pii"], 40)
    finders = [Finder(re2, rule) for rule in chosen]
    ranges, found = 0, 0
    values = [e.text for rule in chosen for e in examples_of(rule) if e.span is not None]
    dense = [draw.choice("_ ").join(draw.choices([*values, *PARTS], k=8)) for _ in range(150)]
    for text in dense:
        bare = without_emphasis(text)
        reading = Reading(bare, bare.encode())
        beside = Beside(text.encode(), reading.data)
        for finder in finders:
            parts = beside.ranges(finder.barriers, finder.shortest)
            ranges += len(parts)
            near = [
                [
                    hit
                    for hit in hits
                    if "_" in (text[hit[1] - 1 : hit[1]], text[hit[2] : hit[2] + 1])
                ]
                for hits in (finder.find(reading, 0), finder.find(reading, 0, parts))
            ]
            assert near[0] == near[1], (text, finder.rule.id)
            found += len(near[0])
    assert ranges > 100
    assert found > 10


def near_by_hand(rule: Rule, text: str, at: int, end: int) -> bool | None:
    search = search_of(compiled(re2, keywords_of(rule), never_capture=True))
    data, begin = text.encode(), len(text[:at].encode())
    low, last = len(text[: max(0, at - rule.window)].encode()), len(text[:end].encode())
    if search(data, low, last) is None:
        return None
    return search(data, low, begin) is not None


def test_keywords_are_told_alike_in_order_and_out_of_it() -> None:
    rule = next(rule for rule in RULES if rule.id == "card-named")
    keywords, draw = Keywords(re2, rule), random.Random(2)
    told = []
    for text in texts(60, 60):
        beside = keywords.named(Reading(text, text.encode()), 0).before
        for _ in range(20):
            at = draw.randrange(len(text) + 1)
            end = draw.randint(at, min(len(text), at + 20))
            span = len(text[:at].encode()), len(text[:end].encode())
            told.append(beside(span, at))
            assert told[-1] is near_by_hand(rule, text, at, end), (text, at, end)
    assert {True, False, None} == set(told)


_READABLE = re.compile(
    rb"(?:[\t\n\r\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe1-\xec][\x80-\xbf]{2}){6,}"
)


def test_runs_decoded_together_read_as_each_alone() -> None:
    draw, read = random.Random(6), 0
    symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for _ in range(400):
        parts = []
        for _ in range(draw.randint(1, 8)):
            noise = "".join(draw.choices(symbols, k=draw.randint(10, 40)))
            hidden = binascii.b2a_base64(draw.randbytes(3) + b"hidden text", newline=False).decode()
            parts.append(draw.choice((noise, noise, "x" * draw.randint(0, 3) + hidden)))
        text = " ".join(parts)
        alone = [
            stretch.decode()
            for run in BASE64_RUN.find(text)
            if re.search(r"[0-9]|[a-z][A-Z]", run.group())
            for stretch in _READABLE.findall(b"\0".join(base64_bytes(run.group())))
        ]
        assert [found.text for found in stretches(text, 0, ("base64",))] == alone
        read += len(alone)
    assert read > 200


_ASCII = re.compile(r"[\t\n\r\x20-\x7e]{6}")


# Base64 of three bytes of ASCII that has as many digits as it can have.
_THREE = st.tuples(
    st.sampled_from("IJKLMNOPQRSTUVWXYZabcde"), *map(st.sampled_from, ("0123", "15", "04589"))
).map("".join)


@given(
    st.text("0123456789", max_size=7),
    st.lists(_THREE, min_size=2, max_size=4).map("".join),
    st.text("0123456789AIfgwxDE", min_size=8, max_size=30),
)
@settings(max_examples=400, deadline=None)
def test_numbers_passed_over_as_base64_hide_no_six_ascii_characters(
    before: str, letters: str, after: str
) -> None:
    """Runs of digits with a few letters are not decoded: no byte of ASCII begins with a digit."""
    run = before + letters + after
    found = [stretch.text for stretch in stretches(f"id {run}.", 0, ("base64",))]
    every = [
        stretch.decode()
        for reading in base64_bytes(run)
        for stretch in _READABLE.findall(reading)
        if _ASCII.search(stretch.decode())
    ]
    assert every
    assert set(every) <= set(found)


_BYTES = st.one_of(st.sampled_from(["hidden text", "ключ", "漢字", "\t\n", "a"]), st.text())


@given(
    st.lists(
        st.tuples(
            st.one_of(_BYTES.map(str.encode), st.binary(max_size=20)),
            st.sampled_from(["%02x", "%02X ", "0x%02x,", "\\x%02x", "%02x:"]),
            st.sampled_from(["", " ", ". ", "4", " é "]),
        ),
        max_size=8,
    )
)
@settings(max_examples=400, deadline=None)
def test_hex_runs_read_as_if_each_were_decoded(parts: list[tuple[bytes, str, str]]) -> None:
    text = "".join("".join(form % byte for byte in data) + after for data, form, after in parts)
    every = [
        stretch.decode()
        for run in HEX_RUN.find(text)
        for stretch in _READABLE.findall(hex_bytes(run.group()))
    ]
    assert [found.text for found in stretches(text, 0, ("hex",))] == every
