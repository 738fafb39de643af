"""A service in the other jobs: guard rule, scorer and signal say what it said, once asked each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from railwright.cases import Case
from railwright.detectors import get, signal
from railwright.evaluate import evaluate_file, iter_samples, make_scorer
from railwright.guard import Guard, parse_policy
from railwright.targets import Response


def judged(call: Any) -> dict[str, Any]:
    bad = [item.count("kill") > 0 for item in _inputs(call.body)]
    return {
        "id": "m",
        "model": "omni-moderation-2024-09-26",
        "results": [
            {
                "flagged": hit,
                "categories": {"violence": hit},
                "category_scores": {"violence": 0.9 if hit else 0.01},
            }
            for hit in bad
        ],
    }


def _inputs(body: dict[str, Any]) -> list[str]:
    given = body["input"]
    items = [given] if isinstance(given, str) else given
    return [item if isinstance(item, str) else item["text"] for item in items]


@pytest.mark.usefixtures("keys")
def test_a_service_as_guard_rule_scorer_and_signal(wire: Any) -> None:
    wire.answer = judged
    url = f"{wire.url}/v1"
    detector = get("openai_moderation", url=url)
    policy = f"""schema: guard/v1
detectors: {{mod: {{kind: openai_moderation, url: "{url}"}}}}
rules: [{{id: r, stage: output, detector: mod, action: block, deadline: 30s}}]
"""
    g = Guard(parse_policy(policy))
    scorer = make_scorer("detector", detector=detector)
    for text, hit in (("kill them", True), ("hello", False)):
        found = detector.detect(text)
        verdict = g.check("output", text)
        assert not verdict.failed
        assert bool(found) == hit == (verdict.action == "block") == signal(detector)(text).flag
        assert [(d.start, d.end, d.label, d.score) for d in found] == [
            (d.start, d.end, d.label, d.score) for d in verdict.detections
        ]

    async def later(text: str) -> Any:
        waiting = scorer.score(Case("c", "x"), Response(text))
        return await waiting  # type: ignore[misc]

    import asyncio

    assert asyncio.run(later("kill them")).failed is True
    assert asyncio.run(later("hello")).failed is False


@pytest.mark.usefixtures("keys")
def test_a_service_that_is_down_is_no_score(
    wire: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.answer = lambda call: wire.say({"error": {"message": "no"}}, 503)
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "a", "input": "kill them"}) + "\n")
    (tmp_path / "echo_of_jobs.py").write_text("def answer(messages):\n    return 'kill them'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    detector = get("openai_moderation", url=f"{wire.url}/v1", attempts=1)
    scorer = make_scorer("detector", detector=detector)
    done = evaluate_file(
        tmp_path / "cases.jsonl", "python:echo_of_jobs:answer", scorer, tmp_path / "run"
    )
    assert done.statuses == {"judge_error": 1}
    (sample,) = iter_samples(tmp_path / "run")
    assert "openai_moderation" in sample.why
    assert (done.n, done.missing) == (0, 1)
