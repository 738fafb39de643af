"""The guard in a client of the Anthropic SDK."""

from __future__ import annotations

from typing import TypeVar

import anthropic

from railwright.guard._chat import ChatGuard, ChatOptions
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._guard import Guard
from railwright.guard._types import GuardError
from railwright.guard.adapters._common import Known, OnBlock, setup_of
from railwright.guard.adapters._http import Terms, Wire, guarded_client
from railwright.guard.adapters._messages_wire import MessagesWire

C = TypeVar("C", anthropic.Anthropic, anthropic.AsyncAnthropic)

_PATHS = ("/messages", "/messages/count_tokens")


class AnthropicBlockedError(GuardBlockedError, anthropic.AnthropicError):
    """A rule stopped a request or an answer; ``verdict`` says why."""


class AnthropicGuardError(GuardError, anthropic.AnthropicError):
    """A request or an answer cannot be checked, and so was not let through."""


def guard_client(
    client: C,
    guard: Guard,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> C:
    """Return a copy of a client whose messages are checked, whole and streamed, with their tools.

    Other paths, such as batches and files, go through unchecked.

    Args:
        client: an ``Anthropic`` or ``AsyncAnthropic``; it stays as it is.
        guard: the guard.
        on_block: ``raise`` an ``AnthropicBlockedError``, or give the policy's ``message`` as a
            message whose ``stop_reason`` is ``refusal``.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated. By default the
            system prompt is not checked: the application wrote it.
    """
    setup = setup_of(guard, on_block, call, options)
    terms = Terms(setup, _wire_of, AnthropicBlockedError, AnthropicGuardError)
    return client.with_options(http_client=guarded_client(client._client, terms))


def _wire_of(method: str, path: str, chat: ChatGuard) -> Wire | None:
    guarded = method == "POST" and path.rstrip("/").endswith(_PATHS)
    return MessagesWire(chat) if guarded else None
