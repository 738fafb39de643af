"""The OpenAI Agents SDK itself, guarded, against a server that speaks the Responses API."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from tests.guard.adapters.adapter_server import (
    IBAN,
    KEY,
    MAIL,
    Loopback,
    adrain,
    completion,
    made_guard,
    said,
)
from tests.guard.adapters.responses_wire import call_item, response, stream, text_item

from railwright.guard import ChatOptions, GuardBlockedError, GuardError

agents = pytest.importorskip("agents", reason="the OpenAI Agents SDK is not installed")

from agents import (  # noqa: E402
    Agent,
    InputGuardrailTripwireTriggered,
    OpenAIProvider,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    Runner,
    ToolInputGuardrailTripwireTriggered,
    function_tool,
)
from openai import AsyncOpenAI, BadRequestError  # noqa: E402

from railwright.guard.adapters.openai_agents import (  # noqa: E402
    guard_model,
    guard_run,
    input_guardrail,
    output_guardrail,
    tool_guardrails,
)

ANSWER = f"Pay to {IBAN}, please, not to {IBAN}."
REDACTED = "Pay to [IBAN], please, not to [IBAN]."


@pytest.fixture(autouse=True)
def _named(server: Loopback) -> None:
    server.named = True


def provider(server: Loopback, **options: Any) -> Any:
    client = AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)
    return OpenAIProvider(openai_client=client, **{"use_responses": True, **options})


def plain(server: Loopback, **options: Any) -> RunConfig:
    return RunConfig(model="m-1", model_provider=provider(server, **options), tracing_disabled=True)


def run(server: Loopback, **options: Any) -> RunConfig:
    return guard_run(made_guard(), plain(server), **options)


def sender(calls: list[str], **options: Any) -> Any:
    @function_tool(**options)
    def send(to: str) -> str:
        """Send a mail."""
        calls.append(to)
        return f"sent, says {MAIL}"

    return send


async def test_what_is_allowed_goes_through(server: Loopback) -> None:
    server.says(response(text_item("Hello!")))
    agent = Agent(name="a", instructions=f"Mail {MAIL}")
    expected = await Runner.run(agent, "Hi", run_config=plain(server))
    given = await Runner.run(agent, "Hi", run_config=run(server))
    assert server.seen[0] == server.seen[1]
    assert given.final_output == expected.final_output == "Hello!"
    assert given.to_input_list() == expected.to_input_list()
    assert given.context_wrapper.usage.total_tokens == 12
    assert given.raw_responses[0].response_id == "resp_1"


async def test_redactions_reach_model_and_user(server: Loopback) -> None:
    server.says(response(text_item(ANSWER)))
    given = await Runner.run(Agent(name="a"), f"I am {MAIL}", run_config=run(server))
    assert given.final_output == REDACTED
    assert MAIL not in server.sent
    assert IBAN not in str(given.to_input_list())


async def test_a_blocked_input_costs_no_call(server: Loopback) -> None:
    with pytest.raises(InputGuardrailTripwireTriggered) as caught:
        await Runner.run(Agent(name="a"), KEY, run_config=run(server))
    assert isinstance(caught.value, GuardBlockedError)
    assert caught.value.guardrail_result.output.output_info.stage == "input"
    streamed = Runner.run_streamed(Agent(name="a"), KEY, run_config=run(server))
    with pytest.raises(InputGuardrailTripwireTriggered):
        [event async for event in streamed.stream_events()]
    filtered = run(server, on_block="message")
    assert (await Runner.run(Agent(name="a"), KEY, run_config=filtered)).final_output == "Stopped."
    streamed = Runner.run_streamed(Agent(name="a"), KEY, run_config=filtered)
    assert await _text(streamed) == "Stopped."
    assert streamed.final_output == "Stopped."
    assert server.seen == []


async def _text(streamed: Any) -> str:
    return "".join(
        [
            event.data.delta
            async for event in streamed.stream_events()
            if event.type == "raw_response_event"
            and event.data.type == "response.output_text.delta"
        ]
    )


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("responses", [True, False])
async def test_a_stream_in_any_pieces_is_the_whole_text_redacted(
    server: Loopback, size: int, responses: bool
) -> None:
    server.named = responses
    server.says(stream(text_item(ANSWER), size=size) if responses else said(ANSWER, size))
    config = guard_run(made_guard(), plain(server, use_responses=responses))
    streamed = Runner.run_streamed(Agent(name="a"), "Hi", run_config=config)
    assert await _text(streamed) == REDACTED
    assert streamed.final_output == REDACTED
    assert IBAN not in str(streamed.to_input_list())
    assert streamed.context_wrapper.usage.total_tokens == 12


async def test_a_stream_that_is_stopped(server: Loopback) -> None:
    server.says(stream(text_item(f"Fine so far. The key is {KEY}, and more."), size=2))
    streamed = Runner.run_streamed(Agent(name="a"), "Hi", run_config=run(server))
    seen: list[str] = []
    with pytest.raises(OutputGuardrailTripwireTriggered) as caught:
        await adrain(
            streamed.stream_events(),
            seen,
            lambda event: getattr(getattr(event, "data", None), "delta", ""),
        )
    assert "".join(seen).startswith("Fine so far.")
    assert "AKIA" not in "".join(seen)
    assert isinstance(caught.value, GuardBlockedError)
    held = run(server, on_block="message", options=ChatOptions(hold=True))
    streamed = Runner.run_streamed(Agent(name="a"), "Hi", run_config=held)
    assert await _text(streamed) == "No keys here."
    streamed = Runner.run_streamed(
        Agent(name="a"), "Hi", run_config=run(server, on_block="message")
    )
    assert (await _text(streamed)).startswith("Fine so far.")
    assert streamed.final_output.startswith("Fine so far.")
    assert "AKIA" not in streamed.final_output


async def test_tools_are_called_with_checked_arguments(server: Loopback) -> None:
    calls: list[str] = []
    agent = Agent(name="a", tools=[sender(calls)])
    server.says(response(call_item({"to": MAIL})), response(text_item("Done")))
    given = await Runner.run(agent, "Hi", run_config=run(server))
    assert given.final_output == "Done"
    assert calls == ["[EMAIL]"]
    assert server.seen[1]["input"][-1]["output"] == "sent, says [EMAIL]"
    server.says(stream(call_item({"to": MAIL})), stream(text_item("Done")))
    streamed = Runner.run_streamed(agent, "Hi", run_config=run(server))
    assert await _text(streamed) == "Done"
    assert calls == ["[EMAIL]"] * 2
    server.says(response(call_item({"to": KEY})))
    with pytest.raises(OutputGuardrailTripwireTriggered) as caught:
        await Runner.run(agent, "Hi", run_config=run(server))
    assert caught.value.verdict.stage == "tool_call"  # type: ignore[attr-defined]
    assert len(calls) == 2


async def test_a_model_object_must_be_guarded_itself(server: Loopback) -> None:
    server.says(response(text_item(ANSWER)))
    model = provider(server).get_model("m-1")
    config = guard_run(made_guard(), RunConfig(tracing_disabled=True))
    with pytest.raises(GuardError, match="'a' was given a model object"):
        await Runner.run(Agent(name="a", model=model), "Hi", run_config=config)
    assert server.seen == []
    guarded = guard_model(model, made_guard())
    assert isinstance(guarded, type(model))
    given = await Runner.run(Agent(name="a", model=guarded), "Hi", run_config=config)
    assert given.final_output == REDACTED


async def test_handoffs_are_covered(server: Loopback) -> None:
    other = Agent(name="other")
    agent = Agent(name="a", handoffs=[other])
    server.says(response(call_item({}, "transfer_to_other")), response(text_item(ANSWER)))
    given = await Runner.run(agent, "Hi", run_config=run(server))
    assert given.last_agent is other
    assert given.final_output == REDACTED


async def test_structured_answers(server: Loopback) -> None:
    class Payment(BaseModel):
        account: str

    server.says(response(text_item(f'{{"account": "{IBAN}"}}')))
    agent = Agent(name="a", output_type=Payment)
    given = await Runner.run(agent, "Hi", run_config=run(server))
    assert given.final_output == Payment(account="[IBAN]")
    trip = Agent(name="a", output_type=Payment, output_guardrails=[output_guardrail(made_guard())])
    with pytest.raises(OutputGuardrailTripwireTriggered):
        await Runner.run(trip, "Hi", run_config=plain(server))


async def test_guardrails_of_agents(server: Loopback) -> None:
    server.says(response(text_item(f"The key is {KEY}.")))
    guard = made_guard()
    agent = Agent(
        name="a",
        input_guardrails=[input_guardrail(guard)],
        output_guardrails=[output_guardrail(guard)],
    )
    with pytest.raises(InputGuardrailTripwireTriggered) as caught:
        await Runner.run(agent, KEY, run_config=plain(server))
    assert server.seen == []
    assert caught.value.guardrail_result.output.output_info.action == "block"
    with pytest.raises(OutputGuardrailTripwireTriggered) as also:
        await Runner.run(agent, "Hi", run_config=plain(server))
    assert also.value.guardrail_result.output.output_info.stage == "output"


async def test_guardrails_of_tools(server: Loopback) -> None:
    guard, calls = made_guard(), list[str]()
    agent = Agent(name="a", tools=[sender(calls, **tool_guardrails(guard)._asdict())])
    server.says(response(call_item({"to": KEY})), response(text_item("Done")))
    given = await Runner.run(agent, "Hi", run_config=plain(server))
    assert (given.final_output, calls) == ("Done", [])
    assert server.seen[1]["input"][-1]["output"] == "Stopped."
    server.says(response(call_item({"to": "Ann"})), response(text_item("Done")))
    await Runner.run(agent, "Hi", run_config=plain(server))
    assert calls == ["Ann"]
    assert server.seen[3]["input"][-1]["output"] == "sent, says [EMAIL]"
    strict = tool_guardrails(guard, on_block="raise")
    agent = Agent(name="a", tools=[sender(calls, **strict._asdict())])
    server.says(response(call_item({"to": KEY})))
    with pytest.raises(ToolInputGuardrailTripwireTriggered):
        await Runner.run(agent, "Hi", run_config=plain(server))


async def test_errors_of_the_provider_pass(server: Loopback) -> None:
    server.says((400, {"error": {"message": "no such model"}}))
    with pytest.raises(BadRequestError, match="no such model"):
        await Runner.run(Agent(name="a"), "Hi", run_config=run(server))


async def test_models_of_the_chat_api(server: Loopback) -> None:
    server.says(completion({"content": ANSWER}))
    config = guard_run(made_guard(), plain(server, use_responses=False))
    given = await Runner.run(Agent(name="a"), f"I am {MAIL}", run_config=config)
    assert given.final_output == REDACTED
    assert MAIL not in server.sent
