"""Server-sent events and the reply put together from them, under any chunking."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.transport import ChatAssembler, SseParser, TransportError, decode_chat

# Line ends other than CR and LF are ordinary characters of an event stream.
LINES = st.text(alphabet=st.characters(blacklist_characters="\r\n", codec="utf-8"), max_size=20)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({c % (len(data) + 1) for c in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def parse(chunks: list[bytes]) -> list[str]:
    parser = SseParser()
    events = [e for c in chunks for e in parser.feed(c)]
    return events + parser.close()


@given(
    st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=5), ENDS, st.lists(st.integers(0))
)
def test_events_survive_any_chunking(events: list[list[str]], end: str, cuts: list[int]) -> None:
    text = "".join("".join(f"data: {line}{end}" for line in event) + end for event in events)
    expected = ["\n".join(event) for event in events]
    assert parse(chunks_of(text.encode(), cuts)) == expected


@given(st.binary(max_size=200), st.lists(st.integers(0)))
def test_chunking_never_matters(data: bytes, cuts: list[int]) -> None:
    assert parse(chunks_of(data, cuts)) == parse([data])


def test_fields_of_the_format() -> None:
    text = (
        "\ufeff: a comment\nevent: x\nid: 3\ndata:no space\n\n"
        "retry: 9\n\ndata\n\ndata: a\ndata:  b\n\ndatax: no\n\ndata: tail"
    )
    assert parse([text.encode()]) == ["no space", "", "a\n b", "tail"]


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": choices}
    return msgspec.json.encode({**body, **more}).decode()


def assemble(events: list[str]) -> Any:
    assembler = ChatAssembler()
    for event in events:
        assembler.feed(event)
    return assembler.result()


PIECES = st.lists(st.text(max_size=6), max_size=8)


@given(PIECES, st.lists(st.tuples(st.text("ab_", min_size=1), PIECES), max_size=3))
def test_a_streamed_reply_equals_the_whole_one(
    text: list[str], calls: list[tuple[str, list[str]]]
) -> None:
    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": piece}) for piece in text]
    for i, (name, pieces) in enumerate(calls):
        first = {"index": i, "id": f"id{i}", "function": {"name": name, "arguments": ""}}
        events.append(chunk({"tool_calls": [first]}))
        for piece in pieces:
            more = {"index": i, "function": {"arguments": piece}}
            events.append(chunk({"tool_calls": [more]}))
    events.append(chunk({}, "stop"))
    events.append(chunk(usage={"prompt_tokens": 3, "completion_tokens": 5}))
    whole = {
        "model": "m",
        "choices": [
            {
                "finish_reason": "stop",
                "message": {
                    "content": "".join(text),
                    "tool_calls": [
                        {"id": f"id{i}", "function": {"name": n, "arguments": "".join(p)}}
                        for i, (n, p) in enumerate(calls)
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5},
    }
    assert assemble([*events, "[DONE]"]) == decode_chat(msgspec.json.encode(whole))


def test_fragments_without_an_index_are_told_apart_by_their_ids() -> None:
    def fragment(call_id: str | None, arguments: str, name: str | None = None) -> str:
        function = {"name": name, "arguments": arguments}
        return chunk({"tool_calls": [{"id": call_id, "function": function}]})

    events = [
        fragment("a", '{"x"', "f"),
        fragment(None, ": 1}"),
        fragment("b", "{}", "g"),
        "[DONE]",
    ]
    calls = assemble(events).tool_calls
    assert [(c.id, c.name, c.arguments) for c in calls] == [
        ("a", "f", '{"x": 1}'),
        ("b", "g", "{}"),
    ]


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    with pytest.raises(TransportError, match="broke off") as caught:
        assemble([chunk({"content": "half an"})])
    assert caught.value.retryable


def test_an_error_event_is_an_error() -> None:
    with pytest.raises(TransportError, match="overloaded") as caught:
        assemble([chunk({"content": "a"}), '{"error": {"message": "overloaded", "code": 503}}'])
    assert caught.value.kind == "server"


def test_an_event_that_is_no_json_is_a_protocol_error() -> None:
    with pytest.raises(TransportError, match="not a chat completion") as caught:
        assemble(["{oops"])
    assert caught.value.kind == "protocol"
