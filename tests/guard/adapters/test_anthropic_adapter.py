"""The Anthropic SDK itself, guarded, against a server that speaks the Messages API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.guard.adapters.adapter_server import (
    IBAN,
    KEY,
    MAIL,
    Events,
    Loopback,
    drain,
    made_guard,
    pieces,
)

from railwright.guard import ChatOptions, GuardBlockedError

anthropic = pytest.importorskip("anthropic", reason="the Anthropic SDK is not installed")

from railwright.guard.adapters.anthropic import (  # noqa: E402
    AnthropicBlockedError,
    AnthropicGuardError,
    guard_client,
)

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."


@pytest.fixture(autouse=True)
def _named(server: Loopback) -> None:
    server.named = True


def client(server: Loopback, **options: Any) -> Any:
    plain = anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=1)
    return guard_client(plain, made_guard(), **options)


def aclient(server: Loopback, **options: Any) -> Any:
    plain = anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=1)
    return guard_client(plain, made_guard(), **options)


def asks(content: Any, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"model": "m-1", "max_tokens": 100, "messages": messages, **more}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value, "citations": None}


def use(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": "tu_1", "name": "send", "input": arguments}


def reply(*blocks: dict[str, Any], reason: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": list(blocks),
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 5},
    }


def _deltas(block: dict[str, Any], size: int) -> tuple[dict[str, Any], Events]:
    if block["type"] == "tool_use":
        whole = json.dumps(block["input"])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces(whole, size)
        ]
    field = block["type"]
    found: Events = [
        {"type": f"{field}_delta", field: piece} for piece in pieces(block[field], size)
    ]
    if field == "thinking":
        found.append({"type": "signature_delta", "signature": "sig"})
        return {**block, "thinking": "", "signature": ""}, found
    return {**block, "text": ""}, found


def stream(*blocks: dict[str, Any], size: int = 3, reason: str = "end_turn") -> Events:
    begun = {**reply(), "stop_reason": None}
    events: Events = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        start, deltas = _deltas(block, size)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        for delta in deltas:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}})
    return [*events, {"type": "message_stop"}]


def test_what_is_allowed_goes_through_to_the_letter(server: Loopback) -> None:
    server.says(reply(text("Hello!"), use({"to": "Ann", "n": 3}), reason="tool_use"))
    body = asks("Hi", system=f"Mail {MAIL}", stop_sequences=["x"])
    plain = anthropic.Anthropic(base_url=server.url, api_key="k")
    expected = plain.messages.create(**body)
    given = client(server).messages.create(**body)
    assert server.seen == [body, body]  # the system prompt is the application's own
    assert given.model_dump() == expected.model_dump()
    assert given._request_id == "req-1"
    assert given.usage.output_tokens == 5
    assert server.headers[1]["authorization"] == "Bearer k"


async def test_redactions_reach_model_and_user(server: Loopback) -> None:
    server.says(reply({"type": "thinking", "thinking": ANSWER, "signature": "s"}, text(ANSWER)))
    content = [
        {"type": "text", "text": "I am bob@"},
        {"type": "text", "text": "example.com, ok"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": f"see {MAIL}"},
            "title": "Doc",
        },
        {"type": "document", "source": {"type": "base64", "media_type": "a/b", "data": KEY}},
        {
            "type": "search_result",
            "source": "x",
            "title": KEY,
            "content": [{"type": "text", "text": "ok"}],
        },
    ]
    for given in (
        client(server).messages.create(**asks(content)),
        await aclient(server).messages.create(**asks(content)),
    ):
        assert given.content[0].thinking == REDACTED
        assert given.content[1].text == REDACTED
    for body in server.seen:
        sent = body["messages"][0]["content"]
        assert sent[0] == {"type": "text", "text": "I am [EMAIL], ok"}
        assert sent[1]["source"]["data"] == "see [EMAIL]"
        assert sent[2]["source"]["data"] == KEY  # bytes are no text
        assert sent[3]["title"] == "[removed by a safety rule]"


async def test_a_blocked_input_costs_no_call_and_no_retry(server: Loopback) -> None:
    with pytest.raises(AnthropicBlockedError) as caught:
        client(server).messages.create(**asks(KEY))
    assert isinstance(caught.value, GuardBlockedError)
    assert isinstance(caught.value, anthropic.AnthropicError)
    with pytest.raises(AnthropicBlockedError):
        async with aclient(server).messages.stream(**asks(KEY)):
            raise AssertionError("it was sent")
    filtered = client(server, on_block="message")
    given = filtered.messages.create(**asks(KEY))
    assert given.content[0].text == "Stopped."
    assert given.stop_reason == "refusal"
    with filtered.messages.stream(**asks(KEY)) as helper:
        assert "".join(helper.text_stream) == "Stopped."
        assert helper.get_final_message().stop_reason == "refusal"
    with pytest.raises(AnthropicBlockedError):
        filtered.messages.count_tokens(model="m", messages=asks(KEY)["messages"])
    assert server.seen == []


@pytest.mark.parametrize(("cut", "size"), [(1, 50), (10_000, 3), (10_000, 1)])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, cut: int, size: int
) -> None:
    server.cut = cut
    thinking = {"type": "thinking", "thinking": ANSWER, "signature": "sig"}
    server.says(stream(thinking, text(ANSWER), use({"to": MAIL, "n": 1}), size=size))
    with client(server).messages.stream(**asks("Hi")) as helper:
        events = list(helper)
        final = helper.get_final_message()
    assert "".join(e.text for e in events if e.type == "text") == REDACTED
    assert IBAN not in "".join(event.model_dump_json(warnings=False) for event in events)
    assert (final.content[0].thinking, final.content[0].signature) == (REDACTED, "sig")
    assert final.content[1].text == REDACTED
    assert final.content[2].input == {"to": "[EMAIL]", "n": 1}
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 5)
    async with aclient(server).messages.stream(**asks("Hi")) as again:
        assert (await again.get_final_message()).model_dump() == final.model_dump()


async def test_a_stream_without_findings_is_the_same_stream(server: Loopback) -> None:
    server.says(stream(text("Hello you."), use({"to": "Ann"}), reason="tool_use"))
    plain = anthropic.AsyncAnthropic(base_url=server.url, api_key="k")
    expected = [e async for e in await plain.messages.create(**asks("Hi", stream=True))]
    given = [e async for e in await aclient(server).messages.create(**asks("Hi", stream=True))]
    assert [e for e in given if "text_delta" not in str(e)] == [
        e for e in expected if "text_delta" not in str(e)
    ]


async def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(stream(text(f"Fine so far. The key is {KEY}, and more."), size=2))
    seen: list[str] = []
    with (
        client(server).messages.stream(**asks("Hi")) as helper,
        pytest.raises(AnthropicBlockedError) as caught,
    ):
        drain(helper.text_stream, seen)
    assert "".join(seen).startswith("Fine so far.")
    assert "AKIA" not in "".join(seen)
    assert caught.value.verdict.stage == "output"
    for options, expected in (
        (ChatOptions(), "Fine so far."),
        (ChatOptions(hold=True), "No keys here."),
    ):
        guarded = aclient(server, on_block="message", options=options)
        async with guarded.messages.stream(**asks("Hi")) as again:
            final = await again.get_final_message()
        assert "".join(block.text for block in final.content).startswith(expected)
        assert "AKIA" not in final.model_dump_json()
        assert final.stop_reason == "refusal"


def test_tool_calls_are_checked_before_they_are_made(server: Loopback) -> None:
    server.says(reply(use({"to": [MAIL]})))
    assert client(server).messages.create(**asks("Hi")).content[0].input == {"to": ["[EMAIL]"]}
    server.says(reply(use({"key": KEY})))
    with pytest.raises(AnthropicBlockedError) as caught:
        client(server).messages.create(**asks("Hi"))
    assert caught.value.verdict.stage == "tool_call"
    server.says(stream(text("Well"), use({"key": KEY}), use({})))
    with client(server, on_block="message").messages.stream(**asks("Hi")) as helper:
        final = helper.get_final_message()
    assert [block.type for block in final.content] == ["text"]
    assert final.stop_reason == "refusal"
    server.says(stream(use({"key": KEY})))
    with client(server, on_block="message").messages.stream(**asks("Hi")) as helper:
        assert "".join(helper.text_stream) == "Stopped."


def test_results_of_tools_are_untrusted(server: Loopback) -> None:
    server.says(reply(text("ok")))
    results = [
        {"type": "tool_result", "tool_use_id": "tu_1", "content": f"{MAIL} has {KEY}"},
        {
            "type": "tool_result",
            "tool_use_id": "tu_2",
            "content": [{"type": "text", "text": MAIL}],
        },
    ]
    messages = [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": [use({"q": "x"})]},
        {"role": "user", "content": results},
    ]
    client(server).messages.create(model="m-1", max_tokens=9, messages=messages)
    sent = server.seen[0]["messages"]
    assert sent[1] == messages[1]
    assert sent[2]["content"][0]["content"] == "[removed by a safety rule]"
    assert sent[2]["content"][1]["content"][0]["text"] == "[EMAIL]"


async def test_errors_of_the_provider_pass(server: Loopback) -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no model"}}
    server.says((400, error))
    with pytest.raises(anthropic.BadRequestError, match="no model"):
        client(server).messages.create(**asks("Hi"))
    server.says((529, error), reply(text(ANSWER)))
    assert (await aclient(server).messages.create(**asks("Hi"))).content[0].text == REDACTED
    server.says([{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}])
    with pytest.raises(anthropic.APIStatusError, match="busy"):
        list(client(server).messages.create(**asks("Hi", stream=True)))
    server.says((200, [KEY]))  # type: ignore[arg-type]
    before = len(server.seen)
    with pytest.raises(AnthropicGuardError, match="cannot be checked"):
        client(server).messages.create(**asks("Hi"))
    assert len(server.seen) == before + 1


def test_plain_texts_and_system_prompts(server: Loopback) -> None:
    server.says(reply(text("ok")))
    options = ChatOptions(trusted_roles=frozenset())
    system = f"Mail {MAIL}"
    client(server, options=options).messages.create(**asks(f"I am {MAIL}", system=system))
    block = [{"type": "text", "text": system}]
    client(server, options=options).messages.create(**asks("Hi", system=block))
    assert server.seen[0]["messages"][0]["content"] == "I am [EMAIL]"
    assert server.seen[0]["system"] == "Mail [EMAIL]"
    assert server.seen[1]["system"][0]["text"] == "Mail [EMAIL]"


def test_what_is_left_of_a_stream_is_not_waited_for(server: Loopback) -> None:
    server.says(stream(text("word " * 200), size=5))
    with client(server).messages.stream(**asks("Hi")) as helper:
        assert next(iter(helper.text_stream)) == "word "
    assert helper.response.is_closed
