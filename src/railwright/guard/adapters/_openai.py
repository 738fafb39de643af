"""The guard in a client of the OpenAI SDK."""

from __future__ import annotations

import re
from typing import TypeVar

import openai

from railwright.guard._chat import ChatGuard, ChatOptions
from railwright.guard._decorators import GuardBlockedError
from railwright.guard._guard import Guard
from railwright.guard._types import GuardError
from railwright.guard.adapters._chat_wire import ChatWire, PlainWire
from railwright.guard.adapters._common import Known, OnBlock, setup_of
from railwright.guard.adapters._http import Terms, Wire, guarded_client
from railwright.guard.adapters._responses_wire import ResponsesWire

C = TypeVar("C", openai.OpenAI, openai.AsyncOpenAI)

_POSTS: tuple[tuple[str, type[ChatWire | PlainWire | ResponsesWire]], ...] = (
    ("/chat/completions", ChatWire),
    ("/responses", ResponsesWire),
    ("/completions", PlainWire),
    ("/embeddings", PlainWire),
)
_STORED = (
    (re.compile(r"/responses/[^/]+$"), ResponsesWire),
    (re.compile(r"/chat/completions/[^/]+$"), ChatWire),
)
_NO_ANSWER = re.compile(r"/responses/(compact|input_tokens)$")


class OpenAIBlockedError(GuardBlockedError, openai.OpenAIError):
    """A rule stopped a request or an answer; ``verdict`` says why."""


class OpenAIGuardError(GuardError, openai.OpenAIError):
    """A request or an answer cannot be checked, and so was not let through."""


def guard_client(
    client: C,
    guard: Guard,
    *,
    on_block: OnBlock = "raise",
    call: Known = None,
    options: ChatOptions | None = None,
) -> C:
    """Return a copy of a client whose requests and answers are checked.

    Chat completions and responses are checked whole and streamed, with their tools, and when they
    are read from the provider's store; texts of legacy completions and embeddings too. Other
    paths, and sockets, go through unchecked.

    Args:
        client: an ``OpenAI`` or ``AsyncOpenAI``, also for Azure; it stays as it is.
        guard: the guard.
        on_block: ``raise`` an ``OpenAIBlockedError``, or give the policy's ``message`` as an
            answer that a content filter stopped.
        call: what is known beside the texts, or a function that says it for each request.
        options: how documents, tool results, roles and streams are treated. By default messages
            of the roles system and developer are not checked: the application wrote them.

    Raises:
        GuardError: the client's HTTP client is not one of httpx or httpx2.
    """
    setup = setup_of(guard, on_block, call, options)
    terms = Terms(setup, _wire_of, OpenAIBlockedError, OpenAIGuardError)
    return client.with_options(http_client=guarded_client(client._client, terms))


def _wire_of(method: str, path: str, chat: ChatGuard) -> Wire | None:
    if method == "POST":
        for end, wire in _POSTS:
            if path.rstrip("/").endswith(end):
                return wire(chat)
        if _NO_ANSWER.search(path):
            return ResponsesWire(chat, answers=False)
    if method == "GET":
        return next((wire(chat) for found, wire in _STORED if found.search(path)), None)
    return None
