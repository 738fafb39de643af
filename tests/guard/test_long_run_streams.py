"""Streams of encoded runs longer than a piece: the same as the whole, and little is held back."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Callable
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from railwright.detectors import RuleEngine, load_packs
from railwright.detectors._encoded import LONGEST_PIECE, MAX_RUN
from railwright.guard import Guard, StreamRedactor, parse_policy, redact_whole

pytest.importorskip("re2", reason="the rule engine needs google-re2")

MAIL = "anna.berg@mail.example.co.uk"
VALUES = [
    MAIL,
    "4111 1111 1111 1111",
    "ghp_" + "a1B2" * 9,
    "a%40b.example.org",
    "https://u:pAss12@h/",
]
FILL = [" ", "the order of boots ", "a1 b2 ", "é中", "\0\x01", "x" * 90, "word " * 60]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


WAYS: dict[str, Callable[[bytes], str]] = {
    "base64": b64,
    "base64 twice": lambda data: b64(b64(data).encode()),
    "hex in base64": lambda data: b64(data.hex().encode()),
    "percent in base64": lambda data: b64("".join(f"%{byte:02x}" for byte in data).encode()),
    "base64 in percent": lambda data: "".join(f"%{ord(char):02X}" for char in b64(data)),
    "base64 quoted": lambda data: urllib.parse.quote(b64(data), safe=""),
    "base64 unseen": lambda data: "\u200b".join(b64(data)),
    "base64 wide": lambda data: b64(data).translate({ord(c): ord(c) + 0xFEE0 for c in "abcDEF12"}),
    "base64 in hex": lambda data: b64(data).encode().hex(),
    "hex": bytes.hex,
    "hex apart": lambda data: data.hex(" "),
    "hex marked": lambda data: ",".join(f"0x{byte:02x}" for byte in data),
    "hex of entities": lambda data: "".join(f"&#{ord(char)};" for char in data.hex()),
    "backslashes": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
}
PARTS = st.lists(st.sampled_from(VALUES) | st.sampled_from(FILL), min_size=1, max_size=12)
BEFORE = st.sampled_from(["", "x: ", "zz", "0", "%4", "\\", "Zürich ", " ab cd 1"])
AFTER = st.sampled_from(["", " ", "z", "=", "==a", "0", "%", "- "])
RUNS = st.tuples(BEFORE, st.sampled_from([*WAYS]), PARTS, st.integers(1, 8), AFTER)
SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=9)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@lru_cache
def engine() -> RuleEngine:
    return RuleEngine(load_packs(["pii", "secrets"]))


def streamed(text: str, sizes: list[int]) -> tuple[str, StreamRedactor, int]:
    stream = StreamRedactor(engine())
    out, most, at, index = [], 0, 0, 0
    while at < len(text):
        size = sizes[index % len(sizes)]
        out.append(stream.feed(text[at : at + size]))
        most = max(most, stream.held)
        at, index = at + size, index + 1
    return "".join([*out, stream.close()]), stream, most


@settings(QUICK, max_examples=25)
@given(st.lists(RUNS, min_size=1, max_size=2), SIZES)
def test_any_pieces_give_the_text_and_findings_of_the_whole(
    runs: list[tuple[str, str, list[str], int, str]], sizes: list[int]
) -> None:
    text = ""
    for before, way, parts, times, after in runs:
        raw = ("".join(parts) * times + " " * 200 * times).encode()[: 400 * times]
        text += before + WAYS[way](raw) + after
    whole = redact_whole(engine(), text)
    out, stream, _ = streamed(text, sizes)
    assert out == whole.text
    assert stream.detections == whole.detections


@pytest.mark.parametrize("size", [13, 996])
@pytest.mark.parametrize("way", WAYS)
def test_a_value_across_an_edge_is_found_in_streams(way: str, size: int) -> None:
    words = b"the order of boots was sent and " * 40
    for at in (488, 735):  # in the decoded text the edges are at 498 and 747
        text = f"see: {WAYS[way](words[:at] + b' ' + MAIL.encode() + b' ' + words[:800])} end"
        whole = redact_whole(engine(), text)
        out, stream, _ = streamed(text, [size])
        assert stream.detections == whole.detections
        assert any(found.label == "email" for found in whole.detections)
        assert out == whole.text


@pytest.mark.parametrize(
    ("way", "most"),
    [("base64", 2 * MAX_RUN), ("hex", 2 * MAX_RUN), ("hex marked", 2 * LONGEST_PIECE)],
)
def test_of_a_run_without_an_end_little_is_held_back(way: str, most: int) -> None:
    """Two pieces, and what a look leaves out: an eighth of what is held."""
    mails = f"the order of {MAIL} and ".encode()
    for raw in (b"the order of boots and " * 400, mails * 150):
        text = f"see: {WAYS[way](raw)}"
        assert streamed(text, [10])[2] <= most * 9 // 8 + 10


def test_a_run_whose_edges_never_meet_is_cut_alike() -> None:
    """The hex run begins one character after the base64 run: no place suits both."""
    raw = f"the order of {MAIL} and so it went on and on ".encode() * 250
    text = "z" + raw.hex()
    whole = redact_whole(engine(), text)
    assert len(whole.detections) > 10
    for size in (100, 3000):
        assert streamed(text, [size])[0] == whole.text


def test_a_guard_checks_and_streams_the_same() -> None:
    policy = """
schema: guard/v1
id: test
rules:
  - {id: pii, detector: pii, stage: output, action: redact}
  - {id: keys, detector: secrets, stage: output, action: redact}
"""
    guard = Guard(parse_policy(policy), tier=1)
    words = b"the order of boots was sent and " * 100
    text = "see: " + b64(words[:735] + MAIL.encode() + b" " + words) + " end"
    verdict = guard.check("output", text)
    assert "[EMAIL][EMAIL]" in verdict.text
    stream = guard.stream("output")
    cut = [text[at : at + 50] for at in range(0, len(text), 50)]
    assert "".join([*map(stream.feed, cut), stream.close()]) == verdict.text
