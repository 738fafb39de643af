"""The OpenAI SDK itself, guarded, against a server that speaks the chat API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel
from tests.guard.adapters.adapter_server import (
    IBAN,
    KEY,
    MAIL,
    Loopback,
    chat_stream,
    completion,
    drain,
    made_guard,
    said,
    tool_call,
)

from railwright.guard import Call, ChatOptions, GuardBlockedError, GuardError

openai = pytest.importorskip("openai", reason="the OpenAI SDK is not installed")

from railwright.guard.adapters.openai import (  # noqa: E402
    OpenAIBlockedError,
    OpenAIGuardError,
    guard_client,
)

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."
TOOLS = [{"type": "function", "function": {"name": "send", "parameters": {"type": "object"}}}]


def client(server: Loopback, **options: Any) -> Any:
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=1)
    return guard_client(plain, made_guard(), **options)


def aclient(server: Loopback, **options: Any) -> Any:
    plain = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=1)
    return guard_client(plain, made_guard(), **options)


def asks(text: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "messages": [{"role": "user", "content": text}], **more}


def test_what_is_allowed_goes_through_to_the_letter(server: Loopback) -> None:
    call = tool_call("send", {"to": "Ann", "n": 3})
    server.says(completion({"content": "Hello!", "tool_calls": [call]}, "tool_calls"))
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
    body = asks("Hi", temperature=0.5, tools=TOOLS, seed=2**60, user="u1")
    expected = plain.chat.completions.create(**body)
    given = client(server).chat.completions.create(**body)
    assert server.seen == [body, body]
    assert given.model_dump() == expected.model_dump()
    assert given._request_id == "req-1"
    assert given.usage.total_tokens == 12
    assert server.headers[1]["authorization"] == "Bearer k"


async def test_redactions_reach_model_and_user(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    for given in (
        client(server).chat.completions.create(**asks(f"I am {MAIL}")),
        await aclient(server).chat.completions.create(**asks(f"I am {MAIL}")),
    ):
        assert given.choices[0].message.content == REDACTED
        assert given.id == "chatcmpl-1"
        assert given.model_extra == {}
    assert [body["messages"][0]["content"] for body in server.seen] == ["I am [EMAIL]"] * 2


async def test_a_blocked_input_costs_no_call_and_no_retry(server: Loopback) -> None:
    with pytest.raises(OpenAIBlockedError) as caught:
        client(server).chat.completions.create(**asks(f"my key {KEY}"))
    assert caught.value.verdict.stage == "input"
    assert isinstance(caught.value, GuardBlockedError)
    assert isinstance(caught.value, openai.OpenAIError)
    assert KEY not in str(caught.value)
    with pytest.raises(OpenAIBlockedError):
        await aclient(server).chat.completions.create(**asks(f"my key {KEY}", stream=True))
    assert server.seen == []


async def test_a_block_as_a_message_is_what_a_content_filter_answers(server: Loopback) -> None:
    given = client(server, on_block="message").chat.completions.create(**asks(KEY))
    assert given.choices[0].message.content == "Stopped."
    assert given.choices[0].finish_reason == "content_filter"
    assert given.usage.total_tokens == 0
    guarded = aclient(server, on_block="message")
    chunks = [c async for c in await guarded.chat.completions.create(**asks(KEY, stream=True))]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Stopped."
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert server.seen == []


@pytest.mark.parametrize(("cut", "size"), [(1, 50), (50, 3), (10_000, 1)])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, cut: int, size: int
) -> None:
    server.cut = cut
    server.says(said(ANSWER, size))
    chunks = list(client(server).chat.completions.create(**asks("Hi", stream=True)))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == REDACTED
    assert chunks[-1].usage.total_tokens == 12
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    stream = await aclient(server).chat.completions.create(**asks("Hi", stream=True))
    again = [chunk async for chunk in stream]
    assert [c.model_dump() for c in again] == [c.model_dump() for c in chunks]


async def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(said(f"Fine so far. The key is {KEY}, and more.", 2))
    seen: list[str] = []
    stream = client(server).chat.completions.create(**asks("Hi", stream=True))
    with pytest.raises(OpenAIBlockedError) as caught:
        drain(stream, seen, lambda chunk: chunk.choices[0].delta.content)
    assert "".join(seen).startswith("Fine so far.")
    assert "AKIA" not in "".join(seen)
    assert caught.value.verdict.stage == "output"
    guarded = aclient(server, on_block="message", options=ChatOptions(hold=True))
    chunks = [c async for c in await guarded.chat.completions.create(**asks("Hi", stream=True))]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "No keys here."
    assert chunks[-1].choices[0].finish_reason == "content_filter"


def test_tool_calls_are_checked_before_they_are_made(server: Loopback) -> None:
    server.says(completion({"tool_calls": [tool_call("send", {"to": MAIL, "n": 3})]}))
    given = client(server).chat.completions.create(**asks("Hi", tools=TOOLS))
    (call,) = given.choices[0].message.tool_calls
    assert (call.id, call.function.arguments) == ("call_1", '{"to":"[EMAIL]","n":3}')
    server.says(completion({"tool_calls": [tool_call("send", {"key": KEY})]}))
    with pytest.raises(OpenAIBlockedError) as caught:
        client(server).chat.completions.create(**asks("Hi", tools=TOOLS))
    assert caught.value.verdict.stage == "tool_call"
    filtered = client(server, on_block="message").chat.completions.create(**asks("Hi"))
    assert filtered.choices[0].message.tool_calls is None
    assert filtered.choices[0].message.content == "Stopped."


def test_streamed_tool_calls_are_checked_whole(server: Loopback) -> None:
    call = tool_call("send", {"to": MAIL})
    text = call["function"].pop("arguments")
    first = {"tool_calls": [{**call, "index": 0}]}
    more = [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in text]
    server.says(chat_stream(first, *more, reason="tool_calls"))
    with client(server).chat.completions.stream(**asks("Hi", tools=TOOLS)) as stream:
        final = stream.get_final_completion()
    (made,) = final.choices[0].message.tool_calls
    assert (made.id, made.function.name) == ("call_1", "send")
    assert made.function.arguments == '{"to":"[EMAIL]"}'
    assert final.choices[0].finish_reason == "tool_calls"


def test_results_of_tools_are_untrusted(server: Loopback) -> None:
    server.says(completion({"content": "ok"}))
    messages = [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "tool_calls": [tool_call("look", {"q": "x"})]},
        {"role": "tool", "tool_call_id": "call_1", "content": f"{MAIL} has {KEY}"},
    ]
    client(server).chat.completions.create(model="m-1", messages=messages)
    assert server.seen[0]["messages"][2]["content"] == "[removed by a safety rule]"
    assert server.seen[0]["messages"][1] == messages[1]
    with pytest.raises(OpenAIBlockedError):
        client(server, options=ChatOptions(untrusted="block")).chat.completions.create(
            model="m-1", messages=messages
        )


def test_structured_answers_still_parse(server: Loopback) -> None:
    class Payment(BaseModel):
        account: str
        cents: int

    server.says(completion({"content": f'{{"account": "{IBAN}", "cents": 5}}'}))
    guarded = client(server)
    given = guarded.chat.completions.parse(**asks("Hi"), response_format=Payment)
    assert given.choices[0].message.parsed == Payment(account="[IBAN]", cents=5)
    raw = guarded.chat.completions.with_raw_response.create(**asks("Hi"))
    assert IBAN not in raw.text
    assert raw.headers["x-request-id"] == "req-1"
    assert raw.parse().choices[0].message.content == '{"account": "[IBAN]", "cents": 5}'


async def test_errors_of_the_provider_pass(server: Loopback) -> None:
    server.says((400, {"error": {"message": "no such model", "type": "invalid", "code": "x"}}))
    with pytest.raises(openai.BadRequestError, match="no such model") as caught:
        client(server).chat.completions.create(**asks("Hi"))
    assert caught.value.code == "x"
    server.says((429, {"error": {"message": "slow"}}), completion({"content": ANSWER}))
    given = await aclient(server).chat.completions.create(**asks("Hi"))  # one retry
    assert given.choices[0].message.content == REDACTED
    server.says([{"error": {"message": "broken off", "type": "server_error"}}])
    with pytest.raises(openai.APIError, match="broken off"):
        list(client(server).chat.completions.create(**asks("Hi", stream=True)))


def test_what_cannot_be_read_is_not_let_through(server: Loopback) -> None:
    server.says((200, [KEY]))  # type: ignore[arg-type]
    with pytest.raises(OpenAIGuardError, match="cannot be checked"):
        client(server).chat.completions.create(**asks("Hi"))
    assert len(server.seen) == 1  # it was not tried again


def test_who_asks_is_known_to_rules(server: Loopback) -> None:
    server.says(completion({"content": "ok"}))
    verdicts: list[tuple[str, str, str]] = []
    guard = made_guard(
        sink=lambda verdict, text, call, key: verdicts.append(
            (verdict.stage, call.tenant, call.tool)
        )
    )
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
    guarded = guard_client(plain, guard, call=lambda: Call(tenant="acme"))
    server.says(completion({"tool_calls": [tool_call("send", {"to": "Ann"})]}))
    guarded.chat.completions.create(**asks("Hi"))
    assert set(verdicts) == {("input", "acme", ""), ("tool_call", "acme", "send")}


def test_legacy_completions_and_embeddings(server: Loopback) -> None:
    reply = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
    choices = [{"index": 0, "text": ANSWER, "finish_reason": "stop", "logprobs": None}]
    server.says({**reply, "choices": choices})
    guarded = client(server)
    given = guarded.completions.create(model="m", prompt=[f"Mail {MAIL}", "Hi"])
    assert given.choices[0].text == REDACTED
    assert server.seen[0]["prompt"] == ["Mail [EMAIL]", "Hi"]
    with pytest.raises(OpenAIGuardError, match="stream"):
        guarded.completions.create(model="m", prompt="Hi", stream=True)
    with pytest.raises(OpenAIBlockedError):
        client(server, on_block="message").embeddings.create(model="m", input=[KEY])
    filtered = client(server, on_block="message").completions.create(model="m", prompt=KEY)
    assert filtered.choices[0].text == "Stopped."
    assert len(server.seen) == 1


async def test_a_synchronous_client_inside_an_event_loop(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    given = client(server).chat.completions.create(**asks("Hi"))  # blocks this loop, as it did
    assert given.choices[0].message.content == REDACTED


def test_settings_that_do_not_exist_are_refused(server: Loopback) -> None:
    with pytest.raises(GuardError, match="on_block cannot be 'ignore'"):
        client(server, on_block="ignore")


def test_the_client_given_stays_as_it_is(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", default_headers={"x-a": "1"})
    guarded = guard_client(plain, made_guard())
    assert plain.chat.completions.create(**asks("Hi")).choices[0].message.content == ANSWER
    assert guarded.chat.completions.create(**asks("Hi")).choices[0].message.content == REDACTED
    assert server.headers[1]["x-a"] == "1"
    guarded.close()
    assert plain.is_closed()


def test_a_stored_completion_is_checked_when_it_is_read(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    given = client(server).chat.completions.retrieve("chatcmpl-1")
    assert given.choices[0].message.content == REDACTED


def test_what_is_left_of_a_stream_is_not_waited_for(server: Loopback) -> None:
    server.says(said("word " * 200, 5))
    stream = client(server).chat.completions.create(**asks("Hi", stream=True))
    shown = (chunk.choices[0].delta.content for chunk in stream)
    assert next(text for text in shown if text) == "word "
    stream.close()
    assert stream.response.is_closed


async def test_many_at_once_are_not_mixed_up(server: Loopback) -> None:
    server.answer = lambda path, body: said(f"{body['messages'][0]['content']} and {IBAN}", 2)
    guarded = aclient(server)

    async def ask(number: int) -> str:
        chunks = await guarded.chat.completions.create(**asks(f"n{number}", stream=True))
        return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])

    answers = await asyncio.gather(*map(ask, range(12)))
    assert answers == [f"n{number} and [IBAN]" for number in range(12)]


def test_the_http_client_given_goes_on_being_used(server: Loopback) -> None:
    httpx2 = pytest.importorskip("httpx2", reason="httpx2 is not installed")
    own = httpx2.Client(headers={"x-own": "1"})
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", http_client=own)
    server.says(completion({"content": ANSWER}))
    given = guard_client(plain, made_guard()).chat.completions.create(**asks("Hi"))
    assert given.choices[0].message.content == REDACTED
    assert server.headers[0]["x-own"] == "1"


def test_a_guard_in_shadow_changes_nothing(server: Loopback) -> None:
    server.says(said(f"{ANSWER} {KEY}", 3))
    plain = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
    guarded = guard_client(plain, made_guard(mode="shadow"))
    chunks = list(guarded.chat.completions.create(**asks(KEY, stream=True)))
    shown = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert shown == f"{ANSWER} {KEY}"
    assert server.seen[0]["messages"][0]["content"] == KEY
