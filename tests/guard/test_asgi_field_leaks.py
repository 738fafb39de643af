"""Whatever client and application say: no credential goes through, and nothing is raised."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guard.field_app import KEY, App, Pieces, ask, cut, made, sse

from railwright.guard import Fields

pytest.importorskip("re2", reason="the rule engine needs google-re2")

STAGES = "[input, retrieved, memory, tool_result, tool_call, output]"
POLICIES = [
    f"schema: guard/v1\nrules: [{{id: a, stage: {STAGES}, detector: secrets, action: {action}}}]"
    for action in ("redact", "block")
]
FIELDS = [
    Fields(input=("a",), retrieved=("b.*.text",), output=("a", "b.*.c"), stream=("a", "b.text")),
    Fields(output=("text.*",), tool_call=("b",), stream=("c.0.text",), stream_end={"end": True}),
    Fields(input=("*.*",), output="text"),
    Fields(memory=("a.b.c",), summary=False, stream=("text",), stream_end="[DONE]"),
]
NAMES = st.sampled_from(["a", "b", "c", "text", "type", "delta", "n 1", KEY, f"x {KEY}"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([f" {KEY} ", f"see {KEY} .", "fine", "", "é"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
QUICK = settings(max_examples=120, deadline=None)
SETTINGS = st.tuples(st.sampled_from(FIELDS), st.sampled_from(POLICIES), st.booleans())


def served(app: App, how: tuple[Fields, str, bool], body: Any = None) -> Any:
    fields, policy, hold = how
    middleware = made(app, fields, policy=policy, options={"hold": hold})
    return asyncio.run(ask(middleware, body))


@QUICK
@given(VALUES, SETTINGS)
def test_requests(value: Any, how: tuple[Fields, str, bool]) -> None:
    app = App({})
    answer = served(app, how, json.dumps(value).encode())
    assert answer.status_code in (200, 502)
    assert KEY not in json.dumps(app.seen)
    if KEY not in json.dumps(value):
        assert app.seen == [value]


@QUICK
@given(VALUES, SETTINGS)
def test_whole_replies(value: Any, how: tuple[Fields, str, bool]) -> None:
    answer = served(App(value), how, {})
    assert KEY not in answer.text
    if KEY not in json.dumps(value):
        reply = answer.json()
        if isinstance(reply, dict):
            reply.pop("railwright", None)
        assert reply == value


@QUICK
@given(st.lists(VALUES, max_size=5), SETTINGS, st.integers(0, 30))
def test_events(events: list[Any], how: tuple[Fields, str, bool], size: int) -> None:
    answer = served(App(sse(*map(json.dumps, events), size=size)), how, {})
    assert answer.status_code == 200
    assert KEY not in answer.text


TOKENS = st.sampled_from(
    [
        *(b"data:", b"data: ", b"event: ", b"id:", b":", b"\n", b"\n\n", b"\r\n\r\n", b"[DONE]"),
        *(b'{"text": "', b'"}', b"[", b"{}", b"null", b"text", b"\xff", b"\xe2\x80"),
        f" {KEY} ".encode(),
    ]
)
KINDS = st.sampled_from(
    ["text/event-stream", "application/x-ndjson", "text/plain", "application/json"]
)


@QUICK
@given(st.lists(TOKENS, max_size=20), SETTINGS, st.integers(0, 9), KINDS)
def test_bytes(tokens: list[bytes], how: tuple[Fields, str, bool], size: int, kind: str) -> None:
    data = b"".join(tokens)
    answer = served(App(Pieces(cut(data, size)), kind), how, {})
    assert answer.status_code in (200, 502)
    assert KEY not in answer.text


@QUICK
@given(st.lists(TOKENS, max_size=20), SETTINGS)
def test_bytes_of_requests(tokens: list[bytes], how: tuple[Fields, str, bool]) -> None:
    app = App({})
    assert served(app, how, b"".join(tokens)).status_code in (200, 400, 502)
    assert KEY not in json.dumps(app.seen)
