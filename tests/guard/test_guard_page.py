"""The example of an application with endpoints of its own, run as it stands in the reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.guard.field_app import IBAN, KEY, ask

STREAMING = Path(__file__).parents[2] / "docs/reference/guard-streaming.md"
PAGE = Path(__file__).parents[2] / "docs/reference/guard.md"
SECTION = PAGE.read_text().split("### Endpoints of your own\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"^```python\n(.+?)^```", SECTION, re.M | re.S)


def ran(block: str, **names: Any) -> dict[str, Any]:
    exec(compile(block, PAGE.name, "exec"), names)
    return names


async def test_the_example_runs() -> None:
    pytest.importorskip("re2")
    app = ran(BLOCKS[0])["app"]
    body = {"question": f"Is {IBAN} mine?", "documents": [{"text": "Ask us."}]}
    reply = (await ask(app, body)).json()
    assert reply.pop("railwright")["guard"]["action"] == "redact"
    assert reply == {"answer": "You asked: Is [IBAN] mine?", "sources": [{"quote": "Ask us."}]}
    said = '{"answer": "You asked: Is [IBAN] mine?", "sources": [{"quote": "Ask us."}]'
    assert said in BLOCKS[0]
    stopped = await ask(app, {"question": "x", "documents": [{"text": KEY}]})
    assert KEY not in stopped.text


def test_the_other_settings_can_be_used() -> None:
    from railwright.guard import Fields

    assert len(BLOCKS) == 2
    ran(BLOCKS[1], Fields=Fields)


def test_the_own_source_of_the_streaming_page_runs() -> None:
    from railwright.guard import StreamRedactor, redact_whole

    block = re.findall(r"^```python\n(.+?)^```", STREAMING.read_text(), re.M | re.S)[-1]
    stars = ran(block, StreamRedactor=StreamRedactor)["Stars"]()
    assert redact_whole(stars, "a * b").text == "a [STAR] b"
    assert '"a * b")  # a [STAR] b' in block
    text = "*".join("word" for _ in range(5000))
    stream = StreamRedactor(stars)
    out = "".join([*map(stream.feed, text), stream.close()])
    assert out == text.replace("*", "[STAR]")
