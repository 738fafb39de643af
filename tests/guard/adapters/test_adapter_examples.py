"""The examples of the guide, run as they stand against a server on loopback."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from tests.guard.adapters.adapter_server import IBAN, KEY, Loopback, completion, said
from tests.guard.adapters.responses_wire import response, text_item

PAGE = Path(__file__).parents[3] / "docs/how-to/guard-adapters.md"
EXAMPLES = dict(re.findall(r"^## (.+?)\n\n```python\n(.+?)^```", PAGE.read_text(), re.M | re.S))
NEEDS = {
    "OpenAI": ["openai"],
    "Anthropic": ["anthropic"],
    "LangChain": ["langchain_core", "langchain_openai"],
    "LlamaIndex": ["llama_index", "llama_index.llms.openai"],
    "OpenAI Agents SDK": ["agents"],
    "pydantic-ai": ["pydantic_ai", "openai"],
}
ANSWER = f"Yes; the key is {KEY}."


def answer(path: str, body: dict[str, Any]) -> Any:
    if path.endswith("/responses"):
        return response(text_item(ANSWER))
    if path.endswith("/chat/completions"):
        return said(ANSWER) if body.get("stream") else completion({"content": ANSWER})
    usage = {"input_tokens": 1, "output_tokens": 1}
    begun = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    at = {"index": 0}
    return [
        {"type": "message_start", "message": {**begun, "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", **at, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            **at,
            "delta": {"type": "text_delta", "text": ANSWER},
        },
        {"type": "content_block_stop", **at},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]


def test_there_is_an_example_for_each_adapter() -> None:
    assert list(EXAMPLES) == list(NEEDS)


@pytest.mark.parametrize("sdk", NEEDS)
def test_the_example_runs(
    sdk: str, server: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NEEDS[sdk]:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    server.answer, server.named = answer, sdk == "Anthropic"
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("OPENAI_API_BASE", f"{server.url}/v1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    exec(compile(EXAMPLES[sdk], f"{PAGE.name}: {sdk}", "exec"), {"__name__": "example"})
    shown = capsys.readouterr().out
    assert "Yes; the key is [" in shown
    assert KEY not in shown
    assert server.seen
    assert IBAN not in server.sent
    assert "[IBAN]" in server.sent
