"""What a route or an application says wrongly."""

from __future__ import annotations

import logging

import pytest

pytest.importorskip("re2", reason="the rule engine needs google-re2")

from tests.guard.field_app import IBAN, App, Pieces, ask, events_of, made, sse

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
    assert len(events_of(answer)) == 4
