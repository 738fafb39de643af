"""The OpenAI chat API, and its plainer neighbours, as they go over the wire."""

from __future__ import annotations

from typing import Any

from railwright.guard._chat import FILTERED, ChatGuard, refusal_body, refusal_chunks
from railwright.guard._chat_stream import ChatStream
from railwright.guard._types import GuardError, Verdict
from railwright.guard.adapters._common import Views

Body = dict[str, Any]


def stopped_by(chat: ChatGuard) -> Verdict:
    """The verdict that stopped a request."""
    verdict = chat.tally.stopped
    assert verdict is not None
    return verdict


def model_of(body: Body) -> str:
    """The model that a request names."""
    return str(body.get("model") or "")


class ChatWire:
    """``/chat/completions``."""

    named = False

    def __init__(self, chat: ChatGuard) -> None:
        self.chat = chat
        self._stream = ChatStream(chat)

    @property
    def ended(self) -> bool:
        """Whether every choice was stopped."""
        return self._stream.stopped

    async def request(self, body: Body) -> bool:
        """Check a request in place; False when it must not be sent."""
        return await self.chat.request(body)

    async def reply(self, body: Body) -> Body:
        """Check a reply in place; a stopped choice becomes a refusal."""
        await self.chat.reply(body)
        return body

    async def feed(self, event: Body) -> list[Body]:
        """Return the chunks that take the place of one chunk."""
        return [_own(chunk) for chunk in await self._stream.feed(event)]

    async def close(self) -> list[Body]:
        """Return what was held back."""
        return [_own(chunk) for chunk in await self._stream.close()]

    def refusal(self, body: Body) -> Body:
        """The reply to a stopped request."""
        return _own(refusal_body(model_of(body), stopped_by(self.chat), self.chat.tally))

    def refusal_events(self, body: Body) -> list[Body]:
        """The same as a stream."""
        chunks = refusal_chunks(model_of(body), stopped_by(self.chat), self.chat.tally)
        return [_own(chunk) for chunk in chunks]


def _no_streams() -> GuardError:
    return GuardError("a stream of this path cannot be checked", "use chat completions")


def _own(body: Body) -> Body:
    """A body as the provider's API has it: the summary for other clients is left out."""
    return {k: v for k, v in body.items() if k != "railwright"}


class PlainWire:
    """``/completions`` and ``/embeddings``: texts in ``prompt``, ``suffix`` and ``input``.

    Streams are not checked and so are errors.
    """

    named = False
    ended = False

    def __init__(self, chat: ChatGuard) -> None:
        self.chat = chat

    async def request(self, body: Body) -> bool:
        """Check the texts of a request in place; False when it must not be sent."""
        if body.get("stream"):
            raise _no_streams()
        views, messages = Views(), []
        for key in ("prompt", "suffix", "input"):
            value = body.get(key)
            if isinstance(value, str):
                messages.append(views.lend(body, key, {"role": "user"}, "content"))
            elif isinstance(value, list):
                messages += [
                    views.lend(value, number, {"role": "user"}, "content")
                    for number, item in enumerate(value)
                    if isinstance(item, str)
                ]
        allowed = await self.chat.request({"messages": messages})
        views.store()
        return allowed

    async def reply(self, body: Body) -> Body:
        """Check the texts of a reply in place."""
        choices = [c for c in body.get("choices") or () if isinstance(c.get("text"), str)]
        views = [{"message": {"role": "assistant", "content": c["text"]}} for c in choices]
        await self.chat.reply({"choices": views})
        for choice, view in zip(choices, views, strict=True):
            choice["text"] = view["message"]["content"]
            if "finish_reason" in view:
                choice["finish_reason"] = view["finish_reason"]
        return body

    async def feed(self, event: Body) -> list[Body]:  # noqa: ARG002 - as every wire has it
        """Streams are refused before they begin."""
        raise _no_streams()

    async def close(self) -> list[Body]:
        """Streams are refused before they begin."""
        raise _no_streams()

    def refusal(self, body: Body) -> Body | None:
        """The reply to a stopped request; there is none that stands for an embedding."""
        if "input" in body:
            return None
        stopped = stopped_by(self.chat)
        choice = {"index": 0, "text": stopped.message, "finish_reason": FILTERED}
        whole = refusal_body(model_of(body), stopped, self.chat.tally)
        return _own({**whole, "object": "text_completion", "choices": [choice]})

    def refusal_events(self, body: Body) -> list[Body]:  # noqa: ARG002 - as every wire has it
        """Streams are refused before they begin."""
        raise _no_streams()
