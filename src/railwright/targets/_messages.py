"""A request as the chat messages that are sent, and the digest it is known by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import msgspec

from railwright.cases import Document, Message
from railwright.targets.interface import Request

ChatMessage = dict[str, Any]

_encoder: Final = msgspec.json.Encoder(order="deterministic")
#: The tool that a document of channel ``tool_result`` is said to come from.
DOCUMENT_TOOL: Final = "get_document"


def canonical(value: Any) -> bytes:
    """JSON with sorted keys: the same value always gives the same bytes."""
    return _encoder.encode(value)


def request_digest(request: Request) -> str:
    """SHA-256 (hex) of what a request asks, whichever target it goes to.

    It covers messages, documents, tenant and variables, not ``repeat``, ``case_id`` or ``suite``:
    two requests with one digest ask for the same answer. Stored with each sample, so that a replay
    finds it.
    """
    asked = (request.messages, request.documents, request.tenant, request.variables)
    return hashlib.sha256(canonical(asked)).hexdigest()


def chat_messages(request: Request, *, inline: bool = True) -> list[ChatMessage]:
    """Return the messages in the form of the chat API.

    Args:
        request: what to ask.
        inline: put the documents into the messages; otherwise leave them out.

    Documents stand before the question in the last user message, each between delimiters that
    occur in none of them. Those of channel ``tool_result`` follow the messages as the result of a
    call of ``get_document``.
    """
    messages = [_message(m) for m in request.messages]
    if not (inline and request.documents):
        return messages
    texts = [d for d in request.documents if d.channel != "tool_result"]
    if texts:
        _insert(messages, _wrapped(texts))
    results = [d for d in request.documents if d.channel == "tool_result"]
    if results:
        messages += _tool_exchange(results)
    return messages


def document_dicts(documents: Sequence[Document]) -> list[dict[str, str]]:
    """Documents for a body field: ``id``, ``title``, ``text``, ``channel``."""
    return [
        {"id": d.id or str(i), "title": d.title, "text": d.text, "channel": d.channel}
        for i, d in enumerate(documents, 1)
    ]


def last_user_text(request: Request) -> str:
    """The content of the last user message; empty when there is none."""
    found = (m.content for m in reversed(request.messages) if m.role == "user")
    return next(found, "")


def with_documents(text: str, documents: Sequence[Document]) -> str:
    """``text`` behind the documents, for targets that take one string."""
    return f"{_wrapped(documents)}\n\n{text}" if documents else text


def _message(message: Message) -> ChatMessage:
    out: ChatMessage = {"role": message.role, "content": message.content}
    if message.name is not None:
        out["name"] = message.name
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        out["tool_calls"] = [
            _call(c.id or f"call_{i}", c.name, c.arguments)
            for i, c in enumerate(message.tool_calls, 1)
        ]
    return out


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def _wrapped(documents: Sequence[Document]) -> str:
    tag = "document"
    while any(f"</{tag}>" in d.text for d in documents):
        tag += "_"
    blocks = (
        f'<{tag} id="{escape(d.id or str(i))}" title="{escape(d.title)}" channel="{d.channel}">\n'
        f"{d.text}\n</{tag}>"
        for i, d in enumerate(documents, 1)
    )
    return "\n".join(blocks)


def _insert(messages: list[ChatMessage], block: str) -> None:
    for message in reversed(messages):
        if message["role"] == "user":
            message["content"] = f"{block}\n\n{message['content']}"
            return
    messages.append({"role": "user", "content": block})


def _tool_exchange(documents: Sequence[Document]) -> list[ChatMessage]:
    ids = [d.id or str(i) for i, d in enumerate(documents, 1)]
    calls = [
        _call(f"doc_{i}", DOCUMENT_TOOL, canonical({"id": name}).decode())
        for i, name in enumerate(ids, 1)
    ]
    results = [
        {"role": "tool", "tool_call_id": f"doc_{i}", "content": d.text}
        for i, d in enumerate(documents, 1)
    ]
    return [{"role": "assistant", "content": "", "tool_calls": calls}, *results]
