"""Every way in which a service can fail, for every adapter, and what callers see of it."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from railwright.detectors import (
    Context,
    Detection,
    Detector,
    DetectorTimeoutError,
    DetectorUnavailable,
    get,
    register,
)

# The server of conftest.py and what reached it; conftest modules cannot be imported from.
Wire = Any
Call = Any
KEY = "k-very-secret-0123456789"
TEXT = "my very private text"
ECHO = {"error": {"message": f"{TEXT} {KEY}", "code": "some_code"}, "detail": TEXT}
EXTRA: dict[str, dict[str, Any]] = {
    "openai_moderation": {},
    "azure_content_safety": {},
    "azure_prompt_shield": {},
    "bedrock_guardrails": {"guardrail": "g", "region": "eu-central-1"},
    "perspective": {},
    "presidio_http": {},
    "prompt_guard": {"key_env": "GUARD_KEY"},
    "llama_guard": {"key_env": "GUARD_KEY"},
    "qwen3guard": {"key_env": "GUARD_KEY"},
    "shieldgemma": {"guidelines": {}},
    "granite_guardian": {"risks": ["harm"]},
}
every = pytest.mark.parametrize("name", sorted(EXTRA))


def made(name: str, wire: Wire, **more: Any) -> Detector:
    return get(name, url=more.pop("url", wire.url), **{**EXTRA[name], **more})


def failure(detector: Detector) -> DetectorUnavailable:
    with pytest.raises(DetectorUnavailable) as caught:
        detector.detect(TEXT, Context(language="en"))
    told = "".join(traceback.format_exception(caught.value))
    assert TEXT not in told
    assert KEY not in told
    assert caught.value.message == str(caught.value)
    return caught.value


@every
def test_a_refused_key(name: str, wire: Wire) -> None:
    wire.answer = lambda call: wire.say(ECHO, 401)
    error = failure(made(name, wire))
    assert (error.kind, error.status, error.retry_after) == ("auth", 401, None)
    assert len(wire.calls) == 1
    assert "HTTP 401" in str(error)
    variable = made(name, wire).options.key_env  # type: ignore[attr-defined]
    assert f"set {variable} to a key that it accepts" in str(error) or not variable


@every
def test_a_missing_key_is_named_and_nothing_is_sent(
    name: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = made(name, wire)
    variable = detector.options.key_env  # type: ignore[attr-defined]
    variable = "AWS_SECRET_ACCESS_KEY" if name == "bedrock_guardrails" else variable
    if not variable:
        return
    monkeypatch.delenv(variable)
    error = failure(detector)
    assert error.kind == "auth"
    assert variable in str(error)
    assert wire.calls == []


@every
def test_too_many_calls_are_told_with_the_wait_and_the_service_is_left_alone(
    name: str, wire: Wire
) -> None:
    wire.answer = lambda call: wire.say(ECHO, 429, {"Retry-After": "7"})
    detector = made(name, wire, attempts=4)
    error = failure(detector)
    assert (error.kind, error.status, error.retry_after) == ("rate_limit", 429, 7.0)
    assert len(wire.calls) == 1
    again = failure(detector)
    assert again.kind == "rate_limit"
    assert again.retry_after is not None
    assert 0 < again.retry_after <= 7
    assert len(wire.calls) == 1


@every
def test_a_server_error_is_tried_again_within_limits(name: str, wire: Wire) -> None:
    wire.answer = lambda call: wire.say(ECHO, 500)
    error = failure(made(name, wire, attempts=3))
    assert (error.kind, error.status) == ("server", 500)
    assert "(some_code)" in str(error)
    assert len(wire.calls) == 3


@every
def test_no_answer_in_time(name: str, wire: Wire) -> None:
    wire.answer = lambda call: wire.say({}, after=30.0)
    begun = time.monotonic()
    error = failure(made(name, wire, timeout=0.2))
    assert time.monotonic() - begun < 20
    assert error.kind == "timeout"
    assert isinstance(error, DetectorTimeoutError)
    assert isinstance(error, TimeoutError)
    assert "no complete answer within 0.2 s" in str(error)


@every
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>busy</html>", b'{"results"', b"null", b"[1, 2]", b'"safe"', b'{"x": "\xff"}'],
)
def test_answers_that_are_no_answers(name: str, wire: Wire, body: bytes) -> None:
    wire.answer = lambda call: wire.say(body)
    assert failure(made(name, wire)).kind == "protocol"


@every
@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"category_scores": {"hate": TEXT}}]},
        {"categoriesAnalysis": [{"category": TEXT, "severity": KEY}]},
        {"attributeScores": {TEXT: {"summaryScore": {"value": KEY}}}},
        {"userPromptAnalysis": {"attackDetected": TEXT}},
        {"choices": [{"message": {"content": TEXT}}]},
        {"assessments": TEXT, "action": KEY},
        [{"entity_type": TEXT, "start": TEXT, "end": 1, "score": 1, "label": 3}],
    ],
)
def test_answers_of_the_wrong_shape_are_not_quoted(name: str, wire: Wire, body: Any) -> None:
    wire.answer = lambda call: wire.say(body)
    assert failure(made(name, wire)).kind == "protocol"


@every
def test_nobody_listens(name: str, wire: Wire) -> None:
    error = failure(made(name, wire, url=f"http://127.0.0.1:{unused_port()}", attempts=1))
    assert error.kind == "connect"
    assert wire.calls == []


@every
def test_a_redirect_is_not_followed_with_the_key(name: str, wire: Wire) -> None:
    wire.answer = lambda call: wire.say(b"", 307, {"Location": "http://example.invalid/"})
    assert failure(made(name, wire)).kind == "config"
    assert len(wire.calls) == 1


def test_a_huge_answer_is_dropped(wire: Wire) -> None:
    wire.answer = lambda call: wire.say(b"[" + b" " * (5 * 1024 * 1024) + b"]")
    assert failure(made("presidio_http", wire)).kind == "protocol"


@pytest.mark.parametrize(
    ("name", "status", "body", "headers", "kind", "code"),
    [
        (
            "bedrock_guardrails",
            400,
            {"message": TEXT},
            {"x-amzn-ErrorType": "ValidationException:http://internal"},
            "application",
            "ValidationException",
        ),
        (
            "perspective",
            400,
            {
                "error": {
                    "code": 400,
                    "message": TEXT,
                    "status": "INVALID_ARGUMENT",
                    "details": [{"errorType": "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"}],
                }
            },
            {},
            "application",
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        ),
        (
            "azure_content_safety",
            400,
            {"error": {"code": "InvalidRequestBody", "message": TEXT}},
            {},
            "application",
            "InvalidRequestBody",
        ),
        (
            "prompt_guard",
            429,
            {"error": "Model is overloaded", "error_type": "Overloaded"},
            {},
            "rate_limit",
            "Overloaded",
        ),
        ("presidio_http", 500, {"error": TEXT}, {}, "server", ""),
        (
            "openai_moderation",
            429,
            {"error": {"code": "insufficient_quota", "type": "insufficient_quota"}},
            {},
            "rate_limit",
            "insufficient_quota",
        ),
    ],
)
def test_error_codes_of_each_service(
    wire: Wire, name: str, status: int, body: Any, headers: dict[str, str], kind: str, code: str
) -> None:
    wire.answer = lambda call: wire.say(body, status, headers)
    error = failure(made(name, wire, attempts=1))
    assert error.kind == kind
    assert str(error).endswith(f"({code})") or not code


def test_a_pause_ends(wire: Wire) -> None:
    answers: list[Any] = [wire.say({}, 503, {"Retry-After": "0.2"}), []]
    wire.answer = lambda call: answers.pop(0)
    detector = made("presidio_http", wire)
    assert failure(detector).retry_after == pytest.approx(0.2)
    time.sleep(0.3)
    assert detector.detect(TEXT) == []


def test_a_failure_that_passes_is_not_seen(wire: Wire) -> None:
    answers: list[Any] = [wire.say({}, 502), []]
    wire.answer = lambda call: answers.pop(0)
    assert made("presidio_http", wire).detect(TEXT) == []


def person(call: Call) -> list[dict[str, Any]]:
    size = len(call.body["text"])
    return [{"entity_type": "PERSON", "start": 0, "end": size, "score": 0.5}]


def test_an_empty_text_is_not_sent(wire: Wire) -> None:
    wire.answer = person
    detector = made("presidio_http", wire)
    assert detector.detect("") == []
    assert detector.detect_batch(["", ""]) == [[], []]
    assert wire.calls == []


def test_surrogates_are_sent_as_question_marks_of_the_same_length(wire: Wire) -> None:
    wire.answer = person
    found = made("presidio_http", wire).detect("a\ud800b")
    assert wire.calls[0].body["text"] == "a?b"
    assert found == [Detection(0, 3, "person", 0.5, "PERSON", "presidio_http")]


def test_batches_keep_their_order_and_the_limit(wire: Wire) -> None:
    wire.answer = lambda call: wire.say(person(call), after=0.02)
    texts = ["x" * (n % 7 + 1) for n in range(40)]
    found = made("presidio_http", wire, concurrency=4).detect_batch(texts)
    assert [hits[0].end for hits in found] == [len(text) for text in texts]
    assert 1 < wire.most <= 4
    with pytest.raises(ValueError, match="shorter"):
        made("presidio_http", wire).detect_batch(texts, [None])


def test_the_first_failure_ends_a_batch(wire: Wire) -> None:
    wire.answer = lambda call: wire.say({}, 401)
    with pytest.raises(DetectorUnavailable, match="HTTP 401"):
        made("presidio_http", wire, concurrency=1).detect_batch(["a"] * 20)
    assert len(wire.calls) < 5


async def test_detect_works_inside_a_running_loop(wire: Wire) -> None:
    wire.answer = person
    detector = made("presidio_http", wire)
    assert detector.detect("abc")[0].end == 3
    assert (await detector.adetect("abcd"))[0].end == 4  # type: ignore[attr-defined]
    many = await detector.adetect_batch(["a", "bb"])  # type: ignore[attr-defined]
    assert [hits[0].end for hits in many] == [1, 2]


def test_many_threads_and_short_lived_loops_share_one_detector(wire: Wire) -> None:
    wire.answer = person
    detector = made("presidio_http", wire)

    def plain(size: int) -> int:
        return detector.detect("x" * size)[0].end

    def looped(size: int) -> int:
        async def ask() -> list[Detection]:
            found: list[Detection] = await detector.adetect("x" * size)  # type: ignore[attr-defined]
            return found

        return asyncio.run(ask())[0].end

    sizes = list(range(1, 41))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(plain, sizes)) == sizes
        assert list(pool.map(looped, sizes)) == sizes
    threads = [t for t in threading.enumerate() if t.name == "railwright-hosted"]
    assert len(threads) == 1


async def test_cancelling_ends_the_call(wire: Wire) -> None:
    wire.answer = lambda call: wire.say([], after=30.0)
    detector = made("presidio_http", wire, timeout=60)
    task = asyncio.ensure_future(detector.adetect("x"))  # type: ignore[attr-defined]
    while not wire.calls:  # noqa: ASYNC110 - the server runs in another thread
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wire.answer = person
    assert (await detector.adetect("xy"))[0].end == 2  # type: ignore[attr-defined]


def test_a_closed_detector_opens_again(wire: Wire) -> None:
    wire.answer = person
    detector = made("presidio_http", wire)
    detector.detect("a")
    detector.close()  # type: ignore[attr-defined]
    detector.close()  # type: ignore[attr-defined]
    assert detector.detect("ab")[0].end == 2


def test_a_guard_turns_failures_into_what_its_policy_says(wire: Wire) -> None:
    from railwright.guard import Guard, parse_policy

    register("remote_names", lambda: made("presidio_http", wire, timeout=0.2, attempts=1))
    policy = """\
schema: guard/v1
rules:
  - id: names
    stage: input
    detector: remote_names
    action: redact
    on_error: closed
    on_timeout: ask
    deadline: 10s
"""
    guard = Guard(parse_policy(policy))
    wire.answer = person
    assert guard.check("input", "Ada").text == "[PERSON]"
    wire.answer = lambda call: wire.say({}, 500)
    broken = guard.check("input", "Ada")
    assert (broken.action, broken.reasons[0].kind) == ("block", "error")
    wire.answer = lambda call: wire.say([], after=30.0)
    late = guard.check("input", "Ada")
    assert (late.action, late.reasons[0].kind) == ("ask", "timeout")
