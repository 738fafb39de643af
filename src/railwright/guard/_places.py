"""Where texts stand in the bodies of the OpenAI chat API, and putting others in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from railwright.guard._types import Stage

ROLE_STAGES: dict[str, Stage] = {
    "tool": "tool_result",
    "function": "tool_result",
    "assistant": "memory",
}
"""Stage of a message by role; every other role is ``input``, system messages of clients too."""
OUTPUT_FIELDS = ("content", "refusal", "reasoning_content", "reasoning")
"""Fields of a reply's message that hold what the model wrote."""
_KNOWN = frozenset({"role", "id", "type", "name", "index", "tool_calls", "function_call"})


class Place(NamedTuple):
    """A text in a body: ``holder[key]``."""

    stage: Stage
    holder: Any
    key: Any

    @property
    def text(self) -> str:
        """The text that stands there."""
        value: str = self.holder[self.key]
        return value

    def put(self, text: str) -> None:
        """Put another text there."""
        self.holder[self.key] = text


class Parts(NamedTuple):
    """Text parts of one message, which the model reads as one text."""

    stage: Stage
    places: tuple[Place, ...]


class Arguments:
    """The arguments of a tool call: JSON text whose strings are checked one by one."""

    def __init__(self, holder: dict[str, Any]) -> None:
        self._holder = holder
        self._value: Any = None
        self._parsed = False
        raw = holder.get("arguments")
        try:
            self._value = msgspec.json.decode(raw) if isinstance(raw, str) else raw
            self._parsed = True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._value = raw
        self._before = msgspec.json.encode(self._value) if self._parsed else b""
        self._box = [self._value]

    @property
    def tool(self) -> str:
        """Name of the tool, "" where it is not said."""
        return str(self._holder.get("name") or "")

    def places(self, stage: Stage) -> list[Place]:
        """Every string in the arguments, keys too; the raw text where it is no JSON."""
        return list(leaves(self._box, stage, keys=True))

    def store(self) -> None:
        """Write changed arguments back in the form they came in; others stay to the letter."""
        value = self._box[0]
        if self._parsed and isinstance(self._holder.get("arguments"), str):
            encoded = msgspec.json.encode(value)
            if encoded == self._before:
                return
            value = encoded.decode()
        self._holder["arguments"] = value


def leaves(holder: Any, stage: Stage, *, keys: bool = False) -> Iterator[Place]:
    """Yield every string below a list or mapping; with ``keys`` the keys of mappings as well."""
    stack = [holder]
    while stack:
        item = stack.pop()
        pairs = list(item.items()) if isinstance(item, dict) else list(enumerate(item))
        for key, value in pairs:
            if isinstance(value, str):
                yield Place(stage, item, key)
            elif isinstance(value, dict | list):
                stack.append(value)
            if keys and isinstance(key, str):
                yield Place(stage, [key], 0)


def message_texts(message: dict[str, Any], trusted: frozenset[str]) -> Iterator[Place | Parts]:
    """Yield the texts of one message of a request."""
    role = str(message.get("role", ""))
    if role in trusted:
        return
    stage = ROLE_STAGES.get(role, "input")
    for field in OUTPUT_FIELDS:
        value = message.get(field)
        if isinstance(value, str) and value:
            yield Place(stage, message, field)
        elif isinstance(value, list):
            yield Parts(stage, tuple(_part_places(value, stage)))
    if isinstance(message.get("name"), str):
        yield Place(stage, message, "name")


def _part_places(parts: list[Any], stage: Stage) -> Iterator[Place]:
    for number, part in enumerate(parts):
        if isinstance(part, str):
            yield Place(stage, parts, number)
        elif isinstance(part, dict):
            for key in ("text", "refusal"):
                if isinstance(part.get(key), str):
                    yield Place(stage, part, key)


def calls_of(message: dict[str, Any]) -> list[Arguments]:
    """The tool calls of a message, the outdated single ``function_call`` included."""
    found = [message.get("function_call")]
    for call in message.get("tool_calls") or ():
        if isinstance(call, dict):
            found += [call.get("function"), call.get("custom")]
    return [Arguments(item) for item in found if isinstance(item, dict) and "arguments" in item]


def reply_texts(message: dict[str, Any]) -> Iterator[Place | Parts]:
    """Yield what the model wrote in the message of a reply."""
    for field in OUTPUT_FIELDS:
        value = message.get(field)
        if isinstance(value, str) and value:
            yield Place("output", message, field)
        elif isinstance(value, list):
            yield Parts("output", tuple(_part_places(value, "output")))


def side_texts(message: dict[str, Any]) -> Iterator[Place]:
    """Yield what else a reply's message shows: retrieved passages, annotations, transcripts."""
    for key, value in message.items():
        if key in _KNOWN or key in OUTPUT_FIELDS:
            continue
        if isinstance(value, str) and value:
            yield Place("output", message, key)
        elif isinstance(value, dict | list):
            yield from leaves(value, "output")
