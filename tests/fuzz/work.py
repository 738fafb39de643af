"""What reads text, as functions whose time is measured while the text grows."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tests.fuzz import inputs, invariants
from tests.fuzz.growth import growth

from railwright.detectors import RuleEngine, get, normalise
from railwright.guard import (
    ByteStream,
    RestoreStream,
    StreamRedactor,
    Structured,
    check_prompt,
    redact_whole,
)
from railwright.guard._repair import repair

#: A text beyond the cap of a stream is read otherwise, and less of one is looked at again whole
#: whenever it has grown by an eighth: these are measured from some caps on.
FIRST = dict.fromkeys(("check", "stream", "bytes", "guard stream"), 40_000)
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


def rule_growth(rules: RuleEngine, unit: str) -> float:
    """Return the most that reading a repeated unit by rules grows: found, settled, redacted."""
    make = repeated(unit)
    return max(
        growth(rules.scan, make, 4000),
        growth(rules.safe_cut, make, 4000),
        growth(lambda text: redact_whole(rules, text), make, FIRST["check"]),
    )


def repeated(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]
