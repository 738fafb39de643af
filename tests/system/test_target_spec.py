"""Target specifications and units: what is read, and what is said where they cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.system import (
    Money,
    TargetSpec,
    TargetSpecError,
    format_duration,
    parse_duration,
    parse_money,
    parse_target_spec,
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (
            "openai:http://127.0.0.1:8731/v1#support-bot",
            TargetSpec("openai", "http://127.0.0.1:8731/v1", "support-bot"),
        ),
        (
            "openai:https://x.example/v1/#org/m:0.5b",
            TargetSpec("openai", "https://x.example/v1", "org/m:0.5b"),
        ),
        ("http:http://h:1/p?q=1", TargetSpec("http", "http://h:1/p?q=1")),
        ("https://h/p", TargetSpec("http", "https://h/p")),
        ("http://h/p", TargetSpec("http", "http://h/p")),
        ("python:app.bot:answer", TargetSpec("python", "app.bot", function="answer")),
        ("python:m:Class.method", TargetSpec("python", "m", function="Class.method")),
        ("replay:runs/a b", TargetSpec("replay", "runs/a b")),
    ],
)
def test_forms(text: str, spec: TargetSpec) -> None:
    assert parse_target_spec(text) == spec
    assert parse_target_spec(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("openai:http://h/v1", "no model"),
        ("openai:http://h/v1#", "no model"),
        ("openai:h/v1#m", "URL"),
        ("openai:http://h/v1/chat/completions#m", "/chat/completions"),
        ("openai:http://user:pw@h/v1#m", "credentials"),
        ("http:http://h:port/", "URL"),
        ("http:ftp://h/", "URL"),
        ("http:http://h/a b", "URL"),
        ("python:app", "function"),
        ("python:app:", "function"),
        ("python:a-b:f", "function"),
        ("replay:", "run"),
        ("gpt-5", "kind"),
        ("", "kind"),
    ],
)
def test_faults_say_what_to_write(text: str, word: str) -> None:
    with pytest.raises(TargetSpecError, match=word) as caught:
        parse_target_spec(text)
    assert caught.value.mend


def test_credentials_are_not_repeated() -> None:
    with pytest.raises(TargetSpecError) as caught:
        parse_target_spec("http:http://user:hunter2@h/")
    assert "hunter2" not in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        spec = parse_target_spec(text)
    except TargetSpecError:
        return
    assert parse_target_spec(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 2_592_000),
        ("12h", 43_200),
        ("5min", 300),
        ("5m", 300),
        ("60s", 60),
        ("250ms", 0.25),
        ("2w", 1_209_600),
        ("1.5 h", 5400),
        (60, 60),
        (0.5, 0.5),
    ],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "d", "-1d", "0s", "3 parsecs", "1e9d", True, "99999d"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|positive"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(1, 3_650 * 86_400), st.integers(0, 999))
def test_durations_round_trip(seconds: int, milliseconds: int) -> None:
    duration = timedelta(seconds=seconds - 1, milliseconds=milliseconds + 1)
    assert parse_duration(format_duration(duration)) == duration


def test_money() -> None:
    assert parse_money("2 EUR") == Money(2.0, "EUR")
    assert str(parse_money("0.50USD")) == "0.5 USD"
    for bad in ("2", "EUR", "2 eur", "-1 EUR", 2, None):
        with pytest.raises(ValueError, match="2 EUR"):
            parse_money(bad)
