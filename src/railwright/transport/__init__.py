"""Transport: one HTTP client, retry, limits and the wire types of the model APIs."""

from typing import TYPE_CHECKING, Any

from railwright.transport._chat import (
    ChatAssembler,
    ChatReply,
    ChatToolCall,
    chat_body,
    decode_chat,
)
from railwright.transport._errors import (
    ErrorBody,
    TransportError,
    error_for_status,
    parse_error_body,
    retry_after,
)
from railwright.transport._limiter import Limiter, LimiterCore, Outcome, Ticket, outcome_of
from railwright.transport._retry import RetryPolicy, call_with_retry
from railwright.transport._sse import SseParser

if TYPE_CHECKING:
    from railwright.transport._client import MAX_BODY, EventStream, HttpClient, Reply

_LAZY = frozenset({"MAX_BODY", "EventStream", "HttpClient", "Reply"})

__all__ = [
    "MAX_BODY",
    "ChatAssembler",
    "ChatReply",
    "ChatToolCall",
    "ErrorBody",
    "EventStream",
    "HttpClient",
    "Limiter",
    "LimiterCore",
    "Outcome",
    "Reply",
    "RetryPolicy",
    "SseParser",
    "Ticket",
    "TransportError",
    "call_with_retry",
    "chat_body",
    "decode_chat",
    "error_for_status",
    "outcome_of",
    "parse_error_body",
    "retry_after",
]


def __getattr__(name: str) -> Any:
    # The client pulls in aiohttp (a third of a second): only those who call out pay for it.
    if name in _LAZY:
        from railwright.transport import _client

        return getattr(_client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
