"""The short text that says how a system is called. Only parsed here; ``targets`` opens it."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

import msgspec

TargetKind = Literal["openai", "http", "python", "replay"]

FORMS = "openai:BASE_URL#MODEL, http:URL, python:MODULE:FUNCTION or replay:RUN"


class TargetSpecError(ValueError):
    """A target specification cannot be read; ``mend`` says what to write instead."""

    def __init__(self, message: str, mend: str = f"write {FORMS}") -> None:
        """Keep the message and the mend."""
        super().__init__(message)
        self.mend = mend


class TargetSpec(msgspec.Struct, frozen=True):
    """A parsed target specification.

    Attributes:
        kind: openai, http, python or replay.
        address: the base URL (openai), the URL (http), the module (python) or the run (replay).
        model: the model's name (openai only).
        function: the function's name (python only).
    """

    kind: TargetKind
    address: str
    model: str = ""
    function: str = ""

    def __str__(self) -> str:
        """Return the specification in its normal form."""
        tail = {"openai": f"#{self.model}", "python": f":{self.function}"}.get(self.kind, "")
        return f"{self.kind}:{self.address}{tail}"


def parse_target_spec(spec: str) -> TargetSpec:
    """Parse ``openai:BASE_URL#MODEL``, ``http:URL``, ``python:MODULE:FUNCTION`` or ``replay:RUN``.

    A bare ``http://...`` or ``https://...`` is read as ``http:`` with that URL.

    Raises:
        TargetSpecError: the text has none of these forms.
    """
    text = spec.strip()
    if text.startswith(("http://", "https://")):
        return TargetSpec(kind="http", address=_url(text, text))
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _PARSERS:
        raise TargetSpecError(f"'{spec}' does not start with a known kind of target")
    return _PARSERS[kind](spec, rest.strip())


def _openai(spec: str, rest: str) -> TargetSpec:
    base, hash_, model = rest.rpartition("#")
    if not hash_ or not model.strip():
        mend = (
            "end it with # and the model's name, such as openai:http://127.0.0.1:8000/v1#my-model"
        )
        raise TargetSpecError(f"'{spec}' names no model", mend)
    address = _url(spec, base.strip()).rstrip("/")
    if address.endswith("/chat/completions"):
        mend = f"write openai:{address.removesuffix('/chat/completions')}#{model}"
        raise TargetSpecError("the base URL must not include /chat/completions", mend)
    return TargetSpec(kind="openai", address=address, model=model.strip())


def _http(spec: str, rest: str) -> TargetSpec:
    return TargetSpec(kind="http", address=_url(spec, rest))


def _python(spec: str, rest: str) -> TargetSpec:
    module, _, function = rest.partition(":")
    names = [*module.split("."), *function.split(".")]
    if not all(name.isidentifier() for name in names):
        mend = "write python:MODULE:FUNCTION, such as python:app.bot:answer"
        raise TargetSpecError(f"'{spec}' names no Python function", mend)
    return TargetSpec(kind="python", address=module, function=function)


def _replay(spec: str, rest: str) -> TargetSpec:
    if not rest:
        mend = "write replay:RUN with a run id or the path of a run folder"
        raise TargetSpecError(f"'{spec}' names no run", mend)
    return TargetSpec(kind="replay", address=rest)


_PARSERS = {"openai": _openai, "http": _http, "python": _python, "replay": _replay}


def _url(spec: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where the port is no number
    except ValueError as error:
        raise TargetSpecError(f"'{spec}' holds a bad URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        mend = "write a full URL that starts with http:// or https://"
        raise TargetSpecError(f"'{spec}' holds no http or https URL", mend)
    if parts.username is not None or parts.password is not None:
        mend = "take user and password out of the URL and name an environment variable in key_env"
        raise TargetSpecError("the target's URL holds credentials", mend)
    return url
