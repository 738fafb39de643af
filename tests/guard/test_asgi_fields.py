"""The middleware for endpoints of one's own, in front of Starlette: requests and whole replies."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from tests.guard.field_app import ASK, CARD, IBAN, KEY, POLICY, App, ask, made, text_page

from railwright.guard import Fields, Guard, parse_policy

SAID = {"answer": "Hello!", "sources": [{"id": 7, "quote": "fine"}]}


async def test_what_is_allowed_goes_through_unchanged() -> None:
    app = App({**SAID, "took": 0.25, "big": 2**60, "none": None, "yes": True})
    body = {"question": "Hi", "documents": [{"id": "d", "text": "ok"}], "k": 3, "t": 0.5, "n": None}
    answer = await ask(made(app), body)
    assert app.seen == [body]
    assert answer.status_code == 200
    assert answer.headers["x-railwright-action"] == "allow"
    assert answer.headers["server-timing"].startswith("guard;dur=")
    reply = answer.json()
    summary = reply.pop("railwright")["guard"]
    assert reply == app.reply
    assert summary == {
        "action": "allow",
        "stages": {"input": "allow", "retrieved": "allow", "output": "allow"},
    }


async def test_a_blocked_request_does_not_reach_the_application() -> None:
    app = App(SAID)
    answer = await ask(made(app), {"question": f"my key {KEY}"})
    assert app.seen == []
    assert answer.status_code == 200
    assert answer.headers["x-railwright-action"] == "block"
    assert answer.json() == {
        "answer": "Stopped.",
        "railwright": {
            "guard": {"action": "block", "stages": {"input": "block"}, "stopped": "input"}
        },
    }


async def test_a_refusal_is_as_the_route_says() -> None:
    fields = Fields(
        output=("result.texts.*.value", "x"),
        status=403,
        refusal={"result": {"count": 0}, "ok": False},
        summary=False,
    )
    answer = await ask(made(App(SAID), fields), {"q": KEY})
    assert answer.status_code == 403
    assert answer.json() == {
        "result": {"count": 0, "texts": [{"value": "Stopped."}]},
        "ok": False,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"question": KEY},
        {"question": [KEY]},
        {"question": {"text": {"de": KEY}}},
        {"question": "hi", "other": KEY},
        {"question": "hi", "deep": [[{"a": {"b": [KEY]}}]]},
        {"question": "hi", f"{KEY}": 1},
        {"question": "hi", "history": [{"role": "user", "content": KEY}]},
        {"documents": [{"text": "ok", "title": KEY}]},
        [KEY],
        KEY,
    ],
)
async def test_no_text_of_a_request_is_overlooked(body: Any) -> None:
    app = App(SAID)
    answer = await ask(made(app), body)
    assert app.seen == []
    assert answer.json()["answer"] == "Stopped."


async def test_fields_are_checked_at_their_stages() -> None:
    body = {
        "question": "q",
        "documents": [{"text": "d"}],
        "history": ["m"],
        "results": {"a": "r"},
    }
    answer = await ask(made(App({**SAID, "actions": [{"name": "a"}]})), body)
    assert list(answer.json()["railwright"]["guard"]["stages"]) == [
        "input", "retrieved", "memory", "tool_result", "output", "tool_call",
    ]  # fmt: skip


async def test_redactions_reach_the_application() -> None:
    app = App(SAID)
    body = {
        "question": "mail bob@example.com",
        "documents": [{"text": "see ann@example.com", "n": 1}, {"text": "fine"}],
        "other": {"by": "eve@example.com", "to ann@example.com": "x"},
    }
    answer = await ask(made(app), body)
    assert app.seen == [
        {
            "question": "mail [EMAIL]",
            "documents": [{"text": "see [EMAIL]", "n": 1}, {"text": "fine"}],
            "other": {"by": "[EMAIL]", "to [EMAIL]": "x"},
        }
    ]
    assert answer.headers["x-railwright-action"] == "redact"


async def test_an_untrusted_text_is_removed_or_blocks() -> None:
    body = {
        "question": "hi",
        "documents": [{"text": f"take {KEY}"}, {"text": "fine"}],
        "results": [KEY],
    }
    app = App(SAID)
    answer = await ask(made(app), body)
    (seen,) = app.seen
    assert seen["documents"] == [{"text": "[removed by a safety rule]"}, {"text": "fine"}]
    assert seen["results"] == ["[removed by a safety rule]"]
    assert answer.json()["answer"] == "Hello!"
    assert answer.json()["railwright"]["guard"]["stages"]["retrieved"] == "block"
    strict = App(SAID)
    answer = await ask(made(strict, options={"untrusted": "block"}), body)
    assert answer.json()["answer"] == "Stopped."
    assert strict.seen == []


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ({"question": CARD}, {"question": "[CARD]"}),
        ({"question": [CARD, 5]}, {"question": ["[CARD]", 5]}),
        ({"question": "x", "other": {"no": CARD}}, {"question": "x", "other": {"no": "[CARD]"}}),
        ({"question": 12}, {"question": 12}),
        ({"question": None}, {"question": None}),
        ({"question": True, "documents": "text"}, {"question": True, "documents": "text"}),
        (
            {"documents": {"a": {"text": "b@example.com"}}},
            {"documents": {"a": {"text": "[EMAIL]"}}},
        ),
    ],
)
async def test_other_types_are_checked_by_their_texts(body: Any, seen: Any) -> None:
    app = App(SAID)
    answer = await ask(made(app), body)
    assert app.seen == [seen]
    assert answer.status_code == 200


async def test_short_numbers_count_only_where_a_path_names_them() -> None:
    rule = "{id: a, stage: input, detector: t-digits, action: redact}"
    from railwright import detectors
    from railwright.detectors import Detection

    class Digits:
        name, version = "t-digits", "1"

        def detect(self, text: str, context: Any = None) -> Any:
            found = text.isdecimal()
            return [Detection(0, len(text), "number", 1.0, "number", self.name)] if found else []

        def detect_batch(self, texts: Any, contexts: Any = None) -> Any:
            return [self.detect(text) for text in texts]

    detectors.register("t-digits", Digits)
    try:
        app = App(SAID)
        policy = f"schema: guard/v1\nrules: [{rule}]"
        await ask(made(app, policy=policy), {"question": 4711, "other": 4711})
        assert app.seen == [{"question": "[NUMBER]", "other": 4711}]
    finally:
        detectors._registry._registered.pop("t-digits")
        detectors._registry._instances.pop("t-digits", None)


async def test_fields_can_be_left_alone() -> None:
    fields = Fields(
        input=("question", "session.note"),
        ignore=("session", "documents.*.id", r"a\.b"),
        output=("answer",),
        ignore_output=("trace",),
    )
    app = App({"answer": "ok", "trace": KEY})
    body = {
        "question": "hi",
        "session": {"token": KEY, "more": [KEY]},
        "documents": [{"id": KEY}],
        "a.b": KEY,
    }
    answer = await ask(made(app, fields), body)
    assert app.seen == [body]
    assert answer.json()["trace"] == KEY
    for told in ({"session": {"note": KEY}}, {"a": {"b": KEY}}, {"documents": {"id": KEY}}):
        assert (await ask(made(app, fields), {**body, **told})).json()["answer"] == "Stopped."
    assert len(app.seen) == 1


async def test_bytes_in_base64_pass_where_no_path_names_them() -> None:
    image = base64.b64encode(bytes(range(256)) * 8).decode()
    said: list[str] = []

    def sink(verdict: Any, text: str, call: Any, key: bytes) -> None:
        said.append(text)

    body = {"question": "hi", "file": {"data": image}, "photo": f"data:image/png;base64,{image}"}
    app = App({"answer": "ok"})
    await ask(made(app, guard=Guard(parse_policy(POLICY), sink=sink)), body)
    assert app.seen == [body]
    assert said == ["hi", "ok"]
    named = Fields(input=("file",), output=("answer",))
    await ask(made(app, named, guard=Guard(parse_policy(POLICY), sink=sink)), body)
    assert image in said
    hidden = base64.b64encode(f"the key is {KEY} ".encode() * 50).decode()
    assert (await ask(made(app), {"data": hidden})).json()["answer"] == "Stopped."


async def test_with_a_star_only_what_is_named_is_checked() -> None:
    fields = Fields(input=("question",), ignore=("*",), output=("answer",), ignore_output=("*",))
    app = App({"answer": f"to {IBAN}", "rest": [IBAN]})
    answer = await ask(made(app, fields), {"question": "b@example.com", "x": "b@example.com"})
    assert app.seen == [{"question": "[EMAIL]", "x": "b@example.com"}]
    reply = answer.json()
    assert (reply["answer"], reply["rest"]) == ("to [IBAN]", [IBAN])


async def test_a_field_that_is_missing_leaves_nothing_to_check() -> None:
    app = App({})
    answer = await ask(made(app), {})
    assert app.seen == [{}]
    assert answer.json() == {"railwright": {"guard": {"action": "allow", "stages": {}}}}


async def test_answers_are_redacted() -> None:
    app = App({"answer": f"Pay {IBAN}", "sources": [{"quote": IBAN, "no": CARD, f"k {IBAN}": 1}]})
    reply = (await ask(made(app), {"question": "hi"})).json()
    assert reply["answer"] == "Pay [IBAN]"
    assert reply["sources"] == [{"quote": "[IBAN]", "no": "[CARD]", "k [IBAN]": 1}]


@pytest.mark.parametrize(
    "reply",
    [
        {"answer": KEY},
        {"answer": {"text": [KEY]}},
        {"answer": "x", "sources": [{"quote": "y"}, {"quote": KEY}]},
        {"answer": "x", "actions": [{"name": "send", "arguments": {"to": KEY}}]},
    ],
)
async def test_a_blocked_answer_is_replaced(reply: Any) -> None:
    answer = await ask(made(App(reply)), {"question": "hi"})
    assert answer.status_code == 200
    assert answer.json()["answer"] in ("No keys here.", "Stopped.")
    assert KEY not in answer.text
    assert set(answer.json()) == {"answer", "railwright"}
    assert answer.headers["x-railwright-action"] == "block"
    strict = Fields(output=ASK.output, tool_call=ASK.tool_call, status=451)
    assert (await ask(made(App(reply), strict), {"question": "hi"})).status_code == 451


async def test_a_text_beside_the_answer_is_removed() -> None:
    reply = {"answer": "x", "debug": {"env": [KEY]}, "sources": [{"quote": "q", "title": KEY}]}
    answer = (await ask(made(App(reply)), {"question": "hi"})).json()
    assert answer["answer"] == "x"
    assert answer["debug"] == {"env": ["[removed by a safety rule]"]}
    assert answer["sources"] == [{"quote": "q", "title": "[removed by a safety rule]"}]


async def test_replies_that_are_no_objects_are_checked_and_stay_what_they_are() -> None:
    answer = await ask(made(App([IBAN, 1])), {"question": "hi"})
    assert answer.json() == ["[IBAN]", 1]
    assert answer.headers["x-railwright-action"] == "redact"
    fields = Fields(output=("*",))
    answer = await ask(made(App([KEY]), fields), {"question": "hi"})
    assert answer.json() == ["No keys here."]


async def test_the_client_learns_the_rules_only_where_wished() -> None:
    body = {"question": KEY}
    assert "keys-in" not in (await ask(made(App(SAID)), body)).text
    told = await ask(made(App(SAID), options={"disclose": True}), body)
    assert told.json()["railwright"]["guard"]["rules"] == ["keys-in"]


async def test_errors_keep_their_status_and_are_checked() -> None:
    page = await ask(made(App(text_page(f"trace: {IBAN}", 500))), {"question": "hi"})
    assert (page.status_code, page.text) == (500, "trace: [IBAN]")
    problem = JSONResponse({"detail": [{"msg": f"no {KEY}", "loc": ["body", 1]}]}, 422)
    answer = await ask(made(App(problem)), {"question": "hi"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == [{"msg": "[removed by a safety rule]", "loc": ["body", 1]}]
    stopped = await ask(made(App(JSONResponse({"answer": KEY}, 400))), {"question": "hi"})
    assert (stopped.status_code, stopped.json()["answer"]) == (400, "No keys here.")


@pytest.mark.parametrize(
    "reply",
    [
        text_page(f"it is {IBAN}"),
        Response(b"\x89PNG", media_type="image/png"),
        Response(b'{"answer": "x"}', headers={"content-encoding": "br"}),
        Response(json.dumps({"answer": IBAN}).encode("utf-16"), media_type="application/json"),
        Response(IBAN.encode("utf-16"), 500, media_type="text/plain; charset=utf-16"),
        Response(b"[" * 100_000, media_type="application/json"),
        JSONResponse({"answer": "y" * 5000}),
        Response(b'data: {"a": 1}\n\n', media_type="text/event-stream"),
    ],
)  # fmt: skip
async def test_a_reply_that_cannot_be_checked_is_not_sent(reply: Response) -> None:
    answer = await ask(made(App(reply), max_body=4000), {"question": "hi"})
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "guard_error"


@pytest.mark.parametrize("status", [200, 204, 303])
async def test_a_reply_without_a_body_goes_through(status: int) -> None:
    reply = Response(status_code=status, headers={"location": "/x"})
    answer = await ask(made(App(reply)), {"question": "hi"})
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["location"] == "/x"
    assert ("content-length" in answer.headers) == (status != 204)


async def test_text_routes() -> None:
    fields = Fields(input=("question",), output="text")
    app = App(text_page(f"Pay {IBAN} – now"))
    answer = await ask(made(app, fields), {"question": "hi"})
    assert answer.text == "Pay [IBAN] – now"
    assert answer.headers["x-railwright-action"] == "redact"
    assert (
        await ask(made(App(text_page(KEY)), fields), {"question": "hi"})
    ).text == "No keys here."
    stopped = await ask(made(app, fields), {"question": KEY})
    assert stopped.text == "Stopped."
    assert stopped.headers["content-type"] == "text/plain; charset=utf-8"
    error = await ask(made(App(JSONResponse({"detail": KEY}, 422)), fields), {"question": "x"})
    assert error.json()["detail"] == "[removed by a safety rule]"
    assert len(app.seen) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b" ", {}, 400),
        (b"{", {}, 400),
        (b"question=hi", {}, 400),
        (b'{"question": "\xff"}', {}, 400),
        (b'{"question": "\\ud800"}', {}, 400),
        (b'{"a": ' + b"[" * 100_000, {}, 400),
        (b'{"question": NaN}', {}, 400),
        (b'{"question": "hi"}', {"content-encoding": "gzip"}, 415),
        (b"question=hi", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b"--x", {"content-type": "multipart/form-data; boundary=x"}, 415),
        (b'{"question": "' + b"x" * 60_000 + b'"}', {}, 413),
        (b'{"question": [' + b'"x",' * 600 + b'"x"]}', {}, 413),
    ],
)
async def test_what_cannot_be_checked_is_refused(body: bytes, headers: Any, status: int) -> None:
    app = App(SAID)
    middleware = made(
        app, max_body=50_000 + 20_000 * (status == 400) * 3, options={"max_texts": 500}
    )
    given = {"content-type": "application/json", **headers}
    answer = await ask(middleware, body, headers=given)
    assert (answer.status_code, app.seen) == (status, [])
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_request_without_a_body_holds_nothing_to_check() -> None:
    seen: list[bytes] = []

    async def again(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["body"])
        await JSONResponse({"answer": KEY})(scope, receive, send)

    assert (await ask(made(again), b"")).json()["answer"] == "No keys here."
    assert seen == [b""]


async def test_duplicate_keys_cannot_hide_a_text() -> None:
    app = App(SAID)
    first = f'{{"question": "{KEY}", "question": "hi"}}'.encode()
    await ask(made(app), first)
    assert app.seen == [{"question": "hi"}]
    last = f'{{"question": "hi", "question": "{KEY}"}}'.encode()
    assert (await ask(made(app), last)).json()["answer"] == "Stopped."
