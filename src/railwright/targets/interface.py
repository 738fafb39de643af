"""The target seam: a way to call a system, and what came back."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import msgspec

from railwright.cases import Document, Message, ToolCall
from railwright.transport import TransportError


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of the system under test.

    ``repeat`` distinguishes deliberate repetitions of the same input; it is part of the cache key.
    ``case_id`` and ``suite`` say where the call comes from: they are never sent, and only targets
    that look answers up (replay, the built-in controls) read them.
    """

    messages: tuple[Message, ...]
    documents: tuple[Document, ...] = ()
    tenant: str | None = None
    variables: dict[str, str] = {}
    repeat: int = 0
    case_id: str = ""
    suite: str = ""


class Passage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A passage the system says it retrieved."""

    text: str
    id: str = ""
    score: float | None = None


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as the endpoint reports them; None where it does not."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class Response(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came back. ``blocked`` is set when a guard or filter answered instead of the model.

    ``calls`` is 0 where the system was not asked: a guard stopped the question, or an earlier
    answer to the same question was used, given ``at`` (seconds since 1970; 0 for now).
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    passages: tuple[Passage, ...] = ()
    messages: tuple[Message, ...] = ()
    usage: Usage = Usage()
    latency_s: float = 0.0
    finish: str = ""
    blocked: bool = False
    model: str = ""
    raw: str = ""
    calls: int = 1
    at: float = 0.0


class TargetError(TransportError):
    """A call that gave no usable response.

    ``kind`` is one of: auth, connect, timeout, rate_limit, server, protocol, application, config.
    ``fatal`` errors (wrong key, endpoint down, no such model) end the run: repeating is pointless.
    ``retryable``, ``retry_after`` (seconds) and ``status`` (HTTP) are what a retry goes by.
    """


@runtime_checkable
class Target(Protocol):
    """A callable system. One call is one attempt: the runner retries and limits concurrency."""

    @property
    def identity(self) -> dict[str, Any]:
        """What makes answers differ (kind, address, model, parameters), without secrets."""
        ...

    def wire(self, request: Request) -> bytes:
        """Return the canonical bytes that a call would send: the material of cache keys."""
        ...

    async def call(self, request: Request) -> Response:
        """Call the system once; raise ``TargetError`` when there is no usable response."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
