"""Guarding the OpenAI chat API, whatever carries it: requests, replies and streamed replies."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from railwright.guard._decide import strictest
from railwright.guard._guard import Guard
from railwright.guard._places import (
    Parts,
    Place,
    calls_of,
    choice_texts,
    dicts,
    envelope_texts,
    leaves,
    message_texts,
    reply_texts,
    side_texts,
)
from railwright.guard._types import Action, Call, GuardError, Stage, Verdict

REMOVED = "[removed by a safety rule]"
"""Stands for an untrusted text (document, tool result) that was stopped."""
SYSTEM_ROLES = ("system", "developer")
_UNTRUSTED = ("retrieved", "tool_result")
FILTERED = "content_filter"
#: Texts beside an answer that repeat in the events of a stream are checked once: short ones.
_SHORT, _MOST_KEPT = 200, 1000


class ChatOptions(msgspec.Struct, frozen=True):
    """How chats are guarded.

    Attributes:
        untrusted: what becomes of a document or tool result that a rule stops: ``remove`` puts a
            notice in its place and goes on, ``block`` stops the request.
        trusted_roles: roles of messages that are not checked. By default none is: a client could
            write any role. Name ``system`` and ``developer`` where only your own code writes them.
        hold: keep streamed answers back to their end, so that nothing of a blocked one is shown.
        disclose: tell the client which rules decided; without it, the action and stage alone.
        max_texts: texts that one request may hold; one with more cannot be checked in good time.

    Raises:
        GuardError: there is no such ``untrusted``, or ``trusted_roles`` is one text.
    """

    untrusted: Literal["remove", "block"] = "remove"
    trusted_roles: frozenset[str] = frozenset()
    hold: bool = False
    disclose: bool = False
    max_texts: int = 20_000

    def __post_init__(self) -> None:
        """Refuse what would silently be taken for something else."""
        if self.untrusted not in ("remove", "block"):
            raise GuardError(f"untrusted is 'remove' or 'block', not {self.untrusted!r}")
        roles: object = self.trusted_roles
        if isinstance(roles, str):
            mend = f'trusted_roles=frozenset({{"{roles}"}})'
            raise GuardError(f"trusted_roles is a set of texts; write {mend}")


def chat_options(given: object, usual: ChatOptions | None = None) -> ChatOptions:
    """Return options, the usual ones where none are given.

    Raises:
        GuardError: something else is given, such as a dict.
    """
    if given is None:
        return usual or ChatOptions()
    if not isinstance(given, ChatOptions):
        kind = type(given).__name__
        raise GuardError(f"options is a ChatOptions, not {kind}", "options=ChatOptions(hold=True)")
    return given


class TooManyTextsError(Exception):
    """A request holds more texts than are checked."""


class Tally:
    """The verdicts of one request, and what is told of them."""

    def __init__(self, options: ChatOptions) -> None:
        self._options = options
        self.verdicts: list[Verdict] = []
        self.stopped: Verdict | None = None

    @property
    def action(self) -> Action:
        """The strictest action taken."""
        if self.stopped is not None:
            return self.stopped.action
        # What was stopped without stopping the request was taken out of it.
        return strictest("rewrite" if v.blocked else v.action for v in self.verdicts)

    @property
    def seconds(self) -> float:
        """Time that all checks took together."""
        return sum(v.timings.get("total", 0.0) for v in self.verdicts)

    def reset(self) -> Verdict | None:
        """Forget what stopped an earlier choice, and return it."""
        before, self.stopped = self.stopped, None
        return before

    def summary(self) -> dict[str, Any]:
        """What the field ``railwright.guard`` of a reply holds."""
        stages: dict[str, Action] = {}
        for verdict in self.verdicts:
            stages[verdict.stage] = strictest((stages.get(verdict.stage, "allow"), verdict.action))
        body: dict[str, Any] = {"action": self.action, "stages": stages}
        if self.stopped is not None:
            body["stopped"] = self.stopped.stage
        if self._options.disclose:
            body["rules"] = sorted({name for v in self.verdicts for name in v.rule_ids})
            body["would"] = strictest(v.would for v in self.verdicts)
            body["plan"] = self.verdicts[0].plan_digest if self.verdicts else ""
            body["ms"] = round(1000 * self.seconds, 3)
        return body

    def told(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a body with the summary added under ``railwright.guard``."""
        own = body.get("railwright")
        rest = own if isinstance(own, dict) else {}
        return {**body, "railwright": {**rest, "guard": self.summary()}}


class Checks:
    """The checks of one request and its reply, whatever their shape, and what came of them."""

    def __init__(self, guard: Guard, call: Call, options: ChatOptions) -> None:
        self.guard, self.call, self.options = guard, call, options
        self.tally = Tally(options)
        self._known: dict[tuple[Stage, str], str] = {}

    async def tool_call(self, function: dict[str, Any]) -> bool:
        """Check the arguments of one tool call in place; False when it is stopped."""
        for arguments in calls_of({"function_call": function}):
            for place in arguments.places("tool_call"):
                await self._place(place, arguments.tool)
            arguments.store()
        return self.tally.stopped is None

    async def side(self, place: Place) -> None:
        """Check a text beside the answer; one that is stopped is removed, the answer stays."""
        verdict = await self._verdict(place)
        text = REMOVED if verdict.blocked else verdict.text
        if text != place.text:  # a number that is read as text stays a number
            place.put(text)

    async def beside(self, place: Place) -> None:
        """Do as ``side``; the same short text is checked once."""
        text = place.text
        known = self._known.get((place.stage, text))
        if known is not None:
            if known != text:
                place.put(known)
            return
        await self.side(place)
        if len(text) <= _SHORT and len(self._known) < _MOST_KEPT:
            self._known[place.stage, text] = place.text

    async def plain(self, text: str) -> str:
        """Check a text that is no chat completion, such as an error page."""
        box = [text]
        await self.side(Place("output", box, 0))
        return box[0]

    async def _text(self, found: Place | Parts, tool: str = "") -> None:
        if isinstance(found, Place):
            await self._place(found, tool)
            return
        for place in found.places:
            await self._place(place, tool)
        if len(found.places) > 1:
            await self.joined(found, tool)

    async def joined(self, parts: Parts, tool: str = "") -> None:
        """Check parts as the one text that they may be read as."""
        box = ["".join(place.text for place in parts.places)]
        whole = box[0]
        await self._place(Place(parts.stage, box, 0), tool)
        if box[0] != whole:  # something stands across parts: all of it goes into the first
            parts.places[0].put(box[0])
            for place in parts.places[1:]:
                place.put("")

    async def _place(self, place: Place, tool: str = "") -> None:
        verdict = await self._verdict(place, tool)
        if not verdict.blocked:
            if verdict.text != place.text:
                place.put(verdict.text)
        elif place.stage in _UNTRUSTED and self.options.untrusted == "remove":
            place.put(REMOVED)
        else:
            self.stop(verdict)

    def stop(self, verdict: Verdict) -> None:
        """Note that a verdict stops the request, unless a stricter one has."""
        if self.tally.stopped is None or verdict.action == "block":
            self.tally.stopped = verdict

    async def _verdict(self, place: Place, tool: str = "") -> Verdict:
        await asyncio.sleep(0)  # a request with many texts lets others in between
        call = msgspec.structs.replace(self.call, tool=tool) if tool else self.call
        verdict = await self.guard.acheck(place.stage, place.text, call)
        self.tally.verdicts.append(verdict)
        return verdict


class ChatGuard(Checks):
    """Checks one chat request and its reply; make one for each request."""

    async def request(self, body: dict[str, Any]) -> bool:
        """Check a request in place; False when it must not reach the model.

        Raises:
            TooManyTextsError: it holds more texts than the options allow.
        """
        options = self.options
        arguments = [c for m in _messages(body) for c in calls_of(m)]
        tools = tools_of(body)
        texts: list[tuple[Place | Parts, str]] = [
            (text, str(tools.get(str(m.get("tool_call_id"))) or ""))
            for m in _messages(body)
            for text in message_texts(m, options.trusted_roles)
        ]
        texts += [(place, item.tool) for item in arguments for place in item.places("memory")]
        documents = body.get("documents")
        if isinstance(documents, str):
            texts.append((Place("retrieved", body, "documents"), ""))
        elif isinstance(documents, list | dict):
            texts += [(place, "") for place in leaves(documents, "retrieved")]
        if sum(1 if isinstance(t, Place) else len(t.places) for t, _ in texts) > options.max_texts:
            raise TooManyTextsError(f"the request holds more than {options.max_texts} texts")
        await asyncio.gather(*(self._text(text, tool) for text, tool in texts))
        for item in arguments:
            item.store()
        self.call = msgspec.structs.replace(
            self.call,
            prompt=prompt_of(body),
            passages=tuple(passages_of(body)),
            system=system_of(body, self.call.system),
        )
        return self.tally.stopped is None

    async def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """Check a reply in place and return it with the summary; stopped choices are replaced."""
        body["choices"] = dicts(body.get("choices"))
        for choice in body["choices"]:
            message = choice.get("message")
            if isinstance(message, dict):
                await self._choice(choice, message)
            for place in choice_texts(choice):
                await self.side(place)
        await self.envelope(body)
        return self.tally.told(body)

    async def envelope(self, body: dict[str, Any]) -> None:
        """Check in place what a reply, or a chunk of one, holds beside its choices."""
        for place in envelope_texts(body):
            await self.beside(place)

    async def _choice(self, choice: dict[str, Any], message: dict[str, Any]) -> None:
        arguments = calls_of(message)
        texts: list[Place | Parts] = [*reply_texts(message)]
        calls = [(place, item.tool) for item in arguments for place in item.places("tool_call")]
        before = self.tally.reset()
        await asyncio.gather(
            *(self._text(text) for text in texts), *(self._place(*call) for call in calls)
        )
        for item in arguments:
            item.store()
        stopped = self.tally.stopped
        if stopped is not None:
            choice["message"] = {"role": "assistant", "content": stopped.message}
            choice["finish_reason"] = FILTERED
            choice.pop("logprobs", None)
            return
        self.tally.stopped = before
        for place in side_texts(message):
            await self.side(place)
        if isinstance(choice.get("logprobs"), dict) and texts and self._changed():
            choice["logprobs"] = None  # it repeats the tokens that were redacted

    def _changed(self) -> bool:
        return any(
            v.action in ("redact", "rewrite") for v in self.tally.verdicts if v.stage == "output"
        )


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    return dicts(body.get("messages"))


def prompt_of(body: dict[str, Any]) -> str:
    """The last text of the user."""
    for message in reversed(_messages(body)):
        if message.get("role") == "user":
            return "\n".join(
                text for found in message_texts(message, frozenset()) for text in _strings(found)
            )
    return ""


def system_of(body: dict[str, Any], known: str = "") -> str:
    """The system prompt in force: what is known of it, then what the request itself says."""
    texts = [known]
    for message in _messages(body):
        if message.get("role") in SYSTEM_ROLES:
            given = {"content": message.get("content")}
            texts += ["".join(_strings(item)) for item in message_texts(given, frozenset())]
    # The same text may come in two ways, or be known already.
    kept: list[str] = []
    for text in texts:
        if text.strip() and not any(text in other for other in kept):
            kept.append(text)
    return "\n\n".join(kept)


def tools_of(body: dict[str, Any]) -> dict[str, Any]:
    """The names of tools by the ids of the calls that a request tells of."""
    return {
        str(call.get("id")): call[kind].get("name")
        for message in _messages(body)
        for call in dicts(message.get("tool_calls"))
        for kind in ("function", "custom")
        if isinstance(call.get(kind), dict)
    }


def _strings(found: Place | Parts) -> Iterable[str]:
    return [found.text] if isinstance(found, Place) else [place.text for place in found.places]


def passages_of(body: dict[str, Any]) -> list[str]:
    """The texts of the documents and tool results of a request."""
    documents = body.get("documents")
    found = []
    for item in documents if isinstance(documents, list) else (documents,):
        text = item.get("text", item.get("content")) if isinstance(item, dict) else item
        if isinstance(text, str):
            found.append(text)
    for message in _messages(body):
        if message.get("role") == "tool" and isinstance(message.get("content"), str):
            found.append(message["content"])
    return found


def refusal_body(model: str, stopped: Verdict, tally: Tally) -> dict[str, Any]:
    """The completion that answers a stopped request; no model was asked, so no token was used."""
    message = {"role": "assistant", "content": stopped.message, "refusal": None}
    return tally.told(
        {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": FILTERED}],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }
    )


def refusal_chunks(model: str, stopped: Verdict, tally: Tally) -> list[dict[str, Any]]:
    """The same as a stream: one chunk with the message, one that ends it."""
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
    }
    delta = {"role": "assistant", "content": stopped.message}
    first = {"index": 0, "delta": delta, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": FILTERED}
    return [{**head, "choices": [first]}, tally.told({**head, "choices": [last]})]
