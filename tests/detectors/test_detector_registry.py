"""Names, registration, text views, schema and what is said when an extra is missing."""

import json
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.detectors import (
    Context,
    Detection,
    Detector,
    MissingExtraError,
    UnknownDetectorError,
    fold,
    get,
    names,
    register,
    sentences,
    tokens_of,
)

BUILT_IN = {
    "code",
    "exfiltration",
    "injection",
    "pii",
    "abstention",
    "groundedness",
    "injection_marker",
    "json_schema",
    "leak",
    "personal_data",
    "refusal",
    "secrets",
    "similarity",
}


def test_every_built_in_detector_is_named_and_follows_the_protocol() -> None:
    assert set(names()) >= BUILT_IN
    for name in BUILT_IN - {"similarity"}:
        detector = get(name)
        assert isinstance(detector, Detector)
        assert detector.name == name
        assert detector.version
        assert get(name) is detector


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownDetectorError, match=r"no detector named 'refusals'; known: .*refusal"
    ):
        get("refusals")


def test_registered_detector_is_used() -> None:
    class Shout:
        name = "shout"
        version = "7"

        def detect(self, text: str, context: Context | None = None) -> list[Detection]:
            return [Detection(0, len(text), "shout")] if text.isupper() else []

        def detect_batch(
            self, texts: Sequence[str], contexts: object = None
        ) -> list[list[Detection]]:
            return [self.detect(text) for text in texts]

    register("shout", Shout)
    assert "shout" in names()
    assert [d.label for d in get("shout").detect("HEY")] == ["shout"]
    assert [len(found) for found in get("shout").detect_batch(["HEY", "hey"])] == [1, 0]


def test_batch_equals_the_loop_and_checks_lengths() -> None:
    texts = ["I cannot help with that.", "Fine.", ""]
    detector = get("refusal")
    assert detector.detect_batch(texts) == [detector.detect(t) for t in texts]
    with pytest.raises(ValueError, match="shorter"):
        detector.detect_batch(texts, [None])


def test_schema_violations_name_the_path() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    context = Context(reference=(json.dumps(schema),))
    detect = get("json_schema").detect
    assert detect('{"n": 3}', context) == []
    assert detect('```json\n{"n": 3}\n```', context) == []
    assert [d.label for d in detect("n is 3", context)] == ["not_json"]
    wrong = detect('{"n": "3"}', context)
    assert [d.label for d in wrong] == ["schema_violation"]
    assert "$['n']" in wrong[0].rule
    with pytest.raises(ValueError, match="needs the schema"):
        detect("{}")


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(MissingExtraError, match=r'pip install "railwright\[schema\]"'):
        get("json_schema").detect("{}", Context(reference=("{}",)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Falk e.g. said 3.5 kg.", ["Dr. Falk e.g. said 3.5 kg."]),
        ("1. First\n2. Second", ["1. First", "2. Second"]),
        ("No. I cannot.", ["No.", "I cannot."]),
        ("See fig. 3 and No. 5.", ["See fig. 3 and No. 5."]),
        ("これは文です。次です。", ["これは文です。", "次です。"]),
        ("  \n ", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == parts


@given(st.text(max_size=200))
def test_sentences_are_ordered_trimmed_and_lose_only_white_space(text: str) -> None:
    end = 0
    for start, stop in sentences(text):
        assert end <= start < stop
        assert text[start:stop] == text[start:stop].strip()
        assert not text[end:start].strip()
        end = stop
    assert not text[end:].strip()


@given(st.text(max_size=100))
def test_folding_keeps_a_place_for_every_character(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.offsets)
    assert list(folded.offsets) == sorted(folded.offsets)
    assert all(0 <= o < len(text) for o in folded.offsets)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EUR 48,200", "48.200 €"),
        ("48200 euros", "€48,200.00"),
        ("5 %", "five percent"),
        ("March 1, 2024", "1 March 2024"),
        ("1st March 2024", "2024-03-01"),
        ("The Blue-Whale!", "blue whale"),
        ("Café", "cafe"),
        ("9,90 EUR", "EUR 9.9"),
        ("1'000", "1000"),
    ],
)
def test_normal_form_is_the_same(one: str, other: str) -> None:
    assert tokens_of(one) == tokens_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("48.2", "48.200"), ("EUR 5", "USD 5"), ("1.2.3", "12.3"), ("30 days", "31 days")],
)
def test_normal_form_differs(one: str, other: str) -> None:
    assert tokens_of(one) != tokens_of(other)
