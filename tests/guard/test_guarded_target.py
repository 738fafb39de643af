"""A target behind a guard answers as the middleware in front of the same application would."""

from __future__ import annotations

from typing import Any

import pytest
from tests.guard.asgi_client import ChatApp, post

from railwright.cases import Document, Message, ToolCall
from railwright.guard import (
    ChatOptions,
    Guard,
    GuardedTarget,
    GuardMiddleware,
    intervention,
    parse_policy,
)
from railwright.targets import Passage, Request, Response, TargetError, Usage

KEY = "AKIAIOSFODNN7EXAMPLE"
IBAN = "DE89 3704 0044 0532 0130 00"
POLICY = """
schema: guard/v1
message: Stopped.
rules:
  - {id: keys-in, stage: input, detector: secrets, action: block}
  - {id: keys-found, stage: [retrieved, tool_result], detector: secrets, action: block}
  - {id: mail-in, stage: [input, retrieved], detector: personal_data, labels: email, action: redact}
  - {id: iban-out, stage: output, detector: personal_data, labels: iban, action: redact}
  - {id: keys-out, stage: output, detector: secrets, action: block, message: No keys here.}
  - {id: calls, stage: tool_call, detector: personal_data, labels: email, action: redact}
"""
QUESTIONS = [
    "Where is my parcel?",
    f"my key is {KEY}",
    "write to ann@shop.example and bob@shop.example",
]
ANSWERS = ["On its way.", f"Pay to {IBAN}.", f"It is {KEY}."]


class Recorder:
    """A target in this process that keeps the requests and says one thing."""

    def __init__(self, response: Response) -> None:
        self.response, self.seen = response, list[Request]()

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "recorder", "address": "here"}

    def wire(self, request: Request) -> bytes:
        return repr(request).encode()

    async def call(self, request: Request) -> Response:
        self.seen.append(request)
        return self.response

    async def close(self) -> None:
        return None


def guard(policy: str = POLICY) -> Guard:
    return Guard(parse_policy(policy))


def asking(text: str, **more: Any) -> Request:
    return Request(messages=(Message("user", text),), **more)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_it_says_what_the_middleware_says(question: str, answer: str) -> None:
    app = ChatApp(lambda body: {"content": answer})
    middleware = GuardMiddleware(app, guard(), options=ChatOptions(disclose=True))
    documents = [{"text": "by carl@shop.example", "title": ""}]
    body = {"messages": [{"role": "user", "content": question}], "documents": documents}
    served = await post(middleware, body)
    inner = Recorder(Response(text=answer, finish="stop"))
    target = GuardedTarget(inner, guard())
    found = await target.call(asking(question, documents=(Document("by carl@shop.example"),)))
    assert found.text == served.reply.text
    assert found.blocked == served.reply.blocked
    assert len(inner.seen) == len(app.seen)
    for request, sent in zip(inner.seen, app.seen, strict=True):
        assert request.messages[0].content == sent["messages"][0]["content"]
        assert request.documents[0].text == sent["documents"][0]["text"]
    told, said = intervention(found.raw), intervention(served.body.decode())
    for name in ("action", "stages", "rules", "plan", "would"):
        assert told[name] == said[name]
    assert told.get("stopped") == said.get("stopped")


async def test_a_stopped_question_is_no_call_and_an_allowed_one_is() -> None:
    inner = Recorder(Response(text="Fine.", usage=Usage(10, 2), latency_s=0.5))
    target = GuardedTarget(inner, guard())
    stopped = await target.call(asking(f"my key is {KEY}"))
    assert (stopped.calls, stopped.blocked, stopped.usage) == (0, True, Usage(0, 0))
    assert inner.seen == []
    allowed = await target.call(asking("Hello"))
    assert (allowed.calls, allowed.text, allowed.usage) == (1, "Fine.", Usage(10, 2))
    assert allowed.latency_s > 0.5


async def test_only_an_unchanged_question_is_answered_from_before() -> None:
    inner = Recorder(Response(text="asked anew"))
    target = GuardedTarget(inner, guard())
    earlier: list[Request] = []

    def before(request: Request) -> tuple[Response, float]:
        earlier.append(request)
        return Response(text=f"To {IBAN}."), 1234.5

    target.earlier = before
    same = await target.call(asking("Hello"))
    assert (same.text, same.calls, same.at) == ("To [IBAN].", 0, 1234.5)
    assert intervention(same.raw)["reused"]
    changed = await target.call(asking("write to ann@shop.example"))
    assert (changed.text, changed.calls, changed.at) == ("asked anew", 1, 0.0)
    assert [m.content for r in inner.seen for m in r.messages] == ["write to [EMAIL]"]
    assert [m.content for r in earlier for m in r.messages] == ["Hello"]


async def test_calls_and_passages_are_checked_and_kept() -> None:
    call = ToolCall("mail", '{"to": "ann@shop.example"}', "c1")
    passage = Passage("card", id="p", score=0.5)
    inner = Recorder(Response(text="Done.", tool_calls=(call,), passages=(passage,)))
    found = await GuardedTarget(inner, guard()).call(asking("Send it"))
    assert found.tool_calls == (ToolCall("mail", '{"to":"[EMAIL]"}', "c1"),)
    assert found.passages == (passage,)


async def test_a_stopped_document_is_removed_and_the_question_still_asked() -> None:
    inner = Recorder(Response(text="Fine."))
    await GuardedTarget(inner, guard()).call(asking("Sum up", documents=(Document(KEY, id="d"),)))
    assert inner.seen[0].documents[0].id == "d"
    assert KEY not in inner.seen[0].documents[0].text


async def test_a_live_endpoint_must_run_the_tested_plan() -> None:
    def live(plan: str) -> Recorder:
        raw = f'{{"railwright": {{"guard": {{"plan": "{plan}"}}}}}}' if plan else "{}"
        return Recorder(Response(text="live", raw=raw))

    bare = Recorder(Response(text="bare"))
    tested = guard()
    right = live(tested.plan.digest)
    found = await GuardedTarget(bare, tested, live=right).call(asking(f"my key is {KEY}"))
    assert found.text == "live"
    assert right.seen[0].messages[0].content == f"my key is {KEY}"  # that guard checks it itself
    for plan, words in (("sha256:other", "runs the plan"), ("", "names no plan")):
        with pytest.raises(TargetError, match=words) as caught:
            await GuardedTarget(bare, tested, live=live(plan)).call(asking("Hello"))
        assert caught.value.fatal
    assert bare.seen == []


def test_another_plan_is_another_target() -> None:
    bare = Recorder(Response(text=""))
    one = GuardedTarget(bare, guard()).identity
    two = GuardedTarget(bare, guard(POLICY.replace("id: calls", "id: other"))).identity
    assert one != two
    assert {k: v for k, v in one.items() if k != "guard"} == bare.identity
