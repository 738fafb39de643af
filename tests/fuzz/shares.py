"""How the inputs of the slow suite are divided."""

from __future__ import annotations

import os

VARIABLE = "RAILWRIGHT_FUZZ_INPUTS"
#: In thousandths of all: what is cheap to run gets most.
GENERATED = 250
GUIDED = {
    "normal": 190,
    "mend": 150,
    "json_stream": 130,
    "restore": 90,
    "condition": 70,
    "prompt": 40,
    "scan": 34,
    "check": 20,
    "policy": 8,
    "pack": 8,
    "chat": 6,
    "stream": 2,
    "byte_stream": 2,
}


def total() -> int:
    """How many inputs all together; one million unless the variable says otherwise."""
    return int(os.environ.get(VARIABLE, "1000000"))


def share(thousandths: int) -> int:
    return max(1, total() * thousandths // 1000)
