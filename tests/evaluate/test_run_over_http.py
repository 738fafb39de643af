"""The runner against a real HTTP server on loopback: what endpoints do wrong."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from railwright.evaluate import FileSummary, Limits, evaluate_file_async, read_samples

Handler = Callable[[int, str], web.Response]
Run = Callable[[Handler], Any]


def chat(text: str) -> web.Response:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 11, "completion_tokens": 3}
    return web.json_response({"model": "m", "choices": [choice], "usage": usage})


@pytest.fixture
async def evaluate(tmp_path: Path) -> AsyncIterator[Run]:
    """Run ten cases against a server that answers by ``handler(number of the call, text)``."""
    cases = tmp_path / "cases.jsonl"
    rows = [{"id": f"c{i}", "input": f"q{i}", "expect": f"q{i}"} for i in range(10)]
    cases.write_text("".join(json.dumps(row) + "\n" for row in rows))
    runners: list[web.AppRunner] = []

    async def go(handler: Handler, **options: Any) -> FileSummary:
        calls = 0

        async def answer(request: web.Request) -> web.Response:
            nonlocal calls
            calls += 1
            body = await request.json()
            return handler(calls, body["messages"][-1]["content"])

        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = site._server
        assert server is not None
        port = server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        options.setdefault("limits", Limits(concurrency=4, backoff_s=0.001))
        target = f"openai:http://127.0.0.1:{port}/v1#m"
        return await evaluate_file_async(cases, target, "contains", tmp_path / "run", **options)

    yield go
    for runner in runners:
        await runner.cleanup()


async def test_answers_are_scored_and_tokens_counted(evaluate: Run, tmp_path: Path) -> None:
    summary = await evaluate(lambda _, text: chat(f"you said {text}"))
    assert (summary.n, summary.failures, summary.calls) == (10, 0, 10)
    assert (summary.input_tokens, summary.output_tokens) == (110, 30)
    sample = read_samples(tmp_path / "run", where={"case_id": "c3"})[0]
    assert (sample.output, sample.model, sample.finish) == ("you said q3", "m", "stop")
    assert json.loads(sample.raw)["usage"]["prompt_tokens"] == 11


async def test_a_429_storm_is_waited_out_as_the_server_asks(evaluate: Run) -> None:
    refused: list[float] = []

    def handler(number: int, text: str) -> web.Response:
        if number <= 4:
            refused.append(time.monotonic())
            return web.json_response({}, status=429, headers={"Retry-After": "1"})
        assert time.monotonic() >= refused[0] + 1
        return chat(text)

    summary = await evaluate(handler)
    assert (summary.reason, summary.n, summary.failures) == ("finished", 10, 0)
    assert summary.calls == 10 + len(refused)


async def test_malformed_json_from_the_model_is_an_app_error_of_that_sample(
    evaluate: Run, tmp_path: Path
) -> None:
    def handler(_: int, text: str) -> web.Response:
        if text == "q5":
            return web.Response(text='{"choices": [', content_type="application/json")
        return chat(text)

    summary = await evaluate(handler)
    assert summary.statuses == {"app_error": 1, "scored": 9}
    sample = read_samples(tmp_path / "run", where={"status": "app_error"})[0]
    assert (sample.case_id, sample.error_kind) == ("c5", "protocol")


async def test_a_wrong_key_ends_the_run_with_what_to_set(evaluate: Run) -> None:
    error = {"error": {"message": "Incorrect API key"}}
    summary = await evaluate(lambda *_: web.json_response(error, status=401))
    assert (summary.reason, summary.error_kind, summary.samples) == ("fatal", "auth", 0)
    assert "Incorrect API key" in summary.message
    assert summary.coverage == 0


async def test_an_endpoint_that_is_down_ends_the_run(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"id": "a", "input": "x", "expect": "x"}\n')
    summary = await evaluate_file_async(
        cases,
        f"openai:http://127.0.0.1:{port}/v1#m",
        "contains",
        tmp_path / "run",
        limits=Limits(backoff_s=0.001),
    )
    assert (summary.reason, summary.error_kind, summary.samples) == ("fatal", "connect", 0)
    assert str(port) in summary.message
