"""Guarding a streamed chat completion, chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from railwright.guard._chat import FILTERED, ChatGuard
from railwright.guard._places import (
    OUTPUT_FIELDS,
    Place,
    content_texts,
    dicts,
    leaves,
    side_texts,
)
from railwright.guard._streams import aclose

if TYPE_CHECKING:
    from railwright.guard._guard import Stream
    from railwright.guard._types import Verdict

Chunk = dict[str, Any]
_TOOLS = {"function": "arguments", "custom": "input"}


class _Choice:
    """One choice of a streamed reply on its way through."""

    def __init__(self, chat: ChatGuard, index: int) -> None:
        self._chat, self.index = chat, index
        self._streams: dict[str, Stream] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._shown = False
        self.done = False

    async def delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        """Return what of a delta may go on; tool calls wait until they are whole."""
        self._collect(delta)
        out: dict[str, Any] = {}
        for key, value in delta.items():
            if key in OUTPUT_FIELDS and isinstance(value, str):
                released = self._stream(key).feed(value) if value else ""
                if released or not value:
                    out[key] = released
                self._shown = self._shown or bool(released)
            elif key not in ("tool_calls", "function_call"):
                out[key] = value
        parts = [v for k, v in out.items() if k in OUTPUT_FIELDS and isinstance(v, dict | list)]
        for place in (
            *side_texts(out),
            *(p for part in parts for p in _places(part)),
        ):
            await self._chat.side(place)
        return out

    def stopped(self) -> Verdict | None:
        """The verdict of a stream that was stopped, if one was."""
        for stream in self._streams.values():
            if stream.verdict is not None and stream.verdict.blocked:
                return stream.verdict
        return None

    async def finish(self, reason: str | None) -> list[dict[str, Any]]:
        """Return the choices that end this one: what was held back, then the reason."""
        self.done = True
        rest = {}
        for field, stream in self._streams.items():
            text = await aclose(stream)
            if text:
                rest[field] = text
        for stream in self._streams.values():
            if stream.verdict is not None:
                self._chat.tally.verdicts.append(stream.verdict)
        stopped = self.stopped()
        if stopped is not None:
            self._chat.stop(stopped)
            return self._refused(stopped, rest)
        calls = [self._calls[index] for index in sorted(self._calls)]
        for tool in (call[kind] for call in calls for kind in _TOOLS if kind in call):
            if not await self._chat.tool_call(tool):
                assert self._chat.tally.stopped is not None
                return self._refused(self._chat.tally.stopped, rest)
        ends = [self._with(rest, None)] if rest else []
        if calls:
            ends.append(self._with({"tool_calls": calls}, None))
        return [*ends, self._with({}, reason)]

    def _refused(self, stopped: Verdict, rest: dict[str, Any]) -> list[dict[str, Any]]:
        """End a stopped choice; the message is added only where nothing was shown yet."""
        if not self._shown and not rest:
            rest = {"role": "assistant", "content": stopped.message}
        ends = [self._with(rest, None)] if rest else []
        return [*ends, self._with({}, FILTERED)]

    def _with(self, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        return {"index": self.index, "delta": delta, "finish_reason": reason}

    def _stream(self, field: str) -> Stream:
        if field not in self._streams:
            chat = self._chat
            self._streams[field] = chat.guard.stream("output", chat.call, hold=chat.options.hold)
        return self._streams[field]

    def _collect(self, delta: dict[str, Any]) -> None:
        """Keep the pieces of tool calls, which may come in any cut."""
        pieces = dicts(delta.get("tool_calls"))
        if isinstance(delta.get("function_call"), dict):
            pieces = [*pieces, {"index": 0, "function": delta["function_call"]}]
        for piece in pieces:
            index = piece.get("index")
            if not isinstance(index, int):
                index = len(self._calls) if piece.get("id") else max(len(self._calls) - 1, 0)
            call = self._calls.setdefault(index, {"index": index, "type": "function"})
            known = ("index", *_TOOLS)
            call.update({k: v for k, v in piece.items() if k not in known})
            for kind, key in _TOOLS.items():
                given = piece.get(kind)
                if isinstance(given, dict):
                    own = call.setdefault(kind, {key: ""})
                    own[key] += str(given.get(key) or "")
                    if given.get("name"):
                        own["name"] = own.get("name", "") + str(given["name"])


class ChatStream:
    """Takes the chunks of a reply and returns those that may go on."""

    def __init__(self, chat: ChatGuard) -> None:
        self._chat = chat
        self._choices: dict[int, _Choice] = {}
        self._head: Chunk = {}

    @property
    def stopped(self) -> bool:
        """Whether every choice was stopped, so that nothing more can come."""
        choices = self._choices.values()
        return bool(choices) and all(c.done and c.stopped() is not None for c in choices)

    async def feed(self, chunk: Chunk) -> list[Chunk]:
        """Return the chunks that take the place of this one, none to several."""
        if not isinstance(chunk.get("choices"), list):  # an error, or unknown: every text in it
            for place in leaves(chunk, "output"):
                await self._chat.side(place)
            return [chunk]
        await self._chat.envelope(chunk)
        self._head = {k: v for k, v in chunk.items() if k not in ("choices", "usage")}
        incoming = dicts(chunk["choices"])
        if not incoming:
            return [{**chunk, "choices": []}]
        going: list[dict[str, Any]] = []
        ending: list[dict[str, Any]] = []
        for item in incoming:
            choice = self._choice(item)
            if choice.done:
                continue
            going += await self._delta(choice, item)
            if item.get("finish_reason") is not None or choice.stopped() is not None:
                ending += await choice.finish(item.get("finish_reason"))
        out = [{**chunk, "choices": going}] if going else []
        out += [self._ended(end) for end in ending]
        if not going and chunk.get("usage") is not None:
            last = out.pop() if out else {**chunk, "choices": []}
            out.append({**last, "usage": chunk["usage"]})
        return out

    async def close(self) -> list[Chunk]:
        """Return what was held back of choices that were never ended, with the summary."""
        out: list[Chunk] = []
        for choice in self._choices.values():
            if not choice.done:
                out += [self._ended(end) for end in await choice.finish(None)]
        if not out:
            return out
        # The ends say nothing here, but that the last one must be there to carry the summary.
        *before, last = [c for c in out if c["choices"][0]["delta"] or _reason(c)] or out[-1:]
        return [*before, last if _reason(last) else self._chat.tally.told(last)]

    async def _delta(self, choice: _Choice, item: dict[str, Any]) -> list[dict[str, Any]]:
        delta = item.get("delta") or item.get("message") or {}
        if not isinstance(delta, dict):
            return []
        released = await choice.delta(delta)
        if not released:
            return []
        return [{"index": choice.index, "delta": released, "finish_reason": None}]

    def _choice(self, item: dict[str, Any]) -> _Choice:
        index = item.get("index")
        number = index if isinstance(index, int) else 0
        if number not in self._choices:
            self._choices[number] = _Choice(self._chat, number)
        return self._choices[number]

    def _ended(self, choice: dict[str, Any]) -> Chunk:
        body = {**self._head, "choices": [choice]}
        return self._chat.tally.told(body) if choice["finish_reason"] else body


def _places(parts: list[Any] | dict[str, Any]) -> list[Place]:
    found = content_texts(parts, "output")
    return [p for item in found for p in ((item,) if isinstance(item, Place) else item.places)]


def _reason(chunk: Chunk) -> bool:
    return bool(chunk["choices"][0]["finish_reason"])
