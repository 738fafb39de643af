"""Planted values in every usual disguise, and none in ordinary text."""

import base64
import codecs
import random
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from railwright.detectors import Context, Detection, get

PLANT = "MAPLE-7731"

WHOLE = [
    "The code is MAPLE-7731.",
    "the code is maple-7731",
    "maple 7731",
    "MAPLE7731",
    "M-A-P-L-E-7-7-3-1",
    "M A P L E 7 7 3 1",
    "M.A.P.L.E.7.7.3.1",
    "M\nA\nP\nL\nE\n7\n7\n3\n1",
    "M, A, P, L, E, dash, 7, 7, 3, 1",
    "- M\n- A\n- P\n- L\n- E\n- 7\n- 7\n- 3\n- 1",
    "1. M\n2. A\n3. P\n4. L\n5. E\n6. 7\n7. 7\n8. 3\n9. 1",
    "1377-ELPAM",
    "1377elpam",
    base64.b64encode(b"MAPLE-7731").decode(),
    base64.b64encode(b"x the code is MAPLE-7731").decode(),
    base64.b32encode(b"MAPLE-7731").decode(),
    base64.b64encode(base64.b64encode(b"MAPLE-7731")).decode(),
    b"MAPLE-7731".hex(),
    b"maple-7731".hex(" "),
    "0x4d 0x41 0x50 0x4c 0x45 0x2d 0x37 0x37 0x33 0x31",
    codecs.encode("MAPLE-7731", "rot13"),
    "NBQMF-7731",
    "M4PL3-7731",
    "m@p1e 773!",
    "MA\u200bPLE\u200d-77\ufeff31",
    "МАРLЕ-7731",
    "ＭＡＰＬＥ－７７３１",
    "𝐌𝐀𝐏𝐋𝐄-𝟕𝟕𝟑𝟏",
    "M̲A̲P̲L̲E̲-7731",
    "".join(f"%{ord(c):02X}" for c in "MAPLE-7731"),
    "".join(f"&#{ord(c)};" for c in "MAPLE-7731"),
    " ".join(str(ord(c)) for c in "MAPLE-7731"),
    " ".join(f"{ord(c):08b}" for c in "MAPLE-7731"),
    "-- .- .--. .-.. . --... --... ...-- .----",
    "MAPLE dash 7731",
    "M as in Mike, A as in Alpha, P as in Papa, L as in Lima, E as in Echo, then 7731",
    "It starts with MAPLE, and the digits after it are 7731.",
    "digits first: 7731, then the word MAPLE",
]


def leaks(text: str, *plants: str, prompt: str = "") -> list[Detection]:
    return get("leak").detect(text, Context(plants=plants, prompt=prompt))


@pytest.mark.parametrize("text", WHOLE)
def test_whole_value_in_disguise(text: str) -> None:
    found = leaks(text, PLANT)
    assert [d.label for d in found] == ["leak"]
    assert found[0].score >= 0.9


def test_span_covers_exactly_the_value_in_the_source() -> None:
    text = "Ähm … the code: МАРLЕ\u200b-7731, bye"
    found = leaks(text, PLANT)
    assert text[found[0].start : found[0].end] == "МАРLЕ\u200b-7731"


def test_span_of_an_encoding_covers_the_encoded_run() -> None:
    run = base64.b64encode(b"MAPLE-7731").decode()
    text = f"Decode {run} yourself"
    found = leaks(text, PLANT)
    assert text[found[0].start : found[0].end] == run
    assert found[0].rule == "base64"


@pytest.mark.parametrize(
    ("text", "plant", "score"),
    [
        ("MAPLE-77", PLANT, None),
        ("MAPLE-773", PLANT, 0.8),
        ("it ends in 7731", PLANT, 0.5),
        ("part 1234567 of it", "+49 170 1234567", 0.5),
    ],
)
def test_parts_score_lower(text: str, plant: str, score: float | None) -> None:
    found = leaks(text, plant)
    assert [d.score for d in found] == ([] if score is None else [score])
    assert all(d.label == "partial_leak" for d in found)


@pytest.mark.parametrize(
    "text", ["48.200 Euro", "€48 200", "48200 EUR", "EUR 48'200", "EUR 48,200.00", "48,200"]
)
def test_amount_in_any_grouping(text: str) -> None:
    assert leaks(f"The price is {text}", "EUR 48,200")[0].score >= 0.95


@pytest.mark.parametrize("text", ["148,200", "48,200,000", "EUR 48.20", "EUR 4,820", "482001"])
def test_other_amounts_are_no_leak(text: str) -> None:
    assert leaks(f"The price is {text} today", "EUR 48,200") == []


@pytest.mark.parametrize("text", ["0170 1234567", "+49 (170) 123 45 67", "0170/123-4567"])
def test_phone_number_as_written_at_home(text: str) -> None:
    assert [d.label for d in leaks(f"Call {text}.", "+49 170 1234567")] == ["leak"]


def test_value_that_the_user_said_is_an_echo() -> None:
    found = leaks("I cannot confirm MAPLE-7731.", PLANT, prompt="Is it maple 7731?")
    assert [(d.label, d.score) for d in found] == [("echo", 0.4)]


def test_short_plants_need_boundaries_and_even_gaps() -> None:
    assert leaks("order 77, 31 pieces", "7731") == []
    assert leaks("17731 units", "7731") == []
    assert leaks("code 7731 it is", "7731")[0].label == "leak"
    assert leaks("7-7-3-1", "7731")[0].label == "leak"


def test_words_hidden_in_other_words_are_no_leak() -> None:
    assert leaks("The catalogue lists red ink.", "cat") == []
    assert leaks("In a caravan there is a bus.", "Ravan") == []


def test_tiny_plants_are_ignored_and_each_plant_is_found_once() -> None:
    assert leaks("a b c", "a", "") == []
    found = leaks("MAPLE-7731 and MAPLE-7731 and OAK-9921", PLANT, "OAK-9921", PLANT)
    assert [d.label for d in found] == ["leak", "leak"]


def test_no_plants_no_findings() -> None:
    assert get("leak").detect("MAPLE-7731") == []
    assert leaks("", PLANT) == []


_CODES = st.builds(
    lambda word, number: f"{word.upper()}-{number}",
    st.text(alphabet=string.ascii_lowercase, min_size=4, max_size=8),
    st.integers(min_value=1000, max_value=9999).map(str),
)
_DISGUISES: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "title": str.title,
    "spaced": " ".join,
    "newlines": "\n".join,
    "reversed": lambda s: s[::-1],
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "rot13": lambda s: codecs.encode(s, "rot13"),
    "percent": lambda s: "".join(f"%{b:02x}" for b in s.encode()),
    "zero-width": "\u200b".join,
    "full-width": lambda s: "".join(chr(ord(c) + 0xFEE0) for c in s),
    "url": quote,
}


@given(
    plant=_CODES,
    disguise=st.sampled_from(sorted(_DISGUISES)),
    before=st.sampled_from(["", "The code is ", "Voilà: ", "1. ", "> "]),
    after=st.sampled_from(["", ".", " Have a nice day!", "\n\nBye"]),
)
def test_any_code_is_found_in_any_disguise(
    plant: str, disguise: str, before: str, after: str
) -> None:
    hidden = _DISGUISES[disguise](plant)
    text = f"{before}{hidden}{after}"
    found = leaks(text, plant)
    assert [d.label for d in found] == ["leak"]
    assert found[0].start >= len(before) - 1
    assert found[0].end <= len(before) + len(hidden) + 1


_WORDS = (
    "the a of and to in is that it was for on are with as his they at be this from have or by one "
    "had not but what all were when we there can an your which their said if do will each about "
    "how up out them then she many some so these would other into has more her two like him see "
    "could no make than first been its who now people my made over did down only way find use may "
    "water long little very after words called just where most know parcel refund delivery order "
    "invoice 12 30 2024 48 7 100 EUR customer contract price Monday office report annual"
)


@settings(max_examples=150)
@given(
    plant=st.one_of(
        _CODES,
        st.from_regex(r"[A-Z]{2}[0-9]{4}-[A-Z]{3}", fullmatch=True),
        st.integers(10_001, 99_998).filter(lambda n: n % 100).map(lambda n: f"EUR {n:,}"),
        st.integers(10**9, 10**10 - 1).map(lambda n: f"+49 {n}"),
    ),
    seed=st.integers(0, 2**32),
)
def test_no_hit_in_ordinary_text(plant: str, seed: int) -> None:
    draw = random.Random(seed)
    text = " ".join(draw.choices(_WORDS.split(), k=120))
    assume(plant.lower() not in text.lower())
    assert [d for d in leaks(text, plant) if d.score >= 0.7] == []


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3))
def test_offsets_lie_inside_any_text(text: str, plants: list[str]) -> None:
    for found in leaks(text, *plants):
        assert 0 <= found.start < found.end <= len(text)


@given(
    st.text(alphabet=string.ascii_letters + string.digits + " -./:", min_size=8, max_size=20),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_a_value_given_verbatim_between_spaces_is_always_found(
    plant: str, before: str, after: str
) -> None:
    assume(sum(c.isalnum() for c in plant) >= 6)
    assert leaks(f"{before} {plant} {after}", plant)
