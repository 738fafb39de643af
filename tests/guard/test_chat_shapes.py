"""Texts are found whatever shape a client or model gives to content and documents."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import pytest
from tests.guard.asgi_client import ChatApp, post, user

from railwright.guard import (
    Call,
    ChatGuard,
    ChatOptions,
    ChatStream,
    Guard,
    GuardError,
    GuardMiddleware,
    parse_policy,
)

KEY = "AKIAIOSFODNN7EXAMPLE"
REMOVED = "[removed by a safety rule]"
POLICY = """
schema: guard/v1
message: Stopped.
rules:
  - {id: keys, stage: [input, memory, tool_result, retrieved, output], detector: secrets,
     action: block}
"""
SHAPES: list[Any] = [
    [[{"type": "text", "text": KEY}]],
    [[[KEY]]],
    [{"type": "text", "value": KEY}],
    [{"type": "text", "text": {"value": KEY, "annotations": []}}],
    [{"type": "text", "value": KEY[:9]}, [{"text": KEY[9:]}]],
    [{"type": "tool_result", "content": KEY}],
    [{"type": "tool_result", "content": [{"type": "text", "text": KEY}]}],
    [{"type": "tool_result", "content": [{"text": KEY[:9]}, {"text": KEY[9:]}]}],
    [{"type": "document", "source": {"type": "text", "data": KEY}}],
    [{"type": "document", "source": {"type": "content", "content": [{"text": KEY}]}}],
    [{"type": "input_file", "file_data": KEY}],
    [{"type": "input_file", "file_data": f"data:text/plain,{KEY}"}],
    [{"type": "file", "file": {"filename": KEY, "file_id": "f-1"}}],
    [{"type": "image_url", "image_url": {"url": "https://x.example/a.png", "alt": KEY}}],
    [{"type": "image_url", "image_url": {"url": f"say {KEY}"}}],
    [{"type": "image_url", "text": KEY}],
    [{"type": [], "a": {"b": [[{"c": KEY}]]}}],
    {"type": "text", "value": KEY},
]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5).decode()


def guard() -> Guard:
    return Guard(parse_policy(POLICY))


def chat(policy: str = POLICY) -> ChatGuard:
    return ChatGuard(Guard(parse_policy(policy)), Call(), ChatOptions())


@pytest.mark.parametrize("content", SHAPES)
@pytest.mark.parametrize(
    ("role", "stage"), [("user", "input"), ("system", "input"), ("assistant", "memory")]
)
async def test_a_request_is_stopped_whatever_its_shape(content: Any, role: str, stage: str) -> None:
    app = ChatApp(lambda body: {"content": "never"})
    body = {"messages": [{"role": role, "content": copy.deepcopy(content)}]}
    answer = await post(GuardMiddleware(app, guard()), body)
    assert app.seen == []
    assert answer.json["railwright"]["guard"]["stopped"] == stage


@pytest.mark.parametrize("content", SHAPES)
async def test_an_answer_is_stopped_whatever_its_shape(content: Any) -> None:
    app = ChatApp(lambda body: {"content": copy.deepcopy(content)})
    answer = await post(GuardMiddleware(app, guard()), user("hi"))
    assert answer.reply.text == "Stopped."
    assert KEY.encode() not in answer.body


async def test_streamed_parts_are_checked_whatever_their_shape() -> None:
    for content in (c for c in SHAPES if KEY in str(c)):
        stream = ChatStream(chat())
        delta = {"content": copy.deepcopy(content)}
        out = await stream.feed({"choices": [{"index": 0, "delta": delta}]})
        assert KEY not in str(out)
        assert REMOVED in str(out)


@pytest.mark.parametrize("documents", [KEY, {"a": KEY}, {"a": {"b": [KEY]}}, [[KEY]], [{"x": KEY}]])
async def test_documents_of_any_shape_are_checked(documents: Any) -> None:
    app = ChatApp(lambda body: {"content": "fine"})
    answer = await post(GuardMiddleware(app, guard()), user("hi", documents=documents))
    assert str(app.seen[0]["documents"]) == str(documents).replace(KEY, REMOVED)
    assert answer.json["railwright"]["guard"]["stages"]["retrieved"] == "block"


async def test_ids_media_and_bytes_are_no_texts() -> None:
    told: list[str] = []

    def sink(verdict: Any, text: str, call: Call, key: bytes) -> None:
        told.append(text)

    content = [
        {"type": "text", "id": KEY, "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "image", "source": {"type": "base64", "data": PNG[:40]}},
        {"type": "input_audio", "input_audio": {"data": PNG[:40], "format": "wav"}},
        {"type": "input_file", "file_data": PNG},
        {
            "type": "file",
            "file": {"file_id": KEY, "file_data": f"data:application/pdf;base64,{PNG}"},
        },
        {"type": "thinking", "thinking": "hm", "signature": KEY},
    ]
    body = user(content)
    seen = copy.deepcopy(body)
    checked = ChatGuard(Guard(parse_policy(POLICY), sink=sink), Call(), ChatOptions())
    assert await checked.request(body)
    assert body == seen
    assert sorted(told) == ["hm", "look"]


async def test_only_what_is_read_as_one_text_is_joined() -> None:
    rule = "{id: mail, stage: input, detector: pii, labels: email, action: redact}"
    content = [
        {"type": "text", "text": "bob@"},
        {"type": "document", "title": "A title", "source": {"data": "eve@example.com"}},
        [{"type": "text", "value": "example.com, ok"}],
    ]
    body = user(content)
    assert await chat(f"schema: guard/v1\nrules: [{rule}]").request(body)
    assert content == [
        {"type": "text", "text": "[EMAIL], ok"},
        {"type": "document", "title": "A title", "source": {"data": "[EMAIL]"}},
        [{"type": "text", "value": ""}],
    ]


async def test_a_citation_that_is_stopped_leaves_the_answer() -> None:
    part = {"type": "text", "text": "fine", "annotations": [{"quote": KEY, "file_id": KEY}]}
    app = ChatApp(lambda body: {"content": [part]})
    answer = await post(GuardMiddleware(app, guard()), user("hi"))
    (shown,) = answer.json["choices"][0]["message"]["content"]
    assert shown == {**part, "annotations": [{"quote": REMOVED, "file_id": KEY}]}


def test_misspelt_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "guard.yaml"
    path.write_text(POLICY)
    with pytest.raises(GuardError, match="no mode 'shadwo'; modes are enforce, shadow"):
        Guard.load(path, mode="shadwo")
    assert Guard.load(path, mode="shadow").mode == "shadow"
    with pytest.raises(GuardError, match="untrusted is 'remove' or 'block', not 'blck'"):
        ChatOptions(untrusted="blck")  # type: ignore[arg-type]
    with pytest.raises(GuardError, match=r'write trusted_roles=frozenset\(\{"system"\}\)'):
        ChatOptions(trusted_roles="system")  # type: ignore[arg-type]
    app = ChatApp(lambda body: {"content": "never"})
    for given in ("guard.yaml", Path("guard.yaml")):
        with pytest.raises(GuardError, match=r'use Guard\.load\("guard\.yaml"\)'):
            GuardMiddleware(app, given)  # type: ignore[arg-type]


def test_lists_of_texts_hold_texts_and_stages_are_named() -> None:
    for plants in ([5], 5, "x", ["a", b"b"]):
        with pytest.raises(GuardError, match="plants is a list of texts"):
            guard().check("output", "hi", plants=plants)
        with pytest.raises(GuardError, match="plants is a list of texts"):
            GuardMiddleware(ChatApp(lambda body: {}), guard(), plants=plants)  # type: ignore[arg-type]
    stages = "stages are input, retrieved, tool_call, tool_result, output, memory"
    with pytest.raises(GuardError, match=f"no stage 'outputs'; {stages}"):
        guard().check("outputs", "hi")  # type: ignore[arg-type]
