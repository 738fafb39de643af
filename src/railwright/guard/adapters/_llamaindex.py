"""The guard in LLMs and retrieved nodes of LlamaIndex (``llama-index-core`` alone)."""

from __future__ import annotations

import copy
import functools
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms import LLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from pydantic import PrivateAttr

from railwright.guard._chat import REMOVED, ChatOptions
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._guard import Guard
from railwright.guard._places import leaves
from railwright.guard._relay import Relay
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

L = TypeVar("L", bound=LLM)
Body = dict[str, Any]

_ROLES = {"chatbot": "assistant", "model": "assistant"}


def guard_llm(
    llm: L,
    guard: Guard,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> L:
    """Return a copy of an LLM, of its own kind, whose messages and answers are checked.

    It can be given to query engines, chat engines and agents as the LLM it was made from. What
    LlamaIndex's instrumentation tells of a call is what the provider answered, unchecked.

    Args:
        llm: the LLM; it stays as it is.
        guard: the guard.
        on_block: ``raise`` a ``GuardBlockedError``, or answer with the policy's ``message`` and
            the finish reason ``content_filter`` in ``additional_kwargs``.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated. By default system
            messages are not checked: the application wrote them.
    """
    return guarded_copy(llm, _kind(type(llm)), setup_of(guard, on_block, call, options))


@functools.cache
def _kind(of: type[LLM]) -> Any:
    """A kind of LLM that checks what goes into and comes out of the eight ways to ask it."""
    ways: dict[str, Any] = {}
    for name in ("chat", "complete"):
        for maker, way in (
            (_guarded, name),
            (_aguarded, f"a{name}"),
            (_streamed, f"stream_{name}"),
            (_astreamed, f"astream_{name}"),
        ):
            ways[way] = maker(getattr(of, way), _Chat if name == "chat" else _Completion)
    return guarded_kind(of, __name__, ways)


def _guarded(inner: Any, kind: Any) -> Any:
    @functools.wraps(inner)
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = kind(self._guard_setup, self.system_prompt or "")
        given, args = _asked(exchange.argument, args, kwargs)
        checked = run(exchange.request(given))
        if checked is None:
            return exchange.refused("")
        return run(exchange.reply(inner(self, checked, *args, **kwargs)))

    return ask


def _aguarded(inner: Any, kind: Any) -> Any:
    @functools.wraps(inner)
    async def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = kind(self._guard_setup, self.system_prompt or "")
        given, args = _asked(exchange.argument, args, kwargs)
        checked = await exchange.request(given)
        if checked is None:
            return exchange.refused("")
        return await exchange.reply(await inner(self, checked, *args, **kwargs))

    return ask


def _streamed(inner: Any, kind: Any) -> Any:
    @functools.wraps(inner)
    def ask(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        exchange = kind(self._guard_setup, self.system_prompt or "")
        given, args = _asked(exchange.argument, args, kwargs)
        checked = run(exchange.request(given))

        def answers() -> Iterator[Any]:
            if checked is None:
                yield exchange.refused("")
                return
            for answer in inner(self, checked, *args, **kwargs):
                yield run(exchange.piece(answer))
                if exchange.relay.stopped():
                    break
            yield from run(exchange.end())

        return answers()

    return ask


def _astreamed(inner: Any, kind: Any) -> Any:
    @functools.wraps(inner)
    async def ask(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        exchange = kind(self._guard_setup, self.system_prompt or "")
        given, args = _asked(exchange.argument, args, kwargs)
        checked = await exchange.request(given)

        async def answers() -> AsyncIterator[Any]:
            if checked is None:
                yield exchange.refused("")
                return
            async for answer in await inner(self, checked, *args, **kwargs):
                yield await exchange.piece(answer)
                if exchange.relay.stopped():
                    break
            for rest in await exchange.end():
                yield rest

        return answers()

    return ask


def _asked(argument: str, args: tuple[Any, ...], kwargs: Body) -> tuple[Any, tuple[Any, ...]]:
    """What an LLM is asked, by position or by name, and the other positional arguments."""
    return (args[0], args[1:]) if args else (kwargs.pop(argument), args)


class _Chat:
    """One chat request to an LLM and its answer."""

    argument = "messages"

    def __init__(self, setup: Setup, system: str = "") -> None:  # noqa: ARG002 - see _Completion
        self._setup, self._chat = setup, setup.chat()
        self.relay = Relay(self._chat)
        self._given: dict[Any, str] = {}
        self._last: ChatResponse | None = None

    async def request(self, messages: Sequence[ChatMessage]) -> Sequence[ChatMessage] | None:
        """The messages as they may be sent; None when they must not be."""
        views, copies = Views(), [_copied(message) for message in messages]
        body = {"messages": [_view(message, views) for message in copies]}
        allowed = await self._chat.request(body)
        self._setup.stopped(self._chat)
        changed = views.store()
        if not allowed:
            return None
        return copies if changed else messages

    async def reply(self, answer: ChatResponse) -> ChatResponse:
        """The answer as it may be used: the same object where nothing changed."""
        message = await self._message(answer.message)
        if message is answer.message:
            return answer
        if self.relay.stopped():
            return self.refused("")
        return answer.model_copy(update={"message": message, "raw": None, "logprobs": None})

    async def _message(self, given: ChatMessage) -> ChatMessage:
        views, message = Views(), _copied(given)
        await self._chat.reply({"choices": [{"message": _view(message, views)}]})
        stopped = self._setup.stopped(self._chat) is not None
        return message if views.store() or stopped else given

    async def piece(self, answer: ChatResponse) -> ChatResponse:
        """An answer so far, as it may be shown; tool calls wait until they are whole."""
        self._last = answer
        message = _copied(answer.message)
        shown: dict[str, str] = {}
        for number, block in enumerate(message.blocks):
            name = _text_field(block)
            if name is None:
                continue
            text, key = getattr(block, name) or "", (number, name)
            before = self._given.get(key, "")
            self._given[key] = text
            if not self.relay.stopped():
                shown[name] = await self.relay.text(key, text[len(before) :])
            setattr(block, name, self.relay.whole.get(key, ""))
        calls = any(isinstance(block, ToolCallBlock) for block in message.blocks)
        message.blocks = [b for b in message.blocks if not isinstance(b, ToolCallBlock)]
        message.additional_kwargs.pop("tool_calls", None)
        same = shown.get("text", "") == (answer.delta or "") and not calls
        about = dict(answer.additional_kwargs)
        if "thinking_delta" in about:
            same = same and about["thinking_delta"] == shown.get("content")
            about["thinking_delta"] = shown.get("content", "")
        return ChatResponse(
            message=message,
            delta=shown.get("text", "") if answer.delta is not None else None,
            raw=answer.raw if same else None,
            logprobs=answer.logprobs if same else None,
            additional_kwargs=about,
        )

    async def end(self) -> list[ChatResponse]:
        """What was held back to the end: the rest of the text, and tool calls."""
        rest = dict(await self.relay.end_all()) if not self.relay.stopped() else {}
        if self._last is None:
            return []
        given = self._last.message
        message = _copied(given)
        for number, block in enumerate(message.blocks):
            name = _text_field(block)
            if name is not None:
                setattr(block, name, self.relay.whole.get((number, name), ""))
        if not self.relay.stopped():
            await self._checked_calls(message)
        if self.relay.stopped():
            self._setup.stopped(self._chat)
            return [self.refused(message.content or "" if self.relay.shown else "")]
        calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
        if not rest and not calls and "tool_calls" not in given.additional_kwargs:
            return []
        delta = "".join(text for (_, name), text in rest.items() if name == "text")
        raw = self._last.raw if message == given else None
        about = {k: v for k, v in self._last.additional_kwargs.items() if k != "thinking_delta"}
        return [ChatResponse(message=message, delta=delta, raw=raw, additional_kwargs=about)]

    async def _checked_calls(self, message: ChatMessage) -> None:
        views = Views()
        view = _calls(message, views)
        for call in view:
            if not await self.relay.call(call["function"]):
                return
        views.store()

    def refused(self, shown: str) -> ChatResponse:
        """The answer to what was stopped; ``shown`` is what was said of it before."""
        verdict = self._chat.tally.stopped
        assert verdict is not None
        text = shown or verdict.message
        return ChatResponse(
            message=ChatMessage(role=MessageRole.ASSISTANT, content=text),
            delta="" if shown else text,
            additional_kwargs=dict(FILTERED),
        )


class _Completion:
    """One completion of a prompt, by the way of a chat."""

    argument = "prompt"

    def __init__(self, setup: Setup, system: str = "") -> None:
        self._chat, self._system = _Chat(setup), system
        self.relay = self._chat.relay

    async def request(self, prompt: str) -> str | None:
        """The prompt as it may be sent; None when it must not be."""
        # The LLM has put its own system prompt before what it was asked.
        system = self._system if self._system and prompt.startswith(self._system) else ""
        told = [ChatMessage(role=MessageRole.SYSTEM, content=system)] if system else []
        messages = await self._chat.request([*told, ChatMessage(content=prompt[len(system) :])])
        return None if messages is None else "".join(m.content or "" for m in messages)

    async def reply(self, answer: CompletionResponse) -> CompletionResponse:
        """The answer as it may be used: the same object where nothing changed."""
        given = _as_chat(answer)
        checked = await self._chat.reply(given)
        return answer if checked is given else _as_completion(checked)

    async def piece(self, answer: CompletionResponse) -> CompletionResponse:
        """An answer so far, as it may be shown."""
        return _as_completion(await self._chat.piece(_as_chat(answer)))

    async def end(self) -> list[CompletionResponse]:
        """What was held back to the end."""
        return [_as_completion(answer) for answer in await self._chat.end()]

    def refused(self, shown: str) -> CompletionResponse:
        """The answer to what was stopped."""
        return _as_completion(self._chat.refused(shown))


def _as_chat(answer: CompletionResponse) -> ChatResponse:
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=answer.text),
        raw=answer.raw,
        delta=answer.delta,
        logprobs=answer.logprobs,
        additional_kwargs=answer.additional_kwargs,
    )


def _as_completion(answer: ChatResponse) -> CompletionResponse:
    return CompletionResponse(
        text=answer.message.content or "",
        raw=answer.raw,
        delta=answer.delta,
        logprobs=answer.logprobs,
        additional_kwargs=answer.additional_kwargs,
    )


def _text_field(block: Any) -> str | None:
    """Where a block keeps a text of the model."""
    if isinstance(block, TextBlock):
        return "text"
    return "content" if isinstance(block, ThinkingBlock) else None


def _copied(message: ChatMessage) -> ChatMessage:
    """A message whose blocks may be changed."""
    about = dict(message.additional_kwargs)
    if about.get("tool_calls"):
        about["tool_calls"] = copy.deepcopy(about["tool_calls"])
    blocks = [block.model_copy() for block in message.blocks]
    return message.model_copy(update={"blocks": blocks, "additional_kwargs": about})


def _view(message: ChatMessage, views: Views) -> Body:
    """A message in the form of the chat API; changed texts go back by ``views``."""
    role = str(message.role.value)
    view: Body = {"role": _ROLES.get(role, role), "content": [], "reasoning": []}
    view["tool_call_id"] = message.additional_kwargs.get("tool_call_id")
    for block in message.blocks:
        name = _text_field(block)
        if name is not None and isinstance(getattr(block, name), str):
            field = "content" if name == "text" else "reasoning"
            view[field].append(views.lend(vars(block), name, {}, "text"))
        for inner in getattr(block, "content", None) or ():
            if isinstance(inner, TextBlock):  # what the block cites
                view["content"].append(views.lend(vars(inner), "text", {}, "text"))
    view["tool_calls"] = _calls(message, views)
    return view


def _calls(message: ChatMessage, views: Views) -> list[Body]:
    """The tool calls of a message, also where it keeps those of the provider's own kind."""
    found = []
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            view = views.lend(vars(block), "tool_kwargs", {"name": block.tool_name}, "arguments")
            found.append({"id": block.tool_call_id, "function": view})
    for raw in message.additional_kwargs.get("tool_calls") or ():
        function = raw.get("function") if isinstance(raw, dict) else getattr(raw, "function", None)
        holder = function if isinstance(function, dict) else getattr(function, "__dict__", {})
        if isinstance(holder.get("arguments"), str | dict):
            view = views.lend(holder, "arguments", {"name": holder.get("name")}, "arguments")
            found.append({"function": view})
    return found


class GuardPostprocessor(BaseNodePostprocessor):
    """Checks retrieved nodes, text and metadata: ``node_postprocessors=[GuardPostprocessor(g)]``.

    They are checked at the stage ``retrieved``. A node that a rule stops is left out; with
    ``ChatOptions(untrusted="block")`` a ``GuardBlockedError`` is raised instead.
    """

    _setup: Setup = PrivateAttr()

    def __init__(
        self, guard: Guard, *, call: Known = None, options: ChatOptions | None = None
    ) -> None:
        super().__init__()
        self._setup = setup_of(guard, "raise", call, options)

    @classmethod
    def class_name(cls) -> str:
        """The name by which LlamaIndex knows this kind."""
        return "GuardPostprocessor"

    def _postprocess_nodes(
        self,
        nodes: list[NodeWithScore],
        query_bundle: QueryBundle | None = None,  # noqa: ARG002 - the SDK's interface
    ) -> list[NodeWithScore]:
        return run(self._checked(nodes))

    async def _apostprocess_nodes(
        self,
        nodes: list[NodeWithScore],
        query_bundle: QueryBundle | None = None,  # noqa: ARG002 - the SDK's interface
    ) -> list[NodeWithScore]:
        return await self._checked(nodes)

    async def _checked(self, nodes: list[NodeWithScore]) -> list[NodeWithScore]:
        found = [await self._node(node) for node in nodes]
        return [node for node in found if node is not None]

    async def _node(self, node: NodeWithScore) -> NodeWithScore | None:
        known = self._setup.known()
        metadata = copy.deepcopy(node.node.metadata)
        box = [node.node.get_content(metadata_mode=MetadataMode.NONE)]
        changed = False
        for place in [*leaves(box, "retrieved"), *leaves(metadata, "retrieved")]:
            verdict = await self._setup.guard.acheck("retrieved", place.text, known)
            if verdict.blocked and self._setup.options.untrusted == "block":
                raise GuardBlockedError(verdict)
            if verdict.blocked and place.holder is box:
                return None
            text = REMOVED if verdict.blocked else verdict.text
            changed = changed or text != place.text
            place.put(text)
        if not changed:
            return node
        checked = node.node.model_copy(update={"metadata": metadata})
        checked.set_content(box[0])
        return NodeWithScore(node=checked, score=node.score)
