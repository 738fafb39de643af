"""The OpenAI Responses API as it goes over the wire: ``/responses``."""

from __future__ import annotations

import time
import uuid
from typing import Any

from railwright.guard._chat import ChatGuard
from railwright.guard._places import leaves
from railwright.guard._relay import Relay
from railwright.guard.adapters._chat_wire import model_of, stopped_by
from railwright.guard.adapters._common import Views

Body = dict[str, Any]

_ARGUMENTS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "mcp_call": "arguments",
    "mcp_approval_request": "arguments",
    "local_shell_call": "action",
    "shell_call": "action",
    "computer_call": "action",
    "apply_patch_call": "operation",
    "program": "code",
}
"""Where the items of tool calls keep what the tool is called with."""
_LISTS = {"message": ("content",), "reasoning": ("content", "summary")}
"""Where items keep texts of the model."""
_RESULT_TEXTS = ("text", "stdout", "stderr")
_SIDE_TEXTS = ("text", "title", "quote", "url", "filename")
_DELTAS = {
    "response.output_text.delta": ("content", "content_index"),
    "response.refusal.delta": ("content", "content_index"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
    "response.reasoning_text.delta": ("content", "content_index"),
}
"""Events that bring a piece of a text: the list of the item, and the index in it."""
_DONES = {
    "response.output_text.done": ("response.output_text.delta", "text"),
    "response.refusal.done": ("response.refusal.delta", "refusal"),
    "response.reasoning_summary_text.done": ("response.reasoning_summary_text.delta", "text"),
    "response.reasoning_text.done": ("response.reasoning_text.delta", "text"),
}
"""Events that bring a whole text: the event of its pieces, and the field of the whole."""
_PARTS_DONE = {
    "response.content_part.done": ("content", "content_index"),
    "response.reasoning_summary_part.done": ("summary", "summary_index"),
}
_ENDS = ("response.completed", "response.incomplete", "response.failed")
_WHOLES = {
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.mcp_call_arguments": "arguments",
}


def request_body(body: Body, views: Views) -> Body:
    """A request in the form of the chat API; changed texts go back by ``views``."""
    messages: list[Body] = []
    if isinstance(body.get("instructions"), str):
        messages.append(views.lend(body, "instructions", {"role": "developer"}, "content"))
    if isinstance(body.get("input"), str):
        messages.append(views.lend(body, "input", {"role": "user"}, "content"))
    items = body.get("input")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            messages += _input_item(item, views)
    prompt = body.get("prompt")
    if isinstance(prompt, dict) and isinstance(prompt.get("variables"), dict):
        for place in leaves(prompt["variables"], "input"):
            messages.append(views.lend(place.holder, place.key, {"role": "user"}, "content"))
    return {"messages": messages}


def _input_item(item: Body, views: Views) -> list[Body]:
    kind = str(item.get("type") or "message")
    if kind == "message":
        role = {"role": str(item.get("role") or "user")}
        return [views.lend(item, "content", role, "content")] if "content" in item else []
    found: list[Body] = []
    if item.get(_ARGUMENTS.get(kind, "")) is not None:
        found.append({"role": "assistant", "tool_calls": [_call_view(item, views)]})
    if item.get("output") is not None and kind != "computer_call_output":
        found += _results(item, views)
    return found


def _call_view(item: Body, views: Views) -> Body:
    name = str(item.get("name") or item.get("type") or "")
    function = views.lend(item, _ARGUMENTS[item["type"]], {"name": name}, "arguments")
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _results(item: Body, views: Views) -> list[Body]:
    """What a tool gave: a text, or a list of parts that hold texts."""
    about = {"role": "tool", "tool_call_id": item.get("call_id")}
    if isinstance(item["output"], str):
        return [views.lend(item, "output", about, "content")]
    if not isinstance(item["output"], list | dict):
        return []
    return [
        views.lend(place.holder, place.key, dict(about), "content")
        for place in leaves(item["output"], "tool_result")
        if place.key in _RESULT_TEXTS
    ]


def message_item(text: str) -> Body:
    """A message of the model."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


class ResponsesWire:
    """One request of the Responses API and its reply.

    ``answers`` is false for paths that give no response, such as the count of tokens.
    """

    named = True

    def __init__(self, chat: ChatGuard, *, answers: bool = True) -> None:
        self.chat, self._answers = chat, answers
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
        return allowed

    async def reply(self, body: Body) -> Body:
        """Check a reply in place; a stopped one becomes a refusal."""
        if isinstance(body.get("output"), list):
            await check_items(self.chat, body["output"])
            if self.chat.tally.stopped is not None:
                _refuse(body, [message_item(self.chat.tally.stopped.message)])
        return body

    async def feed(self, event: Body) -> list[Body]:
        """Return the events that take the place of one event."""
        return await self._stream.feed(event)

    async def close(self) -> list[Body]:
        """Nothing: a text whose end never came is not released."""
        return []

    def refusal(self, body: Body) -> Body | None:
        """The reply to a stopped request."""
        if not self._answers:
            return None
        return _refuse(_empty(model_of(body)), [message_item(stopped_by(self.chat).message)])

    def refusal_events(self, body: Body) -> list[Body]:
        """The same as a stream."""
        return self._stream.refusal(_empty(model_of(body)), stopped_by(self.chat).message)


async def check_items(chat: ChatGuard, items: list[Any]) -> None:
    """Check the items of an answer in place; ``chat.tally`` tells whether one is stopped."""
    for item in items:
        if not isinstance(item, dict):
            continue
        views, parts = Views(), _parts(item)
        message: Body = {"role": "assistant"}
        before = [_text_of(part) for part in parts]
        for name, field in zip(_lists(item), ("content", "reasoning_content"), strict=False):
            if isinstance(item.get(name), list):
                message[field] = item[name]
        if item.get(_ARGUMENTS.get(str(item.get("type")), "")) is not None:
            message["tool_calls"] = [_call_view(item, views)]
        await chat.reply({"choices": [{"message": message}]})
        views.store()
        for part, text in zip(parts, before, strict=True):
            await _settled(chat, part, changed=_text_of(part) != text)
        if isinstance(item.get("results"), list):  # passages that a search of the provider found
            await _sides(chat, item["results"])


def _lists(item: Body) -> tuple[str, ...]:
    return _LISTS.get(str(item.get("type")), ())


def _parts(item: Body) -> list[Body]:
    found = [part for name in _lists(item) for part in item.get(name) or ()]
    return [part for part in found if isinstance(part, dict)]


def _text_of(part: Body) -> Any:
    return part.get("text", part.get("refusal"))


async def _settled(chat: ChatGuard, part: Body, *, changed: bool) -> None:
    """Check what stands beside a text; tokens of a text that was changed are not told."""
    if changed and part.get("logprobs"):
        part["logprobs"] = []
    if isinstance(part.get("annotations"), list):
        await _sides(chat, part["annotations"])


async def _sides(chat: ChatGuard, found: Any) -> None:
    for place in leaves(found, "output"):
        if place.key in _SIDE_TEXTS:
            await chat.side(place)


def _empty(model: str) -> Body:
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }


def _refuse(body: Body, output: list[Body]) -> Body:
    """Turn a response into one that a content filter ended."""
    body["output"] = output
    body["status"], body["incomplete_details"] = "incomplete", {"reason": "content_filter"}
    return body


class _Stream:
    """The events of one streamed response on their way through."""

    def __init__(self, chat: ChatGuard) -> None:
        self._chat, self._relay = chat, Relay(chat)
        self._response: Body = _empty("")
        self._items: dict[int, Body] = {}
        self._pieces: dict[Any, Body] = {}  # the last event that brought a piece, by text
        self._calls: dict[int, list[Body]] = {}  # events of tool calls that are not whole yet
        self._queue: list[Body] = []
        self._number = 0
        self._added = 0
        self.ended = False

    async def feed(self, event: Body) -> list[Body]:
        """Return the events that take the place of one event."""
        going = await self._event(event, str(event.get("type")))
        if self._relay.stopped():
            return self._numbered(going + self._stop())
        self._queue += going
        if self._calls:  # what comes after a tool call waits for it
            return []
        out, self._queue = self._queue, []
        return self._numbered(out)

    async def _event(self, event: Body, kind: str) -> list[Body]:
        if kind in _DELTAS:
            return await self._delta(event)
        if kind in _DONES:
            return await self._done(event, *_DONES[kind])
        if kind in _PARTS_DONE:
            key = _key(event, *_PARTS_DONE[kind])
            rest = await self._flushed(key)
            return [*rest, {**event, "part": self._filled(event.get("part"), key)}]
        if kind == "response.output_item.done":
            return await self._item_done(event)
        return await self._other(event, kind)

    async def _other(self, event: Body, kind: str) -> list[Body]:
        index, item = int(event.get("output_index") or 0), event.get("item")
        if kind == "response.output_item.added" and item and item.get("type") in _ARGUMENTS:
            self._calls[index] = [event]
            return []
        if index in self._calls:
            self._calls[index].append(event)
            return []
        if isinstance(event.get("annotation"), dict):
            await _sides(self._chat, [event["annotation"]])
        if isinstance(event.get("response"), dict):
            return await self._whole(event, kind)
        return [event]

    async def _delta(self, event: Body) -> list[Body]:
        key = _key(event, *_DELTAS[event["type"]])
        self._pieces[key] = event
        return self._piece(key, await self._relay.text(key, str(event.get("delta") or "")))

    def _piece(self, key: Any, text: str) -> list[Body]:
        event = self._pieces[key]
        if text == event["delta"]:
            return [event]
        return [{**event, "delta": text, "logprobs": []}] if text else []

    async def _flushed(self, key: Any) -> list[Body]:
        """What was held back of a text that is at its end."""
        text = await self._relay.end(key)
        return self._piece(key, text) if text and key in self._pieces else []

    async def _done(self, event: Body, of: str, field: str) -> list[Body]:
        key = _key(event, *_DELTAS[of])
        if key not in self._pieces:  # the text came without pieces
            self._pieces[key] = {**event, "type": of, "delta": ""}
            self._pieces[key].pop(field, None)
            out = self._piece(key, await self._relay.text(key, str(event.get(field) or "")))
        else:
            out = []
        out += await self._flushed(key) if not self._relay.stopped() else []
        whole = self._relay.whole[key]
        changed: Body = {} if whole == event.get(field) else {"logprobs": []}
        return [*out, {**event, field: whole, **changed}] if not self._relay.stopped() else out

    def _filled(self, part: Any, key: Any) -> Any:
        """A part with the text that was released of it."""
        if not isinstance(part, dict) or key not in self._relay.whole:
            return part
        field = "refusal" if "refusal" in part else "text"
        if part.get(field) == self._relay.whole[key]:
            return part
        filled = {**part, field: self._relay.whole[key]}
        return {**filled, "logprobs": []} if "logprobs" in part else filled

    async def _item_done(self, event: Body) -> list[Body]:
        index, item = event["output_index"], dict(event["item"])
        streamed = [
            (index, name, n) for name in _lists(item) for n in range(len(item.get(name) or ()))
        ]
        rest: list[Body] = []
        if streamed and all(key in self._relay.whole for key in streamed):
            for key in streamed:
                rest += await self._flushed(key)
            for name in _lists(item):
                if name not in item:
                    continue
                item[name] = [
                    self._filled(part, (index, name, n))
                    for n, part in enumerate(item.get(name) or ())
                ]
            for part in _parts(item):
                await _settled(self._chat, part, changed=False)
        else:
            await check_items(self._chat, [item])
        self._items[index] = item
        before = self._calls.pop(index, [])
        if self._relay.stopped():
            return rest
        return [*rest, *_call_events(before, item), {**event, "item": item}]

    async def _whole(self, event: Body, kind: str) -> list[Body]:
        """An event that tells of the response as a whole."""
        response = dict(event["response"])
        output = [
            self._items.get(index, item) for index, item in enumerate(response.get("output") or ())
        ]
        known = [id(item) for item in self._items.values()]
        await check_items(self._chat, [item for item in output if id(item) not in known])
        response["output"] = output
        self._response = response
        if kind in _ENDS:
            self._calls.clear()
        return [] if self._relay.stopped() else [{**event, "response": response}]

    def _stop(self) -> list[Body]:
        """End a stopped response; the message is told only where nothing was shown yet."""
        self._calls.clear()
        self._queue.clear()
        items = [item for _, item in sorted(self._items.items()) if item.get("type") == "message"]
        if self._relay.shown:
            self.ended = True
            response = _refuse(dict(self._response), [*items, *self._partial()])
            return [{"type": "response.incomplete", "response": response, "sequence_number": 0}]
        verdict = stopped_by(self._chat)
        return self.refusal(dict(self._response), verdict.message, begun=True)

    def _partial(self) -> list[Body]:
        """The message that was being said, as far as it was released."""
        said = [
            text
            for (index, name, _), text in self._relay.whole.items()
            if name == "content" and index not in self._items
        ]
        return [message_item("".join(said))] if said else []

    def refusal(self, response: Body, text: str, *, begun: bool = False) -> list[Body]:
        """The events of a response that only says a message."""
        self.ended = True
        item = message_item(text)
        part = item["content"][0]
        place = {"output_index": self._added, "item_id": item["id"]}
        at = {**place, "content_index": 0}
        empty = {**part, "text": ""}
        first = [] if begun else [{"type": "response.created", "response": {**response}}]
        events: list[Body] = [
            *first,
            {
                "type": "response.output_item.added",
                **place,
                "item": {**item, "status": "in_progress", "content": []},
            },
            {"type": "response.content_part.added", **at, "part": empty},
            {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []},
            {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **at, "part": part},
            {"type": "response.output_item.done", **place, "item": item},
            {"type": "response.incomplete", "response": _refuse({**response}, [item])},
        ]
        return [{**event, "sequence_number": n} for n, event in enumerate(events)]

    def _numbered(self, events: list[Body]) -> list[Body]:
        """Number events anew: there may be more or fewer than came."""
        out = []
        for event in events:
            self._added += event.get("type") == "response.output_item.added"
            if isinstance(event.get("sequence_number"), int):
                out.append({**event, "sequence_number": self._number})
                self._number += 1
            else:
                out.append(event)
        return out


def _key(event: Body, name: str, index: str) -> tuple[Any, str, Any]:
    return (event.get("output_index"), name, event.get(index))


def _call_events(events: list[Body], item: Body) -> list[Body]:
    """The events of a tool call that was checked: its arguments in one piece."""
    out: list[Body] = []
    whole = item.get(_ARGUMENTS.get(str(item.get("type")), ""))
    given = False
    pieces = any(str(event["type"]).endswith(".delta") for event in events)
    for event in events:
        stem, _, last = str(event["type"]).rpartition(".")
        if stem in _WHOLES and last == "delta":
            if not given:
                out.append({**event, "delta": whole})
            given = True
        elif stem in _WHOLES and last == "done":
            out.append({**event, _WHOLES[stem]: whole})
        elif event["type"] == "response.output_item.added":
            field = _ARGUMENTS[item["type"]]
            empty = "" if isinstance(whole, str) else None
            begun = whole if event["item"].get(field) and not pieces else empty
            out.append({**event, "item": {**event["item"], field: begun}})
        else:
            out.append(event)
    return out
