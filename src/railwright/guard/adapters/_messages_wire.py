"""The Anthropic Messages API as it goes over the wire: ``/v1/messages``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from railwright.guard._chat import ChatGuard
from railwright.guard._places import Place, leaves
from railwright.guard._relay import Relay
from railwright.guard.adapters._chat_wire import model_of, stopped_by
from railwright.guard.adapters._common import Views

Body = dict[str, Any]

_TEXTS = ("text", "title", "context", "source", "stdout", "stderr", "content", "cited_text")
"""Keys of texts in documents, results of tools and citations; others are ids, kinds and bytes."""
_SIDE = ("cited_text", "document_title", "title", "url")
_PIECES = {"text_delta": "text", "thinking_delta": "thinking"}
_SHOWN = {"text": "text_delta", "thinking": "thinking_delta"}


def request_body(body: Body, views: Views) -> Body:
    """A request in the form of the chat API; changed texts go back by ``views``."""
    messages: list[Body] = []
    documents: list[Body] = []
    if "system" in body:
        messages.append(views.lend(body, "system", {"role": "system"}, "content"))
    for message in body.get("messages") or ():
        if not isinstance(message, dict):
            continue
        role = str(message.get("role"))
        content = message.get("content")
        if isinstance(content, str):
            messages.append(views.lend(message, "content", {"role": role}, "content"))
        elif isinstance(content, list):
            blocks = [block for block in content if isinstance(block, dict)]
            texts = [block for block in blocks if block.get("type") == "text"]
            messages.append({"role": role, "content": texts})
            for block in blocks:
                messages += _call(block, views) + _result(block, views)
                documents += _document(block, views)
    return {"messages": messages, "documents": documents}


def _call(block: Body, views: Views) -> list[Body]:
    if not isinstance(block.get("input"), dict):
        return []
    function = views.lend(block, "input", {"name": block.get("name")}, "arguments")
    call = {"id": block.get("id"), "type": "function", "function": function}
    return [{"role": "assistant", "tool_calls": [call]}]


def _result(block: Body, views: Views) -> list[Body]:
    if not str(block.get("type")).endswith("tool_result"):
        return []
    about = {"role": "tool", "tool_call_id": block.get("tool_use_id")}
    if isinstance(block.get("content"), str):
        return [views.lend(block, "content", about, "content")]
    places = _texts(block.get("content"))
    return [views.lend(place.holder, place.key, dict(about), "content") for place in places]


def _document(block: Body, views: Views) -> list[Body]:
    if block.get("type") not in ("document", "search_result"):
        return []
    return [views.lend(place.holder, place.key, {}, "text") for place in _texts(block)]


def _texts(found: Any) -> Iterator[Place]:
    """The texts in a value, told from ids, kinds and bytes by their keys."""
    for place in leaves(found if isinstance(found, dict | list) else [], "retrieved"):
        plain = place.key == "data" and place.holder.get("type") == "text"
        if place.key in _TEXTS or plain:
            yield place


def drop_empty(body: Body) -> None:
    """Leave out text blocks that a redaction emptied: the API takes none."""
    for message in body.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            kept = [b for b in content if not (isinstance(b, dict) and b.get("text") == "")]
            message["content"] = kept or content


class MessagesWire:
    """One request of the Messages API and its reply."""

    named = True

    def __init__(self, chat: ChatGuard) -> None:
        self.chat = chat
        self._stream = _Stream(chat)

    @property
    def ended(self) -> bool:
        """Whether a streamed reply was stopped."""
        return self._stream.ended

    async def request(self, body: Body) -> bool:
        """Check a request in place; False when it must not be sent."""
        views = Views()
        allowed = await self.chat.request(request_body(body, views))
        views.store()
        drop_empty(body)
        return allowed

    async def reply(self, body: Body) -> Body:
        """Check a reply in place; a stopped one becomes a refusal."""
        blocks = [b for b in body.get("content") or () if isinstance(b, dict)]
        await check_blocks(self.chat, blocks)
        if self.chat.tally.stopped is not None:
            body["content"] = [{"type": "text", "text": self.chat.tally.stopped.message}]
            body["stop_reason"], body["stop_sequence"] = "refusal", None
        return body

    async def feed(self, event: Body) -> list[Body]:
        """Return the events that take the place of one event."""
        return await self._stream.feed(event)

    async def close(self) -> list[Body]:
        """Nothing: a block whose end never came is not released."""
        return []

    def refusal(self, body: Body) -> Body | None:
        """The reply to a stopped request; None for a count of tokens, which has no such reply."""
        if "max_tokens" not in body:
            return None
        return {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": model_of(body),
            "content": [{"type": "text", "text": stopped_by(self.chat).message}],
            "stop_reason": "refusal",
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }

    def refusal_events(self, body: Body) -> list[Body]:
        """The same as a stream."""
        whole = self.refusal(body) or {}
        begun = {**whole, "content": [], "stop_reason": None}
        return [
            {"type": "message_start", "message": begun},
            *self._stream.refused(stopped_by(self.chat).message),
        ]


async def check_blocks(chat: ChatGuard, blocks: list[Body]) -> None:
    """Check the blocks of an answer in place; ``chat.tally`` tells whether one is stopped."""
    views = Views()
    calls = [
        call for block in blocks for view in _call(block, views) for call in view["tool_calls"]
    ]
    thinking = [
        views.lend(block, "thinking", {}, "text")
        for block in blocks
        if isinstance(block.get("thinking"), str)
    ]
    message = {
        "role": "assistant",
        "content": [block for block in blocks if block.get("type") == "text"],
        "reasoning": thinking,
        "tool_calls": calls,
    }
    await chat.reply({"choices": [{"message": message}]})
    views.store()
    for block in blocks:
        await _citations(chat, block.get("citations"))


async def _citations(chat: ChatGuard, found: Any) -> None:
    for place in leaves(found if isinstance(found, dict | list) else [], "output"):
        if place.key in _SIDE:
            await chat.side(place)


class _Stream:
    """The events of one streamed message on their way through."""

    def __init__(self, chat: ChatGuard) -> None:
        self._chat, self._relay = chat, Relay(chat)
        self._call: list[Body] = []  # the events of a tool call that is not whole yet
        self._open: int | None = None
        self._next = 0
        self.ended = False

    async def feed(self, event: Body) -> list[Body]:
        """Return the events that take the place of one event."""
        kind = event.get("type")
        if kind == "content_block_start":
            going = await self._start(event)
        elif kind == "content_block_delta":
            going = await self._delta(event)
        elif kind == "content_block_stop":
            going = await self._end(event)
        else:
            going = [event]
        for item in going:
            if item.get("type") == "content_block_start":
                self._open, self._next = item["index"], item["index"] + 1
            elif item.get("type") == "content_block_stop":
                self._open = None
        if self._relay.stopped():
            going += self.refused(stopped_by(self._chat).message)
        return going

    async def _start(self, event: Body) -> list[Body]:
        block = event["content_block"]
        if isinstance(block.get("input"), dict):
            self._call = [event]
            return []
        for field, kind in _SHOWN.items():
            if block.get("type") == field and block.get(field):
                first = {**event, "content_block": {**block, field: ""}}
                delta = {"type": kind, field: block[field]}
                piece = {"type": "content_block_delta", "index": event["index"], "delta": delta}
                return [first, *await self._delta(piece)]
        return [event]

    async def _delta(self, event: Body) -> list[Body]:
        if self._call:
            self._call.append(event)
            return []
        delta = event["delta"]
        field = _PIECES.get(str(delta.get("type")))
        if field is None:
            await _citations(self._chat, delta.get("citation"))
            return [event]
        key = (event["index"], field)
        text = await self._relay.text(key, str(delta.get(field) or ""))
        if text == delta.get(field):
            return [event]
        return [{**event, "delta": {**delta, field: text}}] if text else []

    async def _end(self, event: Body) -> list[Body]:
        if self._call:
            return await self._call_end(event)
        out: list[Body] = []
        for key, text in await self._relay.end_all():
            index, field = key
            delta = {"type": _SHOWN[field], field: text}
            out.append({"type": "content_block_delta", "index": index, "delta": delta})
        return out if self._relay.stopped() else [*out, event]

    async def _call_end(self, event: Body) -> list[Body]:
        """A tool call that is whole: its events, the arguments in one piece, or nothing."""
        first, *pieces = self._call
        self._call = []
        block = first["content_block"]
        parts = [str(piece["delta"].get("partial_json") or "") for piece in pieces]
        given = "".join(parts)
        function = {"name": block.get("name"), "arguments": given or block["input"]}
        if not await self._relay.call(function):
            return []
        if not given:
            return [{**first, "content_block": {**block, "input": function["arguments"]}}, event]
        if function["arguments"] == given:
            return [first, *pieces, event]
        delta = {"type": "input_json_delta", "partial_json": function["arguments"]}
        return [first, {**pieces[0], "delta": delta}, event]

    def refused(self, text: str) -> list[Body]:
        """End a stopped message; the text is told only where nothing was shown yet."""
        self.ended = True
        events: list[Body] = []
        if not self._relay.shown:
            events += self._said(text)
        elif self._open is not None:
            events.append({"type": "content_block_stop", "index": self._open})
        reason = {"stop_reason": "refusal", "stop_sequence": None}
        usage = {"output_tokens": 0}
        events.append({"type": "message_delta", "delta": reason, "usage": usage})
        return [*events, {"type": "message_stop"}]

    def _said(self, text: str) -> list[Body]:
        closing: list[Body] = []
        if self._open is not None:
            closing.append({"type": "content_block_stop", "index": self._open})
        at = {"index": self._next}
        delta = {"type": "text_delta", "text": text}
        return [
            *closing,
            {"type": "content_block_start", **at, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", **at, "delta": delta},
            {"type": "content_block_stop", **at},
        ]
