"""Where texts stand in the bodies of the OpenAI chat API, and putting others in their place."""

from __future__ import annotations

import base64
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
ARGUMENTS = ("arguments", "input")
"""Where a call holds what the tool gets: that of a function, and that of a custom tool."""
#: Numbers from here on are read as text: cards and accounts, but no times in seconds.
_LONG, _LONGEST = 10**11, 10**30
_KNOWN = frozenset({"role", "id", "type", "name", "index", "tool_calls", "function_call"})
_ENVELOPE = frozenset({"id", "object", "model", "system_fingerprint", "service_tier"})
"""Fields of a reply whose single words are names of the API."""
_PART_TEXTS = ("text", "refusal", "value")
"""Where a part of a message's content holds its text."""
_BESIDE = ("annotations", "citations", "logprobs")
_IDS = frozenset(
    {"type", "id", "file_id", "call_id", "tool_call_id", "tool_use_id", "signature"}
    | {"thought_signature", "encrypted_content", "encrypted_index"}
)
_MEDIA = frozenset(
    f"{before}{kind}{after}"
    for kind in ("image", "audio", "video")
    for before in ("", "input_")
    for after in ("", "_url")
)
_BYTES = frozenset({"data", "file_data", "bytes", "base64"})
_OF_MEDIA = _BYTES | {"url", "image_url", "audio_url", "video_url", "detail", "format"}
#: Shorter words can look like base64 of bytes.
_SHORTEST = 1000


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


def dicts(value: Any) -> list[dict[str, Any]]:
    """The mappings in a value that should be a list of them; what comes from outside may be any."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class Parts(NamedTuple):
    """Text parts of one message, which the model reads as one text."""

    stage: Stage
    places: tuple[Place, ...]


class NumberText:
    """A number of a mapping or list, read as text; another text takes its place."""

    def __init__(self, holder: Any) -> None:
        self._holder = holder

    def __getitem__(self, key: Any) -> str:
        value = self._holder[key]
        whole = isinstance(value, float) and value.is_integer()
        return str(int(value)) if whole else str(value)

    def __setitem__(self, key: Any, text: str) -> None:
        self._holder[key] = text


class Names:
    """The keys of a mapping; others are put in their place at the end, for values stand at them."""

    def __init__(self, holder: dict[str, Any]) -> None:
        self._holder = holder
        self._others: dict[str, str] = {}

    def __getitem__(self, key: str) -> str:
        return self._others.get(key, key)

    def __setitem__(self, key: str, text: str) -> None:
        self._others[key] = text

    def rename(self) -> None:
        """Put the other keys there, in the same order; those that would be alike are counted."""
        if not self._others:
            return
        items = list(self._holder.items())
        self._holder.clear()
        for key, value in items:
            name, number = self[key], 2
            while name in self._holder:
                name, number = f"{self[key]} {number}", number + 1
            self._holder[name] = value


class Arguments:
    """The arguments of a tool call: JSON text whose texts are checked one by one."""

    def __init__(self, holder: dict[str, Any], key: str = "arguments") -> None:
        self._holder, self._key = holder, key
        self._value: Any = None
        self._parsed, self._before = False, b""
        raw = holder.get(key)
        try:
            self._value = msgspec.json.decode(raw) if isinstance(raw, str) else raw
            self._parsed = True
            # What is no text is put back as the object it is: only texts need comparing.
            self._before = msgspec.json.encode(self._value) if isinstance(raw, str) else b""
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._value, self._parsed = raw, False
        self._box = [self._value]
        self._names: list[Names] = []

    @property
    def tool(self) -> str:
        """Name of the tool, "" where it is not said."""
        return str(self._holder.get("name") or "")

    def places(self, stage: Stage) -> list[Place]:
        """Every string, key and long number in the arguments; the raw text where it is no JSON."""
        found = list(leaves(self._box, stage))
        for holder in _holders(self._box):
            pairs = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
            found += [Place(stage, NumberText(holder), k) for k, v in pairs if is_long(v)]
            if isinstance(holder, dict):
                self._names.append(Names(holder))
                found += [Place(stage, self._names[-1], key) for key, _ in pairs]
        return found

    def store(self) -> None:
        """Write changed arguments back in the form they came in; others stay to the letter."""
        for names in self._names:
            names.rename()
        value = self._box[0]
        if self._parsed and isinstance(self._holder.get(self._key), str):
            encoded = msgspec.json.encode(value)
            if encoded == self._before:
                return
            value = encoded.decode()
        self._holder[self._key] = value


def is_long(value: Any) -> bool:
    """Say whether a value is a number long enough to be one of a card, an account or a phone."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and _LONG <= abs(value) < _LONGEST


def _holders(holder: Any) -> Iterator[Any]:
    """Yield every list and mapping below a list or mapping, itself too."""
    stack = [holder]
    while stack:
        item = stack.pop()
        yield item
        inner = item.values() if isinstance(item, dict) else item
        stack.extend(value for value in inner if isinstance(value, dict | list))


def leaves(holder: Any, stage: Stage) -> Iterator[Place]:
    """Yield every string below a list or mapping."""
    for item in _holders(holder):
        for key, value in list(item.items() if isinstance(item, dict) else enumerate(item)):
            if isinstance(value, str):
                yield Place(stage, item, key)


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
        elif isinstance(value, list | dict):
            yield from content_texts(value, stage)
    if isinstance(message.get("name"), str):
        yield Place(stage, message, "name")


def content_texts(value: list[Any] | dict[str, Any], stage: Stage) -> Iterator[Place | Parts]:
    """Yield every text of a message's content in parts, whatever shape the parts have.

    What the model reads as one text is one ``Parts``; texts in unknown fields stand alone. Left out
    are names and ids, the addresses and bytes of media, and in replies what stands beside a text
    (``beside_texts``).
    """
    groups: list[Any] = [value]
    while groups:
        joined: list[Place] = []
        alone: list[Place] = []
        group = groups.pop()
        stack = [([group], 0, "part")] if isinstance(group, dict) else _within(group, "part")
        while stack:
            holder, key, kind = stack.pop()
            item = holder[key]
            if isinstance(item, str):
                if kind in ("part", "text"):
                    joined.append(Place(stage, holder, key))
                elif not _is_passed(key, item, media=kind == "media"):
                    alone.append(Place(stage, holder, key))
            elif key == "content" and isinstance(item, dict | list) and kind != "text":
                groups.append(item)  # content within a part, such as that of a tool result
            elif isinstance(item, dict | list) and not (stage == "output" and key in _BESIDE):
                stack += _within(item, kind)
        if joined:
            yield Parts(stage, tuple(joined))
        yield from alone


def _within(item: dict[str, Any] | list[Any], kind: str) -> list[tuple[Any, Any, str]]:
    """What a mapping or list of some kind holds, each with its own kind, the first one last."""
    if isinstance(item, list):
        return [(item, key, kind) for key in range(len(item) - 1, -1, -1)]
    if kind == "text":
        return [(item, key, kind) for key in reversed(item)]
    other = "media" if kind == "media" or str(item.get("type")) in _MEDIA else "other"
    kinds = {key: "media" if key in _MEDIA else other for key in item}
    if kind == "part":
        kinds.update((key, "text") for key in _PART_TEXTS if key in item)
    return [(item, key, kinds[key]) for key in reversed(item)]


def _is_passed(key: Any, text: str, *, media: bool) -> bool:
    """Say whether a string in a part is none that a model reads as text."""
    if is_media(key, text):
        return True
    one_word = len(text.split(None, 1)) == 1
    return one_word and (key in _IDS or (media and key in _OF_MEDIA))


def is_media(key: Any, text: str) -> bool:
    """Say whether a string holds bytes that are no text; base64 of a text is checked."""
    return (key in _BYTES or text.startswith("data:")) and _is_binary(text)


def _is_binary(text: str) -> bool:
    """Say whether a text is base64, plain or in a ``data:`` address, of bytes that are no text."""
    head, comma, rest = text.partition(",")
    named = bool(comma) and head.startswith("data:") and head.endswith(";base64")
    given = rest if named else text
    if not named and len(given) < _SHORTEST:
        return False
    try:
        base64.b64decode(given, validate=True).decode()
    except UnicodeDecodeError:
        return True
    except ValueError:  # no base64
        return False
    return False


def beside_texts(value: Any) -> Iterator[Place]:
    """Yield the texts of annotations and citations in the content of a reply."""
    for holder in _holders(value) if isinstance(value, dict | list) else ():
        for key in _BESIDE if isinstance(holder, dict) else ():
            if key != "logprobs" and isinstance(holder.get(key), dict | list):
                for place in leaves(holder[key], "output"):
                    if not _is_passed(place.key, place.text, media=False):
                        yield place


def calls_of(message: dict[str, Any]) -> list[Arguments]:
    """The tool calls of a message, the outdated single ``function_call`` included."""
    found = [message.get("function_call")]
    for call in dicts(message.get("tool_calls")):
        found += [call.get("function"), call.get("custom")]
    return [
        Arguments(item, key)
        for item in found
        if isinstance(item, dict)
        for key in ARGUMENTS
        if key in item
    ]


def reply_texts(message: dict[str, Any]) -> Iterator[Place | Parts]:
    """Yield what the model wrote in the message of a reply."""
    for field in OUTPUT_FIELDS:
        value = message.get(field)
        if isinstance(value, str) and value:
            yield Place("output", message, field)
        elif isinstance(value, list | dict):
            yield from content_texts(value, "output")


def side_texts(message: dict[str, Any]) -> Iterator[Place]:
    """Yield what else a reply's message shows: retrieved passages, annotations, transcripts."""
    for key, value in message.items():
        if key in OUTPUT_FIELDS:
            yield from beside_texts(value)
        if key in _KNOWN or key in OUTPUT_FIELDS:
            continue
        if isinstance(value, str) and value:
            yield Place("output", message, key)
        elif isinstance(value, dict | list):
            yield from leaves(value, "output")


def envelope_texts(body: dict[str, Any]) -> Iterator[Place]:
    """Yield what a reply holds beside its choices, such as the sources that an answer rests on."""
    for key, value in body.items():
        if isinstance(value, str) and value:
            if key not in _ENVELOPE or len(value.split(None, 1)) > 1:
                yield Place("output", body, key)
        elif isinstance(value, dict | list) and key != "choices":
            yield from (p for p in leaves(value, "output") if not is_media(p.key, p.text))


def choice_texts(choice: dict[str, Any]) -> Iterator[Place]:
    """Yield what a choice shows beside its message, such as the text of older completions."""
    for key, value in choice.items():
        if key in ("finish_reason", "logprobs") or (key == "message" and isinstance(value, dict)):
            continue
        if isinstance(value, str) and value:
            yield Place("output", choice, key)
        elif isinstance(value, dict | list):
            yield from leaves(value, "output")
