"""How the inputs of the slow suite are divided."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

VARIABLE = "RAILWRIGHT_FUZZ_INPUTS"
ROOT = Path(__file__).parents[2]
#: In thousandths of all: what is cheap to run gets most, but what redacts more than its cost says.
DRAWN, HYPOTHESIS = 400, 20
GUIDED = {
    "normal": 100,
    "mend": 90,
    "json_stream": 80,
    "restore": 60,
    "scan": 60,
    "condition": 50,
    "check": 40,
    "prompt": 25,
    "chat": 30,
    "stream": 15,
    "byte_stream": 10,
    "policy": 10,
    "pack": 10,
}
#: A part of the drawn inputs, so that several processes share them.
_CHUNK = 25_000


class Part(msgspec.Struct, frozen=True):
    """What one process runs: ``kind`` is drawn, hypothesis, a target's name or growth."""

    name: str
    kind: str
    count: int
    seed: int
    first: int = 0


class Plan(msgspec.Struct, frozen=True):
    """A whole run. ``code`` changes with the code that is tried and with what tries it."""

    inputs: int
    seed: int
    code: str
    parts: tuple[Part, ...]


def total() -> int:
    """How many inputs all together; one million unless the variable says otherwise."""
    return int(os.environ.get(VARIABLE, "1000000"))


def plan(inputs: int, seed: int) -> Plan:
    """Divide so many inputs; what takes longest comes first."""

    def share(thousandths: int) -> int:
        return max(1, inputs * thousandths // 1000)

    guided = [Part(name, name, share(part), seed) for name, part in GUIDED.items()]
    hypothesis = Part("hypothesis", "hypothesis", share(HYPOTHESIS), seed)
    left = inputs - hypothesis.count - sum(part.count for part in guided)
    drawn = [
        Part(f"drawn-{n:02}", "drawn", min(_CHUNK, left - first), seed, first)
        for n, first in enumerate(range(0, max(1, left), _CHUNK), start=1)
    ]
    return Plan(
        inputs, seed, code(), (*drawn, hypothesis, *guided, Part("growth", "growth", 0, seed))
    )


def code() -> str:
    """Return a digest of the code that is tried and of what tries it."""
    digest = hashlib.sha256()
    for folder in ("src/railwright/detectors", "src/railwright/guard", "tests/fuzz"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
