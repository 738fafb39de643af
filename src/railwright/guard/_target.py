"""A target behind a guard: what a deployment of the policy would answer, without deploying it.

Questions go through the same checks as in ``GuardMiddleware``. One that is stopped costs no call;
one that no rule changed may be answered by what the bare target answered before, which only the
output rules then look at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from railwright.cases import Message, ToolCall
from railwright.guard._chat import FILTERED, ChatGuard, ChatOptions, refusal_body
from railwright.guard._guard import Guard
from railwright.guard._types import Action, Call
from railwright.targets import (
    Passage,
    Request,
    Response,
    Target,
    TargetError,
    Usage,
    chat_messages,
    request_digest,
)

Earlier = Callable[[Request], tuple[Response, float] | None]
"""The bare target's earlier answer to a request and when it was given, if there is one."""

_DISCLOSED = ChatOptions(disclose=True)


class GuardedTarget:
    """Stands before a target as the middleware stands before an application.

    Args:
        target: the bare system.
        guard: the policy at work.
        live: the same system as it is served behind this guard. Where it is given, every question
            but those that ``earlier`` answers goes there, and its replies must name the same plan
            (``ChatOptions(disclose=True)``); else the guard is applied here.
        channel: what rules know as the channel.
    """

    def __init__(
        self, target: Target, guard: Guard, *, live: Target | None = None, channel: str = "api"
    ) -> None:
        self._target, self._guard, self._live = target, guard, live
        self._channel = channel
        self.earlier: Earlier | None = None

    @property
    def bare(self) -> Target:
        """The target without the guard."""
        return self._target

    @property
    def identity(self) -> dict[str, Any]:
        """That of the target which is called, with the outline of the guard's plan."""
        called = self._live or self._target
        return {**called.identity, "guard": self._guard.plan.outline}

    def wire(self, request: Request) -> bytes:
        """What would be sent were no rule to change it."""
        return (self._live or self._target).wire(request)

    async def call(self, request: Request) -> Response:
        """Check the question, get an answer, check the answer.

        Raises:
            TargetError: the target gave none; or, fatal, the live endpoint has another plan.
        """
        chat = self._chat(request)
        body = _request_body(request)
        allowed = await chat.request(body)
        same = allowed and chat.tally.action in ("allow", "flag")
        known = self.earlier(request) if same and self.earlier is not None else None
        if known is not None:
            response, at = known
            answer = await _checked(chat, response, reused=True)
            return msgspec.structs.replace(answer, calls=0, at=at)
        if self._live is not None:
            return self._same_plan(await self._live.call(request))
        if not allowed:
            return _refused(chat)
        asked = request if same else _changed(request, body)
        return await _checked(chat, await self._target.call(asked))

    async def screen(self, request: Request) -> Action:
        """What the guard does to a question, without asking anything."""
        chat = self._chat(request)
        await chat.request(_request_body(request))
        return chat.tally.action

    async def close(self) -> None:
        """Close both targets."""
        await self._target.close()
        if self._live is not None:
            await self._live.close()

    def _chat(self, request: Request) -> ChatGuard:
        call = Call(
            tenant=request.tenant or "",
            channel=self._channel,
            request=f"{request_digest(request)}/{request.repeat}",
        )
        return ChatGuard(self._guard, call, _DISCLOSED)

    def _same_plan(self, response: Response) -> Response:
        """Refuse an answer that another policy than the tested one let through."""
        plan = intervention(response.raw).get("plan")
        if plan == self._guard.plan.digest:
            # A filter that answered by itself asked no model.
            stopped = response.blocked and not (response.usage.output_tokens or 0)
            return msgspec.structs.replace(response, calls=0) if stopped else response
        found = f"runs the plan {plan}" if plan else "names no plan in `railwright.guard`"
        raise TargetError(
            "config",
            f"the guarded endpoint {found}, this check tests {self._guard.plan.digest}; serve it "
            "with the same policy and tier, and with ChatOptions(disclose=True)",
            fatal=True,
        )


def intervention(raw: str) -> dict[str, Any]:
    """What ``railwright.guard`` says in a raw reply; empty where it says nothing."""
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    own = body.get("railwright") if isinstance(body, dict) else None
    told = own.get("guard") if isinstance(own, dict) else None
    return told if isinstance(told, dict) else {}


def _request_body(request: Request) -> dict[str, Any]:
    """The request as a chat body; documents stand apart, since they are no words of the user."""
    documents = [{"text": d.text, "title": d.title} for d in request.documents]
    return {"messages": chat_messages(request, inline=False), "documents": documents}


def _changed(request: Request, body: dict[str, Any]) -> Request:
    """The request with the texts that the guard left in the body."""
    messages = tuple(
        msgspec.structs.replace(
            before,
            content=after["content"],
            name=after.get("name", before.name),
            tool_calls=_calls(after),
        )
        for before, after in zip(request.messages, body["messages"], strict=True)
    )
    documents = tuple(
        msgspec.structs.replace(before, text=after["text"], title=after["title"])
        for before, after in zip(request.documents, body["documents"], strict=True)
    )
    return msgspec.structs.replace(request, messages=messages, documents=documents)


def _calls(message: dict[str, Any]) -> tuple[ToolCall, ...]:
    found = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
    return tuple(ToolCall(f["name"], f["arguments"], name) for name, f in found)


def _refused(chat: ChatGuard) -> Response:
    stopped = chat.tally.stopped
    assert stopped is not None
    body = refusal_body("", stopped, chat.tally)
    return Response(
        text=stopped.message,
        usage=Usage(0, 0),
        latency_s=chat.tally.seconds,
        finish=FILTERED,
        blocked=True,
        raw=msgspec.json.encode(body).decode(),
        calls=0,
    )


async def _checked(chat: ChatGuard, response: Response, *, reused: bool = False) -> Response:
    """A response after the output rules, as the middleware would hand it on."""
    body = await chat.reply(_reply_body(response))
    choice = body["choices"][0]
    message = choice["message"]
    text, calls = message.get("content") or "", _calls(message)
    passages = message.get("context", {}).get("passages", [])
    body["railwright"]["guard"]["reused"] = reused
    return msgspec.structs.replace(
        response,
        text=text,
        tool_calls=calls,
        passages=tuple(msgspec.convert(passages, list[Passage])),
        messages=(Message(role="assistant", content=text, tool_calls=calls),),
        latency_s=response.latency_s + chat.tally.seconds,
        finish=choice["finish_reason"],
        blocked=response.blocked or choice["finish_reason"] == FILTERED,
        raw=msgspec.json.encode(body).decode(),
    )


def _reply_body(response: Response) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": response.text}
    if response.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id or f"call_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(response.tool_calls)
        ]
    if response.passages:
        message["context"] = {"passages": msgspec.to_builtins(response.passages)}
    choice = {"index": 0, "message": message, "finish_reason": response.finish}
    usage = {
        "prompt_tokens": response.usage.input_tokens,
        "completion_tokens": response.usage.output_tokens,
    }
    return {
        "object": "chat.completion",
        "model": response.model,
        "choices": [choice],
        "usage": usage,
    }
