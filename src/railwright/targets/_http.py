"""A target behind a plain HTTP address, described by a JSON template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from railwright.cases import Message
from railwright.targets._config import Spec, TargetConfig, bad_config, documents_mode
from railwright.targets._endpoint import Endpoint, tenant_line
from railwright.targets._messages import (
    canonical,
    chat_messages,
    document_dicts,
    last_user_text,
    with_documents,
)
from railwright.targets._paths import (
    AbsentError,
    Step,
    look_up,
    parse_path,
    passages_of,
    tool_calls_of,
)
from railwright.targets.interface import Request, Response, TargetError
from railwright.transport import TransportError

#: Sent when the configuration has no template.
DEFAULT_TEMPLATE: Final = {"input": "{{input}}"}
_TEXT_KEYS: Final = ("answer", "text", "output", "response", "content", "message", "result")
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_NAMES: Final = ("input", "messages", "documents", "tenant", "repeat")
_VARIABLES: Final = "variables."


class Template:
    """A JSON value in which placeholders stand for parts of a request.

    A string that is one placeholder becomes the value itself (a list, null); a placeholder inside
    a longer string becomes text (JSON text for lists). What is put in is never read for
    placeholders again, and keys are left alone.

    Raises:
        TargetError: kind ``config`` when a placeholder is not known.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self.names = frozenset(_placeholders(value))
        for name in sorted(self.names):
            if name not in _NAMES and not (
                (name.startswith(_VARIABLES) and name != _VARIABLES) or name == "variables"
            ):
                known = ", ".join(f"{{{{{n}}}}}" for n in (*_NAMES, "variables.NAME"))
                raise bad_config(f"target.template: {{{{{name}}}}} is unknown; known are {known}")

    def fill(self, values: dict[str, Any], variables: dict[str, str]) -> Any:
        """Return the template with every placeholder replaced.

        Raises:
            TargetError: kind ``config`` when the case lacks a variable.
        """

        def lookup(name: str) -> Any:
            if not name.startswith(_VARIABLES):
                return values[name]
            key = name.removeprefix(_VARIABLES)
            if key not in variables:
                message = f"target.template needs the variable {key!r}; the case has none so named"
                raise TargetError("config", message)
            return variables[key]

        def walk(node: Any) -> Any:
            if isinstance(node, str):
                return _fill_text(node, lookup)
            if isinstance(node, dict):
                return {k: walk(v) for k, v in node.items()}
            return [walk(v) for v in node] if isinstance(node, list | tuple) else node

        return walk(self._value)


def _fill_text(text: str, lookup: Any) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole:
        return lookup(whole[1])
    return _PLACEHOLDER.sub(lambda m: _as_text(lookup(m[1])), text)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical(value).decode()


def _placeholders(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield from _PLACEHOLDER.findall(node)
    elif isinstance(node, dict):
        for value in node.values():
            yield from _placeholders(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _placeholders(value)


class HttpTarget:
    """Posts the filled template and reads the answer at a path.

    Args:
        spec: kind and URL.
        config: template, paths, headers; see ``TargetConfig``.

    Raises:
        TargetError: kind ``config`` when template, documents or a path cannot work.
    """

    def __init__(self, spec: Spec, config: TargetConfig) -> None:
        self._config = config
        self._endpoint = Endpoint(spec.address, config)
        self._written = DEFAULT_TEMPLATE if config.template is None else config.template
        self._template = Template(self._written)
        inline, self._field = documents_mode(config)
        self._inline = inline and "documents" not in self._template.names
        if self._field and not isinstance(self._written, dict):
            raise bad_config("target.documents: field:NAME needs a template that is an object")
        self._text = parse_path(config.text_path)
        self._calls = parse_path(config.tool_calls_path)
        self._passages = parse_path(config.passages_path)

    @property
    def identity(self) -> dict[str, Any]:
        """Kind, address, template, paths and headers."""
        config = self._config
        parameters = {
            "template": self._written,
            "text_path": config.text_path,
            "tool_calls_path": config.tool_calls_path,
            "passages_path": config.passages_path,
            "headers": self._endpoint.shown_headers(),
            "tenant_header": config.tenant_header,
            "documents": config.documents,
        }
        return {
            "kind": "http",
            "address": self._endpoint.shown,
            "parameters": {k: v for k, v in parameters.items() if v},
        }

    def wire(self, request: Request) -> bytes:
        """The tenant header, if any, and the body."""
        return tenant_line(self._endpoint.tenant(request)) + self._body(request)

    async def call(self, request: Request) -> Response:
        """Make one call."""
        endpoint = self._endpoint
        try:
            reply = await endpoint.client.post_json(
                endpoint.url, self._body(request), endpoint.headers(request), self._config.timeout_s
            )
        except TargetError:
            raise
        except TransportError as error:
            raise endpoint.convert(error) from error
        endpoint.check(reply)
        raw = reply.body.decode("utf-8", "replace")
        kind = reply.headers.get("Content-Type", "")
        return self._response(raw, kind, reply.elapsed_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.client.close()

    def _body(self, request: Request) -> bytes:
        documents = document_dicts(request.documents)
        text = last_user_text(request)
        values = {
            "input": with_documents(text, request.documents) if self._inline else text,
            "messages": chat_messages(request, inline=self._inline),
            "documents": documents,
            "tenant": request.tenant,
            "repeat": request.repeat,
            "variables": request.variables,
        }
        body = self._template.fill(values, request.variables)
        if self._field and documents:
            body[self._field] = documents
        return canonical(body)

    def _response(self, raw: str, content_type: str, elapsed_s: float) -> Response:
        data = self._decoded(raw, content_type)
        text = self._text_in(data)
        calls = tool_calls_of(_optional(data, self._calls))
        return Response(
            text=text,
            tool_calls=calls,
            passages=passages_of(_optional(data, self._passages) or ()),
            messages=(Message(role="assistant", content=text, tool_calls=calls),),
            latency_s=elapsed_s,
            raw=raw,
        )

    def _decoded(self, raw: str, content_type: str) -> Any:
        if content_type.startswith("text/plain") and not self._text:
            return raw
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            message = f"{self._endpoint.shown} answered no JSON ({error}): {raw[:120]!r}"
            raise TargetError("protocol", message, retryable=True) from error

    def _text_in(self, data: Any) -> str:
        if self._text:
            try:
                found = look_up(data, self._text)
            except AbsentError:
                raise self._no_text(f"nothing lies at {self._config.text_path!r}") from None
            if isinstance(found, list) and all(isinstance(x, str) for x in found):
                return "".join(found)
            if found is None or isinstance(found, str):
                return found or ""
            return canonical(found).decode()
        if isinstance(data, str):
            return data
        if isinstance(data, dict):
            for key in _TEXT_KEYS:
                if isinstance(data.get(key), str):
                    return str(data[key])
        raise self._no_text("no field of the answer is known to hold the text")

    def _no_text(self, why: str) -> TargetError:
        message = f"{self._endpoint.shown}: {why}; set target.text_path to where the text lies"
        return TargetError("protocol", message)


def _optional(data: Any, steps: tuple[Step, ...]) -> Any:
    if not steps:
        return None
    try:
        return look_up(data, steps)
    except AbsentError:
        return None
