"""The OpenAI SDK itself, guarded, against a server that speaks the Responses API."""

from __future__ import annotations

from typing import Any

import pytest
from tests.guard.adapters.adapter_server import IBAN, KEY, MAIL, Loopback, drain, made_guard
from tests.guard.adapters.responses_wire import call_item, response, stream, text_item, thought

from railwright.guard import ChatOptions

openai = pytest.importorskip("openai", reason="the OpenAI SDK is not installed")

from railwright.guard.adapters.openai import OpenAIBlockedError, guard_client  # noqa: E402

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."


@pytest.fixture(autouse=True)
def _named(server: Loopback) -> None:
    server.named = True


def client(server: Loopback, **options: Any) -> Any:
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)
    return guard_client(plain, made_guard(), **options)


def test_what_is_allowed_goes_through_to_the_letter(server: Loopback) -> None:
    server.says(response(thought("Well"), text_item("Hello!"), call_item({"to": "Ann"})))
    body = {"model": "m-1", "input": "Hi", "instructions": f"Mail {MAIL}", "temperature": 0.5}
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
    expected = plain.responses.create(**body)
    given = client(server).responses.create(**body)
    assert server.seen == [body, body]  # instructions are the application's own
    assert given.model_dump() == expected.model_dump()
    assert given.usage.total_tokens == 12


async def test_redactions_reach_model_and_user(server: Loopback) -> None:
    annotation: dict[str, Any] = {"type": "url_citation", "url": "https://x.example", "title": IBAN}
    annotation |= {"start_index": 0, "end_index": 3}
    server.says(response(thought(ANSWER), text_item(ANSWER, annotations=[annotation])))
    given = client(server).responses.create(
        model="m-1",
        input=[
            {"role": "user", "content": f"I am {MAIL}"},
            {"role": "user", "content": [{"type": "input_text", "text": f"Or {MAIL}"}]},
            call_item({"to": MAIL}),
            {"type": "function_call_output", "call_id": "call_1", "output": f"sent to {MAIL}"},
            {
                "type": "shell_call_output",
                "call_id": "call_2",
                "output": [{"stdout": f"key {KEY}", "stderr": "", "outcome": {"type": "timeout"}}],
            },
        ],
    )
    assert given.output_text == REDACTED
    assert given.output[0].summary[0].text == REDACTED
    assert given.output[1].content[0].annotations[0].title == "[IBAN]"
    assert given.output[1].content[0].annotations[0].url == "https://x.example"
    items = server.seen[0]["input"]
    assert items[0]["content"] == "I am [EMAIL]"
    assert items[1]["content"][0]["text"] == "Or [EMAIL]"
    assert items[2]["arguments"] == '{"to":"[EMAIL]"}'
    assert items[3]["output"] == "sent to [EMAIL]"
    assert items[4]["output"][0]["stdout"] == "[removed by a safety rule]"
    assert items[4]["output"][0]["outcome"] == {"type": "timeout"}


async def test_a_blocked_input_costs_no_call(server: Loopback) -> None:
    with pytest.raises(OpenAIBlockedError):
        client(server).responses.create(model="m-1", input=KEY)
    filtered = client(server, on_block="message")
    given = filtered.responses.create(model="m-1", input=KEY)
    assert given.output_text == "Stopped."
    assert given.status == "incomplete"
    assert given.incomplete_details.reason == "content_filter"
    events = list(filtered.responses.create(model="m-1", input=KEY, stream=True))
    assert [e.delta for e in events if e.type == "response.output_text.delta"] == ["Stopped."]
    assert events[-1].response.output_text == "Stopped."
    assert server.seen == []


@pytest.mark.parametrize(("cut", "size"), [(7, 50), (10_000, 3), (10_000, 1)])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, cut: int, size: int
) -> None:
    server.cut = cut
    items = (thought(ANSWER), text_item(ANSWER), call_item({"to": MAIL, "n": 1}))
    server.says(stream(*items, size=size))
    with client(server).responses.stream(model="m-1", input="Hi") as helper:
        events = list(helper)
        final = helper.get_final_response()
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert "".join(deltas) == REDACTED
    assert IBAN not in "".join(e.model_dump_json(warnings=False) for e in events)
    assert MAIL not in "".join(e.model_dump_json(warnings=False) for e in events)
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert final.output_text == REDACTED
    assert final.output[0].summary[0].text == REDACTED
    assert final.output[2].arguments == '{"to":"[EMAIL]","n":1}'
    assert final.usage.total_tokens == 12
    plain = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k")
    guarded = guard_client(plain, made_guard())
    stream_ = await guarded.responses.create(model="m-1", input="Hi", stream=True)
    again = [event async for event in stream_]
    assert again[-1].response.output_text == REDACTED


def test_a_stream_without_findings_is_the_same_stream(server: Loopback) -> None:
    server.says(stream(thought("Well."), text_item("Hello you."), call_item({"to": "Ann"})))
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
    ask = {"model": "m-1", "input": "Hi", "stream": True}
    expected = list(plain.responses.create(**ask))
    given = list(client(server).responses.create(**ask))
    kept = [e for e in given if not e.type.endswith("delta")]
    assert [e.type for e in kept] == [e.type for e in expected if not e.type.endswith("delta")]
    assert given[-1].response.model_dump() == expected[-1].response.model_dump()


def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(stream(text_item(f"Fine so far. The key is {KEY}."), size=2))
    seen: list[str] = []
    stream_ = client(server).responses.create(model="m-1", input="Hi", stream=True)
    with pytest.raises(OpenAIBlockedError) as caught:
        drain(stream_, seen, lambda event: getattr(event, "delta", ""))
    assert "".join(seen).startswith("Fine so far.")
    assert "AKIA" not in "".join(seen)
    assert caught.value.verdict.stage == "output"
    events = list(
        client(server, on_block="message").responses.create(model="m-1", input="Hi", stream=True)
    )
    assert events[-1].type == "response.incomplete"
    assert "AKIA" not in "".join(event.model_dump_json() for event in events)


def test_a_stopped_tool_call_is_never_seen(server: Loopback) -> None:
    items = (call_item({"key": KEY}), text_item("Done"))
    server.says(response(*items))
    with pytest.raises(OpenAIBlockedError) as caught:
        client(server).responses.create(model="m-1", input="Hi")
    assert caught.value.verdict.stage == "tool_call"
    server.says(stream(*items))
    filtered = client(server, on_block="message")
    events = list(filtered.responses.create(model="m-1", input="Hi", stream=True))
    assert not [e for e in events if "function_call" in e.model_dump_json(warnings=False)]
    assert events[-1].response.output_text == "Stopped."
    with filtered.responses.stream(model="m-1", input="Hi") as helper:
        assert [e.type for e in helper][-1] == "response.incomplete"


def test_a_stored_response_is_checked_when_it_is_read(server: Loopback) -> None:
    server.says(response(text_item(ANSWER)))
    assert client(server).responses.retrieve("resp_1").output_text == REDACTED


def test_held_streams_show_nothing_of_a_stopped_answer(server: Loopback) -> None:
    server.says(stream(text_item(f"Fine so far. The key is {KEY}.")))
    filtered = client(server, on_block="message", options=ChatOptions(hold=True))
    events = list(filtered.responses.create(model="m-1", input="Hi", stream=True))
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert deltas == ["No keys here."]


def test_paths_that_give_no_answer(server: Loopback) -> None:
    server.says({"object": "response.input_tokens", "input_tokens": 3})
    filtered = client(server, on_block="message")
    assert filtered.responses.input_tokens.count(model="m", input=f"I am {MAIL}").input_tokens == 3
    assert server.seen[0]["input"] == "I am [EMAIL]"
    with pytest.raises(OpenAIBlockedError):
        filtered.responses.input_tokens.count(model="m", input=KEY)


def test_instructions_are_checked_where_that_is_asked(server: Loopback) -> None:
    server.says(response(text_item("ok")))
    guarded = client(server, options=ChatOptions(trusted_roles=frozenset()))
    guarded.with_options(timeout=9).responses.create(
        model="m", input="Hi", instructions=f"Mail {MAIL}"
    )
    assert server.seen[0]["instructions"] == "Mail [EMAIL]"
