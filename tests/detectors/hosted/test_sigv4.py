"""Signature Version 4 against vectors that AWS publishes, and two made with AWS's own client."""

from __future__ import annotations

import datetime as dt

import pytest

from railwright.detectors.hosted._sigv4 import (
    Credentials,
    Scope,
    canonical_request,
    signed_headers,
)

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "https://example.amazonaws.com"
SUITE = Scope("us-east-1", "service", dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC))
BEDROCK = Scope("eu-central-1", "bedrock", dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC))
RUNTIME = "https://bedrock-runtime.eu-central-1.amazonaws.com"
JSON = {"Content-Type": "application/json"}


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


# The aws-sig-v4-test-suite: access key AKIDEXAMPLE, 30 August 2015.
@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "expected"),
    [
        pytest.param(
            "GET",
            "/",
            {},
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            id="get-vanilla",
        ),
        pytest.param(
            "POST",
            "/",
            {},
            b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            "GET",
            "/?Param1=value1",
            {},
            b"",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
            id="get-vanilla-empty-query-key",
        ),
        pytest.param(
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            id="get-vanilla-query-order-key-case",
        ),
        pytest.param(
            "POST",
            "/",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
    ],
)
def test_published_vectors(
    method: str, path: str, headers: dict[str, str], body: bytes, expected: str
) -> None:
    found = signed_headers(
        method, HOST + path, headers, body, Credentials("AKIDEXAMPLE", SECRET), SUITE
    )
    assert signature(found) == expected
    assert (
        "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        in (found["Authorization"])
    )
    assert found["X-Amz-Date"] == "20150830T123600Z"


def test_canonical_request_of_get_vanilla() -> None:
    canonical, names = canonical_request("GET", f"{HOST}/", {"X-Amz-Date": "20150830T123600Z"}, b"")
    assert names == "host;x-amz-date"
    assert canonical == (
        "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_header_values_lose_surplus_white_space_as_the_suite_wants() -> None:
    canonical, names = canonical_request(
        "GET", f"{HOST}/", {"My-Header2": '  "a  b   c"  ', "My-Header1": " value1"}, b""
    )
    assert names == "host;my-header1;my-header2"
    assert 'my-header1:value1\nmy-header2:"a b c"\n' in canonical


# Made with botocore 1.44.5 (SigV4Auth) at 23 November 2026, 12:00 UTC.
def test_a_guardrail_call_is_signed_as_botocore_signs_it() -> None:
    body = b'{"source":"INPUT","content":[{"text":{"text":"hi"}}]}'
    url = f"{RUNTIME}/guardrail/gr1abc/version/1/apply"
    found = signed_headers("POST", url, JSON, body, Credentials("AKIDEXAMPLE", SECRET), BEDROCK)
    assert "SignedHeaders=content-type;host;x-amz-date," in found["Authorization"]
    assert signature(found) == "db5b9f3b41836c6450348be5298282cb05c0e2c7bd2f9e576aa1b8edd93904ab"


def test_an_escaped_path_and_a_session_token_are_signed_as_botocore_signs_them() -> None:
    body = '{"source":"OUTPUT","content":[{"text":{"text":"grüß"}}]}'.encode()
    arn = "arn:aws:bedrock:eu-central-1:123456789012:guardrail%2Fgr1abc"
    url = f"{RUNTIME}/guardrail/{arn}/version/DRAFT/apply"
    temporary = Credentials("AKIDEXAMPLE", SECRET, "TOKEN//EXAMPLE==")
    found = signed_headers("POST", url, JSON, body, temporary, BEDROCK)
    assert found["X-Amz-Security-Token"] == "TOKEN//EXAMPLE=="
    assert signature(found) == "b47ae71a8a73f2aa1576746a5d4fc958ef0d3ebfbf76e0169c5aee3be89cf806"


def test_credentials_do_not_show_themselves() -> None:
    assert SECRET not in repr(Credentials("AKIDEXAMPLE", SECRET, "token"))
