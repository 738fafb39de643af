"""What fuzzing found in the guard, one test each."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from railwright.detectors import RuleEngine, load_packs, normalise
from railwright.detectors._checksums import luhn
from railwright.guard import (
    Call,
    ChatGuard,
    ChatOptions,
    ChatStream,
    Guard,
    StreamRedactor,
    Structured,
    parse_policy,
    redact_whole,
)
from railwright.guard._lots import keyed_hash
from railwright.guard._repair import repair

pytest.importorskip("re2", reason="the rule engine needs google-re2")

TOKEN = "ghp_" + "a1B2c3D4" * 4 + "e5F6"
POLICY = """
schema: guard/v1
id: test
rules:
  - {id: keys, detector: secrets, stage: [input, output, tool_call], action: redact}
"""


@pytest.fixture(scope="module")
def engine() -> RuleEngine:
    return RuleEngine(load_packs())


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard(parse_policy(POLICY), tier=1)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"\\u{ord(c):04x}" for c in "mshta http:") + "//x",
        "".join(f"\\u{ord(c):04x}" for c in "4111 1111") + f"\\u0020 {TOKEN}",
        "".join(f"%{ord(c):02X}" for c in TOKEN),
        "".join(f"&#{ord(c)};" for c in TOKEN),
        "".join(f"%25{ord(c):02X}" for c in TOKEN),
    ],
)
def test_a_value_written_in_escapes_never_leaves_a_stream(engine: RuleEngine, text: str) -> None:
    whole = redact_whole(engine, text)
    assert whole.detections
    for size in (1, 2, 3, 5, 7):
        stream = StreamRedactor(engine)
        cut = [text[at : at + size] for at in range(0, len(text), size)]
        assert "".join([*map(stream.feed, cut), stream.close()]) == whole.text


def test_what_is_left_of_a_stream_may_be_invisible_alone(engine: RuleEngine) -> None:
    stream = StreamRedactor(engine)
    text = "keykey(%6C%69%40%65%746D%70%6C%65%2E%63%6F%2E%75%6B)eval%28%24_POST\u2066\u200d\xad"
    assert "".join([*map(stream.feed, text), stream.close()]) == redact_whole(engine, text).text


def test_a_decoded_run_that_holds_escapes_is_read_from_its_beginning(engine: RuleEngine) -> None:
    run = "cT0lMmUlMmUlMmYuLiUyZmV0Yw=="  # q=%2e%2e%2f..%2fetc
    for before in ("", "see ", "id for so that: ", "x" * 40 + " "):
        views = [view for view in normalise(before + run).views() if view.text == "q=../../etc"]
        assert [view.first for view in views] == [0]
        assert run not in redact_whole(engine, before + run).text


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111 123",
        "4111 1111 1111 1111 12/29 123",
        "12 4111 1111 1111 1111",
        "1234 4111 1111 1111 1111",
        "5 4111111111111111 7",
        "3782 822463 10005 1234",
    ],
)
def test_a_number_beside_a_card_does_not_hide_it(engine: RuleEngine, text: str) -> None:
    out = redact_whole(engine, text).text
    assert "[CARD]" in out
    assert "1111 1111" not in out
    assert "822463" not in out


def test_a_tenant_may_be_any_text() -> None:
    assert len(keyed_hash(b"k" * 16, "span:\ud800", "x")) == 32


ODD = [
    {"tool_calls": 5},
    {"tool_calls": {"function": {"arguments": f'{{"to": "{TOKEN}"}}'}}},
    {"tool_calls": [{"type": "custom", "custom": {"name": "f", "input": TOKEN}}]},
    {"tool_calls": [None, 7, {"function": "f"}]},
    {"content": {"text": TOKEN}},
    {"content": [{"type": "text", "text": {"value": TOKEN}}]},
    {"content": [5, TOKEN]},
]


@pytest.mark.parametrize("message", ODD)
def test_odd_messages_raise_nothing_and_show_no_credential(
    guard: Guard, message: dict[str, Any]
) -> None:
    async def served() -> list[Any]:
        chat = ChatGuard(guard, Call(), ChatOptions())
        await chat.request({"messages": [{"role": "user", **message}]})
        whole = await chat.reply({"choices": [{"message": dict(message)}, 5, TOKEN]})
        stream = ChatStream(ChatGuard(guard, Call(), ChatOptions()))
        chunk = {"choices": [{"index": 0, "delta": dict(message)}, TOKEN]}
        return [whole, *await stream.feed(chunk), *await stream.close()]

    assert TOKEN not in str(asyncio.run(served()))


@pytest.mark.parametrize("choices", [5, True, {"text": TOKEN}, [{"text": TOKEN}], [TOKEN], None])
def test_odd_choices_raise_nothing_and_show_no_credential(guard: Guard, choices: Any) -> None:
    async def served() -> list[Any]:
        whole = await ChatGuard(guard, Call(), ChatOptions()).reply({"choices": choices})
        stream = ChatStream(ChatGuard(guard, Call(), ChatOptions()))
        return [whole, *await stream.feed({"choices": choices}), *await stream.close()]

    assert TOKEN not in str(asyncio.run(served()))


def test_a_custom_tool_gets_its_input_as_it_came_in_pieces(guard: Guard) -> None:
    async def served() -> list[Any]:
        stream = ChatStream(ChatGuard(guard, Call(), ChatOptions()))
        out = []
        for piece in ("print(", "1)"):
            call = {"index": 0, "type": "custom", "custom": {"name": "", "input": piece}}
            out += await stream.feed({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        return out + await stream.close()

    last = asyncio.run(served())[-1]["choices"][0]["delta"]["tool_calls"]
    assert last == [{"index": 0, "type": "custom", "custom": {"input": "print(1)"}}]


def test_an_unclosed_comment_is_left_out() -> None:
    assert repair('{"a": 1 /* so') == '{"a":1}'


def test_strings_that_are_too_long_are_noticed_at_the_character() -> None:
    structured = Structured({"type": "object", "properties": {"a": {"maxLength": 3}}})
    stream = structured.stream()
    assert [stream.feed(char) for char in '{"a": "x\\ud83d\\ude00z'] == [None] * 21
    assert stream.feed("!") is not None


@pytest.mark.parametrize(
    "text", ["```json\n{}\n\n```\n ", "```\n{}", " \u00a0{}\n", "```JSON \n{}```"]
)
def test_white_space_and_fences_are_left_out(text: str) -> None:
    structured = Structured({"type": "object"})
    assert structured.check(text).valid
    stream = structured.stream()
    assert [problem for problem in map(stream.feed, text) if problem] == []


CARD, MAIL = "4111 1111 1111 1111", "anna@example.org"


@pytest.mark.parametrize("before", [r"\n", r"\r\n", r"\t", r"\\n"])
@pytest.mark.parametrize(
    "value", [CARD, CARD.replace(" ", ""), "DE89 3704 0044 0532 0130 00", "+49 30 901820", TOKEN]
)
def test_an_escaped_line_break_of_json_does_not_hide_what_follows(
    engine: RuleEngine, before: str, value: str
) -> None:
    text = f'{{"body": "it is{before}{value}{before}thanks"}}'
    whole = redact_whole(engine, text)
    assert value not in whole.text
    assert whole.text.startswith(f'{{"body": "it is{before}[')
    for size in (1, 3, 7):
        stream = StreamRedactor(engine)
        cut = [text[at : at + size] for at in range(0, len(text), size)]
        assert "".join([*map(stream.feed, cut), stream.close()]) == whole.text


def test_no_finding_cuts_an_escape(engine: RuleEngine) -> None:
    """Else JSON would hold a backslash before a bracket."""
    out = redact_whole(engine, json.dumps({"body": f"see\n{MAIL}\nthere"})).text
    assert json.loads(out) == {"body": "see[EMAIL]\nthere"}


@pytest.mark.parametrize("text", ["паспорт серии 45 08 823436", "Telefon: 030 901820"])
@pytest.mark.parametrize("write", [json.dumps, quote], ids=["json", "url"])
def test_rules_with_keywords_read_escapes_too(engine: RuleEngine, text: str, write: Any) -> None:
    found = engine.scan(text)
    assert found
    written = write(text)
    assert {d.rule for d in found} <= {d.rule for d in engine.scan(written)}
    for digits in ("823436", "901820"):
        assert digits not in redact_whole(engine, written).text


@pytest.mark.parametrize("zero", [0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10, 0x1D7CE])
def test_cards_in_digits_of_other_scripts_are_found(engine: RuleEngine, zero: int) -> None:
    written = "".join(chr(zero + int(c)) if c.isdigit() else c for c in CARD)
    assert redact_whole(engine, f"card {written} it is").text == "card [CARD] it is"


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{c}\ufe0f\u20e3" if c.isdigit() else c for c in CARD),  # keycaps
        CARD.replace(" ", "\u2800"),
        CARD.replace(" ", "\t"),
        CARD[:6] + "\ufffb" + CARD[6:],
        CARD[:6] + "\x80" + CARD[6:],
        "".join(f"&#X{ord(c):X};" for c in CARD),
        "".join(f"&#{ord(c)}" for c in CARD),
        "".join(f"\\u{{{ord(c):x}}}" for c in CARD),
        "".join(f"\\U{ord(c):08x}" for c in CARD),
        "".join(f"%u{ord(c):04X}" for c in CARD),
    ],
)
def test_cards_in_more_disguises_are_found(engine: RuleEngine, text: str) -> None:
    out = redact_whole(engine, f"card {text} it is").text
    assert out.removesuffix(" it is").rstrip("\ufe0f\u20e3") == "card [CARD]"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"\u2116{CARD}", "[CARD]"),
        (f"n\u00ba{CARD} here", "n\u00ba[CARD] here"),
        (f"{CARD.replace(' ', '')}\u00b2", "[CARD]\u00b2"),
        (f"{MAIL}\u00b9", "[EMAIL]\u00b9"),
        (f"{MAIL}\u2122", "[EMAIL]\u2122"),
        (f"\u2460{CARD}", "\u2460[CARD]"),
    ],
)
def test_signs_beside_a_value_do_not_hide_it(engine: RuleEngine, text: str, redacted: str) -> None:
    assert redact_whole(engine, text).text.replace("\u2116", "") == redacted


@pytest.mark.parametrize(
    "between", ["\n", "\r\n", "  ", "\t", "+", "_", ".", "\u00a0", "%20", "\\n"]
)
def test_an_iban_is_found_over_line_breaks_and_in_addresses(
    engine: RuleEngine, between: str
) -> None:
    written = "DE89 3704 0044 0532 0130 00".replace(" ", between)
    assert redact_whole(engine, f"to {written} please").text == "to [IBAN] please"


def test_numbers_and_names_of_arguments_are_redacted() -> None:
    rules = POLICY.replace("detector: secrets", "detector: pii") + (
        "  - {id: more, detector: secrets, stage: tool_call, action: redact}\n"
    )
    both = Guard(parse_policy(rules), tier=1)
    given = {
        "card": 4111111111111111,
        "few": [4111111111111111, 5, 1.5, True, None],
        MAIL: {TOKEN: 1},
        "bob@example.org": 4.111111111111111e15,
        "last": "as it is",
    }
    call = {"function": {"name": "pay", "arguments": json.dumps(given)}}
    body = {"choices": [{"message": {"tool_calls": [call]}}]}
    asyncio.run(ChatGuard(both, Call(), ChatOptions()).reply(body))
    assert json.loads(call["function"]["arguments"]) == {
        "card": "[CARD]",
        "few": ["[CARD]", 5, 1.5, True, None],
        "[EMAIL]": {"[SECRET]": 1},
        "[EMAIL] 2": "[CARD]",
        "last": "as it is",
    }


@pytest.mark.parametrize("text", ["1764000000000", "1764000000000004"])
def test_a_time_is_no_card(engine: RuleEngine, text: str) -> None:
    assert luhn(text)  # by that alone it would be one
    assert engine.scan(f"since {text}") == []


def test_a_vertical_tab_ends_no_secret_in_a_stream(engine: RuleEngine) -> None:
    text = "password: Tsq0csp-cKL3XiIBIzvAQwkycubw9wGFHiPMEqFQh\x0bb4dor&3"
    whole = redact_whole(engine, text).text
    assert whole == "password: [SECRET]"
    for size in (1, 3, 20):
        stream = StreamRedactor(engine)
        parts = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join([*parts, stream.close()]) == whole
