"""What a route or an application says wrongly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from tests.guard.field_app import (
    IBAN,
    KEY,
    POLICY,
    App,
    Pieces,
    ask,
    events_of,
    lines,
    made,
    sse,
)

from railwright.guard import Fields

STREAM = Fields(input=("question",), stream=("delta",), stream_end="[DONE]")
HI = {"question": "hi"}


@pytest.mark.parametrize(
    ("kind", "named"), [(None, "none"), ("application/pdf", "application/pdf")]
)
async def test_a_reply_of_text_that_does_not_say_so_is_refused_by_its_type(
    kind: str | None, named: str
) -> None:
    app = App(Pieces([b"Hello"]), kind=kind)  # type: ignore[arg-type]
    answer = await ask(made(app, Fields(input=("question",), output="text")), HI)
    assert answer.status_code == 502
    told = f"the reply is no text/* in UTF-8 (content-type: {named}) and cannot be checked"
    assert answer.json()["error"]["message"] == told


async def test_a_stream_without_the_named_field_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "railwright.guard"):
        await ask(made(App(sse(*({"delta": c} for c in "Hello"), "[DONE]")), STREAM), HI)
        await ask(made(App(sse({"error": "busy"}, "[DONE]")), STREAM), HI)
        assert caplog.messages == []
        given = [{"dleta": IBAN[:9]}, {"dleta": IBAN[9:]}, {"done": True}]
        answer = await ask(made(App(sse(*given, "[DONE]")), STREAM), HI)
    (told,) = caplog.messages
    assert "3 events held no text at delta" in told
    assert IBAN[:4] not in told
    kept = [{"dleta": "[IBAN]"}, {"dleta": ""}, {"done": True}, "[DONE]"]
    assert events_of(answer) == kept


CARDS = ("4111 1111 ", "1111 1111", " and more")


@pytest.mark.parametrize("as_lines", [False, True])
@pytest.mark.parametrize(
    "piece",
    [
        lambda text: {"dleta": text},
        lambda text: {"data": {"delta": text}},
        lambda text: {"choices": [{"text": text, "index": 0}]},
        lambda text: {"type": "piece", "content": text},
        lambda text: text,  # no JSON
        lambda text: [text],
    ],
)
async def test_what_is_split_over_a_field_that_is_not_named_does_not_pass(
    piece: Callable[[str], Any], as_lines: bool
) -> None:
    events = [piece(text) for text in ("Card ", *CARDS)]
    kind = "application/x-ndjson" if as_lines else "text/event-stream"
    answer = await ask(made(App((lines if as_lines else sse)(*events), kind), STREAM), HI)
    assert "1111" not in answer.text
    assert "[CARD]" in answer.text
    assert answer.text.count("and more") == 1


async def test_a_stop_across_fields_that_are_not_named_ends_the_stream() -> None:
    events = [{"text": KEY[:9]}, {"text": KEY[9:]}]
    for more in ([], [{"delta": "Hello"}]):  # found at the end, or before the first piece
        app = App(sse(*events, *more, "[DONE]"))
        given = events_of(await ask(made(app, STREAM), HI))
        assert given[0].pop("railwright")["guard"]["stopped"] == "output"
        assert given == [{"delta": "No keys here."}, "[DONE]"]


async def test_events_without_such_a_text_go_on_at_once_and_the_others_in_order() -> None:
    fields = Fields(input=("question",), output=("note",), stream=("delta",), ignore_output=("id",))
    early = [{"type": "start", "id": "x"}, {"note": "wait"}, {"step": "one", "model": "m"}]
    early += [{"step": "two", "model": "m"}, {"type": "ping"}]
    sent: list[bytes] = []
    body = sse(*early, *({"delta": c} for c in "Hello there"), {"usage": 3}, size=1)

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"question": "hi"}'}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": "/ask", "headers": []}
    app = made(App(body), fields)
    await app({**scope, "asgi": {"spec_version": "2.4"}, "query_string": b""}, receive, send)
    first = [part for part in sent if part][:3]
    assert [b"start" in first[0], b"wait" in first[1], b"two" in first[2]] == [True] * 3
    assert b"".join(sent).index(b"two") < b"".join(sent).index(b"ping")
    assert b"".join(sent).index(b"ping") < b"".join(sent).index(b"delta")


async def test_a_stream_without_a_rule_that_acts_is_not_kept() -> None:
    policy = "schema: guard/v1\nrules: [{id: a, stage: output, detector: pii, action: flag}]"
    events = [{"step": "one"}, {"step": "two"}]
    assert events_of(await ask(made(App(sse(*events)), STREAM, policy=policy), HI)) == events


@pytest.mark.parametrize(("on_limit", "passes"), [("closed", False), ("flag", True)])
async def test_what_is_kept_has_the_limit_of_a_text(on_limit: str, passes: bool) -> None:
    policy = POLICY.replace(
        "message: Stopped.",
        f"message: Stopped.\ntier: 2\nlimits: {{max_chars: 100, on_limit: {on_limit}}}",
    )
    app = App(sse(*({"step": f"number {n}"} for n in range(40)), "[DONE]"))
    given = await ask(made(app, STREAM, policy=policy), HI)
    assert ("number 39" in given.text) is passes
    assert ("number 3" in given.text) is passes
    assert (events_of(given)[0].get("delta") == "Stopped.") is not passes
