"""Guard models behind an endpoint that speaks the OpenAI chat API."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec

from railwright.detectors.hosted._base import HostedDetector
from railwright.detectors.hosted._errors import unavailable
from railwright.detectors.hosted._options import HttpOptions
from railwright.detectors.interface import Context, Detection
from railwright.transport import ChatReply, TransportError, chat_body, decode_chat


class ChatOptions(HttpOptions, frozen=True, kw_only=True):
    """As ``HttpOptions``; ``key_env`` is empty where the server wants no key.

    Attributes:
        url: base address, up to ``/v1``.
        model: name of the model on that server.
        role: who wrote the text; ``auto`` takes it for an answer when the context holds a prompt.
        limit: characters of the text in one piece.
        max_tokens: length of the verdict at most.
        logprobs: ask for token probabilities, from which scores come; without them a score is
            what the verdict alone says.
        extra: further fields of the request.
    """

    timeout: float = 20.0
    model: str = ""
    role: Literal["auto", "user", "assistant"] = "auto"
    limit: int = 24_000
    max_tokens: int = 64
    logprobs: bool = True
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class Token(msgspec.Struct):
    """A token of the verdict with the likeliest tokens at its place."""

    token: str = ""
    logprob: float = 0.0
    top_logprobs: list[Token] = []


class Said(msgspec.Struct, frozen=True):
    """What the model said, and its tokens where the server tells them."""

    text: str
    tokens: tuple[Token, ...] = ()


class _Probabilities(msgspec.Struct):
    content: list[Token] | None = None


class _Choice(msgspec.Struct):
    logprobs: _Probabilities | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice] = []


O = TypeVar("O", bound=ChatOptions)  # noqa: E741


class ChatGuard(HostedDetector[O]):
    """A model that gives verdicts; a sub-class asks it and reads what it says."""

    path = "/chat/completions"
    example = "http://localhost:8000/v1"
    options_type = ChatOptions

    async def _ask(self, text: str, context: Context) -> list[Detection]:
        return await self._by_pieces(
            text, self.options.limit, lambda piece: self._piece(piece, context)
        )

    @abstractmethod
    async def _piece(self, text: str, context: Context) -> list[Detection]:
        """Return the findings in one piece of a text."""

    def _is_answer(self, context: Context) -> bool:
        role = self.options.role
        return bool(context.prompt) if role == "auto" else role == "assistant"

    def _messages(self, text: str, context: Context) -> list[dict[str, str]]:
        if not self._is_answer(context):
            return [{"role": "user", "content": text}]
        return [
            {"role": "user", "content": context.prompt},
            {"role": "assistant", "content": text},
        ]

    async def _say(
        self, messages: Sequence[dict[str, str]], parameters: dict[str, Any] | None = None
    ) -> Said:
        options = self.options
        told: dict[str, Any] = {"temperature": 0, "max_tokens": options.max_tokens}
        if options.logprobs:
            told |= {"logprobs": True, "top_logprobs": 5}
        body = chat_body(
            options.model, messages, parameters={**told, **(parameters or {}), **options.extra}
        )
        reply = await self.endpoint.post(self.url, body, self._headers)
        chat = self._chat(reply.body)
        return Said(chat.text, _tokens(reply.body))

    def _chat(self, body: bytes) -> ChatReply:
        try:
            chat = decode_chat(body)
        except TransportError as error:
            # Its message quotes the body.
            if error.kind == "protocol":
                raise self._unreadable("gave no chat completion") from None
            message = f"{self.endpoint.where} reports an error in its answer"
            raise unavailable(error.kind, message, error.retry_after, error.status) from None
        if chat.blocked:
            message = f"{self.endpoint.where}: a content filter answered in place of the model"
            raise unavailable("application", message)
        return chat


def _tokens(body: bytes) -> tuple[Token, ...]:
    try:
        choices = msgspec.json.decode(body, type=_Body).choices
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    first = choices[0].logprobs if choices else None
    return tuple(first.content or ()) if first else ()


def probability(
    tokens: Sequence[Token], positive: str, negative: str, *, after: str = ""
) -> float | None:
    """How likely the verdict is ``positive`` rather than ``negative``; None where nobody knows.

    The first token that begins one of the two words decides; the probabilities of all tokens at
    its place that begin a word are summed by word and set in relation.

    Args:
        tokens: of the verdict, in order.
        positive: the word that is a finding.
        negative: the other word.
        after: only tokens after this text count, once it was said.
    """
    for token in _after(tokens, after):
        if _word(token.token, positive, negative) is None:
            continue
        sums = {positive: 0.0, negative: 0.0}
        for other in token.top_logprobs or [token]:
            word = _word(other.token, positive, negative)
            if word is not None:
                sums[word] += math.exp(min(0.0, other.logprob))
        total = sum(sums.values())
        return sums[positive] / total if total > 0 else None
    return None


def _after(tokens: Sequence[Token], mark: str) -> Sequence[Token]:
    said = ""
    start = 0
    for place, token in enumerate(tokens):
        said += token.token
        if mark and said.casefold().endswith(mark):
            start = place + 1
    return tokens[start:]


def _word(token: str, positive: str, negative: str) -> str | None:
    """The word of which a token is the beginning, if it is of one only."""
    said = token.strip().casefold()
    begun = [word for word in (positive, negative) if said and word.startswith(said)]
    return begun[0] if len(begun) == 1 else None
