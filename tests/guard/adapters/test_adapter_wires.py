"""Streams of the three wires, in any cut, against the redaction of the whole text."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guard.adapters.adapter_server import IBAN, MAIL, made_guard

from railwright.guard import Call, ChatGuard, ChatOptions
from railwright.guard.adapters._chat_wire import ChatWire
from railwright.guard.adapters._common import run
from railwright.guard.adapters._messages_wire import MessagesWire
from railwright.guard.adapters._responses_wire import ResponsesWire

GUARD = made_guard()
WORDS = st.sampled_from(
    ["Pay ", IBAN, IBAN[:9], ", ", "é😀", " 12 34 ", "\n", '{"a": "', '"}', " x"]
)
TEXTS = st.lists(WORDS, max_size=12).map("".join)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=40)


def cut(text: str, sizes: list[int]) -> list[str]:
    found, at, number = [], 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        found.append(text[at : at + size])
        at, number = at + size, number + 1
    return found


def through(wire: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async def feed() -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for event in events:
            out += await wire.feed(event)
        return [*out, *await wire.close()]

    return asyncio.run(feed())


def chat() -> ChatGuard:
    return ChatGuard(GUARD, Call(), ChatOptions())


@given(TEXTS, CUTS)
@settings(deadline=None)
def test_chat(text: str, sizes: list[int]) -> None:
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in cut(text, sizes)
    ]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    out = through(ChatWire(chat()), events)
    shown = [c["delta"].get("content") or "" for event in out for c in event["choices"]]
    assert "".join(shown) == GUARD.check("output", text).text


@given(TEXTS, CUTS)
@settings(deadline=None)
def test_messages(text: str, sizes: list[int]) -> None:
    start = {"type": "text", "text": ""}
    at = {"index": 0}
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", **at, "content_block": start},
        *(
            {"type": "content_block_delta", **at, "delta": {"type": "text_delta", "text": piece}}
            for piece in cut(text, sizes)
        ),
        {"type": "content_block_stop", **at},
        {"type": "message_stop"},
    ]
    out = through(MessagesWire(chat()), events)
    shown = [event["delta"]["text"] for event in out if event["type"] == "content_block_delta"]
    assert "".join(shown) == GUARD.check("output", text).text
    assert [out[0]["type"], *(e["type"] for e in out[-2:])] == [
        "content_block_start",
        "content_block_stop",
        "message_stop",
    ]


@given(TEXTS, CUTS)
@settings(deadline=None)
def test_responses(text: str, sizes: list[int]) -> None:
    at = {"output_index": 0, "content_index": 0, "item_id": "m"}
    item = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    events: list[dict[str, Any]] = [
        *(
            {"type": "response.output_text.delta", **at, "delta": piece}
            for piece in cut(text, sizes)
        ),
        {"type": "response.output_text.done", **at, "text": text},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": [item]}},
    ]
    out = through(ResponsesWire(chat()), events)
    expected = GUARD.check("output", text).text
    deltas = [event["delta"] for event in out if event["type"].endswith(".delta")]
    assert "".join(deltas) == expected
    assert out[-3]["text"] == expected
    assert out[-2]["item"]["content"][0]["text"] == expected
    assert out[-1]["response"]["output"][0]["content"][0]["text"] == expected


def test_calls_that_cross_in_a_stream_keep_their_order() -> None:
    def call(index: int, to: str) -> dict[str, Any]:
        return {
            "type": "function_call",
            "name": "send",
            "call_id": f"c{index}",
            "arguments": json.dumps({"to": to}),
        }

    events: list[dict[str, Any]] = []
    for index in (0, 1):
        item = {**call(index, ""), "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
    for index, to in ((1, MAIL), (0, "Ann")):
        item = call(index, to)
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    wire = ResponsesWire(chat())
    out = through(wire, events)
    assert [e["item"]["arguments"] for e in out if e["type"].endswith("done")] == [
        '{"to":"[EMAIL]"}',
        '{"to": "Ann"}',
    ]


def test_waiting_in_many_threads_and_inside_the_loop_itself() -> None:
    async def twice(number: int) -> int:
        await asyncio.sleep(0.001)
        return 2 * number

    async def nested() -> int:
        return run(twice(4))

    found: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: run(twice(n))})) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == {n: 2 * n for n in range(20)}
    assert run(nested()) == 8
