"""A few thousand of the inputs of the slow suite, always the same; hypothesis looks for others."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz import bulk, inputs, invariants, targets
from tests.fuzz.laws import TEXTS

from railwright.detectors import Detection
from railwright.guard import redact_whole

pytest.importorskip("re2", reason="the rule engine needs google-re2")

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_a_thousand_drawn_inputs_break_nothing() -> None:
    found = bulk.run(seed=2026, first=0, count=1000)
    assert found["failures"] == []
    assert found["inputs"] == 1000
    assert set(found["kinds"]) >= {"apart", "mixed", "random", "shaped", *targets.TARGETS}


def test_every_rule_has_values_and_every_disguise_is_seen_through() -> None:
    """Else the search for leaks would look for nothing."""
    engine = inputs.engine()
    assert {value.rule for value in inputs.values()} == {rule.id for rule in engine.rules}
    decoded = {rule.id for rule in engine.rules if rule.decoded}
    source = random.Random(1)
    for name in inputs.DISGUISES:
        chosen = [v for v in inputs.values() if v.rule in decoded and len(v.text) > 16]
        found = 0
        for value in source.sample(chosen, 40):
            text, hidden = inputs.disguised(value, name, source)
            found += hidden not in redact_whole(engine, text).text
        assert found >= 36, (name, found)


def test_a_leak_would_be_noticed() -> None:
    value = next(v for v in inputs.values() if v.rule == "email")
    at = len(value.before)
    planted = inputs.Planted("plain", value, value.text, value.secret, at)
    drawn = inputs.Input("apart", value.text, (planted,))
    found = inputs.engine().scan(value.text)
    invariants.check_gone(drawn, found)
    with pytest.raises(AssertionError, match="email stays"):
        invariants.check_gone(drawn, [])
    part = Detection(at, at + 3, "email", 1.0, "email", "pii")
    with pytest.raises(AssertionError, match="email stays"):
        invariants.check_gone(drawn, [part])


@QUICK
@given(TEXTS)
def test_redaction_leaves_nothing_that_a_rule_would_redact(text: str) -> None:
    invariants.check_redaction(inputs.engine(), text, fully=True)
    invariants.check_normal(text)


@QUICK
@given(TEXTS, st.integers(0, 10**6))
def test_streams_equal_the_whole(text: str, seed: int) -> None:
    at = seed % max(1, len(text) - invariants.STREAMED)
    text = text[at : at + invariants.STREAMED]
    invariants.check_streams(inputs.engine(), text, random.Random(seed))


@QUICK
@given(TEXTS, st.integers(0, 10**6))
def test_verdicts_hold_no_error(text: str, seed: int) -> None:
    guard = invariants.guards()[seed % 4]
    invariants.check_guard(guard, text, random.Random(seed), (), streamed=False)


@pytest.mark.parametrize("target", targets.TARGETS)
def test_mutated_bytes_break_no_target(target: str) -> None:
    source, known = random.Random(17), targets.seeds(target)
    for _ in range(60):
        targets.TARGETS[target](targets.mutated(target, known, source))
