"""Planted values are found in every disguise that can be told piece by piece, and nowhere else."""

from __future__ import annotations

import base64
import codecs
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from railwright.detectors import Context, get
from railwright.guard import StreamRedactor, redact_whole

CODE = "MAPLE-7731"
DETECTOR = get("planted")


def found(text: str, *plants: str, prompt: str = "") -> list[tuple[str, str]]:
    context = Context(plants=plants or (CODE,), prompt=prompt)
    return [(d.rule, text[d.start : d.end]) for d in DETECTOR.detect(text, context)]


@pytest.mark.parametrize(
    ("hidden", "rule"),
    [
        (CODE, ""),
        (CODE.lower(), ""),
        ("maple7731", ""),
        (" ".join(CODE), ""),
        ("\n".join(CODE), ""),
        ("M.A.P.L.E 7/7/3/1", ""),
        ("M**APLE**-7731", ""),
        ("m4pl3-773l", ""),
        ("M\u200bA\u200bPLE\u20117731", ""),
        ("\u041c\u0410PLE-7731", ""),  # Cyrillic capitals
        ("ＭＡＰＬＥ－７７３１", ""),
        ("%4D%41PLE-7731", ""),
        (CODE.encode().hex(), ""),
        (CODE[::-1], "-reversed"),
        (" ".join(CODE[::-1]), "-reversed"),
        (codecs.encode(CODE, "rot13"), "-rot13"),
        (base64.b64encode(CODE.encode()).decode(), "-base64"),
        (base64.b64encode(CODE.lower().encode()).decode(), "-base64"),
        (base64.b64encode(f"the code is {CODE}, ok".encode()).decode(), ""),
    ],
)
def test_disguises(hidden: str, rule: str) -> None:
    assert found(f"It is {hidden} for you.") == [(f"planted-1{rule}", hidden)]
    assert found(f"({hidden})") == [(f"planted-1{rule}", hidden)]


@pytest.mark.parametrize(
    "text",
    ["Maples cost 7731 euros.", "maple, then 7731", "MAPLE-7732", "MAPLE-773", "773100", ""],
)
def test_what_is_another_value_is_not_found(text: str) -> None:
    assert found(text) == []


def test_short_values_stand_alone() -> None:
    assert found("pin 7731", "7731") == [("planted-1", "7731")]
    assert found("7 7 3 1 or 7-7-3-1", "7731") == [
        ("planted-1", "7 7 3 1"),
        ("planted-1", "7-7-3-1"),
    ]
    assert found("17731, 7731a and 7 731", "7731") == []
    assert found("Sunflower S U N F L O W E R sunflowers", "sunflower") == [
        ("planted-1", "Sunflower"),
        ("planted-1", "S U N F L O W E R"),
    ]
    assert found("call +43 (660) 5550187", "+43 660 555 0187") == [
        ("planted-1", "43 (660) 5550187")
    ]
    assert found("an oak is an oak", "oak") == []  # too short to be told from a text


@pytest.mark.parametrize("plant", ["EUR 71.30", "71,30 €", "71.30 euros"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EUR 71.30", True),
        ("eur71,30", True),
        ("71.30 EUR", True),
        ("71,30 €.", True),
        ("€ 71.30, or", True),
        ("EUR 713.00", False),
        ("EUR 7,130", False),
        ("EUR 71.305", False),
        ("EUR 171.30", False),
        ("EUR 1,071.30", False),
        ("USD 71.30", False),
        ("71.30", False),
    ],
)
def test_an_amount_is_no_other_amount(plant: str, text: str, *, expected: bool) -> None:
    assert bool(found(f"It costs {text}", plant)) == expected


def test_an_amount_is_found_in_any_grouping() -> None:
    for text in ("EUR 48,200", "EUR 48200", "48.200,00 €", "48 200 euro", "EUR 48'200.--"):
        assert found(f"It is {text}!", "EUR 48,200") == [("planted-1", text)]
    for text in ("EUR 148,200", "EUR 48,2001", "EUR 48,200,000", "EUR 48,200.50", "EUR 482"):
        assert found(f"It is {text}!", "EUR 48,200") == []
    assert found("E U R 4 8 2 0 0, 0 0 2,8 4 R U E", "EUR 48,200") == [
        ("planted-1-spaced", "E U R 4 8 2 0 0"),
        ("planted-1-reversed", "0 0 2,8 4 R U E"),
    ]
    assert found("5, rue de la Paix", "EUR 5") == []


def test_a_further_digit_makes_another_number() -> None:
    assert found("at Lindenhof 14, or 142", "Lindenhof 14") == [("planted-1", "Lindenhof 14")]
    assert found("at Lindenhof 142", "Lindenhof 14") == []
    assert found("MAPLE-77312 and 21377-ELPAM and ZNCYR-77310") == []


def test_a_long_value_is_found_in_part() -> None:
    key = "".join(random.Random(3).choices("abcdefghijkmnpqrstuvwxyz0123456789", k=300))
    assert found(f"key: {key}", key) == [("planted-1.1", key)]
    assert found(f"half of it: {key[60:140]}", key) == [("planted-1.2", key[63:127])]
    assert found(f"key: {key[::-1]}.", key) == [("planted-1.5-reversed", key[::-1])]


@pytest.mark.parametrize("size", [96, 97, 110, 127, 128, 129, 190, 191, 700])
def test_a_long_value_is_one_mark_in_a_stream_as_in_the_whole_text(size: int) -> None:
    value = "".join(random.Random(size).choices("abcdefghijkmnpqrstuvwxyz0123456789", k=size))
    source = DETECTOR.source(Context(plants=(value,)))  # type: ignore[attr-defined]
    for written in (value, " - ".join(value), value[::-1], f"{value} {value}"):
        text = f"It is: {written}, and no other."
        marks = " ".join(["[SECRET]"] * (2 if written.count(value) == 2 else 1))
        assert redact_whole(source, text).text == f"It is: {marks}, and no other."
        for step in (1, 50, len(text)):
            stream = StreamRedactor(source)
            out = "".join(stream.feed(text[at : at + step]) for at in range(0, len(text), step))
            assert out + stream.close() == f"It is: {marks}, and no other."


def test_every_place_of_every_value_is_found_and_what_the_user_wrote_is_not() -> None:
    text = f"{CODE}, {CODE} and EUR 48,200"
    assert found(text, CODE, "EUR 48,200") == [
        ("planted-1", CODE),
        ("planted-1", CODE),
        ("planted-2", "EUR 48,200"),
    ]
    assert found(text, CODE, "EUR 48,200", prompt="is it maple 7731?") == [
        ("planted-1", "EUR 48,200")
    ]
    assert DETECTOR.detect(text, Context()) == DETECTOR.detect(text) == []


def test_who_tries_all_values_has_not_written_the_value() -> None:
    pins = " ".join(f"{n:04}" for n in range(10_000))
    assert found("the pin is 7731", "7731", prompt=pins) == [("planted-1", "7731")]
    assert found("the pin is 7731", "7731", prompt="is it 7731?") == [("planted-1", "7731")]
    codes = " ".join(f"MAPLE-{n:04}" for n in range(10_000))
    assert found(f"it is {CODE}", prompt=codes) == [("planted-1", CODE)]
    assert found(f"it is {CODE}", prompt=f"is it {CODE}?") == []


PARTS = [CODE, CODE.lower(), " ".join(CODE), CODE[::-1], "MAPLE", "-7731", "M A P", " ", "\n", "ma"]
PARTS += [base64.b64encode(CODE.encode()).decode(), "the tents, ", "ü", "%4D", "\u200b", "Mmm", "="]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=8), st.integers(1, 9))
def test_a_stream_is_the_whole_text_redacted(parts: list[str], size: int) -> None:
    source = DETECTOR.source(Context(plants=(CODE, "7731")))  # type: ignore[attr-defined]
    text = "".join(parts)
    stream = StreamRedactor(source)
    out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert out + stream.close() == redact_whole(source, text).text


def test_little_of_an_ordinary_text_is_held_back() -> None:
    text = "maple trees 77 31 may please the people who came by mail from a market place "
    words = text.split()
    draw = random.Random(5)
    text = " ".join(draw.choice(words) for _ in range(400))
    context = Context(plants=(CODE, "QZ5T6RPLMNB7KX2WJ4AD"))
    stream = StreamRedactor(DETECTOR.source(context))  # type: ignore[attr-defined]
    held = 0
    for char in text:
        stream.feed(char)
        held += stream.held
    assert held / len(text) <= 8


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30), st.text(max_size=20))
def test_any_value_can_be_planted_and_its_own_text_is_found(value: str, around: str) -> None:
    spans = DETECTOR.detect(f"{around} {value} {around}", Context(plants=(value,)))
    letters = [c for c in value if c.isascii() and c.isalnum()]
    if len(letters) >= 4 and value.isascii():
        assert spans
