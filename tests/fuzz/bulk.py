"""Runs many inputs in one process and prints what came of it as one line of JSON.

    python -m tests.fuzz.bulk --seed 1 --first 0 --count 10000 [--hang 120]

A failure names the input's number: ``--first NUMBER --count 1`` repeats it. A batch that takes
longer than ``--hang`` seconds prints where it stands and ends the process.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from tests.fuzz import inputs, invariants, targets

_BATCH = 50
_SHOWN = 20
#: Share of the inputs that are bytes for a target.
_BYTES = 0.25


Work = Callable[[Any], object]


def prepare(seed: int, number: int) -> tuple[str, str | bytes, Work]:
    """Return an input's kind, what it is, and what is to be done with it."""
    source = random.Random((seed << 33) + number)
    if source.random() < _BYTES:
        target = source.choice(tuple(targets.TARGETS))
        return target, targets.mutated(target, _known(target), source), targets.TARGETS[target]
    drawn, rest = inputs.draw(seed, number)
    return drawn.kind, drawn.text, lambda _: invariants.check_input(drawn, rest)


def run_one(seed: int, number: int) -> tuple[str, str | bytes]:
    """Run one input; return its kind and what it was.

    Raises:
        FoundError: the code raised something, or an invariant is broken.
    """
    kind, data, work = prepare(seed, number)
    _noting(work, kind, data)
    return kind, data


class FoundError(Exception):
    """An input that breaks something."""

    def __init__(self, kind: str, data: str | bytes, error: BaseException) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        super().__init__(f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")
        self.kind, self.data = kind, data


def _noting(work: Work, kind: str, data: str | bytes) -> None:
    try:
        work(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # what an extension panics with is no Exception
        raise FoundError(kind, data, error) from error


_seeds: dict[str, list[bytes]] = {}


def _known(target: str) -> list[bytes]:
    if target not in _seeds:
        _seeds[target] = targets.seeds(target)
    return _seeds[target]


def run(seed: int, first: int, count: int, hang: float = 120.0) -> dict[str, Any]:
    """Run inputs and return what came of it; ``slowest`` are those that cost most a character."""
    failures: list[dict[str, Any]] = []
    slow: list[tuple[float, int]] = []
    kinds: dict[str, int] = {}
    inputs.values()
    begun = time.process_time()
    for number in range(first, first + count):
        if (number - first) % _BATCH == 0:
            faulthandler.dump_traceback_later(hang, exit=True)
            print(f"\r{number}", end="", file=sys.stderr, flush=True)
        before = time.process_time()
        try:
            kind, data = run_one(seed, number)
        except FoundError as error:
            kind, data = error.kind, error.data
            failures.append(
                {"number": number, "kind": kind, "error": str(error), "input": repr(data)[:2000]}
            )
        kinds[kind] = kinds.get(kind, 0) + 1
        if isinstance(data, str):
            slow.append(((time.process_time() - before) / (len(data) + 50), number))
        slow = sorted(slow, reverse=True)[:_SHOWN] if len(slow) > 50 * _SHOWN else slow
    faulthandler.cancel_dump_traceback_later()
    return {
        "inputs": count,
        "seed": seed,
        "failures": failures[:_SHOWN],
        "failed": len(failures),
        "cpu_s": round(time.process_time() - begun, 1),
        "kinds": kinds,
        "slowest": [number for _, number in sorted(slow, reverse=True)[:_SHOWN]],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--hang", type=float, default=120.0)
    options = parser.parse_args()
    found = run(options.seed, options.first, options.count, options.hang)
    print(json.dumps(found))
    return int(found["failed"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
