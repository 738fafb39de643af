"""Transport: one HTTP client, retry, limits and the wire types of the model APIs."""

from typing import TYPE_CHECKING

from railwright._lazy import lazy
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
from railwright.transport._sse import SseEvent, SseParser, SseReader

if TYPE_CHECKING:
    from railwright.transport._client import MAX_BODY, EventStream, HttpClient, Reply

_PLACES = {"_client": ("MAX_BODY", "EventStream", "HttpClient", "Reply")}

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
    "SseEvent",
    "SseParser",
    "SseReader",
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

# The client pulls in aiohttp (a third of a second): only those who call out pay for it.
__getattr__ = lazy(__name__, _PLACES)
