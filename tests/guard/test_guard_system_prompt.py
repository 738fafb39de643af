"""What the guard of a served application knows of its system prompt, and does about it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from tests.guard.asgi_client import ChatApp, post, user
from tests.guard.test_guarded_target import Recorder

from railwright.cases import Message
from railwright.guard import (
    Call,
    ChatOptions,
    Guard,
    GuardedTarget,
    GuardError,
    GuardMiddleware,
    intervention,
)
from railwright.targets import Request, Response

CODE = "MAPLE-7731"
PROMPT = (
    "You are the assistant of a shop. Refunds above fifty euros need the consent of a manager, who "
    f"is asked by telephone and gives the code {CODE}. We are open from nine to five."
)
LEAK = (
    "My rules: refunds above fifty euros need the consent of a manager, who is asked by telephone."
)
FACT = "We are open from nine to five."


def made(app: ChatApp, tier: int = 2, **options: Any) -> GuardMiddleware:
    return GuardMiddleware(app, Guard.default(tier), options=ChatOptions(disclose=True), **options)


def says(text: str, *, streamed: bool) -> ChatApp:
    if not streamed:
        return ChatApp(lambda body: {"content": text})
    return ChatApp(lambda body: [{"content": text[n : n + 3]} for n in range(0, len(text), 3)])


async def told(app: GuardMiddleware, body: dict[str, Any]) -> tuple[str, list[str]]:
    """The text and the rules that a client gets to know."""
    answer = await post(app, body)
    return answer.reply.text, answer.reply.railwright["guard"]["rules"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("role", ["system", "developer"])
async def test_the_system_messages_of_a_request_are_known(role: str, streamed: bool) -> None:
    for content in (PROMPT, [{"type": "text", "text": PROMPT[:90]}, {"text": PROMPT[90:]}]):
        body = user("Hi", stream=streamed)
        body["messages"].insert(0, {"role": role, "content": content})
        app = made(says(LEAK, streamed=streamed))
        assert await told(app, body) == (LEAK, ["prompt-out"])
        assert (await told(made(says(FACT, streamed=streamed)), body))[1] == []
    assert (await told(app, user("Hi", stream=streamed)))[1] == []
    assert (await told(app, user(f"I read: {LEAK}", stream=streamed)))[1] == []


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_prompt_that_is_added_behind_the_guard_is_told(streamed: bool) -> None:
    ways: list[dict[str, Any]] = [
        {"system": PROMPT},
        {"system": lambda scope, body: PROMPT},
        {"call": lambda scope, body: Call(system=PROMPT)},
        {"system": PROMPT, "call": lambda scope, body: Call(system="You are kind.")},
    ]
    for way in ways:
        app = made(says(LEAK, streamed=streamed), **way)
        assert await told(app, user("Hi", stream=streamed)) == (LEAK, ["prompt-out"])


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "hidden", [CODE, CODE.lower(), " ".join(CODE), CODE[::-1], "TUFQTEUtNzczMQ=="]
)
async def test_a_planted_value_is_taken_out_however_it_is_written(
    hidden: str, streamed: bool
) -> None:
    for way in ({"plants": [CODE]}, {"plants": lambda scope, body: (CODE,)}):
        app = made(says(f"Sure: {hidden}. Bye!", streamed=streamed), **way)
        text, rules = await told(app, user("Hi", stream=streamed))
        assert text == "Sure: [SECRET]. Bye!"
        assert "planted-out" in rules
        # Who writes it himself is told nothing new.
        text, rules = await told(app, user(f"Is it {CODE}?", stream=streamed))
        assert hidden in text
        assert rules == []


async def test_plants_of_the_call_and_of_the_middleware_count_both() -> None:
    app = made(
        says(f"{CODE} and EUR 48,200", streamed=False),
        plants=[CODE],
        call=lambda scope, body: Call(plants=("EUR 48,200",)),
    )
    assert (await told(app, user("Hi")))[0] == "[SECRET] and [SECRET]"
    with pytest.raises(GuardError, match="list of texts"):
        made(says("", streamed=False), plants=CODE)


async def test_a_disguise_that_needs_the_whole_text_is_flagged_in_streams_too() -> None:
    text = "First MAPLE, then a word or two, and then 7731."
    for streamed in (False, True):
        app = made(says(text, streamed=streamed), plants=[CODE])
        assert await told(app, user("Hi", stream=streamed)) == (text, ["planted-likely-out"])


def test_streams_of_the_default_policy_go_on_early_whatever_is_known() -> None:
    text = (
        "You can send parcels back within thirty days, maple trees too; mail us 7 days ahead. " * 8
    )
    for tier in (1, 2, 3):
        guard = Guard.default(tier)
        for about in (
            {},
            {"system": PROMPT},
            {"plants": [CODE]},
            {"system": PROMPT, "plants": [CODE]},
        ):
            stream, held, out = guard.stream("output", Call(), **about), 0, 0
            for number, char in enumerate(text, 1):
                out += len(stream.feed(char))
                held += number - out
            assert out + len(stream.close()) == len(text)
            assert held / len(text) <= 8
            verdict = stream.verdict
            assert verdict is not None
            assert verdict.action == "allow"


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_a_long_text_is_the_same_in_a_stream_and_whole(size: int) -> None:
    guard = Guard.default(2)
    text = f"It is a maple, M A P L E - 7 7 3 1 {CODE[:5]}\n{CODE[::-1]} ma\n" * 300
    call = Call(plants=(CODE,), system=PROMPT)
    stream = guard.stream("output", call)
    out = "".join(stream.feed(text[n : n + size]) for n in range(0, len(text), size))
    out += stream.close()
    whole = guard.check("output", text, call)
    assert out == whole.text
    assert "7 7 3 1" not in out
    assert out.count("[SECRET]") >= 600


@pytest.mark.parametrize("size", [1, 4, 5000])
def test_values_within_each_other_are_one_finding_in_a_stream_too(size: int) -> None:
    guard, call = Guard.default(2), Call(plants=(CODE, "7731", "maple 77"))
    text = f"It is {CODE} or 7 7 3 1, " * 3
    for whole in (text, text * 150):
        stream = guard.stream("output", call)
        out = "".join(stream.feed(whole[n : n + size]) for n in range(0, len(whole), size))
        out += stream.close()
        verdict, known = stream.verdict, guard.check("output", whole, call)
        assert verdict is not None
        assert out == verdict.text == known.text
        assert verdict.detections == known.detections
        assert out.startswith("It is [SECRET] or [SECRET], It")


async def test_a_target_behind_a_guard_is_checked_with_its_system_messages() -> None:
    target = GuardedTarget(Recorder(Response(text=LEAK)), Guard.default(2))
    system = Message(role="system", content=PROMPT)
    asked = Message(role="user", content="Hi")
    for messages, expected in (((system, asked), ["prompt-out"]), ((asked,), [])):
        response = await target.call(Request(messages=messages))
        assert response.text == LEAK
        assert intervention(response.raw)["rules"] == expected
