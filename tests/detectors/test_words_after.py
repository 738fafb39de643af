"""Numbers whose name stands after them, and numbers beside each other, whole and in streams."""

from __future__ import annotations

import pytest

from railwright.detectors import Detection, Detector, RuleEngine, get, load_packs
from railwright.guard import StreamRedactor, redact_whole

pytest.importorskip("re2", reason="needs the extra 'guard'")


@pytest.fixture(scope="module")
def pii() -> Detector:
    return get("pii")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Telefon: 030 1234567 541.714.1388", ["030 1234567", "541.714.1388"]),
        ("Tel 030 23125777 030 23125778", ["030 23125777", "030 23125778"]),
        ("030 1234567 (Telefon)", ["030 1234567"]),
        ("0151 2345678 [private mobile]", ["0151 2345678"]),
        ("0151 2345678 ist meine neue Handynummer", ["0151 2345678"]),
        ("5417141388 is my phone number", ["5417141388"]),
        ("123-45-6789 is my SSN", ["123-45-6789"]),
        ("123456789 is my SSN, 987 65 4321 too", ["123456789"]),
        ("123 45 6789 (social security number)", ["123 45 6789"]),
        # What only looks like it.
        ("we sold 1234567 phones", []),
        ("1,234,567 (mobile)", []),
        ("12.03.2024 (phone)", []),
        ("123456789 is my ticket", []),
        ("123456789 is the mobile app's build", []),
    ],
)
def test_a_number_is_found_by_the_word_after_it(
    pii: Detector, text: str, numbers: list[str]
) -> None:
    assert [text[d.start : d.end] for d in pii.detect(text)] == numbers


TEXT = (
    "1234567 boots, 123456789 is my ticket, 030 1234567 (Telefon) or 0151 2345678 ist meine neue "
    "Handynummer; 123456789 is my SSN, Telefon: 030 1234567 541.714.1388"
)


def replace(found: Detection, _text: str) -> str:
    return f"[{found.label}]"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19])
def test_a_stream_waits_for_the_word_and_redacts_as_the_whole_text(size: int) -> None:
    engine = RuleEngine(load_packs(["pii"]))
    whole = redact_whole([engine], TEXT, replace).text
    assert whole == (
        "1234567 boots, 123456789 is my ticket, [phone] (Telefon) or [phone] ist meine neue "
        "Handynummer; [national_id] is my SSN, Telefon: [phone] [phone]"
    )
    stream = StreamRedactor([engine], replace)
    out = [stream.feed(TEXT[at : at + size]) for at in range(0, len(TEXT), size)]
    assert "".join(out) + stream.close() == whole
