"""Streamed replies of endpoints of one's own: events, lines of JSON, plain text, in any cut."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guard.field_app import (
    IBAN,
    KEY,
    POLICY,
    App,
    Pieces,
    ask,
    cut,
    events_of,
    lines,
    made,
    shown,
    sse,
)

from railwright.guard import Fields, Guard, parse_policy

ONE = "schema: guard/v1\nmessage: Stopped.\nrules: [{rule}]"
REDACT = ONE.format(rule="{id: a, stage: output, detector: pii, action: redact}")
BLOCK = ONE.format(
    rule="{id: a, stage: output, detector: secrets, action: block, message: No keys.}"
)
STREAM = Fields(input=("question",), output=("answer",), stream=("delta",), stream_end="[DONE]")
TEXT = f"Pay to {IBAN} until Friday – thank you, or write to bob@example.com."
HI = {"question": "hi"}

re2 = pytest.mark.usefixtures("rule_packs")


@pytest.fixture
def rule_packs() -> None:
    pytest.importorskip("re2")


def deltas(text: str, size: int, **more: Any) -> list[dict[str, Any]]:
    return [{"delta": text[n : n + size], **more} for n in range(0, len(text), size)]


def chunked(app: App, fields: Fields = STREAM, policy: str = POLICY, **options: Any) -> Any:
    return made(app, fields, policy=policy, options=options)


WORDS = st.sampled_from(
    [IBAN, "DE89", "3704", "bob@", "example.com", " ", "word", "é", "\u2028", "4111 1111 1111 1111"]
)


@re2
@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=12), st.integers(1, 9), st.integers(0, 40), st.booleans())
def test_a_stream_is_the_redaction_of_the_whole_text(
    words: list[str], size: int, chunk: int, as_lines: bool
) -> None:
    text = "".join(words)
    events = [*deltas(text, size), {"done": True}]
    reply = (lines if as_lines else sse)(*events, size=chunk)
    kind = "application/x-ndjson" if as_lines else "text/event-stream"
    answer = asyncio.run(ask(chunked(App(reply, kind), policy=REDACT), HI))
    assert shown(answer) == Guard(parse_policy(REDACT)).check("output", text).text
    last = events_of(answer)[-1]
    assert last["done"] is True
    assert ("railwright" in last) == bool(text)


@re2
@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=12), st.integers(1, 9))
def test_a_stream_of_text_is_the_redaction_of_the_whole(words: list[str], size: int) -> None:
    text = "".join(words)
    app = App(Pieces(cut(text.encode(), size)), "text/plain")
    answer = asyncio.run(ask(chunked(app, Fields(output="text"), REDACT), HI))
    assert answer.text == Guard(parse_policy(REDACT)).check("output", text).text


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_the_rest_comes_before_the_last_events(size: int, hold: bool) -> None:
    sources = {"sources": [{"quote": IBAN}]}
    reply = sse({"status": "searching"}, *deltas(TEXT, 5), sources, "[DONE]", size=size)
    answer = await ask(chunked(App(reply), hold=hold), HI)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in answer.headers
    events = events_of(answer)
    assert shown(answer) == TEXT.replace(IBAN, "[IBAN]")
    assert events[0] == {"status": "searching"}
    assert events[-1] == "[DONE]"
    summary = events[-2].pop("railwright")["guard"]
    assert events[-2] == {"sources": [{"quote": "[IBAN]"}]}
    assert summary == {"action": "redact", "stages": {"input": "allow", "output": "redact"}}
    assert all(set(event) == {"delta"} for event in events[1:-2])


@re2
async def test_text_goes_on_as_it_comes() -> None:
    words = [f"word{n} " for n in range(30)]
    sent: list[bytes] = []
    app = made(App(sse(*({"delta": word} for word in words), size=20)), STREAM, policy=REDACT)

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"question": "hi"}'}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": "/ask", "headers": []}
    await app({**scope, "asgi": {"spec_version": "2.4"}, "query_string": b""}, receive, send)
    assert sum(b"word" in body for body in sent) > len(words) // 2


@pytest.mark.parametrize("done", [{"done": True}, {"delta": "", "done": True}])
async def test_what_ends_a_stream_comes_after_its_text(done: dict[str, Any]) -> None:
    reply = lines(*deltas(TEXT, 4, done=False), done, {"usage": {"tokens": 3}})
    answer = await ask(chunked(App(reply, "application/x-ndjson")), HI)
    assert answer.headers["content-type"] == "application/x-ndjson"
    events = events_of(answer)
    assert shown(answer) == TEXT.replace(IBAN, "[IBAN]")
    assert events[-2] == done
    assert events[-1].pop("railwright")["guard"]["action"] == "redact"
    assert events[-1] == {"usage": {"tokens": 3}}
    assert all(event["done"] is False for event in events[:-2])


async def test_the_rest_goes_into_a_last_event_that_has_text_itself() -> None:
    reply = sse({"delta": "Pay "}, {"delta": IBAN[:9]}, {"delta": IBAN[9:], "done": True})
    answer = await ask(chunked(App(reply)), HI)
    *_, last = events_of(answer)
    assert shown(answer) == "Pay [IBAN]"
    assert last["done"] is True
    assert [e.get("done") for e in events_of(answer)].count(True) == 1


async def test_events_that_are_numbered_keep_their_numbers() -> None:
    reply = sse(*({**event, "n": n} for n, event in enumerate(deltas(TEXT, 6))))
    events = events_of(await ask(chunked(App(reply)), HI))
    assert [event["n"] for event in events] == list(range(len(deltas(TEXT, 6))))
    assert "".join(event["delta"] for event in events) == TEXT.replace(IBAN, "[IBAN]")


async def test_names_and_ids_of_events_are_kept() -> None:
    data = (
        b": secret comment KEY\r\n\r\nretry: 10\r\n\r\n"
        b'event: token\r\nid: 1\r\ndata: {"delta": "Hel"}\r\n\r\n'
        b'event: token\r\nid: 2\r\ndata: {"delta":\r\ndata: "lo"}\r\n\r\n'
        b"other: KEY\r\nid: KEY\r\nevent: end\r\ndata: {}\r\n\r\n"
    )
    data = data.replace(b"KEY", KEY.encode())
    for size in (0, 1, 5):
        answer = await ask(chunked(App(Pieces(cut(data, size)))), HI)
        blocks = [block.split("\n") for block in answer.text.split("\n\n") if block]
        assert blocks[0] == [":"]
        assert blocks[1] == ["retry: 10"]
        assert blocks[2][:2] == ["event: token", "id: 1"]
        assert blocks[-1][:2] == ["id: [removed by a safety rule]", "event: end"]
        assert shown(answer) == "Hello"
        assert KEY not in answer.text


async def test_an_id_of_an_event_can_be_a_card() -> None:
    data = b"id: 4111111111111111\ndata: {}\n\nid: 17\ndata: {}\n\n"
    assert "id: [CARD]\ndata: {}\n\nid: 17\n" in (await ask(chunked(App(Pieces([data]))), HI)).text


async def test_an_event_that_repeats_is_redacted_each_time() -> None:
    events = [{"delta": "Hi ", "at": f"to {IBAN}"}] * 3 + [{"x": "fine"}, {"x": IBAN}, {"x": IBAN}]
    answer = await ask(chunked(App(sse(*events))), HI)
    assert shown(answer) == "Hi " * 3
    assert answer.text.count("[IBAN]") >= 3
    assert IBAN not in answer.text


async def test_texts_of_different_names_are_texts_of_their_own() -> None:
    events = [
        {"type": "thought", "delta": "DE89 3704 0044 "},
        {"type": "token", "delta": "Hi "},
        {"type": "thought", "delta": "0532 0130 00"},
        {"type": "token", "delta": "you"},
    ]
    answer = await ask(chunked(App(sse(*events))), HI)
    found: dict[str, str] = {}
    for event in events_of(answer):
        found[event["type"]] = found.get(event["type"], "") + event["delta"]
    assert found == {"thought": "[IBAN]", "token": "Hi you"}


async def test_a_field_deep_in_an_event() -> None:
    fields = Fields(input=("question",), stream=("choices.0.delta.text", r"a\.b"))
    events = [{"choices": [{"delta": {"text": piece}}]} for piece in ("DE89 3704 0044 ", IBAN[15:])]
    answer = await ask(chunked(App(sse(*events, {"a.b": KEY[:9]}, {"a.b": KEY[9:]})), fields), HI)
    assert IBAN[15:] not in answer.text
    assert KEY[9:] not in answer.text


@re2
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("as_lines", [False, True])
async def test_a_blocked_stream_shows_nothing_of_what_was_found(hold: bool, as_lines: bool) -> None:
    pieces = ["The key ", "is AKIAIOS", "FODNN7EXAMPLE", " and ", "more", " text."]
    events = [*({"delta": piece} for piece in pieces), {"done": True, "sources": ["x"]}]
    app = App(
        lines(*events) if as_lines else sse(*events),
        "application/jsonl" if as_lines else "text/event-stream",
    )
    answer = await ask(chunked(app, policy=BLOCK, hold=hold), HI)
    assert shown(answer) == ("No keys." if hold else "The key is ")
    *_, last, end = events_of(answer)
    assert end == "[DONE]"
    assert last["railwright"]["guard"]["stopped"] == "output"
    assert last["railwright"]["guard"]["action"] == "block"
    assert "AKIAIOS" not in answer.text
    assert "more" not in answer.text


@re2
@pytest.mark.parametrize("hold", [False, True])
async def test_a_blocked_stream_of_text_ends(hold: bool) -> None:
    text = f"The key is {KEY} and more text."
    app = App(Pieces(cut(text.encode(), 5)), "text/plain; charset=utf-8")
    answer = await ask(chunked(app, Fields(output="text"), BLOCK, hold=hold), HI)
    assert answer.text == ("No keys." if hold else "The key is ")


async def test_the_end_of_a_stream_may_be_an_object() -> None:
    fields = Fields(stream=("delta",), stream_end={"done": True})
    app = App(lines({"delta": KEY}, {"never": 1}), "application/x-ndjson")
    answer = await ask(chunked(app, fields), HI)
    assert shown(answer) == "No keys here."
    assert events_of(answer)[-1] == {"done": True}
    assert "never" not in answer.text


@pytest.mark.parametrize(
    "event",
    [{"delta": {"text": KEY}}, {"delta": [KEY]}, {"answer": KEY}, {"delta": "x", "answer": KEY}],
)
async def test_an_event_with_a_blocked_answer_ends_the_stream(event: Any) -> None:
    answer = await ask(chunked(App(sse({"delta": "A long word "}, event, {"delta": "never"}))), HI)
    assert KEY not in answer.text
    assert "never" not in answer.text
    assert events_of(answer)[-2]["railwright"]["guard"]["stopped"] == "output"


@re2
async def test_what_was_released_before_a_stop_is_shown() -> None:
    events = [{"delta": "The key ", "n": 0}, {"delta": "is here: ", "n": 1}, {"answer": KEY}]
    answer = await ask(chunked(App(sse(*events)), policy=BLOCK), HI)
    assert shown(answer) == "The key is here: "
    assert KEY not in answer.text


@pytest.mark.parametrize(
    "event", [{"x": KEY}, [KEY], KEY, json.dumps(KEY), {"delta": "", "x": [{KEY: 1}]}]
)
async def test_other_texts_of_events_are_removed(event: Any) -> None:
    answer = await ask(chunked(App(sse({"delta": "Hi"}, event, {"delta": " you"}))), HI)
    assert KEY not in answer.text
    assert "[removed by a safety rule]" in answer.text
    assert shown(answer) == "Hi you"


async def test_a_stream_without_text_or_end_goes_through() -> None:
    data = b'data: {"a": 1}\n\n: ping\n\ndata: {"b": [2]}'
    answer = await ask(chunked(App(Pieces([data]))), HI)
    assert answer.text == 'data: {"a":1}\n\n:\n\ndata: {"b":[2]}\n\n'
    empty = await ask(chunked(App(Pieces([]))), HI)
    assert (empty.status_code, empty.text) == (200, "")
    blank = await ask(chunked(App(Pieces([b'{"a":1}\n\n{"b":']), "application/jsonl")), HI)
    assert blank.text == '{"a":1}\n\n{"b":\n'


@pytest.mark.parametrize(
    ("fields", "headers", "body", "kind"),
    [
        (STREAM, {"accept": "text/event-stream"}, {}, "text/event-stream"),
        (STREAM, {"accept": "a/b, application/x-ndjson;q=1"}, {}, "application/x-ndjson"),
        (STREAM, {"accept": "*/*"}, {"stream": True}, "text/event-stream"),
        (STREAM, {"accept": "*/*"}, {}, "application/json"),
        (Fields(stream=("delta",)), {}, {}, "text/event-stream"),
    ],
)
async def test_a_refusal_has_the_form_that_was_asked_for(
    fields: Fields, headers: dict[str, str], body: dict[str, Any], kind: str
) -> None:
    app = App(sse({"delta": "never"}))
    answer = await ask(chunked(app, fields), {"question": KEY, **body}, headers=headers)
    assert app.seen == []
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-railwright-action"] == "block"
    if kind == "application/json":
        assert answer.json()["answer"] == "Stopped."
    else:
        assert shown(answer) == "Stopped."
        assert events_of(answer)[0]["railwright"]["guard"]["stopped"] == "input"
        assert (events_of(answer)[-1] == "[DONE]") == bool(fields.stream_end)


@re2
@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=12), st.integers(1, 9), st.integers(0, 40))
def test_events_of_text_are_the_redaction_of_the_whole(
    words: list[str], size: int, chunk: int
) -> None:
    text = "".join(words)
    pieces = [event["delta"] for event in deltas(text, size)]
    app = App(sse(*pieces, {"sources": [f"at {IBAN}"]}, "[DONE]", size=chunk))
    answer = asyncio.run(ask(chunked(app, Fields(output="text"), REDACT), HI))
    *found, sources, end = events_of(answer)
    assert "".join(found) == Guard(parse_policy(REDACT)).check("output", text).text
    assert sources == {"sources": ["at [IBAN]"]}
    assert end == "[DONE]"


@re2
@pytest.mark.parametrize("hold", [False, True])
async def test_a_blocked_stream_of_events_of_text_ends(hold: bool) -> None:
    fields = Fields(output="text", stream_end="END")
    app = App(sse("The key", " is ", KEY[:7], KEY[7:], " and", " more", "END"))
    answer = await ask(chunked(app, fields, BLOCK, hold=hold), HI)
    *found, end = events_of(answer)
    assert "".join(found) == ("No keys." if hold else "The key is ")
    assert end == "END"
    headers = {"accept": "text/event-stream"}
    policy = POLICY
    refusal = await ask(chunked(app, fields, policy), {"question": KEY}, headers=headers)
    assert events_of(refusal) == ["Stopped.", "END"]


async def test_what_ends_a_stream_of_text_is_no_part_of_it() -> None:
    app = App(sse("Pay ", IBAN, "END"))
    answer = await ask(chunked(app, Fields(output="text", stream_end="END")), HI)
    *found, end = events_of(answer)
    assert ("".join(found), end) == ("Pay [IBAN]", "END")


async def test_bytes_that_are_no_text_are_replaced() -> None:
    app = App(Pieces([b"a\xff", b"\xe2\x80", b"\x93 b\xe2"]), "text/plain")
    answer = await ask(chunked(app, Fields(output="text")), HI)
    assert answer.content.decode() == "a\ufffd– b\ufffd"


async def test_an_application_that_fails_in_a_stream_is_heard() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await ask(made(app, STREAM), HI)


async def test_events_wait_only_while_text_is_held_back() -> None:
    sent: list[bytes] = []
    events = [{"delta": "Hi"}, *({"audio": n} for n in range(20)), {"done": True}, "[DONE]"]
    idle = ONE.format(rule="{id: a, stage: input, detector: leak, action: flag}")
    app = made(App(sse(*events, size=15)), STREAM, policy=idle)

    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"question": "hi"}'}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": "/ask", "headers": [], "query_string": b""}
    await app({**scope, "asgi": {"spec_version": "2.4"}}, receive, send)
    assert sum(b"audio" in body for body in sent) > 10
    data = [block[6:] for block in b"".join(sent).decode().split("\n\n") if block]
    last = json.loads(data[-2])
    assert last.pop("railwright")["guard"]["action"] == "allow"
    assert [*map(json.loads, data[:-2]), last] == events[:-1]
    assert data[-1] == "[DONE]"


async def test_streams_are_recorded_once() -> None:
    found: list[tuple[str, str]] = []

    def sink(verdict: Any, text: str, call: Any, key: bytes) -> None:
        found.append((verdict.stage, text))

    guard = Guard(parse_policy(POLICY), sink=sink)
    events = deltas("A long text here.", 4, model="m one")
    await ask(made(App(sse(*events)), STREAM, guard=guard), HI)
    assert found == [("input", "hi"), ("output", "m one"), ("output", "A long text here.")]
