"""What fuzzing found in the guard, one test each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from railwright.detectors import RuleEngine, load_packs, normalise
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
