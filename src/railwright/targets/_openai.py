"""A target that speaks the OpenAI chat API."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from railwright.cases import Message, ToolCall
from railwright.targets._config import Spec, TargetConfig, bad_config, documents_mode
from railwright.targets._endpoint import Endpoint, shown_url, tenant_line
from railwright.targets._messages import chat_messages, document_dicts
from railwright.targets._paths import AbsentError, look_up, parse_path, passages_of
from railwright.targets.interface import Passage, Request, Response, TargetError, Usage
from railwright.transport import (
    ChatAssembler,
    ChatReply,
    TransportError,
    chat_body,
    decode_chat,
    parse_error_body,
)

_PATH: Final = "/chat/completions"


class OpenAITarget:
    """Calls ``BASE_URL/chat/completions``.

    Args:
        spec: kind, base address and model.
        config: what to send; see ``TargetConfig``.

    Raises:
        TargetError: kind ``config`` when address, documents or a path cannot work.
    """

    def __init__(self, spec: Spec, config: TargetConfig) -> None:
        self._config = config
        self._base = shown_url(spec.address)
        self._model = spec.model
        self._endpoint = Endpoint(chat_url(spec.address), config)
        self._inline, self._field = documents_mode(config)
        self._passages = parse_path(config.passages_path) if config.passages_path else None
        if self._field in {"messages", "model", "stream"}:
            raise bad_config(
                f"target.documents: the field {self._field!r} is taken by the chat API"
            )

    @property
    def identity(self) -> dict[str, Any]:
        """Kind, address, model and parameters."""
        config = self._config
        parameters = {
            "max_tokens": config.max_tokens,
            "temperature": config.temperature,
            "seed": config.seed,
            "stream": config.stream or None,
            "tools": list(config.tools) or None,
            "extra": config.extra or None,
            "headers": self._endpoint.shown_headers() or None,
            "tenant_header": config.tenant_header or None,
            "documents": config.documents,
        }
        return {
            "kind": "openai",
            "address": self._base,
            "model": self._model,
            "parameters": {k: v for k, v in parameters.items() if v is not None},
        }

    def wire(self, request: Request) -> bytes:
        """The tenant header, if any, and the body."""
        return tenant_line(self._endpoint.tenant(request)) + self._body(request)

    async def call(self, request: Request) -> Response:
        """Make one call; a reply from a content filter is a response with ``blocked`` set."""
        try:
            if self._config.stream:
                return await self._stream(request)
            return await self._post(request)
        except TargetError:
            raise
        except TransportError as error:
            raise self._endpoint.convert(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.client.close()

    def _body(self, request: Request) -> bytes:
        config = self._config
        parameters: dict[str, Any] = {
            "temperature": config.temperature,
            "max_tokens": config.max_tokens,
            "seed": None if config.seed is None else config.seed + request.repeat,
            "tools": config.tools or None,
        }
        if self._field and request.documents:
            parameters[self._field] = document_dicts(request.documents)
        parameters.update(config.extra)
        messages = chat_messages(request, inline=self._inline)
        return chat_body(self._model, messages, stream=config.stream, parameters=parameters)

    async def _post(self, request: Request) -> Response:
        endpoint = self._endpoint
        reply = await endpoint.client.post_json(
            endpoint.url, self._body(request), endpoint.headers(request), self._config.timeout_s
        )
        raw = reply.body.decode("utf-8", "replace")
        if _filtered(reply.status, reply.body):
            return _blocked(raw, reply.elapsed_s)
        endpoint.check(reply)
        return self._response(decode_chat(reply.body), raw, reply.elapsed_s)

    async def _stream(self, request: Request) -> Response:
        endpoint = self._endpoint
        started = time.perf_counter()
        async with endpoint.client.stream_sse(
            endpoint.url, self._body(request), endpoint.headers(request), self._config.timeout_s
        ) as stream:
            if stream.status != 200 or not stream.is_events:
                reply = await stream.reply()
                raw = reply.body.decode("utf-8", "replace")
                if _filtered(reply.status, reply.body):
                    return _blocked(raw, reply.elapsed_s)
                endpoint.check(reply)
                return self._response(decode_chat(reply.body), raw, reply.elapsed_s)
            assembler = ChatAssembler()
            async for data in stream:
                assembler.feed(data)
            raw = stream.raw.decode("utf-8", "replace")
        return self._response(assembler.result(), raw, time.perf_counter() - started)

    def _response(self, answer: ChatReply, raw: str, elapsed_s: float) -> Response:
        calls = tuple(ToolCall(c.name, c.arguments, c.id) for c in answer.tool_calls)
        message = Message(role="assistant", content=answer.text, tool_calls=calls)
        return Response(
            text=answer.text,
            tool_calls=calls,
            passages=self._passages_in(answer, raw),
            messages=(message,),
            usage=Usage(answer.input_tokens, answer.output_tokens),
            latency_s=elapsed_s,
            finish=answer.finish,
            blocked=answer.blocked,
            model=answer.model,
            raw=raw,
        )

    def _passages_in(self, answer: ChatReply, raw: str) -> tuple[Passage, ...]:
        if self._passages is not None and not self._config.stream:
            try:
                return passages_of(look_up(msgspec.json.decode(raw), self._passages))
            except AbsentError:
                return ()
        for place in (answer.context, answer.railwright):
            if isinstance(place, dict):
                for name in ("passages", "retrieved", "citations"):
                    if place.get(name):
                        return passages_of(place[name])
        return ()


def chat_url(base: str) -> str:
    """``BASE_URL/chat/completions``, with the query of the base kept (``?api-version=``)."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_PATH) else path + _PATH))


def _filtered(status: int, body: bytes) -> bool:
    return status in {400, 403, 422} and parse_error_body(body).content_filter


def _blocked(raw: str, elapsed_s: float) -> Response:
    return Response(text="", latency_s=elapsed_s, finish="content_filter", blocked=True, raw=raw)
