"""What shadow rules would have done, counted over sources from a real event log."""

from __future__ import annotations

from pathlib import Path

import pytest

from railwright.events import EventLog, read_events
from railwright.guard import Guard, GuardError, parse_policy, record_verdicts, shadow_report
from railwright.stats import clopper_pearson

POLICY = """
schema: guard/v1
rules:
  - {id: keys, stage: input, detector: secrets, action: block}
  - {id: mail, stage: input, detector: personal_data, labels: email, action: block, mode: shadow}
  - {id: iban, stage: output, detector: personal_data, labels: iban, action: redact, mode: shadow}
"""
KEY, MAIL, IBAN = "AKIAIOSFODNN7EXAMPLE", "ann@shop.example", "DE89 3704 0044 0532 0130 00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with EventLog(tmp_path) as log:
        guard = Guard(parse_policy(POLICY), sink=record_verdicts(log), key="k" * 16)
        for number, text in enumerate(["hello", f"write {MAIL}", f"write {MAIL}", KEY]):
            conversation = "one" if number in (1, 2) else f"c{number}"
            guard.check("input", text, conversation=conversation, channel="web")
        guard.check("input", f"{KEY} {MAIL}", conversation="c9", channel="mail")
        guard.check("output", f"to {IBAN}", conversation="c8", channel="mail")
    return tmp_path


def test_rates_are_over_sources_with_exact_bounds(folder: Path) -> None:
    found = shadow_report(read_events(folder))
    assert found.events == 6
    # Sources: c0, one (twice), c3, c9, c8.
    assert (found.stopped.k, found.stopped.n) == (2, 5)
    assert (found.would_stop.k, found.newly.k) == (3, 1)
    assert (found.newly.low, found.newly.high) == clopper_pearson(1, 5, 0.95)


def test_each_shadow_rule_says_where_it_asked_for_more(folder: Path) -> None:
    rules = {rule.rule: rule for rule in shadow_report(read_events(folder)).rules}
    assert set(rules) == {"mail", "iban"}
    assert rules["mail"].action == "block"
    assert (rules["mail"].found.k, rules["mail"].found.n) == (2, 5)
    assert rules["mail"].stricter.k == 1  # in c9 the key was stopped anyway
    assert rules["iban"].stricter.k == 1


def test_slices(folder: Path) -> None:
    found = shadow_report(read_events(folder), ("channel", "stage"))
    web, mail = found.slices["channel"]["web"], found.slices["channel"]["mail"]
    assert (web["newly"].k, web["newly"].n) == (1, 3)
    assert (mail["newly"].k, mail["newly"].n) == (0, 2)
    assert found.slices["stage"]["output"]["would_stop"].k == 0
    with pytest.raises(GuardError, match="no slice text"):
        shadow_report(read_events(folder), ("text",))


def test_no_events_is_no_claim() -> None:
    found = shadow_report([])
    assert (found.events, found.newly.estimate, found.newly.high) == (0, None, 1.0)
