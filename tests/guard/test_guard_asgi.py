"""The middleware in front of a real ASGI application, streamed and not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.guard.asgi_client import ChatApp, post, user

from railwright.guard import ChatOptions, Guard, GuardMiddleware, parse_policy

IBAN = "DE89 3704 0044 0532 0130 00"
KEY = "AKIAIOSFODNN7EXAMPLE"
POLICY = """
schema: guard/v1
message: Stopped.
rules:
  - {id: keys-in, stage: [input, memory, tool_result, retrieved], detector: secrets, action: block}
  - {id: mail-in, stage: [input, retrieved, memory, tool_result], detector: personal_data,
     labels: email, action: redact}
  - {id: iban-out, stage: output, detector: personal_data, labels: iban, action: redact}
  - {id: keys-out, stage: output, detector: secrets, action: block, message: No keys here.}
  - {id: calls, stage: tool_call, detector: personal_data, labels: email, action: redact}
  - {id: key-calls, stage: tool_call, detector: secrets, action: block}
"""


def made(app: ChatApp, policy: str = POLICY, **options: Any) -> GuardMiddleware:
    return GuardMiddleware(app, Guard(parse_policy(policy)), options=ChatOptions(**options))


def says(text: str) -> ChatApp:
    return ChatApp(lambda body: {"content": text})


def streams(*pieces: str, **options: Any) -> ChatApp:
    return ChatApp(lambda body: [{"content": piece} for piece in pieces], **options)


async def test_what_is_allowed_goes_through_unchanged() -> None:
    app = says("Hello!")
    body = user("Hi", temperature=0.5, documents=[{"id": "d", "text": "fine"}], seed=2**60)
    answer = await post(made(app), body, cut=3)
    assert app.seen == [body]
    assert answer.status == 200
    assert answer.reply.text == "Hello!"
    assert answer.headers["x-railwright-action"] == "allow"
    assert answer.headers["server-timing"].startswith("guard;dur=")
    summary = answer.json["railwright"]["guard"]
    assert summary["action"] == "allow"
    assert summary["stages"] == {"input": "allow", "retrieved": "allow", "output": "allow"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_request_does_not_reach_the_application(stream: bool) -> None:
    app = says("never")
    answer = await post(made(app), user(f"my key {KEY}", stream=stream))
    assert app.seen == []
    assert answer.status == 200
    assert answer.reply.blocked  # what our own target reads as a filter's answer
    assert answer.reply.text == "Stopped."
    assert answer.reply.railwright["guard"] == {
        "action": "block",
        "stages": {"input": "block"},
        "stopped": "input",
    }
    assert answer.headers["x-railwright-action"] == "block"
    assert KEY.encode() not in answer.body


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": KEY}],
        [{"role": "developer", "content": KEY}],
        [{"role": "assistant", "content": KEY}, {"role": "user", "content": "hi"}],
        [{"role": "strange", "content": KEY}],
        [{"role": "user", "content": [{"type": "text", "text": KEY}]}],
        [{"role": "user", "content": [{"type": "text", "text": f"{KEY[:9]}"}, {"text": KEY[9:]}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}, KEY]}],
        [{"role": "user", "content": "hi", "name": KEY}],
        [
            {
                "role": "assistant",
                "tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"a": [KEY]})}}],
            }
        ],
        [{"role": "assistant", "function_call": {"name": "f", "arguments": KEY}}],
    ],
)
async def test_no_place_of_a_message_is_overlooked(messages: Any) -> None:
    app = says("never")
    answer = await post(made(app), {"messages": messages})
    assert app.seen == []
    assert answer.reply.blocked


async def test_trusted_roles_are_left_alone() -> None:
    app = says("fine")
    body = {"messages": [{"role": "system", "content": KEY}, {"role": "user", "content": "hi"}]}
    await post(made(app, trusted_roles=frozenset({"system"})), body)
    assert app.seen == [body]


async def test_redactions_reach_the_application() -> None:
    app = says("ok")
    content = [{"type": "text", "text": "I am bob@"}, {"type": "text", "text": "example.com, ok"}]
    body = {
        "messages": [
            {"role": "user", "content": "mail bob@example.com"},
            {"role": "user", "content": content},
        ],
        "documents": ["see ann@example.com", {"text": "x", "meta": {"by": "eve@example.com"}}],
    }
    answer = await post(made(app), body)
    (seen,) = app.seen
    assert seen["messages"][0]["content"] == "mail [EMAIL]"
    assert [part["text"] for part in seen["messages"][1]["content"]] == ["I am [EMAIL], ok", ""]
    assert seen["documents"] == ["see [EMAIL]", {"text": "x", "meta": {"by": "[EMAIL]"}}]
    assert answer.headers["x-railwright-action"] == "redact"


async def test_an_untrusted_text_is_removed_or_blocks() -> None:
    body = user("hi", documents=[{"id": "a", "text": f"take {KEY}"}, {"id": "b", "text": "fine"}])
    body["messages"].insert(0, {"role": "tool", "content": KEY, "tool_call_id": "1"})
    app = says("ok")
    answer = await post(made(app), body)
    assert [d["text"] for d in app.seen[0]["documents"]] == ["[removed by a safety rule]", "fine"]
    assert app.seen[0]["messages"][0]["content"] == "[removed by a safety rule]"
    assert answer.reply.text == "ok"
    assert answer.json["railwright"]["guard"]["stages"]["retrieved"] == "block"
    strict = says("never")
    assert (await post(made(strict, untrusted="block"), body)).reply.blocked
    assert strict.seen == []


async def test_answers_are_redacted() -> None:
    def answer(body: Any) -> Any:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
        call["function"]["arguments"] = '{"to": "bob\\u0040example.com", "n": 3}'  # type: ignore[index]
        context = {"passages": [{"id": "1", "text": f"from {IBAN}"}]}
        return {"content": f"Pay {IBAN}", "tool_calls": [call], "context": context}

    message = (await post(made(ChatApp(answer)), user("hi"))).json["choices"][0]["message"]
    assert message["content"] == "Pay [IBAN]"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {
        "to": "[EMAIL]",
        "n": 3,
    }
    assert message["context"] == {"passages": [{"id": "1", "text": "from [IBAN]"}]}


@pytest.mark.parametrize(
    "message",
    [
        {"content": f"it is {KEY}"},
        {"content": "fine", "reasoning_content": KEY},
        {"content": [{"type": "text", "text": KEY}]},
        {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": KEY}}]},
        {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"x": KEY}}}]},
        {"content": None, "function_call": {"name": "f", "arguments": f'{{"{KEY}": 1}}'}},
    ],
)
async def test_a_blocked_answer_is_replaced(message: Any) -> None:
    answer = await post(made(ChatApp(lambda body: message)), user("hi"))
    assert answer.reply.blocked
    assert answer.reply.tool_calls == ()
    assert answer.reply.text in ("No keys here.", "Stopped.")
    assert KEY.encode() not in answer.body


async def test_the_client_learns_the_rules_only_where_wished() -> None:
    plain = await post(made(says(KEY)), user("hi"))
    assert b"keys-out" not in plain.body
    told = (await post(made(says(KEY), disclose=True), user("hi"))).json["railwright"]["guard"]
    assert told["rules"] == ["keys-out"]
    assert told["plan"].startswith("sha256:")
    assert told["would"] == "block"


@pytest.mark.parametrize("cut", [1, 7, 10_000])
@pytest.mark.parametrize("pieces", [1, 3, 40])
async def test_streams_are_redacted_whatever_the_cut(cut: int, pieces: int) -> None:
    text = f"Pay to {IBAN} until Friday – thank you."
    size = -(-len(text) // pieces)
    app = streams(*(text[n : n + size] for n in range(0, len(text), size)), cut=cut)
    answer = await post(made(app), user("hi", stream=True))
    assert answer.reply.text == "Pay to [IBAN] until Friday – thank you."
    assert answer.reply.finish == "stop"
    assert answer.reply.railwright["guard"]["action"] == "redact"
    assert answer.reply.input_tokens == 1


async def test_rule_packs_release_a_stream_as_it_comes() -> None:
    pytest.importorskip("re2")
    policy = "schema: guard/v1\nrules: [{id: a, stage: output, detector: pii, action: redact}]"
    words = [f"word{n}" for n in range(14)]
    pieces = [word + " " for word in words] + ["Pay ", *IBAN, " today."]
    answer = await post(made(streams(*pieces, cut=90), policy), user("hi", stream=True))
    assert answer.reply.text == "".join(pieces).replace(IBAN, "[IBAN]")
    shown = [e["choices"][0]["delta"].get("content", "") for e in answer.events if e["choices"]]
    assert len([text for text in shown if text]) > len(words) // 2


@pytest.mark.parametrize(("action", "held"), [("redact", True), ("flag", False)])
async def test_a_stream_that_is_never_ended_is_flushed(action: str, held: bool) -> None:
    rule = f"{{id: a, stage: output, detector: personal_data, action: {action}}}"
    app = streams("Pay ", IBAN, ends=False)
    answer = await post(made(app, f"schema: guard/v1\nrules: [{rule}]"), user("hi", stream=True))
    text = "".join(e["choices"][0]["delta"].get("content", "") for e in answer.events)
    assert text == ("Pay [IBAN]" if action == "redact" else f"Pay {IBAN}")
    *before, last = answer.events
    assert not any("railwright" in event for event in before)
    told = {"action": action, "stages": {"input": "allow", "output": action}}
    assert last["railwright"]["guard"] == told
    assert last["choices"][0]["finish_reason"] is None
    assert last["choices"][0]["delta"] == ({"content": text} if held else {})


@pytest.mark.parametrize("hold", [False, True])
async def test_a_blocked_stream_shows_nothing_of_what_was_found(hold: bool) -> None:
    pytest.importorskip("re2")
    rule = "{id: keys-out, stage: output, detector: secrets, action: block, message: No keys.}"
    app = streams("The key ", "is AKIAIOS", "FODNN7EXAMPLE", " and ", "more", " text.")
    policy = f"schema: guard/v1\nrules: [{rule}]"
    answer = await post(made(app, policy, hold=hold), user("hi", stream=True))
    assert answer.reply.blocked
    assert answer.reply.text == ("No keys." if hold else "The key is ")
    assert b"AKIAIOS" not in answer.body
    assert answer.reply.railwright["guard"]["stopped"] == "output"


async def test_streamed_tool_calls_wait_until_they_are_whole() -> None:
    def answer(body: Any) -> Any:
        first = {"index": 0, "id": "c1", "type": "function"}
        start = {**first, "function": {"name": "send", "arguments": ""}}
        pieces = ['{"to": "bob', "@exam", 'ple.com"}']
        more = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
        return [{"role": "assistant", "tool_calls": [item]} for item in [start, *more]]

    (call,) = (await post(made(ChatApp(answer)), user("hi", stream=True))).reply.tool_calls
    assert (call.name, call.id) == ("send", "c1")
    assert json.loads(call.arguments) == {"to": "[EMAIL]"}


async def test_a_streamed_tool_call_can_be_stopped() -> None:
    def answer(body: Any) -> Any:
        pieces = ['{"k": "AKIAIOS', 'FODNN7EXAMPLE"}']
        return [
            {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": piece}}]}
            for piece in pieces
        ]

    reply = (await post(made(ChatApp(answer)), user("hi", stream=True))).reply
    assert reply.blocked
    assert reply.tool_calls == ()


async def test_errors_and_pages_are_checked_too() -> None:
    page = (500, "text/html", f"trace: {IBAN}".encode())
    answer = await post(made(ChatApp(lambda body: page)), user("hi"))
    assert (answer.status, answer.body) == (500, b"trace: [IBAN]")
    error = json.dumps({"error": {"message": f"no {KEY}", "code": 2**40}}).encode()
    answer = await post(made(ChatApp(lambda body: (429, "application/json", error))), user("hi"))
    assert answer.status == 429
    assert answer.json == {"error": {"message": "[removed by a safety rule]", "code": 2**40}}
    broken = b"data: {\ndata: " + KEY.encode() + b"\n\ndata: [DONE]\n\n"
    answer = await post(
        made(ChatApp(lambda body: (200, "text/event-stream", broken))), user("x", stream=True)
    )
    assert KEY.encode() not in answer.body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"messages": "hi"}', 400),
        (b'{"messages": ["hi"]}', 400),
        (b'{"messages": [], "x": ' + b"[" * 100_000, 400),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400),
        (b'{"messages": [], "documents": [' + b'"",' * 20_000 + b'""]}', 413),
    ],
)
async def test_what_cannot_be_checked_is_refused(body: bytes, status: int) -> None:
    app = says("never")
    answer = await post(made(app), body)
    assert (answer.status, app.seen) == (status, [])
    assert answer.json["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; x"])
async def test_a_form_is_refused(kind: str) -> None:
    app = says("never")
    answer = await post(made(app), user("hi"), headers={"content-type": kind})
    assert (answer.status, app.seen) == (415, [])


async def test_encodings_and_lengths_that_hide_a_text_are_refused() -> None:
    app = says("never")
    answer = await post(made(app), user("hi"), headers={"content-encoding": "gzip"})
    assert answer.status == 415
    small = GuardMiddleware(app, Guard(parse_policy(POLICY)), max_body=100)
    assert (await post(small, user("x" * 200))).status == 413
    assert app.seen == []

    async def encoded(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-encoding", b"br")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x0b\x02"})

    answer = await post(GuardMiddleware(encoded, Guard(parse_policy(POLICY))), user("hi"))
    assert answer.status == 502
    long = GuardMiddleware(says("y" * 500), Guard(parse_policy(POLICY)), max_body=300)
    assert (await post(long, user("hi"))).status == 502


async def test_duplicate_keys_cannot_hide_a_message() -> None:
    app = says("ok")
    bad = json.dumps([{"role": "user", "content": KEY}])
    good = json.dumps([{"role": "user", "content": "hi"}])
    await post(made(app), f'{{"messages": {bad}, "messages": {good}}}'.encode())
    assert app.seen == [{"messages": [{"role": "user", "content": "hi"}]}]
    assert (
        await post(made(says("x")), f'{{"messages": {good}, "messages": {bad}}}'.encode())
    ).reply.blocked


async def test_only_plain_replies_are_asked_for_and_no_side_doors_left() -> None:
    app = says("ok")
    await post(made(app), user("hi"), headers={"accept-encoding": "gzip, br"})
    asked = [v for k, v in app.scopes[0]["headers"] if k == b"accept-encoding"]
    assert asked == [b"identity"]
    assert app.scopes[0]["extensions"] == {}


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/", "//v1//chat/completions", "/a/chat/completions"]
)
async def test_other_spellings_of_the_path_are_guarded(path: str) -> None:
    app = says("never")
    assert (await post(made(app), user(KEY), path=path)).reply.blocked


async def test_other_paths_go_through() -> None:
    app = says("ok")
    answer = await post(made(app), user(KEY), path="/v1/embeddings")
    assert app.seen == [user(KEY)]
    assert "railwright" not in answer.json


async def test_tenant_and_conversation_come_from_headers() -> None:
    rule = "{id: a, stage: input, detector: secrets, action: block, tenants: acme}"
    policy = f"schema: guard/v1\nrules: [{rule}]"
    app = says("ok")
    assert (await post(made(app, policy), user(KEY), headers={"X-Tenant": "acme"})).reply.blocked
    assert not (await post(made(app, policy), user(KEY), headers={"X-Tenant": "b"})).reply.blocked


async def test_a_detector_that_fails_stops_the_request() -> None:
    from railwright import detectors

    class Broken:
        name, version = "t-broken", "1"

        def detect(self, text: str, context: Any = None) -> Any:
            raise ConnectionError("down")

        def detect_batch(self, texts: Any, contexts: Any = None) -> Any:
            raise ConnectionError("down")

    detectors.register("t-broken", Broken)
    try:
        policy = (
            "schema: guard/v1\nrules: [{id: a, stage: input, detector: t-broken, action: redact}]"
        )
        app = says("never")
        assert (await post(made(app, policy), user("hi"))).reply.blocked
        assert app.seen == []
    finally:
        detectors._registry._registered.pop("t-broken")
        detectors._registry._instances.pop("t-broken", None)


async def test_other_connections_are_not_touched() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    middleware = GuardMiddleware(app, Guard(parse_policy(POLICY)))
    for kind in ("lifespan", "websocket"):
        await middleware({"type": kind}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan", "websocket"]
