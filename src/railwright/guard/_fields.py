"""Where texts stand in the JSON of an application's own endpoints: fields by their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec

from railwright.guard._places import Names, NumberText, Place, is_long, is_media
from railwright.guard._types import GuardError, Stage

PathNames = tuple[str | None, ...]
"""The names of a path; None stands for every item or key."""

_REQUEST: tuple[Stage, ...] = ("input", "retrieved", "memory", "tool_result")
_REPLY: tuple[Stage, ...] = ("output", "tool_call")
NAMED_BY = ("type", "event", "kind", "role")
"""Fields by which events of different texts tell themselves apart."""
#: Where the data of events that are text stands.
TEXT_DATA = "data"
_STREAM_KINDS = ("sse", "event-stream", "ndjson", "jsonl", "jsonlines")
#: Keys of this form are taken for names of fields, which hold no text.
_NAME = re.compile(r"[A-Za-z_$][A-Za-z_$-]{0,31}")


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of one route that hold text, by paths such as ``documents.*.text``.

    A path is names parted by dots; ``*`` stands for every item of a list or every key of an object,
    a number for one item of a list, a backslash before a character for the character itself. A path
    that names an object or a list names every text in it. Where several paths fit a text, the
    longest counts, of equally long ones that with fewer ``*``.

    Attributes:
        input: fields of the request that the user writes.
        retrieved: fields of the request with documents.
        memory: fields of the request with earlier turns.
        tool_result: fields of the request with what tools returned.
        output: fields of the reply that hold the answer; one that is stopped stops the reply.
            ``"text"``: the reply is no JSON but text, whole, in chunks or as the data of events.
        tool_call: fields of the reply that say what is to be done; one that is stopped stops it.
        ignore: fields of the request that are not checked. Every other one is, at ``input``.
        ignore_output: fields of the reply that are not checked. Every other one is, at ``output``;
            one that is stopped is removed, the reply stays.
        stream: fields that hold the next piece of a text in the events of a streamed reply.
        stream_end: what ends your streams, sent where one is stopped: an object, or the data of an
            event (``[DONE]``).
        status: status of the reply that stands for one that was stopped.
        refusal: other fields of that reply; the message is put into the first of ``output``.
        summary: add ``railwright.guard`` to replies that are objects.

    Raises:
        GuardError: nothing is named, a path cannot be read, or a setting is of another kind.
    """

    input: tuple[str, ...] = ()
    retrieved: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    tool_result: tuple[str, ...] = ()
    output: tuple[str, ...] | Literal["text"] = ()
    tool_call: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    ignore_output: tuple[str, ...] = ()
    stream: tuple[str, ...] = ()
    stream_end: str | Mapping[str, Any] = ""
    status: int = 200
    refusal: Mapping[str, Any] = {}
    summary: bool = True

    def __post_init__(self) -> None:
        """Refuse what could not be used, so that it shows when the application starts."""
        Shape(self)


class Rule(NamedTuple):
    """A path and the stage of what it names, None where that is left alone."""

    names: PathNames
    stage: Stage | None

    @property
    def rank(self) -> tuple[int, int]:
        """How closely it fits: by its length, then by how many names it says."""
        return len(self.names), sum(name is not None for name in self.names)


class Found(NamedTuple):
    """A text, and whether a path names it."""

    place: Place
    named: bool


class Shape:
    """The fields of a route as they are looked for."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.is_text = fields.output == "text"
        if isinstance(fields.output, str) and not self.is_text:
            raise _no_tuple("output", fields.output, ', or output="text" for replies of text')
        self.request = _rules(fields, _REQUEST, "ignore")
        self.stream = _paths(fields, "stream") or (((TEXT_DATA,),) if self.is_text else ())
        reply = _rules(fields, _REPLY, "ignore_output")
        # A piece that is no string is checked as an answer is.
        known = {rule.names for rule in reply}
        pieces = (Rule(names, "output") for names in self.stream if names not in known)
        self.reply = (*reply, *pieces)
        if not (self.request or self.reply or self.is_text):
            raise GuardError("Fields() names no field", 'name one, such as input=("question",)')
        _check_answer(fields)
        self._check_stream()
        self.refused("")

    def _check_stream(self) -> None:
        fields = self.fields
        if self.is_text and fields.stream:
            raise GuardError('stream names fields, and output="text" has none', "leave out one")
        if fields.stream_end and not self.stream:
            mend = 'name the field of their pieces, such as stream=("delta",)'
            raise GuardError("stream_end ends streams, and none of their fields is named", mend)
        other = {rule.names: rule.stage for rule in self.reply if rule.stage != "output"}
        for place, (path, names) in enumerate(zip(fields.stream, self.stream, strict=False)):
            if None in names:
                raise GuardError("stream: a path names several fields", "name each, without *")
            if path.lower() in _STREAM_KINDS or "text/" in path or "application/" in path:
                mend = 'write stream=("delta",); the form is read from the content-type of a reply'
                raise GuardError(f"stream: {path!r} is a form of streams, no field", mend)
            if names in self.stream[:place]:
                raise GuardError(f"stream: {path!r} is named twice", "name each field once")
            if names in other:
                setting = other[names] or "ignore_output"
                mend = "pieces are checked as output: leave it out of one of the two"
                raise GuardError(f"stream: {path!r} is named by {setting} too", mend)

    @cached_property
    def _answer(self) -> PathNames:
        """Where the message of a refusal stands."""
        outputs = [rule.names for rule in self.reply if rule.stage == "output"]
        return outputs[0] if outputs else ("message",)

    def refused(self, message: str) -> Any:
        """Return the body that stands for a stopped request or reply.

        Raises:
            GuardError: the template has another value where the message should stand.
        """
        template = msgspec.json.decode(msgspec.json.encode(self.fields.refusal))
        return put_at(template or None, self._answer, message)

    def refused_event(self, message: str) -> Any:
        """Return the event of a stream that says so; it is the first field of ``stream``."""
        return put_at(None, self.stream[0], message)


def _check_answer(fields: Fields) -> None:
    status: object = fields.status
    if not isinstance(status, int) or not 200 <= status < 600 or status in (204, 205, 304):
        raise GuardError(f"status is one of a reply with a body, 200 to 599, not {status!r}")
    for name in ("refusal", "stream_end"):
        value = getattr(fields, name)
        if name == "stream_end" and isinstance(value, str):
            continue
        if not isinstance(value, Mapping):
            raise GuardError(f"{name} is an object, not {type(value).__name__}", f"{name}={{...}}")
        try:
            msgspec.json.encode(value)
        except (TypeError, msgspec.MsgspecError) as error:
            raise GuardError(f"{name} cannot be written as JSON: {error}") from None


def _rules(fields: Fields, stages: tuple[Stage, ...], ignored: str) -> tuple[Rule, ...]:
    rules: dict[PathNames, Rule] = {}
    named: list[tuple[str, Stage | None]] = [(stage, stage) for stage in stages]
    for name, stage in (*named, (ignored, None)):
        for names in _paths(fields, name):
            if names in rules:
                path = ".".join("*" if part is None else part for part in names)
                raise GuardError(f"{name}: {path!r} is named twice", "name each field once")
            rules[names] = Rule(names, stage)
    return tuple(rules.values())


def _paths(fields: Fields, name: str) -> tuple[PathNames, ...]:
    value = getattr(fields, name)
    if name == "output" and value == "text":
        return ()
    if not isinstance(value, tuple | list) or not all(isinstance(path, str) for path in value):
        raise _no_tuple(name, value)
    return tuple(parse_path(path, name) for path in value)


def _no_tuple(name: str, value: object, more: str = "") -> GuardError:
    example = value if isinstance(value, str) else "question"
    return GuardError(f"{name} is a tuple of paths", f'write {name}=("{example}",){more}')


def parse_path(text: str, setting: str) -> PathNames:
    """Return the names of a path.

    Raises:
        GuardError: it is empty, a name is, or it is written in another notation.
    """
    # Pieces are dots, escaped characters and all others.
    pieces = re.findall(r"\\.|\.|[^.\\]+|\\", text, re.DOTALL)
    names: list[str | None] = []
    parts: list[str] = []
    for piece in [*pieces, "."]:
        if piece == ".":
            names.append(_name(parts, text, setting))
            parts = []
        else:
            parts.append(piece)
    return tuple(names)


def _name(parts: list[str], text: str, setting: str) -> str | None:
    where = f"{setting}: the path {text!r}"
    plain = "".join(part for part in parts if not part.startswith("\\"))
    if parts == ["*"]:
        return None
    if not parts:
        raise GuardError(f"{where} has an empty name", "write names parted by single dots: a.b")
    if "\\" in parts:
        raise GuardError(f"{where} ends in a backslash", r"write \\ for a backslash in a name")
    if plain.startswith(("$", "/")) or re.search(r"[\[\]]", plain) or plain != plain.strip():
        mend = r"write documents.*.text; a backslash before a character takes it for itself: \["
        raise GuardError(f"{where} is no path of names and dots", mend)
    if "*" in plain:
        raise GuardError(
            f"{where} has a * within a name", r"write a.* for every item, \* for a star"
        )
    return "".join(part[1:] if part.startswith("\\") else part for part in parts)


Live = tuple[tuple[Rule, int], ...]


def find(box: list[Any], rules: tuple[Rule, ...], stage: Stage) -> tuple[list[Found], list[Names]]:
    """Return the texts of the JSON value in a box of one, and the keys that may be renamed.

    Texts are strings, numbers that a path names or that are long, and keys that are no plain names.
    Texts that no path names are of ``stage``.
    """
    found: list[Found] = []
    keys: list[Names] = []
    whole: Live = tuple((rule, 0) for rule in rules)
    stack: list[tuple[Any, Any, Live, Rule | None]] = []
    if _holds_text(box[0], exact=False):
        stack.append((box, 0, whole, None))
    while stack:
        holder, key, live, rule = stack.pop()
        value = holder[key]
        if isinstance(value, str):
            if rule is not None or not is_media(key, value):
                _add(found, holder, key, rule, stage)
            continue
        if not isinstance(value, dict | list):
            _add(found, NumberText(holder), key, rule, stage)
            continue
        names = Names(value) if isinstance(value, dict) else None
        if names is not None:
            keys.append(names)
        for child in value if isinstance(value, dict) else range(len(value)):
            inner = _step(live, child)
            own = max((r for r, at in inner if at == len(r.names)), key=_rank, default=None)
            if _holds_text(value[child], exact=own is not None):
                stack.append((value, child, inner, own or rule))
            if names is not None and not _is_name(str(child), live):
                _add(found, names, child, own or rule, stage)
    return found[::-1], keys


def _add(found: list[Found], holder: Any, key: Any, rule: Rule | None, stage: Stage) -> None:
    own = stage if rule is None else rule.stage
    if own is not None:
        found.append(Found(Place(own, holder, key), rule is not None))


def _rank(rule: Rule) -> tuple[int, int]:
    return rule.rank


def _step(live: Live, key: Any) -> Live:
    """The rules that still fit one key further."""
    name = str(key) if live else ""
    return tuple((r, at + 1) for r, at in live if at < len(r.names) and r.names[at] in (None, name))


def _holds_text(value: Any, *, exact: bool) -> bool:
    if isinstance(value, str | dict | list):
        return bool(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (exact or is_long(value))


def _is_name(key: str, live: Live) -> bool:
    if not key or _NAME.fullmatch(key):
        return True
    return any(at < len(rule.names) and rule.names[at] == key for rule, at in live)


def loose(box: list[Any], rules: tuple[Rule, ...]) -> list[tuple[tuple[Any, ...], Place]]:
    """Return the strings of the JSON value in a box of one that no path names, with their paths.

    Left out are those by which events tell what they are.
    """
    found = []
    whole: Live = tuple((rule, 0) for rule in rules)
    stack: list[tuple[Any, Any, tuple[Any, ...], Live]] = [(box, 0, (), whole)]
    while stack:
        holder, key, path, live = stack.pop()
        value = holder[key]
        if any(at == len(rule.names) for rule, at in live):
            continue
        if isinstance(value, str):
            if value and key not in NAMED_BY and not is_media(key, value):
                found.append((path, Place("output", holder, key)))
        elif isinstance(value, dict | list):
            for child in value if isinstance(value, dict) else range(len(value)):
                stack.append((value, child, (*path, child), _step(live, child)))
    return found[::-1]


def spot(value: Any, path: PathNames) -> tuple[Any, Any] | None:
    """Return holder and key of the string at a path without ``*``; None where there is none."""
    holder: Any = None
    key: Any = None
    inner: Any = value
    for name in path:
        holder, key = inner, name
        if isinstance(holder, list) and str(name).isdecimal() and int(str(name)) < len(holder):
            key = int(str(name))
        elif not (isinstance(holder, dict) and name in holder):
            return None
        inner = holder[key]
    return (holder, key) if isinstance(inner, str) else None


def put_at(value: Any, path: PathNames, text: str) -> Any:
    """Return a JSON value with a text at a path; of lists and ``*``, the first item gets it.

    Raises:
        GuardError: a text or number stands where an object or a list is wanted.
    """
    if not path:
        return text
    name, rest = path[0], path[1:]
    if isinstance(value, list) or (value is None and name in (None, "0")):
        first, *others = value or [None]
        return [put_at(first, rest, text), *others]
    if value is None or isinstance(value, dict):
        inner = value or {}
        key = next(iter(inner), "") if name is None else name
        return {**inner, key: put_at(inner.get(key), rest, text)}
    raise GuardError(
        f"refusal: {value!r} stands where the message is put ({name!r})",
        "leave this field out of refusal, or make it an object",
    )
