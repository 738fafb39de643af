"""Whatever the pieces, a redacted stream is the redacted text."""

from __future__ import annotations

import base64
import random
import re
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from railwright.detectors import Detection, RuleEngine, RuleSource, load_packs
from railwright.guard import ByteStream, Redacted, StreamRedactor, redact_whole
from railwright.guard._settle import CAP, Settling, scan_whole

pytest.importorskip("re2", reason="the rule engine needs google-re2")

HEADER, FOOTER = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
LINE = "aB3x" * 16
MAIL = "anna.berg@mail.example.co.uk"
VALUES = [
    MAIL,
    MAIL.replace("@", "%40"),
    MAIL.replace("a", "\u0430"),
    "\u200b".join(MAIL),
    "4111 1111 1111 1111",
    "4111111111111112",
    "DE89 3704 0044 0532 0130 00",
    "123-45-6789",
    "ghp_" + "a1B2" * 9,
    "AKIA" + "ABCDEFGH23456777",
    "password: hunter2Hunter2",
    base64.b64encode(f"to {MAIL} now".encode()).decode(),
    MAIL.encode().hex(),
    "４１１１１１１１１１１１１１１１",
    "&#97;" + MAIL,
    "+49 30 901820",
    f"{HEADER}\n{LINE}\n{LINE}\naB3x==\n{FOOTER}",
    f"> {HEADER}\n> Proc-Type: 4,ENCRYPTED\n> \n> {LINE}\n> aB3x\n> {FOOTER}",
    f"{HEADER}\\n{LINE}\\n{LINE}",
    f"{HEADER}<br>\n{LINE}<br>\n{LINE[:20]}",
    f'"{HEADER}",\n  "{LINE}",\n  "{LINE}",\n  "{FOOTER}"',
]
NOISE = [
    "the order ",
    "Zürich ",
    "中文 ",
    "🙂",
    ".",
    ", ",
    "\n",
    "&",
    "%4",
    "\\u00",
    "-",
    "1 2 3 ",
    "a",
    "x" * 70,
    HEADER,
    FOOTER,
    "\n> ",
]
TEXTS = st.lists(st.sampled_from(VALUES) | st.sampled_from(NOISE) | st.text(max_size=6), max_size=8)
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=30)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@lru_cache
def engine() -> RuleEngine:
    return RuleEngine(load_packs())


def pieces(text: str | bytes, sizes: list[int]) -> list:  # type: ignore[type-arg]
    """Cut a text into pieces of these sizes, over and over."""
    out, at, index = [], 0, 0
    while at < len(text):
        out.append(text[at : at + sizes[index % len(sizes)]])
        at += sizes[index % len(sizes)]
        index += 1
    return out


def streamed(
    source: RuleSource | list[RuleSource], text: str, sizes: list[int], cap: int = CAP
) -> Redacted:
    stream = StreamRedactor(source, cap=cap)
    out = "".join([*map(stream.feed, pieces(text, sizes)), stream.close()])
    return Redacted(out, stream.detections)


@QUICK
@given(TEXTS, SIZES)
def test_any_pieces_give_the_text_and_findings_of_the_whole(
    parts: list[str], sizes: list[int]
) -> None:
    text = "".join(parts)
    whole = redact_whole(engine(), text)
    stream = streamed(engine(), text, sizes)
    assert stream.text == whole.text
    assert stream.detections == whole.detections


@settings(QUICK, max_examples=20)
@given(TEXTS)
def test_single_characters_give_the_text_of_the_whole(parts: list[str]) -> None:
    text = "".join(parts)
    assert streamed(engine(), text, [1]).text == redact_whole(engine(), text).text


@settings(QUICK, max_examples=40)
@given(TEXTS, SIZES, st.binary(max_size=4))
def test_any_pieces_of_bytes_give_the_text_of_the_whole(
    parts: list[str], sizes: list[int], broken: bytes
) -> None:
    data = "".join(parts).encode("utf-8", "replace") + broken
    front = ByteStream(StreamRedactor(engine()))
    out = b"".join([*map(front.feed, pieces(data, sizes)), front.close()])
    assert out.decode() == redact_whole(engine(), data.decode("utf-8", "replace")).text


@pytest.mark.parametrize("value", VALUES[:1] + VALUES[4:5] + VALUES[6:10])
def test_a_value_in_two_pieces_never_shows(value: str) -> None:
    for cut in range(1, len(value)):
        stream = StreamRedactor(engine())
        out = (
            stream.feed("Here: " + value[:cut])
            + stream.feed(value[cut:] + " there")
            + stream.close()
        )
        assert value not in out
        assert "[" in out
        assert out == redact_whole(engine(), f"Here: {value} there").text


ESCAPED = [
    "&#{}",
    "&#{};",
    "&#x{:x}",
    "&#x{:X};",
    "\\x{:02x}",
    "\\u{:04x}",
    "%{:02x}",
    "&amp;#{}",
    "%26%23{}",
]
BODY = "hYbGseq4rjc2U+bubUSytW2PTpkGUArHbBAqCoYqFLhuaIwWcnSimloktYje7mTDEEiPzWzu1msJT08Rjfm9KShT=="


@pytest.mark.parametrize("form", ESCAPED)
@pytest.mark.parametrize(
    "value",
    [
        *VALUES[:1],
        *VALUES[4:5],
        *VALUES[6:10],
        pytest.param(f"<Exponent>AQAB</Exponent><P>{BODY}</P>", id="key in XML"),
        pytest.param(f"{HEADER}\n{LINE}\n{LINE}\naB3x==\n{FOOTER}", id="key"),
    ],
)
def test_no_cut_lies_in_what_is_written_in_escapes(form: str, value: str) -> None:
    """Half an escape may read as another character: of ``&#117`` the first half is a tab."""
    text = "Here: " + "".join(form.format(ord(char)) for char in value) + " there"
    spans = [(found.start, found.end) for found in engine().scan(text)]
    assert spans
    for size in range(1, len(text)):
        cut = engine().safe_cut(text[:size])
        assert not [span for span in spans if span[0] < cut < span[1]], text[:size]


def test_ordinary_text_is_hardly_held_back() -> None:
    text = (
        "You can return unworn boots within thirty days; we refund the price, not the postage. " * 3
    )
    stream = StreamRedactor(RuleEngine(load_packs(["pii", "secrets"])))
    held = []
    for char in text:
        stream.feed(char)
        held.append(stream.held)
    assert sum(held) / len(held) <= 8


def test_a_header_that_is_mentioned_is_held_until_what_follows_is_prose() -> None:
    text = f"A file that begins with {HEADER} is a key, as people say; it is not one itself. " * 2
    stream = StreamRedactor(engine())
    held, out = [], ""
    for char in text:
        out += stream.feed(char)
        held.append(stream.held)
    assert max(held) <= len(HEADER) + 80
    assert out + stream.close() == text.replace(HEADER, "[SECRET]")


class Chained(RuleSource):
    """Candidates that overlap without end: any digit may begin one of four; even ones count."""

    lookbehind = 1
    max_length = 4

    def __init__(self) -> None:
        self.seen = 0

    def scan(self, text: str, start: int = 0) -> list[Detection]:
        self.seen += len(text) - start
        return [
            Detection(m.start(), m.end(), "even")
            for m in re.compile(r"\d{4}").finditer(text, start)
            if m.group()[-1] in "02468" and m.group()[0] in "12"
        ]

    def safe_cut(self, text: str, start: int = 0) -> int:
        self.seen += len(text) - start
        tail = re.search(r"\d*\Z", text)
        assert tail is not None
        return max(start, tail.start())


@settings(QUICK, max_examples=25)
@given(st.integers(0, 10**6), SIZES)
def test_an_endless_chain_is_cut_alike_in_streams_and_in_whole_texts(
    seed: int, sizes: list[int]
) -> None:
    source = random.Random(seed)
    digits = "".join(source.choices("0123456789", k=source.randint(6000, 6700)))
    text = f"n {digits} end"
    whole = redact_whole(Chained(), text, cap=2300)
    assert streamed(Chained(), text, [size * 9 for size in sizes], cap=2300).text == whole.text
    settling = Settling([Chained()], 2300, scanning=False)
    settling.feed(text)
    assert settling.forced
    assert scan_whole([Chained()], text, 2300) == [whole.detections]
    assert not any(
        a < cut < b for cut, _ in settling.forced for a, b, *_ in map(span, whole.detections)
    )


def span(found: Detection) -> tuple[int, int]:
    return found.start, found.end


def test_what_is_held_back_and_what_is_looked_at_stay_bounded() -> None:
    source = Chained()
    stream = StreamRedactor(source, cap=2300)
    most = 0
    for _ in range(20_000):
        stream.feed("1357913579"[_ % 10])
        most = max(most, stream.held)
    assert most <= 2300
    # Every character is looked at a bounded number of times, however small the pieces.
    assert source.seen < 40 * 20_000


def test_looking_costs_in_proportion_to_the_text() -> None:
    def looked(size: int) -> int:
        source = Chained()
        stream = StreamRedactor(source)
        for char in ("word 12 " * size)[: 8 * size]:
            stream.feed(char)
        stream.close()
        return source.seen

    assert looked(400) < 4.5 * looked(100)


def test_an_error_while_replacing_stops_the_stream() -> None:
    def refuse(found: Detection, matched: str) -> str:
        raise PermissionError(found.label)

    stream = StreamRedactor(RuleEngine(load_packs(["pii"])), refuse)
    assert stream.feed("Write to ") + stream.feed("us: ") == "Write to us: "
    with pytest.raises(PermissionError, match="email"):
        stream.feed(MAIL + " now")


def test_a_closed_stream_takes_no_more() -> None:
    stream = StreamRedactor(engine())
    assert stream.feed("a") + stream.close() == "a"
    assert stream.close() == ""
    with pytest.raises(ValueError, match="closed"):
        stream.feed("b")


def test_two_sources_settle_only_what_both_settle() -> None:
    text = f"n 1234 5678 {MAIL} 2222 end"
    both: list[RuleSource] = [engine(), Chained()]
    whole = redact_whole(both, text)
    assert whole.text == "n [EVEN] 5678 [EMAIL] [EVEN] end"
    for size in range(1, 20):
        assert streamed(both, text, [size]).text == whole.text
