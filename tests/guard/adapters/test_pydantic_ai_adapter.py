"""pydantic-ai itself, guarded, against a server that speaks the chat API."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import BaseModel
from tests.guard.adapters.adapter_server import (
    IBAN,
    KEY,
    MAIL,
    Loopback,
    adrain,
    chat_stream,
    completion,
    made_guard,
    pieces,
    said,
    tool_call,
)

from railwright.guard import ChatOptions, GuardBlockedError

pydantic_ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
openai = pytest.importorskip("openai", reason="the OpenAI SDK is not installed")

from pydantic_ai import Agent, ModelHTTPError  # noqa: E402
from pydantic_ai.exceptions import ContentFilterError  # noqa: E402
from pydantic_ai.messages import (  # noqa: E402
    PartDeltaEvent,
    PartStartEvent,
    TextContent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models.openai import OpenAIChatModel  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

from railwright.guard.adapters.pydantic_ai import (  # noqa: E402
    GuardCapability,
    PydanticAIBlockedError,
    guard_model,
)

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."


def plain(server: Loopback) -> Any:
    client = openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)
    return OpenAIChatModel("m-1", provider=OpenAIProvider(openai_client=client))


def agent(server: Loopback, *, of: dict[str, Any] | None = None, **options: Any) -> Any:
    return Agent(plain(server), capabilities=[GuardCapability(made_guard(), **options)], **of or {})


async def test_what_is_allowed_goes_through(server: Loopback) -> None:
    server.says(completion({"content": "Hello!"}))
    expected = await Agent(plain(server), instructions=f"Mail {MAIL}").run("Hi")
    given = await agent(server, of={"instructions": f"Mail {MAIL}"}).run("Hi")
    assert server.seen[0] == server.seen[1]
    assert given.output == expected.output == "Hello!"
    assert given.usage == expected.usage
    assert given.response.provider_response_id == "chatcmpl-1"
    assert given.response.finish_reason == "stop"


@pytest.mark.parametrize("way", ["capability", "model"])
async def test_redactions_reach_model_and_user(server: Loopback, way: str) -> None:
    server.says(completion({"content": ANSWER, "reasoning_content": ANSWER}))
    guarded = (
        agent(server) if way == "capability" else Agent(guard_model(plain(server), made_guard()))
    )
    assert (await guarded.run(f"I am {MAIL}")).output == REDACTED
    assert server.seen[0]["messages"][0]["content"] == "I am [EMAIL]"
    given = await guarded.run(["I am bob@", "example.com, ok", TextContent(f"or {MAIL}")])
    assert given.output == REDACTED
    assert IBAN not in repr(given.response)
    assert MAIL not in server.sent
    assert "[EMAIL]" in server.sent
    assert "bob@" in repr(given.all_messages()[0])  # what the application holds stays as it is


async def test_a_blocked_input_costs_no_call(server: Loopback) -> None:
    with pytest.raises(ContentFilterError) as caught:
        await agent(server).run(KEY)
    assert isinstance(caught.value, GuardBlockedError)
    assert caught.value.verdict.stage == "input"
    assert pickle.loads(pickle.dumps(caught.value)).verdict == caught.value.verdict
    with pytest.raises(PydanticAIBlockedError):
        async with agent(server).run_stream(KEY) as run:
            await run.get_output()
    filtered = await agent(server, on_block="message").run(KEY)
    assert filtered.output == "Stopped."
    assert filtered.response.finish_reason == "content_filter"
    async with agent(server, on_block="message").run_stream(KEY) as run:
        assert [text async for text in run.stream_text(debounce_by=None)][-1] == "Stopped."
    assert server.seen == []


async def test_tokens_of_a_redacted_answer_are_not_told(server: Loopback) -> None:
    whole = completion({"content": ANSWER})
    token = {"token": IBAN, "logprob": -0.1, "bytes": None, "top_logprobs": []}
    whole["choices"][0]["logprobs"] = {"content": [token]}
    server.says(whole)
    plainly = await Agent(plain(server)).run("Hi")
    assert "logprobs" in (plainly.response.provider_details or {})
    given = await agent(server).run("Hi")
    assert given.output == REDACTED
    assert IBAN not in repr(given.response)


def test_a_synchronous_run(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    assert agent(server).run_sync("Hi").output == REDACTED


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, size: int
) -> None:
    server.says(said(ANSWER, size))
    async with agent(server).run_stream("Hi") as run:
        deltas = [text async for text in run.stream_text(delta=True, debounce_by=None)]
        assert "".join(deltas) == REDACTED
        assert run.usage.total_tokens == 12
    assert run.response.finish_reason == "stop"
    assert run.response.state == "complete"
    assert IBAN not in repr(run.all_messages())
    shown = ""
    async for event in await _events(agent(server), "Hi"):
        if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
            shown += event.part.content
        elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
            shown += event.delta.content_delta
    assert shown == REDACTED


async def _events(guarded: Any, text: str) -> Any:
    async def iterate() -> Any:
        async with guarded.run_stream_events(text) as events:
            async for event in events:
                yield event

    return iterate()


async def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(said(f"Fine so far. The key is {KEY}, and more.", 2))
    seen: list[str] = []
    async with agent(server).run_stream("Hi") as run:
        with pytest.raises(PydanticAIBlockedError) as caught:
            await adrain(run.stream_text(delta=True, debounce_by=None), seen)
    assert "".join(seen).startswith("Fine so far.")
    assert "AKIA" not in "".join(seen)
    assert caught.value.verdict.stage == "output"
    held = agent(server, on_block="message", options=ChatOptions(hold=True))
    async with held.run_stream("Hi") as run:
        assert await run.get_output() == "No keys here."
    assert run.response.finish_reason == "content_filter"


async def test_tools_are_called_with_checked_arguments(server: Loopback) -> None:
    calls: list[str] = []

    def send(to: str) -> dict[str, str]:
        calls.append(to)
        return {"sent": "yes", "by": MAIL}

    guarded = agent(server, of={"tools": [send]})
    asked = completion({"tool_calls": [tool_call("send", {"to": MAIL})]}, "tool_calls")
    server.says(asked, completion({"content": "Done"}))
    assert (await guarded.run("Hi")).output == "Done"
    assert calls == ["[EMAIL]"]
    assert server.seen[1]["messages"][-1]["content"] == '{"sent":"yes","by":"[EMAIL]"}'
    for to, expected in (("Ann", "Ann"), (MAIL, "[EMAIL]")):
        call = tool_call("send", {"to": to})
        text = call["function"].pop("arguments")
        parts = [
            {"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces(text, 2)
        ]
        first = {"tool_calls": [{**call, "index": 0}]}
        server.says(chat_stream(first, *parts, reason="tool_calls"), said("Done"))
        async with guarded.run_stream("Hi") as run:
            assert await run.get_output() == "Done"
        assert calls[-1] == expected
    server.says(completion({"tool_calls": [tool_call("send", {"to": KEY})]}, "tool_calls"))
    with pytest.raises(PydanticAIBlockedError) as caught:
        await guarded.run("Hi")
    assert caught.value.verdict.stage == "tool_call"
    assert len(calls) == 3


async def test_results_of_tools_are_untrusted(server: Loopback) -> None:
    def look() -> str:
        return KEY

    asked = completion({"tool_calls": [tool_call("look", {})]}, "tool_calls")
    server.says(asked, completion({"content": "Done"}))
    assert (await agent(server, of={"tools": [look]}).run("Hi")).output == "Done"
    assert server.seen[1]["messages"][-1]["content"] == "[removed by a safety rule]"
    server.says(asked, completion({"content": "Done"}))
    strict = agent(server, of={"tools": [look]}, options=ChatOptions(untrusted="block"))
    with pytest.raises(PydanticAIBlockedError):
        await strict.run("Hi")


async def test_structured_answers(server: Loopback) -> None:
    class Payment(BaseModel):
        account: str
        cents: int

    call = tool_call("final_result", {"account": "Ann", "cents": 5})
    server.says(completion({"tool_calls": [call]}, "tool_calls"))
    given = await agent(server, of={"output_type": Payment}).run("Hi")
    assert given.output == Payment(account="Ann", cents=5)


async def test_errors_of_the_provider_pass(server: Loopback) -> None:
    server.says((400, {"error": {"message": "no such model"}}))
    with pytest.raises(ModelHTTPError, match="no such model"):
        await agent(server).run("Hi")


async def test_instructions_are_checked_where_that_is_asked(server: Loopback) -> None:
    server.says(completion({"content": "ok"}))
    options = ChatOptions(trusted_roles=frozenset())
    told = {"instructions": f"Mail {MAIL}", "system_prompt": f"Or {MAIL}"}
    await agent(server, of=told, options=options).run("Hi")
    assert MAIL not in server.sent
    assert "Mail [EMAIL]" in server.sent
