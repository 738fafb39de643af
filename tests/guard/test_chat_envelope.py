"""What a chat reply holds beside its choices: sources, citations, search results."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from tests.guard.asgi_client import ChatApp, post, user

from railwright.guard import Guard, GuardMiddleware, parse_policy

IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "AKIAIOSFODNN7EXAMPLE"
POLICY = """
schema: guard/v1
message: Stopped.
rules:
  - {id: iban-out, stage: output, detector: personal_data, labels: iban, action: redact}
  - {id: keys-out, stage: output, detector: secrets, action: block}
"""
REMOVED = "[removed by a safety rule]"


def behind(kind: str, data: bytes, **options: Any) -> GuardMiddleware:
    app = ChatApp(lambda _: (200, kind, data))
    return GuardMiddleware(app, Guard(parse_policy(POLICY), **options))


def reply(text: str, **beside: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    body = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], **beside}
    return json.dumps(body).encode()


@pytest.mark.parametrize("text", ["Hello!", f"the key is {KEY}"])
async def test_sources_beside_an_answer_are_checked_also_where_it_is_stopped(text: str) -> None:
    beside = {"sources": [{"quote": f"Pay to {IBAN}"}, {"quote": f"Use {KEY}"}], "note": IBAN}
    answer = await post(behind("application/json", reply(text, **beside)), user("Hi"))
    assert answer.json["sources"] == [{"quote": "Pay to [IBAN]"}, {"quote": REMOVED}]
    assert answer.json["note"] == "[IBAN]"
    assert answer.json["id"] == "1"


async def test_images_beside_an_answer_stay_and_names_of_the_api_are_not_asked_about() -> None:
    image = base64.b64encode(bytes(range(256)) * 8).decode()
    seen: list[str] = []
    app = behind(
        "application/json",
        reply("Hello!", images=[{"data": image}], system_fingerprint="fp_1"),
        sink=lambda verdict, text, call, key: seen.append(text),
    )
    answer = await post(app, user("Hi"))
    assert answer.json["images"] == [{"data": image}]
    assert seen == ["Hi", "Hello!"]


async def test_what_chunks_hold_beside_their_choices_is_checked_once_each() -> None:
    seen: list[str] = []
    cited = [f"see {IBAN}"]
    pieces: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": c}, "finish_reason": None} for c in "Hello!"
    ]
    pieces.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [{"id": "1", "choices": [piece], "citations": cited} for piece in pieces]
    events.append({"id": "1", "choices": [], "citations": cited})
    data = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)
    app = behind(
        "text/event-stream",
        data + b"data: [DONE]\n\n",
        sink=lambda verdict, text, call, key: seen.append(text),
    )
    answer = await post(app, user("Hi", stream=True))
    assert answer.reply.text == "Hello!"
    assert IBAN not in answer.body.decode()
    assert all(event["citations"] == ["see [IBAN]"] for event in answer.events)
    assert seen.count(cited[0]) == 1


async def test_lines_of_json_are_refused_for_what_is_split_over_them_would_pass() -> None:
    data = b"".join(json.dumps({"delta": c}).encode() + b"\n" for c in (IBAN[:9], IBAN[9:]))
    answer = await post(behind("application/x-ndjson; charset=utf-8", data), user("Hi"))
    assert answer.status == 502
    assert "JSON lines" in answer.json["error"]["message"]
    assert IBAN[9:] not in answer.body.decode()
