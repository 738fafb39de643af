"""The wire types of the chat API."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.transport import ChatReply, TransportError, chat_body, decode_chat


def reply_to(message: dict[str, Any], **more: Any) -> ChatReply:
    body = {"choices": [{"message": message, "finish_reason": "stop"}], **more}
    return decode_chat(msgspec.json.encode(body))


def test_a_request_holds_what_was_set_and_nothing_else() -> None:
    body = chat_body(
        "m", [{"role": "user", "content": "hi"}], parameters={"temperature": 0, "seed": None}
    )
    assert body == b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0}'


def test_a_streamed_request_asks_for_usage() -> None:
    body = msgspec.json.decode(chat_body("m", [], stream=True))
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_an_ordinary_reply() -> None:
    reply = reply_to(
        {"role": "assistant", "content": "Paris", "unknown": 1},
        model="m-1",
        usage={"prompt_tokens": 3, "completion_tokens": 1, "details": {}},
        system_fingerprint="x",
    )
    assert reply == ChatReply("Paris", (), "stop", "m-1", 3, 1)


def test_what_servers_are_known_to_deviate_in() -> None:
    assert reply_to({"content": None}).text == ""
    assert reply_to({"content": [{"type": "text", "text": "a"}, {"text": "b"}, "c"]}).text == "abc"
    refused = reply_to({"content": None, "refusal": "I won't."})
    assert (refused.text, refused.refusal) == ("I won't.", True)
    calls = reply_to(
        {"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}
    ).tool_calls
    assert [(c.name, c.arguments, c.id) for c in calls] == [("f", '{"x":1}', "")]
    empty = reply_to({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]})
    assert empty.tool_calls[0].arguments == "{}"


def test_malformed_arguments_are_kept_as_the_model_wrote_them() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": '{"x": '}}
    assert reply_to({"tool_calls": [call]}).tool_calls[0].arguments == '{"x": '


def test_content_filter_is_a_block() -> None:
    body = {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}
    assert decode_chat(msgspec.json.encode(body)).blocked
    assert not reply_to({"content": ""}).blocked


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": 3}', b"\xff"]
)
def test_anything_else_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        decode_chat(body)
    assert caught.value.kind == "protocol"
    assert caught.value.retryable


def test_an_error_with_status_200_counts_as_the_status_it_names() -> None:
    with pytest.raises(TransportError) as caught:
        decode_chat(b'{"error": {"message": "slow down", "code": 429}}')
    assert caught.value.kind == "rate_limit"
    with pytest.raises(TransportError, match="odd") as caught:
        decode_chat(b'{"error": {"message": "odd", "code": "e17"}}')
    assert caught.value.kind == "application"


@given(st.binary(max_size=120))
def test_any_body_gives_a_reply_or_a_transport_error(body: bytes) -> None:
    kind = ""
    try:
        decode_chat(body)
    except TransportError as error:
        kind = error.kind
    assert kind in {"", "protocol"}
