"""The wire types of the OpenAI chat API: requests, replies and streamed replies.

Readers are tolerant: unknown fields are skipped, absent ones have defaults, and the deviations
that servers of this API are known for (arguments as an object, content as a list of parts, errors
with status 200) are read too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from railwright.transport._errors import TransportError, error_body_of, error_for_status

_CONTENT_FILTER: Final = "content_filter"
_SHOWN: Final = 120


class ChatToolCall(msgspec.Struct, frozen=True, gc=False):
    """A tool call; ``arguments`` is the JSON text as the model wrote it."""

    name: str
    arguments: str = "{}"
    id: str = ""


class ChatReply(msgspec.Struct, frozen=True):
    """What a chat endpoint answered.

    ``extra`` holds the places where retrieved passages are looked for: ``context`` of the message
    and ``railwright`` of the body.
    """

    text: str
    tool_calls: tuple[ChatToolCall, ...] = ()
    finish: str = ""
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    refusal: bool = False
    context: Any = None
    railwright: Any = None

    @property
    def blocked(self) -> bool:
        """Whether a content filter answered instead of the model."""
        return self.finish == _CONTENT_FILTER


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | list[Any] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    context: Any = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    model: str | None = None
    error: Any = None
    railwright: Any = None


_decoder: Final = msgspec.json.Decoder(_Body)
_encoder: Final = msgspec.json.Encoder()


def chat_body(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> bytes:
    """Encode a request. The same arguments give the same bytes.

    ``parameters`` are added as they are (temperature, max_tokens, seed, tools and the like), in
    the order of the mapping; values of None are left out.
    """
    body: dict[str, Any] = {"model": model} if model else {}
    body["messages"] = messages
    if parameters:
        body.update((k, v) for k, v in parameters.items() if v is not None)
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return _encoder.encode(body)


def decode_chat(body: bytes) -> ChatReply:
    """Decode a reply with status 200.

    Raises:
        TransportError: ``protocol`` when it is no chat completion; what the body says when it
            holds an error all the same.
    """
    parsed = _parse(body)
    if not parsed.choices:
        raise _no_choices(parsed, body)
    choice = parsed.choices[0]
    message = choice.message or choice.delta or _Message()
    usage = parsed.usage
    return ChatReply(
        text=_text(message.content) or message.refusal or "",
        tool_calls=tuple(_tool_call(c) for c in message.tool_calls or ()),
        finish=choice.finish_reason or "",
        model=parsed.model or "",
        input_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.completion_tokens if usage else None,
        refusal=bool(message.refusal),
        context=message.context,
        railwright=parsed.railwright,
    )


def _parse(body: bytes | str) -> _Body:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raw = body if isinstance(body, bytes) else body.encode()
        shown = raw[:_SHOWN].decode("utf-8", "replace").strip()
        message = f"the answer is not a chat completion ({error}): {shown!r}"
        raise TransportError("protocol", message, retryable=True) from error


def _no_choices(parsed: _Body, body: bytes) -> TransportError:
    if parsed.error is not None:
        return _error_in_body(parsed.error)
    shown = body[:_SHOWN].decode("utf-8", "replace")
    message = f"the answer is JSON but has no choices: {shown!r}"
    return TransportError("protocol", message, retryable=True)


def _error_in_body(error: Any) -> TransportError:
    """Some gateways answer 200 with an error object whose code is the real status."""
    said = error_body_of({"error": error})
    body = msgspec.json.encode({"error": error})
    status = int(said.code) if said.code.isdigit() and 400 <= int(said.code) < 600 else 0
    found = error_for_status(status, {}, body) if status else None
    if found is not None:
        return found
    return TransportError("application", f'the endpoint reports an error: "{said.message}"')


def _text(content: str | list[Any] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = (p if isinstance(p, str) else p.get("text", "") for p in content if p)
    return "".join(p for p in parts if isinstance(p, str))


def _tool_call(call: _ToolCall) -> ChatToolCall:
    function = call.function or _Function()
    return ChatToolCall(function.name or "", _arguments(function.arguments), call.id or "")


def _arguments(value: Any) -> str:
    if value is None or value == "":
        return "{}"
    return value if isinstance(value, str) else _encoder.encode(value).decode()


class ChatAssembler:
    """Puts a streamed reply together again, event by event."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _Fragments] = {}
        self._finish = ""
        self._model = ""
        self._usage: _Usage | None = None
        self._context: Any = None
        self._railwright: Any = None
        self._done = False

    def feed(self, data: str) -> None:
        """Add one event's data.

        Raises:
            TransportError: the event is no chunk, or reports an error.
        """
        if data == "[DONE]":
            self._done = True
            return
        chunk = _parse(data)
        if chunk.error is not None:
            raise _error_in_body(chunk.error)
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        self._railwright = chunk.railwright or self._railwright
        for choice in chunk.choices[:1] if chunk.choices else ():
            self._finish = choice.finish_reason or self._finish
            delta = choice.delta or choice.message
            if delta is not None:
                self._add(delta)

    def _add(self, delta: _Message) -> None:
        if delta.content:
            self._text.append(_text(delta.content))
        if delta.refusal:
            self._refusal.append(delta.refusal)
        self._context = delta.context or self._context
        for call in delta.tool_calls or ():
            self._fragments_of(call).add(call)

    def _fragments_of(self, call: _ToolCall) -> _Fragments:
        index = call.index
        if index is None:  # Some servers leave it out: a new id opens a new call.
            last = max(self._calls, default=-1)
            fresh = last < 0 or (call.id and call.id != self._calls[last].id)
            index = last + 1 if fresh else last
        return self._calls.setdefault(index, _Fragments())

    def result(self) -> ChatReply:
        """Return the whole reply.

        Raises:
            TransportError: ``protocol`` when the stream ended early.
        """
        if not (self._done or self._finish):
            message = "the stream broke off before the answer was complete"
            raise TransportError("protocol", message, retryable=True)
        usage = self._usage
        return ChatReply(
            text="".join(self._text) or "".join(self._refusal),
            tool_calls=tuple(self._calls[i].call() for i in sorted(self._calls)),
            finish=self._finish,
            model=self._model,
            input_tokens=usage.prompt_tokens if usage else None,
            output_tokens=usage.completion_tokens if usage else None,
            refusal=bool(self._refusal),
            context=self._context,
            railwright=self._railwright,
        )


class _Fragments:
    """The pieces of one streamed tool call."""

    def __init__(self) -> None:
        self.id = ""
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, call: _ToolCall) -> None:
        self.id = call.id or self.id
        if call.function is None:
            return
        if call.function.name:
            self._name.append(call.function.name)
        if call.function.arguments:
            self._arguments.append(_arguments(call.function.arguments))

    def call(self) -> ChatToolCall:
        return ChatToolCall("".join(self._name), "".join(self._arguments) or "{}", self.id)
