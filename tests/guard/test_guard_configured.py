"""Detectors that a policy configures itself, asked over a real connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from railwright.guard import Guard, parse_policy

KEY = "k-very-secret-0123456789"
TEXT = "my very private text"
POLICY = """schema: guard/v1
tier: 2
detectors:
  moderation: {{kind: openai_moderation, url: "{url}", key_env: GUARD_KEY, {more}}}
rules:
  - {{id: hate, stage: input, detector: moderation, labels: [hte], action: block}}
"""


def policy(url: str, more: str = "attempts: 1") -> Any:
    return parse_policy(POLICY.format(url=url, more=more))


async def test_a_policy_configures_its_own_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_KEY", KEY)
    status, seen = 200, []

    async def moderate(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], (await request.json())["input"]))
        found = {"categories": {"hate": True}, "category_scores": {"hate": 0.9}, "flagged": True}
        failed = {"error": {"message": TEXT + KEY, "code": "bad_key"}}
        body = {"id": "1", "model": "m", "results": [found]} if status == 200 else failed
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/v1/moderations", moderate)
    async with TestServer(app) as server:
        url = str(server.make_url("/v1"))
        guard = Guard(policy(url))
        verdict = await guard.acheck("input", TEXT)
        (found,) = verdict.detections
        assert (verdict.action, found.detector, found.label) == ("block", "moderation", "hte")
        assert found.score == 0.9
        assert seen[0][0] == f"Bearer {KEY}"
        assert TEXT in str(seen[0][1])
        status = 401
        (reason,) = (await guard.acheck("input", TEXT)).reasons
    assert (reason.kind, reason.action) == ("error", "block")
    assert reason.detail.startswith("moderation: auth: ")
    assert "answered HTTP 401" in reason.detail
    assert "bad_key" in reason.detail
    assert TEXT not in reason.detail
    assert KEY not in reason.detail


def test_kind_and_options_are_part_of_the_digest() -> None:
    url = "http://localhost:9/v1"
    plans = [
        policy(url).plan(),
        policy(url, "attempts: 2").plan(),
        policy(url, "attempts: 1, thresholds: {hate: 0.5}").plan(),
        policy("http://localhost:8/v1").plan(),
    ]
    assert len({plan.digest for plan in plans}) == 4
    assert policy(url).plan().digest == plans[0].digest
    assert json.loads(json.dumps(plans[0].described()["configured"])) == {
        "moderation": {
            "kind": "openai_moderation",
            "url": url,
            "key_env": "GUARD_KEY",
            "attempts": 1,
        }
    }
