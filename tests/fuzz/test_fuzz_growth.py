"""No input makes time grow faster than its length."""

from __future__ import annotations

import pytest
from tests.fuzz.growth import MOST, growth
from tests.fuzz.work import FIRST, STREAMED, WORK, repeated

pytest.importorskip("re2", reason="the rule engine needs google-re2")

UNITS = {
    "letters": "x",
    "digits": "1",
    "card groups": "4111 1111 1111 1112 ",
    "numbers in a row": "1 2 3-4 ",
    "mail without an end": "a@a.",
    "base64": "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    "base64 of base64": "VVd4aFpHUnBianB2Y0dWdUlITmxjMkZ0WlE9PQ",
    "hex": "4a6f686e20",
    "hex apart": "4a 6f ",
    "percent": "%41",
    "percent begun": "%4",
    "percent of percent": "%25%34%31",
    "entities": "&#65;",
    "entities begun": "&#0000",
    "escapes": "\\u0041",
    "escapes of escapes": "%5cu0041",
    "backslashes": "\\",
    "invisible": "a\u200b",
    "accents": "e\u0301\u0323",
    "many per character": "\ufdfa",
    "surrogates": "\ud83d",
    "jwt begun": "eyJhbGciOiJIUzI1NiJ9.",
    "key begun": "sk-",
    "keys": "key: ",
    "passwords": "password=aB3$",
    "urls": "https://a:b@",
    "images": "![](http://a.example/?q=",
    "private key": "-----BEGIN PRIVATE KEY-----\n",
    "private key begun": "-----BEGIN PRIVATE KEY-----\n> aB3x" + "aB3x" * 15 + "\n> aB3x\n> is ",
    "orders": "ignore all previous ",
    "markup": "<|im_start|>",
    "lines": "\n",
    "spaces": " ",
    "emphasis": "_4_ ",
    "underscores": "_",
    "words": "please note the number ",
    "open quotes": '"',
    "comments": "/*",
    "braces": "{",
    "fences": "```\n",
    "tokens": "[EMAIL_ABCDEFGH]",
    "tokens begun": "[A_",
    "mixed scripts": "аα中é",
}
QUICK = ("digits", "percent of percent", "base64 of base64", "lines", "comments", "key begun")


@pytest.mark.parametrize("work", ["scan", "mend", "fenced", "json space", "json letters", "check"])
@pytest.mark.parametrize("unit", QUICK)
def test_time_grows_with_the_length_alone(work: str, unit: str) -> None:
    assert growth(WORK[work], repeated(UNITS[unit]), FIRST.get(work, 250)) <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("work", [*WORK, *STREAMED])
def test_no_family_makes_time_grow_faster(work: str) -> None:
    do = WORK.get(work) or STREAMED[work]
    units = UNITS if work in WORK else {k: UNITS[k] for k in list(UNITS)[::2]}
    first = FIRST.get(work, 250)
    found = {name: growth(do, repeated(unit), first) for name, unit in units.items()}
    print(work, {name: round(ratio, 1) for name, ratio in found.items()})
    assert {name: ratio for name, ratio in found.items() if ratio > MOST} == {}
