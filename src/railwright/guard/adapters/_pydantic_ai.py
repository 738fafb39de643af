"""The guard in models and agents of pydantic-ai."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ContentFilterError
from pydantic_ai.messages import (
    FinalResultEvent,
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    RetryPromptPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import (
    Model,
    ModelRequestContext,
    ModelRequestParameters,
    StreamedResponse,
)
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from railwright.guard._chat import ChatOptions
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._guard import Guard
from railwright.guard._relay import Relay
from railwright.guard._types import Verdict
from railwright.guard.adapters._common import Known, OnBlock, Setup, Views, setup_of

Body = dict[str, Any]


class PydanticAIBlockedError(GuardBlockedError, ContentFilterError):
    """A rule stopped a request or an answer; also pydantic-ai's ``ContentFilterError``."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.message, self.body = str(GuardBlockedError(verdict)), None
        Exception.__init__(self, self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.verdict,)


def guard_model(
    model: Model | str,
    guard: Guard,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> WrapperModel:
    """Return a model that checks what goes into another one and what comes out of it.

    Args:
        model: the model, or its name, such as ``openai:gpt-5``.
        guard: the guard.
        on_block: ``raise`` a ``PydanticAIBlockedError``, or answer with the policy's ``message``
            and the finish reason ``content_filter``.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated. By default system
            prompts and instructions are not checked: the application wrote them.
    """
    return GuardedModel(model, setup_of(guard, on_block, call, options))


@dataclass(init=False)
class GuardCapability(AbstractCapability[Any]):
    """Guards every model that an agent asks: ``Agent(..., capabilities=[GuardCapability(guard)])``.

    The arguments are those of ``guard_model``.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        on_block: OnBlock = "raise",
        call: Known = None,
        options: ChatOptions | None = None,
    ) -> None:
        self.id, self.description, self.defer_loading = None, None, False
        self._setup = setup_of(guard, on_block, call, options)

    async def before_model_request(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 - the SDK's interface
        request_context: ModelRequestContext,
    ) -> ModelRequestContext:
        """Put the guarded model in the place of the model."""
        if not isinstance(request_context.model, GuardedModel):
            request_context.model = GuardedModel(request_context.model, self._setup)
        return request_context

    @classmethod
    def get_serialization_name(cls) -> str | None:
        """None: a guard is no part of an agent's specification."""
        return None


class GuardedModel(WrapperModel):
    """A model that checks what goes into another one and what comes out of it."""

    def __init__(self, wrapped: Model | str, setup: Setup) -> None:
        super().__init__(cast("Any", wrapped))  # a name of any model; it is looked up
        self._setup = setup

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask the model, if it may be asked, and return its checked answer."""
        exchange = _Exchange(self._setup)
        checked = await exchange.request(messages, model_request_parameters)
        if checked is None:
            return exchange.refused(ModelResponse([], model_name=self.model_name))
        answer = await super().request(checked[0], model_settings, checked[1])
        return await exchange.reply(answer)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Do as ``request``; the answer is checked as it arrives."""
        from pydantic_ai.models import CompletedStreamedResponse

        exchange = _Exchange(self._setup)
        checked = await exchange.request(messages, model_request_parameters)
        if checked is None:
            answer = exchange.refused(ModelResponse([], model_name=self.model_name))
            yield CompletedStreamedResponse(
                answer, model_request_parameters=model_request_parameters, replay_events=True
            )
            return
        async with super().request_stream(
            checked[0], model_settings, checked[1], run_context
        ) as stream:
            yield GuardedStream(stream, exchange)

    async def count_tokens(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> RequestUsage:
        """Count the tokens of the messages as they would be sent."""
        exchange = _Exchange(self._setup)
        checked = await exchange.request(messages, model_request_parameters)
        if checked is None:
            raise PydanticAIBlockedError(exchange.verdict)
        return await super().count_tokens(checked[0], model_settings, checked[1])


class _Exchange:
    """One request to a model and its answer."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.chat = setup, setup.chat()

    @property
    def verdict(self) -> Verdict:
        """The verdict that stopped the request or the answer."""
        verdict = self.chat.tally.stopped
        assert verdict is not None
        return verdict

    def stopped(self) -> bool:
        """Whether a rule stopped it; raises where that is asked for."""
        return self.setup.stopped(self.chat, PydanticAIBlockedError) is not None

    async def request(
        self, messages: list[ModelMessage], parameters: ModelRequestParameters
    ) -> tuple[list[ModelMessage], ModelRequestParameters] | None:
        """Messages and instructions as they may be sent; None when they must not be."""
        views, copies = Views(), [_copied(message) for message in messages]
        parts = [copy.copy(part) for part in parameters.instruction_parts or ()]
        told = [view for message in copies for view in _views(message, views)]
        told += [views.lend(vars(part), "content", {"role": "system"}, "content") for part in parts]
        allowed = await self.chat.request({"messages": told})
        self.stopped()
        changed = views.store()
        if not allowed:
            return None
        if not changed:
            return messages, parameters
        if parts:
            parameters = dataclasses.replace(parameters, instruction_parts=parts)
        return copies, parameters

    async def reply(self, answer: ModelResponse) -> ModelResponse:
        """The answer as it may be used: the same object where nothing changed."""
        views, response = Views(), _copied(answer)
        (view,) = _views(response, views)
        await self.chat.reply({"choices": [{"message": view}]})
        if self.stopped():
            return self.refused(answer)
        return _without_tokens(response) if views.store() else answer

    def refused(self, answer: ModelResponse) -> ModelResponse:
        """An answer that only says the policy's message."""
        parts = [TextPart(self.verdict.message)]
        return dataclasses.replace(answer, parts=parts, finish_reason="content_filter")


def _without_tokens(answer: ModelResponse) -> ModelResponse:
    """An answer without the tokens that it was made of, which repeat what was redacted."""
    if "logprobs" not in (answer.provider_details or {}):
        return answer
    details = {k: v for k, v in (answer.provider_details or {}).items() if k != "logprobs"}
    return dataclasses.replace(answer, provider_details=details)


def _copied(message: Any) -> Any:
    """A message whose parts may be changed."""
    parts = [copy.copy(part) for part in message.parts]
    for part in parts:
        if isinstance(part, UserPromptPart) and not isinstance(part.content, str):
            part.content = [
                copy.copy(item) if isinstance(item, TextContent) else item for item in part.content
            ]
    return dataclasses.replace(message, parts=parts)


def _views(message: Any, views: Views) -> list[Body]:
    """A message in the form of the chat API, one or several; changed texts go back by ``views``."""
    if isinstance(message, ModelResponse):
        return [_response_view(message.parts, views)]
    found: list[Body] = []
    if message.instructions:
        found.append(views.lend(vars(message), "instructions", {"role": "system"}, "content"))
    for part in message.parts:
        if isinstance(part, SystemPromptPart):
            found.append(views.lend(vars(part), "content", {"role": "system"}, "content"))
        elif isinstance(part, UserPromptPart):
            found.append(_user_view(part, views))
        elif isinstance(part, ToolReturnPart | RetryPromptPart):
            _as_text(part)
            about = {"role": "tool", "tool_call_id": part.tool_call_id}
            found.append(views.lend(vars(part), "content", about, "content"))
    return found


def _as_text(part: ToolReturnPart | RetryPromptPart) -> None:
    """Put what a tool gave as the text that the model would read, where it is no plain text."""
    if isinstance(part.content, str):
        return
    if isinstance(part, RetryPromptPart):
        part.content = part.model_response()
    elif not part.files:
        part.content = part.model_response_str(wrap_if_error=False)


def _user_view(part: UserPromptPart, views: Views) -> Body:
    if isinstance(part.content, str):
        return views.lend(vars(part), "content", {"role": "user"}, "content")
    content: list[Body] = []
    for number, item in enumerate(part.content):
        if isinstance(item, str):
            content.append(views.lend(part.content, number, {}, "text"))
        elif isinstance(item, TextContent):
            content.append(views.lend(vars(item), "content", {}, "text"))
    return {"role": "user", "content": content}


def _response_view(parts: Sequence[Any], views: Views) -> Body:
    view: Body = {"role": "assistant", "content": [], "reasoning": [], "tool_calls": []}
    for part in parts:
        if isinstance(part, TextPart):
            view["content"].append(views.lend(vars(part), "content", {}, "text"))
        elif isinstance(part, ThinkingPart):
            view["reasoning"].append(views.lend(vars(part), "content", {}, "text"))
        elif isinstance(part, ToolCallPart) and part.args is not None:
            function = views.lend(vars(part), "args", {"name": part.tool_name}, "arguments")
            view["tool_calls"].append({"id": part.tool_call_id, "function": function})
    return view


class GuardedStream(StreamedResponse):
    """An answer that is checked as it arrives; tool calls go on once they are whole."""

    def __init__(self, inner: StreamedResponse, exchange: _Exchange) -> None:
        super().__init__(inner.model_request_parameters)
        self._inner, self._exchange = inner, exchange
        self._relay = Relay(exchange.chat)
        self._call: list[ModelResponseStreamEvent] = []

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        async for event in self._inner:
            if isinstance(event, FinalResultEvent):
                continue  # the events that go on are looked through anew
            for out in self._applied(await self._event(event)):
                yield out
            if self._relay.stopped():
                self._exchange.stopped()
                for out in self._applied(self._said()):
                    yield out
                return

    def _applied(
        self, events: list[ModelResponseStreamEvent]
    ) -> Iterator[ModelResponseStreamEvent]:
        for event in events:
            self._parts_manager.apply_event(event)
            yield event

    async def _event(self, event: ModelResponseStreamEvent) -> list[ModelResponseStreamEvent]:
        if isinstance(event, PartEndEvent):
            return await self._end(event)
        assert isinstance(event, PartStartEvent | PartDeltaEvent)
        if self._call or (isinstance(event, PartStartEvent) and _is_call(event.part)):
            self._call.append(event)
            return []
        return await (
            self._start(event) if isinstance(event, PartStartEvent) else self._delta(event)
        )

    async def _start(self, event: PartStartEvent) -> list[ModelResponseStreamEvent]:
        part = event.part
        if not isinstance(part, TextPart | ThinkingPart):
            return [event]
        text = await self._relay.text(event.index, part.content)
        return [dataclasses.replace(event, part=dataclasses.replace(part, content=text))]

    async def _delta(self, event: PartDeltaEvent) -> list[ModelResponseStreamEvent]:
        delta = event.delta
        if not isinstance(delta, TextPartDelta | ThinkingPartDelta) or delta.content_delta is None:
            return [event]
        text = await self._relay.text(event.index, delta.content_delta)
        if not text and isinstance(delta, TextPartDelta):
            return []
        return [dataclasses.replace(event, delta=dataclasses.replace(delta, content_delta=text))]

    async def _end(self, event: PartEndEvent) -> list[ModelResponseStreamEvent]:
        """What was held back of a part; its end is told anew."""
        held, self._call = self._call, []
        if held:
            return await self._checked_call(event, held)
        rest = await self._relay.end(event.index)
        if not rest:
            return []
        thought = isinstance(event.part, ThinkingPart)
        delta = ThinkingPartDelta(content_delta=rest) if thought else TextPartDelta(rest)
        return [PartDeltaEvent(index=event.index, delta=delta)]

    async def _checked_call(
        self, event: PartEndEvent, held: list[ModelResponseStreamEvent]
    ) -> list[ModelResponseStreamEvent]:
        part = event.part
        assert isinstance(part, ToolCallPart)
        function = {"name": part.tool_name, "arguments": copy.deepcopy(part.args)}
        if part.args is None:
            return held
        if not await self._relay.call(function):
            return []
        if function["arguments"] == part.args:
            return held
        checked: Any = dataclasses.replace(part, args=function["arguments"])
        return [PartStartEvent(index=event.index, part=checked)]

    def _said(self) -> list[ModelResponseStreamEvent]:
        """The policy's message, where nothing was shown yet."""
        self.finish_reason = "content_filter"
        if self._relay.shown:
            return []
        number = len(self._parts_manager.get_parts())
        return [PartStartEvent(index=number, part=TextPart(self._exchange.verdict.message))]

    def get(self) -> ModelResponse:
        """The answer so far."""
        own, given = super().get(), self._inner.get()
        reason = self.finish_reason or given.finish_reason
        state = own.state if self._relay.stopped() else given.state
        whole = dataclasses.replace(given, parts=own.parts, finish_reason=reason, state=state)
        return whole if list(own.parts) == list(given.parts) else _without_tokens(whole)

    async def close_stream(self) -> None:
        """Close the provider's stream."""
        await self._inner.cancel()

    def get_stream_cancel_errors(self) -> tuple[type[BaseException], ...]:
        """What the provider's transport raises when its stream is closed."""
        return self._inner.get_stream_cancel_errors()

    @property
    def usage(self) -> RequestUsage:
        """The usage so far."""
        return self._inner.usage

    @property
    def model_name(self) -> str:
        """The model's name."""
        return self._inner.model_name

    @property
    def provider_name(self) -> str | None:
        """The provider's name."""
        return self._inner.provider_name

    @property
    def provider_url(self) -> str | None:
        """The provider's address."""
        return self._inner.provider_url

    @property
    def timestamp(self) -> datetime:
        """When the answer began."""
        return self._inner.timestamp


def _is_call(part: Any) -> bool:
    return isinstance(part, ToolCallPart)
