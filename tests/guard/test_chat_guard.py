"""What passes through a guarded chat to the letter, and what rules are told of tools."""

from __future__ import annotations

from typing import Any

from railwright.guard import Call, ChatGuard, ChatOptions, ChatStream, Guard, parse_policy

MAIL = "bob@example.com"
POLICY = """
schema: guard/v1
rules:
  - {id: mail, stage: [memory, tool_call, tool_result], detector: pii, labels: email,
     action: redact}
"""


def made(told: list[tuple[str, str]] | None = None) -> ChatGuard:
    def sink(verdict: Any, text: str, call: Call, key: bytes) -> None:
        if told is not None:
            told.append((verdict.stage, call.tool))

    return ChatGuard(Guard(parse_policy(POLICY), sink=sink), Call(), ChatOptions())


def message(arguments: str) -> dict[str, Any]:
    function = {"name": "send", "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": "c1", "function": function}]}


async def test_arguments_that_no_rule_changes_stay_to_the_letter() -> None:
    for given, expected in (
        ('{ "to":"Ann",  "n": 1.0}', '{ "to":"Ann",  "n": 1.0}'),
        (f'{{ "to":"{MAIL}",  "n": 1.0}}', '{"to":"[EMAIL]","n":1.0}'),
    ):
        body = {"choices": [{"message": message(given)}]}
        await made().reply(body)
        call = body["choices"][0]["message"]["tool_calls"][0]
        assert call["function"]["arguments"] == expected


async def test_rules_are_told_the_tool() -> None:
    told: list[tuple[str, str]] = []
    result = {"role": "tool", "tool_call_id": "c1", "content": "done"}
    other = {"role": "tool", "tool_call_id": "unknown", "content": "done"}
    body = {"messages": [message('{"to": "Ann"}'), result, other]}
    assert await made(told).request(body)
    assert sorted(set(told)) == [("memory", "send"), ("tool_result", ""), ("tool_result", "send")]
    told.clear()
    await made(told).reply({"choices": [{"message": message('{"to": "Ann"}')}]})
    assert set(told) == {("tool_call", "send")}


async def test_usage_in_the_chunk_that_ends_a_choice_is_kept() -> None:
    stream = ChatStream(made())
    usage = {"total_tokens": 3}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}
    out = await stream.feed({"choices": [{"index": 0, "delta": {"content": "Hi."}}]})
    out += await stream.feed(end)
    assert [chunk["usage"] for chunk in out if "usage" in chunk] == [usage]
    assert out[-1]["usage"] == usage
