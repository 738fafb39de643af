"""The guard in runs, models and tools of the OpenAI Agents SDK."""

from __future__ import annotations

import copy
import dataclasses
import functools
import typing
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

import msgspec
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailResult,
    InputGuardrailTripwireTriggered,
    Model,
    ModelProvider,
    OutputGuardrail,
    OutputGuardrailResult,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    RunContextWrapper,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
)
from agents.run_config import CallModelData, ModelInputData
from openai.types.responses import ResponseOutputMessage, ResponseStreamEvent
from pydantic import BaseModel

from railwright.guard._chat import REMOVED, ChatOptions
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._guard import Guard
from railwright.guard._places import Arguments
from railwright.guard._types import GuardError, Stage, Verdict
from railwright.guard.adapters._common import Known, OnBlock, Setup, setup_of
from railwright.guard.adapters._responses_wire import ResponsesWire, message_item

M = TypeVar("M", bound=Model)
Body = dict[str, Any]

NAME = "railwright"


class InputBlockedError(GuardBlockedError, InputGuardrailTripwireTriggered):
    """A rule stopped what was to go to a model; also an ``InputGuardrailTripwireTriggered``."""

    def __init__(self, verdict: Verdict) -> None:
        Exception.__init__(self, str(GuardBlockedError(verdict)))
        self.verdict, self.run_data = verdict, None
        output = GuardrailFunctionOutput(verdict, tripwire_triggered=True)
        self.guardrail_result = InputGuardrailResult(_NO_INPUT_GUARDRAIL, output)


class OutputBlockedError(GuardBlockedError, OutputGuardrailTripwireTriggered):
    """A rule stopped what a model answered; also an ``OutputGuardrailTripwireTriggered``."""

    def __init__(self, verdict: Verdict) -> None:
        Exception.__init__(self, str(GuardBlockedError(verdict)))
        self.verdict, self.run_data = verdict, None
        output = GuardrailFunctionOutput(verdict, tripwire_triggered=True)
        self.guardrail_result = OutputGuardrailResult(
            _NO_OUTPUT_GUARDRAIL, agent_output="", agent=_NO_AGENT, output=output
        )


async def _never(*_: Any) -> GuardrailFunctionOutput:
    raise GuardError("this guardrail only stands in an exception", "use guard_run or guard_model")


_NO_AGENT: Agent[Any] = Agent(NAME)
_NO_INPUT_GUARDRAIL: InputGuardrail[Any] = InputGuardrail(_never, name=NAME)
_NO_OUTPUT_GUARDRAIL: OutputGuardrail[Any] = OutputGuardrail(_never, name=NAME)


def guard_run(
    guard: Guard,
    config: RunConfig | None = None,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> RunConfig:
    """Return a run configuration under which every model that an agent names is guarded.

    ``Runner.run(agent, text, run_config=guard_run(guard))`` covers handoffs too. An agent that
    was given a model object instead of a name needs ``guard_model``: without it the run ends with
    a ``GuardError`` before the model is called.

    Args:
        guard: the guard.
        config: what the configuration is made from; it stays as it is.
        on_block: ``raise`` an ``InputBlockedError`` or ``OutputBlockedError``, or answer with the
            policy's ``message``.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated. By default
            instructions are not checked: the application wrote them.
    """
    given = config or RunConfig()
    setup = setup_of(guard, on_block, call, options)
    model = given.model
    return dataclasses.replace(
        given,
        model=_guarded(model, setup) if isinstance(model, Model) else model,
        model_provider=_Provider(given.model_provider, setup),
        call_model_input_filter=_only_guarded(given),
    )


def guard_model(
    model: M,
    guard: Guard,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> M:
    """Return a copy of a model, of its own kind, whose input and answers are checked.

    The arguments are those of ``guard_run``. Answers are checked whole and streamed; tool calls
    before they are made.
    """
    return _guarded(model, setup_of(guard, on_block, call, options))


def _guarded(model: M, setup: Setup) -> M:
    guarded = copy.copy(model)
    guarded.__class__ = _kind(type(model))
    guarded._guard_setup = setup  # type: ignore[attr-defined]
    return guarded


@functools.cache
def _kind(of: type[Model]) -> Any:
    body = {"get_response": _guarded_response(of), "stream_response": _guarded_stream(of)}
    return type(f"Guarded{of.__name__}", (of,), body)


def _guarded_response(of: Any) -> Any:
    @functools.wraps(of.get_response)
    async def get_response(
        self: Any,
        system_instructions: str | None,
        input: Any,  # noqa: A002 - the SDK calls it by this name
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        exchange = _Exchange(self._guard_setup)
        body = await exchange.request(system_instructions, input)
        if body is None:
            return exchange.refusal()
        told, items = body["instructions"], body["input"]
        return await exchange.reply(await of.get_response(self, told, items, *args, **kwargs))

    return get_response


def _guarded_stream(of: Any) -> Any:
    @functools.wraps(of.stream_response)
    async def stream_response(
        self: Any,
        system_instructions: str | None,
        input: Any,  # noqa: A002 - the SDK calls it by this name
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        exchange = _Exchange(self._guard_setup)
        body = await exchange.request(system_instructions, input)
        if body is None:
            for event in exchange.refusal_events():
                yield event
            return
        told, items = body["instructions"], body["input"]
        async with aclosing(of.stream_response(self, told, items, *args, **kwargs)) as events:
            async for event in events:
                for out in await exchange.event(event):
                    yield out
                if exchange.wire.ended:
                    return

    return stream_response


class _Exchange:
    """One request to a model and its answer, in the form of the Responses API."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.wire = ResponsesWire(setup.chat())

    async def request(self, instructions: str | None, items: Any) -> Body | None:
        """What may be sent; None when nothing may be."""
        body = copy.deepcopy({"instructions": instructions, "input": items})
        allowed = await self.wire.request(body)
        self._setup.stopped(self.wire.chat, InputBlockedError)
        return body if allowed else None

    async def reply(self, response: Any) -> Any:
        """The answer as it may be used."""
        before = [_dumped(item) for item in response.output]
        body = await self.wire.reply({"output": copy.deepcopy(before)})
        self._setup.stopped(self.wire.chat, OutputBlockedError)
        if self.wire.chat.tally.stopped is not None:
            return dataclasses.replace(response, output=_items(body["output"]))
        output = [
            item if old == new else type(item).model_construct(None, **new)
            for item, old, new in zip(response.output, before, body["output"], strict=True)
        ]
        return dataclasses.replace(response, output=output)

    async def event(self, event: Any) -> list[Any]:
        """The events that take the place of one event."""
        given = _dumped(event)
        going = await self.wire.feed(copy.deepcopy(given))
        self._setup.stopped(self.wire.chat, OutputBlockedError)
        return [event if item == given else _event(self._ended(item)) for item in going]

    def refusal(self) -> Any:
        """The answer to a request that was stopped; no model was asked."""
        from agents import ModelResponse, Usage

        verdict = self.wire.chat.tally.stopped
        assert verdict is not None
        return ModelResponse(
            output=_items([message_item(verdict.message)]), usage=Usage(), response_id=None
        )

    def refusal_events(self) -> list[Any]:
        """The same as a stream."""
        return [_event(self._ended(event)) for event in self.wire.refusal_events({})]

    def _ended(self, event: Body) -> Body:
        """A stopped answer as one that is complete: the SDK takes no other for an answer."""
        if not self.wire.ended or event["type"] != "response.incomplete":
            return event
        whole = {**event["response"], "status": "completed", "incomplete_details": None}
        return {**event, "type": "response.completed", "response": whole}


@functools.cache
def _events() -> dict[str, Any]:
    """The kinds of events by their type."""
    kinds = typing.get_args(typing.get_args(ResponseStreamEvent)[0])
    return {
        name: kind
        for kind in kinds
        for name in typing.get_args(kind.model_fields["type"].annotation)
    }


def _event(body: Body) -> Any:
    # Not validated, as the SDK itself does not: servers leave fields out.
    return _events()[body["type"]].model_construct(None, **body)


def _items(items: list[Body]) -> list[Any]:
    return [ResponseOutputMessage.model_construct(None, **item) for item in items]


def _dumped(item: Any) -> Body:
    body: Body = item.model_dump(exclude_unset=True, warnings=False)
    return body


class _Provider(ModelProvider):
    """Gives guarded models."""

    def __init__(self, inner: ModelProvider, setup: Setup) -> None:
        self._inner, self._setup = inner, setup

    def get_model(self, model_name: str | None) -> Model:
        """The model of that name, guarded."""
        return _guarded(self._inner.get_model(model_name), self._setup)

    async def aclose(self) -> None:
        """Release what the provider holds."""
        await self._inner.aclose()


def _only_guarded(config: RunConfig) -> Any:
    """A filter that lets no input go to a model object that is not guarded."""
    inner = config.call_model_input_filter

    async def check(data: CallModelData[Any]) -> ModelInputData:
        own = data.agent.model
        if config.model is None and isinstance(own, Model) and not hasattr(own, "_guard_setup"):
            raise GuardError(
                f"agent {data.agent.name!r} was given a model object, which is not guarded",
                "give it the model's name, or guard_model(model, guard)",
            )
        if inner is None:
            return data.model_data
        found = inner(data)
        return found if isinstance(found, ModelInputData) else await found

    return check


class _Checks(NamedTuple):
    """Checks of single texts, for guardrails that only stop."""

    setup: Setup

    async def text(self, stage: Stage, text: str, **about: Any) -> Verdict:
        return await self.setup.guard.acheck(stage, text, self.setup.known(**about))


def input_guardrail(
    guard: Guard, *, call: Known = None, options: ChatOptions | None = None
) -> InputGuardrail[Any]:
    """Return a guardrail that trips where a rule stops the input; it runs before the agent.

    It redacts nothing (guardrails of this SDK cannot): see ``guard_run`` for that.
    ``output_info`` is the verdict, or None.
    """
    setup = setup_of(guard, "message", call, options)

    async def check(
        _context: RunContextWrapper[Any], _agent: Agent[Any], items: Any
    ) -> GuardrailFunctionOutput:
        wire = ResponsesWire(setup.chat())
        await wire.request(copy.deepcopy({"input": items}))
        stopped = wire.chat.tally.stopped
        return GuardrailFunctionOutput(stopped, tripwire_triggered=stopped is not None)

    return InputGuardrail(check, name=NAME, run_in_parallel=False)


def output_guardrail(guard: Guard, *, call: Known = None) -> OutputGuardrail[Any]:
    """Return a guardrail that trips where a rule stops the final answer, or would change it.

    Rules know the agent's instructions. ``output_info`` is the verdict.
    """
    checks = _Checks(setup_of(guard, "message", call, None))

    async def check(
        context: RunContextWrapper[Any], agent: Agent[Any], answer: Any
    ) -> GuardrailFunctionOutput:
        text = _text(answer)
        told = (checks.setup.known().system, await agent.get_system_prompt(context))
        system = "\n\n".join(filter(None, told))
        verdict = await checks.text("output", text, system=system)
        tripped = verdict.blocked or verdict.text != text
        return GuardrailFunctionOutput(verdict, tripwire_triggered=tripped)

    return OutputGuardrail(check, name=NAME)


class ToolGuardrails(NamedTuple):
    """What ``function_tool(**tool_guardrails(guard)._asdict())`` takes."""

    tool_input_guardrails: list[ToolInputGuardrail[Any]]
    tool_output_guardrails: list[ToolOutputGuardrail[Any]]


def tool_guardrails(
    guard: Guard, *, on_block: OnBlock = "message", call: Known = None
) -> ToolGuardrails:
    """Return guardrails for a function tool: for its arguments, and for what it returns.

    Args:
        guard: the guard.
        on_block: ``message`` tells the model the policy's message instead of calling the tool, or
            instead of its result; ``raise`` ends the run with the SDK's tripwire error.
        call: what is known beside the texts, or a function that says it for each request.

    Arguments that a rule would redact are not redacted but stopped, and so are results:
    guardrails of this SDK cannot change them.
    """
    checks = _Checks(setup_of(guard, on_block, call, None))

    def outcome(verdict: Verdict | None, instead: str) -> ToolGuardrailFunctionOutput:
        if verdict is None:
            return ToolGuardrailFunctionOutput.allow()
        if on_block == "raise":
            return ToolGuardrailFunctionOutput.raise_exception(verdict)
        return ToolGuardrailFunctionOutput.reject_content(instead, verdict)

    async def before(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        tool = data.context.tool_name
        for place in Arguments({"arguments": data.context.tool_arguments}).places("tool_call"):
            verdict = await checks.text("tool_call", place.text, tool=tool)
            if verdict.blocked or verdict.text != place.text:
                return outcome(verdict, verdict.message or REMOVED)
        return outcome(None, "")

    async def after(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        text = _text(data.output)
        verdict = await checks.text("tool_result", text, tool=data.context.tool_name)
        if verdict.blocked:
            return outcome(verdict, REMOVED)
        if verdict.text != text:
            return ToolGuardrailFunctionOutput.reject_content(verdict.text, verdict)
        return outcome(None, "")

    return ToolGuardrails(
        [ToolInputGuardrail(before, name=NAME)], [ToolOutputGuardrail(after, name=NAME)]
    )


def _text(value: Any) -> str:
    """An answer of an agent or tool as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        return str(value)
