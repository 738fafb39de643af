"""Answers that must satisfy a JSON Schema or a pydantic model.

While the answer streams in, ``StructuredStream`` says at the first character that makes a valid
answer impossible. A complete answer is checked by ``jsonschema-rs``; one that fails is repaired
once, and if that does not help the model is asked once more with what was wrong.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from railwright.detectors import MissingExtraError
from railwright.guard._broken_json import find_break
from railwright.guard._json_stream import JsonReader
from railwright.guard._repair import repair
from railwright.guard._shape import ImpossibleError, Place, Shape

Message = Mapping[str, str]
Ask = Callable[[Sequence[Message]], str]
AsyncAsk = Callable[[Sequence[Message]], Awaitable[str]]
Server = Literal["openai", "vllm", "llama.cpp", "ollama"]
SERVERS: tuple[Server, ...] = get_args(Server)

_FENCE_BEGUN = re.compile(r"\s*(?:`(?:`(?:`(?:[jJ][a-zA-Z]{0,3})?[ \t]*)?)?)?")
_FENCE_OPEN = re.compile(r"\s*```(?:json|JSON)?[ \t]*\n")
_MAX_PROBLEMS = 10


class Problem(NamedTuple):
    """What is wrong with an answer, and where: ``$.items[2].price``."""

    path: str
    message: str


class Outcome(NamedTuple):
    """An answer after checking.

    Attributes:
        value: parsed JSON, or an instance of the pydantic model; None if there are problems.
        problems: what is wrong; empty for a valid answer.
        text: the text that ``value`` was read from, or the last answer.
        repaired: whether the text had to be mended.
        asked: how many times the model was asked.
    """

    value: Any
    problems: tuple[Problem, ...]
    text: str
    repaired: bool = False
    asked: int = 0

    @property
    def valid(self) -> bool:
        """Whether the answer satisfies the schema."""
        return not self.problems


class Structured:
    """What an answer must look like.

    Args:
        schema: a JSON Schema, or a pydantic model class. References must be local; none is
            fetched.

    Raises:
        MissingExtraError: the extra ``structured`` is not installed.
        ValueError: the schema is not one, or refers to something outside of itself.
    """

    def __init__(self, schema: Mapping[str, Any] | type[Any]) -> None:
        self._model: type[Any] | None = None
        if isinstance(schema, type):
            self._model = schema
            self.schema: dict[str, Any] = schema.model_json_schema()
        else:
            self.schema = dict(schema)
        self._shape = Shape(self.schema)
        self._validator = self._validator_for(self.schema)
        self._parts: dict[int, Any] = {}

    def _validator_for(self, schema: dict[str, Any]) -> Any:
        library = _extra("jsonschema_rs")
        try:
            return library.validator_for(schema)
        except library.ValidationError as error:
            raise ValueError(f"this is not a JSON Schema: {error.message}") from None

    def check(self, text: str) -> Outcome:
        """Check a complete answer; one fenced code block is unwrapped, nothing is mended."""
        body = _unfenced(text)
        try:
            value = _extra("jiter").from_json(body.encode("utf-8", "surrogatepass"))
        except ValueError as error:
            return Outcome(None, (_no_json(text, body, error),), text)
        problems = tuple(self._problems(value))
        if problems:
            return Outcome(None, problems, text)
        return self._as_model(value, body)

    def _problems(self, value: Any) -> list[Problem]:
        found = []
        for error in self._validator.iter_errors(value):
            found.append(Problem(_path(error.instance_path), str(error.message)[:300]))
            if len(found) == _MAX_PROBLEMS:
                break
        return found

    def _as_model(self, value: Any, body: str) -> Outcome:
        if self._model is None:
            return Outcome(value, (), body)
        from pydantic import ValidationError

        try:
            return Outcome(self._model.model_validate(value), (), body)
        except ValidationError as error:
            problems = [Problem(_path(e["loc"]), e["msg"]) for e in error.errors()]
            return Outcome(None, tuple(problems[:_MAX_PROBLEMS]), body)

    def check_or_repair(self, text: str) -> Outcome:
        """Check an answer; if it fails, mend its JSON once and check that."""
        first = self.check(text)
        if first.valid:
            return first
        mended = repair(text)
        if mended is None or mended == text.strip():
            return first
        second = self.check(mended)
        return second._replace(repaired=True) if second.valid else first

    def stream(self) -> StructuredStream:
        """Return a stream that fails at the first character that cannot stand."""
        return StructuredStream(self)

    def complete(self, ask: Ask, messages: Sequence[Message]) -> Outcome:
        """Ask for an answer; repair it once, ask again once with what was wrong."""
        outcome = self.check_or_repair(ask(messages))._replace(asked=1)
        if outcome.valid:
            return outcome
        return self.check_or_repair(ask(self.again(messages, outcome)))._replace(asked=2)

    async def acomplete(self, ask: AsyncAsk, messages: Sequence[Message]) -> Outcome:
        """Do as ``complete`` with a coroutine function."""
        outcome = self.check_or_repair(await ask(messages))._replace(asked=1)
        if outcome.valid:
            return outcome
        return self.check_or_repair(await ask(self.again(messages, outcome)))._replace(asked=2)

    def again(self, messages: Sequence[Message], failed: Outcome) -> list[Message]:
        """Return the messages with which to ask once more after a failed answer."""
        wrong = "\n".join(f"- at {problem.path}: {problem.message}" for problem in failed.problems)
        schema = json.dumps(self.schema, ensure_ascii=False)
        request = (
            f"Your answer does not satisfy the required JSON Schema:\n{wrong}\n\n"
            f"Answer again with the corrected JSON alone. The schema:\n{schema}"
        )
        return [
            *messages,
            {"role": "assistant", "content": failed.text},
            {"role": "user", "content": request},
        ]

    def hint(self, server: Server = "openai", name: str = "answer") -> dict[str, Any]:
        """Return what to add to a request so that the server constrains decoding itself.

        ``openai``: ``response_format`` (also understood by llama.cpp and vLLM of today), with
        ``strict`` where the schema meets its conditions. ``vllm``: ``structured_outputs``.
        ``llama.cpp``: ``json_schema``. ``ollama``: ``format``. A hint does not replace the check.

        Raises:
            ValueError: ``server`` is none of these.
        """
        if server not in SERVERS:
            raise ValueError(f"there is no server {server!r}; one of {', '.join(SERVERS)}")
        if server == "vllm":
            return {"structured_outputs": {"json": self.schema}}
        if server == "llama.cpp":
            return {"json_schema": self.schema}
        if server == "ollama":
            return {"format": self.schema}
        body = {"name": name, "schema": self.schema, "strict": _is_strict(self.schema)}
        return {"response_format": {"type": "json_schema", "json_schema": body}}

    def shape_of(self) -> Shape:
        """The schema as the stream reads it."""
        return self._shape

    def validate_part(self, place: Place, value: Any) -> None:
        """Raise ImpossibleError if a complete value within the answer breaks its schema."""
        for schema in place:
            validator = self._part(schema)
            if validator is not None and not validator.is_valid(value):
                error = next(iter(validator.iter_errors(value)))
                raise ImpossibleError(str(error.message)[:300])

    def _part(self, schema: dict[str, Any]) -> Any:
        key = id(schema)
        if key not in self._parts:
            whole: dict[str, Any] = {
                word: self.schema[word]
                for word in ("$schema", "$defs", "definitions")
                if word in self.schema
            }
            # A part whose references lead elsewhere waits for the check of the whole.
            refs = re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema))
            local = all(ref.startswith(("#/$defs/", "#/definitions/")) for ref in refs)
            self._parts[key] = self._validator_for({**whole, **schema}) if local else None
        return self._parts[key]


class StructuredStream:
    """An answer as it streams in; not for several threads at once."""

    def __init__(self, structured: Structured) -> None:
        self._structured = structured
        self._reader = JsonReader(structured.shape_of(), structured.validate_part)
        self._text: list[str] = []
        self._begun = False
        self._before = ""
        self.problem: Problem | None = None

    @property
    def text(self) -> str:
        """What came in so far."""
        return "".join(self._text)

    @property
    def partial(self) -> Any:
        """The value as far as it has come: open strings, arrays and objects as they stand."""
        body = _FENCE_OPEN.sub("", self.text, count=1).lstrip()
        if not body:
            return None
        try:
            return _extra("jiter").from_json(
                body.encode("utf-8", "surrogatepass"), partial_mode="trailing-strings"
            )
        except ValueError:
            return None

    def feed(self, text: str) -> Problem | None:
        """Take a piece; return the problem if no valid answer can begin like this."""
        self._text.append(text)
        if self.problem is None:
            try:
                self._read(text)
            except ImpossibleError as error:
                self.problem = Problem(self._reader.path, str(error))
        return self.problem

    def _read(self, text: str) -> None:
        if not self._begun:
            self._before = _shortened(self._before + text)
            if _FENCE_BEGUN.fullmatch(self._before):
                return  # white space, or a fence that is not complete
            opened = _FENCE_OPEN.match(self._before)
            self._begun = True
            self._reader.fenced = opened is not None
            text = self._before[opened.end() :] if opened else self._before
        self._reader.feed(text)

    def close(self) -> Outcome:
        """Return the outcome of the whole answer; an impossible one is repaired if it can be."""
        return self._structured.check_or_repair(self.text)


def _no_json(text: str, body: str, error: ValueError) -> Problem:
    """Say where the JSON that an answer holds breaks, in the places of the answer itself."""
    opened = _FENCE_OPEN.match(text)
    start = opened.end() if opened else len(text) - len(text.lstrip())
    found = find_break(text, start, start + len(body))
    return Problem(*found) if found else Problem("$", f"not JSON: {error}")


def _unfenced(text: str) -> str:
    """Return an answer without white space around it, and without the fence of one code block."""
    opened = _FENCE_OPEN.match(text)
    body = text[opened.end() :].rstrip() if opened else text.strip()
    return body.removesuffix("```").rstrip() if opened else body


def _shortened(begun: str) -> str:
    """Return the beginning of an answer with no more white space than tells it apart."""
    begun = begun.lstrip()
    bare = begun.rstrip(" \t")
    return bare + begun[len(bare) : len(bare) + 1]


def _extra(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError("structured", "checking structured output") from error


def _path(parts: Sequence[Any]) -> str:
    return "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)


def _is_strict(node: Any) -> bool:
    """Whether every object is closed and requires all of its keys, as ``strict`` asks for."""
    if isinstance(node, list):
        return all(map(_is_strict, node))
    if not isinstance(node, dict):
        return True
    if node.get("type") == "object" or "properties" in node:
        closed = node.get("additionalProperties") is False
        if not closed or set(node.get("properties", {})) != set(node.get("required", ())):
            return False
    return all(_is_strict(value) for value in node.values())
