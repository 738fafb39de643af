"""The guard in chat models, documents and tools of LangChain (``langchain-core`` alone)."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from railwright.guard._chat import ChatOptions
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._guard import Guard
from railwright.guard._places import leaves
from railwright.guard._relay import Relay
from railwright.guard._types import Verdict
from railwright.guard.adapters._common import (
    FILTERED,
    Known,
    OnBlock,
    Setup,
    Views,
    guarded_copy,
    guarded_kind,
    run,
    setup_of,
)

M = TypeVar("M", bound=BaseChatModel)
Body = dict[str, Any]

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_THOUGHTS = ("thinking", "reasoning")
_RAW_TEXTS = ("reasoning_content", "reasoning", "refusal")
_ARGUMENTS = ("input", "arguments", "args")


def guard_model(
    model: M,
    guard: Guard,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> M:
    """Return a copy of a chat model, of its own kind, whose messages and answers are checked.

    Everything that the model can do it still can: ``bind_tools``, ``with_structured_output``,
    streams, chains. Callbacks and tracers see answers as they were checked, and inputs as given.

    Args:
        model: the chat model; it stays as it is.
        guard: the guard.
        on_block: ``raise`` a ``GuardBlockedError``, or answer with the policy's ``message`` and
            the finish reason ``content_filter``.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated. By default system
            messages are not checked: the application wrote them.
    """
    return guarded_copy(model, _kind(type(model)), setup_of(guard, on_block, call, options))


@functools.cache
def _kind(of: type[BaseChatModel]) -> Any:
    """A kind of model that checks what goes into and comes out of the four ways to ask it."""
    ways: dict[str, Any] = {
        "_generate": _guarded_generate(of),
        "_agenerate": _guarded_agenerate(of),
        "_stream_chat_model_events": None,  # events that did not go through `_stream`
        "_astream_chat_model_events": None,
    }
    if of._stream is not BaseChatModel._stream:
        ways["_stream"] = _guarded_stream(of)
    if of._astream is not BaseChatModel._astream:
        ways["_astream"] = _guarded_astream(of)
    return guarded_kind(of, __name__, ways)


def _guarded_generate(of: Any) -> Any:
    @functools.wraps(of._generate)
    def _generate(self: Any, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        args, kwargs = _silent(args, kwargs)
        exchange = _Exchange(self._guard_setup)
        checked = run(exchange.request(messages))
        if checked is None:
            return exchange.refusal()
        return run(exchange.reply(of._generate(self, checked, *args, **kwargs)))

    return _generate


def _guarded_agenerate(of: Any) -> Any:
    @functools.wraps(of._agenerate)
    async def _agenerate(
        self: Any, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        if of._agenerate is BaseChatModel._agenerate:  # it would ask `_generate`, guarded too
            result: ChatResult = await of._agenerate(self, messages, *args, **kwargs)
            return result
        args, kwargs = _silent(args, kwargs)
        exchange = _Exchange(self._guard_setup)
        checked = await exchange.request(messages)
        if checked is None:
            return exchange.refusal()
        return await exchange.reply(await of._agenerate(self, checked, *args, **kwargs))

    return _agenerate


def _guarded_stream(of: Any) -> Any:
    @functools.wraps(of._stream)
    def _stream(
        self: Any, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        args, kwargs = _silent(args, kwargs)
        exchange = _Exchange(self._guard_setup)
        checked = run(exchange.request(messages))
        if checked is None:
            yield _chunk(exchange.refused())
            return
        chunks = _Chunks(exchange)
        for chunk in of._stream(self, checked, *args, **kwargs):
            yield from run(chunks.feed(chunk))
            if chunks.ended:
                return
        yield from run(chunks.close())

    return _stream


def _guarded_astream(of: Any) -> Any:
    @functools.wraps(of._astream)
    async def _astream(
        self: Any, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        args, kwargs = _silent(args, kwargs)
        exchange = _Exchange(self._guard_setup)
        checked = await exchange.request(messages)
        if checked is None:
            yield _chunk(exchange.refused())
            return
        chunks = _Chunks(exchange)
        async for chunk in of._astream(self, checked, *args, **kwargs):
            for out in await chunks.feed(chunk):
                yield out
            if chunks.ended:
                return
        for out in await chunks.close():
            yield out

    return _astream


def _silent(args: tuple[Any, ...], kwargs: Body) -> tuple[tuple[Any, ...], Body]:
    """The arguments after the messages, without the run manager.

    By it a model would tell callbacks of pieces that were not checked.
    """
    return args[:1], {k: v for k, v in kwargs.items() if k != "run_manager"}


class _Exchange:
    """One request to a model and its answer."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.chat = setup, setup.chat()

    async def request(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:
        """The messages as they may be sent; None when they must not be."""
        views, copies = Views(), [message.model_copy(deep=True) for message in messages]
        body = {"messages": [_view(message, views) for message in copies]}
        allowed = await self.chat.request(body)
        self.setup.stopped(self.chat)
        changed = views.store() or self.chat.tally.action not in ("allow", "flag")
        if not allowed:
            return None
        return copies if changed else list(messages)

    async def reply(self, result: ChatResult) -> ChatResult:
        """The answers as they may be used."""
        generations: list[ChatGeneration] = []
        for generation in result.generations:
            message = await self.message(generation.message)
            info = generation.generation_info
            if message is not generation.message and info:
                info = {k: v for k, v in info.items() if k != "logprobs"}
            generations.append(ChatGeneration(message=message, generation_info=info))
        return ChatResult(generations=generations, llm_output=result.llm_output)

    async def message(self, given: BaseMessage) -> BaseMessage:
        """An answer of the model as it may be used: the same object where nothing changed."""
        views, message = Views(), given.model_copy(deep=True)
        parsed = message.additional_kwargs.pop("parsed", None)
        await self.chat.reply({"choices": [{"message": _view(message, views)}]})
        if self.setup.stopped(self.chat) is not None:
            return self.refused()
        changed = views.store()
        for place in leaves(message.additional_kwargs, "output"):
            before = place.text
            await self.chat.side(place)
            changed = changed or place.text != before
        changed = changed or message.content != given.content
        if not changed:
            return given
        message.response_metadata.pop("logprobs", None)
        if parsed is not None:
            message.additional_kwargs["parsed"] = _parsed_again(parsed, message)
        return message

    def refused(self) -> AIMessage:
        """The answer to what was stopped."""
        verdict = self.chat.tally.stopped
        assert verdict is not None
        return AIMessage(content=verdict.message, response_metadata=dict(FILTERED))

    def refusal(self) -> ChatResult:
        """The same as the result of a model."""
        return ChatResult(generations=[ChatGeneration(message=self.refused())])


def _view(message: BaseMessage, views: Views) -> Body:
    """A message in the form of the chat API; changed texts go back by ``views``."""
    view: Body = {"role": _ROLES.get(message.type, getattr(message, "role", "user"))}
    if isinstance(message, ToolMessage):
        view["tool_call_id"] = message.tool_call_id
    calls: list[Body] = []
    for call in getattr(message, "tool_calls", ()):
        function = views.lend(call, "args", {"name": call.get("name")}, "arguments")
        calls.append({"id": call.get("id"), "type": "function", "function": function})
    if isinstance(message.content, str):
        views.lend(vars(message), "content", view, "content")
    else:
        calls += _block_views(message.content, view, views)
    raw = message.additional_kwargs
    calls += [call for call in raw.get("tool_calls") or () if isinstance(call, dict)]
    if isinstance(raw.get("function_call"), dict):
        view["function_call"] = raw["function_call"]
    view["tool_calls"] = calls
    return view


def _block_views(content: list[Any], view: Body, views: Views) -> list[Body]:
    """Put texts and thoughts of content blocks into a view; return the tool calls among them."""
    view["content"], view["reasoning"], calls = [], [], []
    for number, block in enumerate(content):
        if isinstance(block, str):
            view["content"].append(views.lend(content, number, {}, "text"))
            continue
        if isinstance(block.get("text"), str):
            view["content"].append(block)
        view["reasoning"] += [
            views.lend(block, name, {}, "text")
            for name in _THOUGHTS
            if isinstance(block.get(name), str)
        ]
        view["reasoning"] += [part for part in block.get("summary") or () if isinstance(part, dict)]
        for name in _ARGUMENTS:
            if isinstance(block.get(name), str | dict) and block.get("type") != "input_text":
                function = views.lend(block, name, {"name": block.get("name")}, "arguments")
                calls.append({"id": block.get("id"), "function": function})
    return calls


def _parsed_again(parsed: Any, message: BaseMessage) -> Any:
    """A structured answer read again from its checked text."""
    text = str(message.text)
    if isinstance(parsed, BaseModel):
        return type(parsed).model_validate_json(text)
    return json.loads(text)


def _chunk(message: AIMessage | AIMessageChunk, info: Any = None) -> ChatGenerationChunk:
    if not isinstance(message, AIMessageChunk):
        message = AIMessageChunk(
            content=message.content, response_metadata=message.response_metadata
        )
    return ChatGenerationChunk(message=message, generation_info=info)


class _Chunks:
    """The chunks of one streamed answer on their way through.

    Text goes on as it is released; chunks with pieces of tool calls, and all that follow, wait for
    the end, when the calls are whole.
    """

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange, self._relay = exchange, Relay(exchange.chat)
        self._templates: dict[Any, tuple[AIMessageChunk, _Piece]] = {}
        self._calls: list[ChatGenerationChunk] = []
        self._after: list[ChatGenerationChunk] = []
        self.ended = False

    async def feed(self, chunk: ChatGenerationChunk) -> list[ChatGenerationChunk]:
        """Return the chunks that take the place of one chunk."""
        if self._relay.stopped():
            return self._stop()
        out = await self._event(chunk)
        if self._relay.stopped():  # what came before it goes on first
            shown = [item for item in out if item.message.content]
            return shown or self._stop()
        if self._calls:
            self._after += out
            return []
        return out

    async def close(self) -> list[ChatGenerationChunk]:
        """Return what was held back to the end."""
        if self._relay.stopped():
            return self._stop()
        rest = await self._rest()
        calls = await self._checked_calls() if not self._relay.stopped() else []
        if self._relay.stopped():
            return self._stop()
        return [*rest, *calls, *self._after]

    async def _event(self, chunk: ChatGenerationChunk) -> list[ChatGenerationChunk]:
        message = chunk.message
        assert isinstance(message, AIMessageChunk)
        info = chunk.generation_info
        if message.tool_call_chunks:
            text, call = _split(message)
            self._calls.append(ChatGenerationChunk(message=call, generation_info=info))
            return await self._texts(text, None) if text is not None else []
        if message.chunk_position == "last" and not self._calls:
            before = await self._texts(message.model_copy(update={"chunk_position": None}), info)
            end = AIMessageChunk(content="", id=message.id, chunk_position="last")
            return [*before, *await self._rest(), _chunk(end)]
        return await self._texts(message, info)

    async def _texts(self, given: AIMessageChunk, info: Any) -> list[ChatGenerationChunk]:
        message, changed = given.model_copy(deep=True), False
        for piece in _pieces(message):
            text = piece.holder[piece.name]
            self._templates[piece.key] = (given, piece)
            piece.holder[piece.name] = await self._relay.text(piece.key, text)
            changed = changed or piece.holder[piece.name] != text
        for place in leaves(message.additional_kwargs, "output"):
            if place.key not in (*_RAW_TEXTS, "arguments"):
                await self._exchange.chat.side(place)
        if changed:
            message.response_metadata.pop("logprobs", None)
            info = {k: v for k, v in (info or {}).items() if k != "logprobs"} or None
        return [_chunk(message, info)]

    async def _rest(self) -> list[ChatGenerationChunk]:
        """What was held back of the texts, each as a chunk like those that brought its pieces."""
        out = []
        for key, text in await self._relay.end_all():
            given, piece = self._templates[key]
            message = AIMessageChunk(content="", id=given.id)
            if key[0] == "content":
                message.content = text
            elif key[0] == "block":
                message.content = [{**piece.holder, piece.name: text}]
            else:
                message.additional_kwargs = {piece.name: text}
            out.append(_chunk(message))
        return out

    async def _checked_calls(self) -> list[ChatGenerationChunk]:
        """The held chunks to the letter; one chunk in their place where arguments changed."""
        whole: dict[Any, Any] = {}
        for chunk in self._calls:
            for piece in chunk.message.tool_call_chunks:  # type: ignore[attr-defined]
                known = whole.setdefault(piece.get("index"), {**piece, "args": ""})
                known["args"] += piece.get("args") or ""
                known["name"] = known.get("name") or piece.get("name")
        changed = False
        for call in whole.values():
            function = {"name": call["name"], "arguments": call["args"]}
            if not await self._relay.call(function):
                return []
            changed = changed or function["arguments"] != call["args"]
            call["args"] = function["arguments"]
        if not changed:
            return self._calls
        first = self._calls[0].message
        calls = list(whole.values())
        return [_chunk(AIMessageChunk(content="", id=first.id, tool_call_chunks=calls))]

    def _stop(self) -> list[ChatGenerationChunk]:
        """End a stopped answer; the message is told only where nothing was shown yet."""
        self.ended = True
        self._exchange.setup.stopped(self._exchange.chat)
        message = self._exchange.refused()
        if self._relay.shown:
            message.content = ""
        return [_chunk(message)]


class _Piece(NamedTuple):
    """A piece of a text in a chunk: ``holder[name]``; pieces of one text have one key."""

    key: tuple[Any, ...]
    holder: Any
    name: Any


def _pieces(message: AIMessageChunk) -> Iterator[_Piece]:
    if isinstance(message.content, str):
        yield _Piece(("content",), vars(message), "content")
    else:
        for number, block in enumerate(message.content):
            if isinstance(block, str):
                yield _Piece(("content",), message.content, number)
                continue
            at = block.get("index", 0)
            for name in ("text", *_THOUGHTS):
                if isinstance(block.get(name), str):
                    yield _Piece(("block", at, name), block, name)
            for part in block.get("summary") or ():
                if isinstance(part, dict) and isinstance(part.get("text"), str):
                    yield _Piece(("summary", at, part.get("index", 0)), part, "text")
    for name in _RAW_TEXTS:
        if isinstance(message.additional_kwargs.get(name), str):
            yield _Piece(("raw", name), message.additional_kwargs, name)
    legacy = message.additional_kwargs.get("function_call")
    if isinstance(legacy, dict) and isinstance(legacy.get("arguments"), str):
        yield _Piece(("legacy",), legacy, "arguments")


def _split(message: AIMessageChunk) -> tuple[AIMessageChunk | None, AIMessageChunk]:
    """The text of a chunk apart from its pieces of tool calls."""
    content = message.content
    if isinstance(content, str):
        texts, others = content, ""
    else:
        texts = [b for b in content if isinstance(b, str) or "text" in b]  # type: ignore[assignment]
        others = [b for b in content if not (isinstance(b, str) or "text" in b)]  # type: ignore[assignment]
    rest = message.model_copy(update={"content": others})
    return (AIMessageChunk(content=texts, id=message.id) if texts else None), rest


def guard_documents(
    guard: Guard, *, call: Known = None, options: ChatOptions | None = None
) -> RunnableLambda[Sequence[Document], list[Document]]:
    """Return a step of a chain that checks documents, to stand after a retriever.

    Their text is checked at the stage ``retrieved``. A document that a rule stops is left out;
    with ``ChatOptions(untrusted="block")`` a ``GuardBlockedError`` is raised instead.
    """
    setup = setup_of(guard, "raise", call, options)

    def kept(document: Document, verdict: Verdict) -> list[Document]:
        if not verdict.blocked:
            same = verdict.text == document.page_content
            return [
                document if same else document.model_copy(update={"page_content": verdict.text})
            ]
        if setup.options.untrusted == "block":
            raise GuardBlockedError(verdict)
        return []

    def check(documents: Sequence[Document]) -> list[Document]:
        known, out = setup.known(), []
        for document in documents:
            out += kept(document, guard.check("retrieved", document.page_content, known))
        return out

    async def acheck(documents: Sequence[Document]) -> list[Document]:
        known, out = setup.known(), []
        for document in documents:
            out += kept(document, await guard.acheck("retrieved", document.page_content, known))
        return out

    return RunnableLambda(check, acheck, name="guard_documents")
