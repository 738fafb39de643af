"""What a status means, and how long an endpoint asks to wait."""

from __future__ import annotations

import email.utils

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.transport import (
    TransportError,
    error_for_status,
    outcome_of,
    parse_error_body,
    retry_after,
)

NOW = 1_790_000_000.0


def error(status: int, body: bytes = b"", **headers: str) -> TransportError:
    found = error_for_status(
        status, {k.replace("_", "-"): v for k, v in headers.items()}, body, now=NOW
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "fatal"),
    [
        (301, "config", False, True),
        (400, "application", False, False),
        (401, "auth", False, True),
        (403, "auth", False, True),
        (404, "config", False, True),
        (405, "config", False, True),
        (408, "timeout", True, False),
        (409, "server", True, False),
        (413, "application", False, False),
        (422, "application", False, False),
        (429, "rate_limit", True, False),
        (500, "server", True, False),
        (502, "server", True, False),
        (503, "server", True, False),
        (529, "server", True, False),
    ],
)
def test_each_status_has_one_meaning(status: int, kind: str, retryable: bool, fatal: bool) -> None:
    found = error(status)
    assert (found.kind, found.retryable, found.fatal) == (kind, retryable, fatal)
    assert found.status == status


def test_success_is_no_error() -> None:
    assert all(error_for_status(s, {}, b"") is None for s in (200, 201, 204))


def test_a_used_up_quota_is_not_worth_waiting_for() -> None:
    found = error(429, b'{"error": {"message": "no credit", "code": "insufficient_quota"}}')
    assert found.fatal
    assert not found.retryable
    assert "no credit" in str(found)


def test_an_unknown_model_is_a_wrong_configuration_whatever_the_status() -> None:
    body = b'{"error": {"message": "no such model", "code": "model_not_found"}}'
    assert error(400, body).kind == "config"
    assert error(404, body).kind == "config"


def test_a_redirect_names_the_address_to_use() -> None:
    assert "https://new.example/v1" in str(error(308, location="https://new.example/v1"))


def test_overload_is_what_cuts_concurrency() -> None:
    found = {s: outcome_of(error(s)) for s in (400, 408, 429, 500, 503, 529)}
    assert found == {
        400: "error", 408: "overload", 429: "overload",
        500: "error", 503: "overload", 529: "overload",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": email.utils.formatdate(NOW + 42, usegmt=True)}, 42.0),
        ({"retry-after": email.utils.formatdate(NOW - 42, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset": str(NOW + 12)}, 12.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset-requests": "5s", "x-ratelimit-remaining-requests": "3"}, None),
        (
            {
                "x-ratelimit-reset-requests": "60s",
                "x-ratelimit-remaining-requests": "3",
                "x-ratelimit-reset-tokens": "2s",
                "x-ratelimit-remaining-tokens": "0",
            },
            2.0,
        ),
        ({"anthropic-ratelimit-requests-reset": "2026-09-21T14:13:30Z"}, 10.0),
        ({}, None),
    ],
)
def test_retry_after_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=40))
def test_retry_after_of_anything_is_none_or_a_finite_wait(text: str) -> None:
    for name in ("retry-after", "retry-after-ms", "x-ratelimit-reset-requests"):
        found = retry_after({name: text}, NOW)
        assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "bad"}}', "bad"),
        (b'{"error": "bad"}', "bad"),
        (b'{"detail": "bad"}', "bad"),
        (b'{"message": "bad"}', "bad"),
        (b"plain  text\nhere", "plain text here"),
        (b'["a"]', "['a']"),
        (b"", ""),
        (b"\xff\xfe", "��"),
    ],
)
def test_error_bodies_of_every_shape(body: bytes, message: str) -> None:
    assert parse_error_body(body).message == message


@pytest.mark.parametrize(
    "error_object",
    [
        {"code": "content_filter", "message": "x"},
        {"type": "content_policy_violation"},
        {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
    ],
)
def test_content_filters_are_told_by_their_codes(error_object: dict[str, object]) -> None:
    assert parse_error_body(msgspec.json.encode({"error": error_object})).content_filter
    assert not parse_error_body(b'{"error": {"message": "content_filter"}}').content_filter


def test_long_bodies_are_quoted_shortly() -> None:
    assert len(str(error(500, b"x" * 10_000))) < 400


@given(st.binary(max_size=200))
def test_any_body_is_read(body: bytes) -> None:
    assert isinstance(parse_error_body(body).message, str)
