"""No input makes time grow faster than its length."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from tests.fuzz import inputs, invariants
from tests.fuzz.growth import MOST, growth

from railwright.detectors import get, normalise
from railwright.guard import ByteStream, RestoreStream, StreamRedactor, Structured, check_prompt
from railwright.guard._repair import repair

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
#: A text beyond the cap of a stream is read otherwise, and less of one is looked at again whole
#: whenever it has grown by an eighth: these are measured from some caps on.
FIRST = dict.fromkeys(("check", "stream", "bytes", "guard stream"), 20_000)
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string", "maxLength": 10**7}, "b": {"enum": ["x"]}},
}


def _fed(stream: Any, text: str, size: int = 64) -> None:
    for at in range(0, len(text), size):
        stream.feed(text[at : at + size])
    stream.close()


@lru_cache
def _structured() -> Structured:
    return Structured(SCHEMA)


WORK: dict[str, Callable[[str], object]] = {
    "normalise": lambda text: list(normalise(text).views()),
    "scan": lambda text: inputs.engine().scan(text),
    "settled": lambda text: inputs.engine().safe_cut(text),
    "check": lambda text: invariants.guards()[1].check("output", text),
    "mend": lambda text: repair("{" + text),
    "structured": lambda text: _structured().check(text),
    "fenced": lambda text: _structured().check("```json\n" + text + "x"),
    "json letters": lambda text: _letters(_structured().stream(), '{"a": "' + text),
    "json space": lambda text: _letters(_structured().stream(), text + "{"),
    "restore": lambda text: _fed(RestoreStream(lambda _: None), text, 1),
    "prompt": check_prompt,
    **{
        name: (lambda text, name=name: get(name).detect(text))  # type: ignore[misc]
        for name in (
            "refusal", "injection_classifier", "harm_classifier", "personal_data",
            "injection_marker", "leak", "groundedness", "abstention",
        )
    },
}  # fmt: skip


def _letters(stream: Any, text: str) -> None:
    for char in text:
        stream.feed(char)


def _by_bytes(text: str) -> None:
    front = ByteStream(StreamRedactor(inputs.engine()))
    data = text.encode("utf-8", "replace")
    for at in range(0, len(data), 16):
        front.feed(data[at : at + 16])
    front.close()


STREAMED: dict[str, Callable[[str], object]] = {
    "stream": lambda text: _fed(StreamRedactor(inputs.engine()), text),
    "bytes": _by_bytes,
    "guard stream": lambda text: _fed(invariants.guards()[1].stream("output"), text),
}


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


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
