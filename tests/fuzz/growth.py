"""Does CPU time grow faster than the input? A ratio of a process to itself, no clock on a wall."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from railwright.detectors._normalise import normalise
from railwright.detectors._strings import folded

#: Time of the smallest size: enough to be measured.
_LEAST_S = 0.004
_FIRST, _LARGEST = 250, 32_000
#: Linear is 8 for eight times the input, quadratic 64.
MOST = 20.0
_TRIES = 3


def cost(work: Callable[[Any], object], given: Any, repeats: int = 3) -> float:
    """The least CPU time of several runs, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        # A text that was just read costs less than a new one.
        normalise.cache_clear()
        folded.cache_clear()
        begun = time.process_time()
        work(given)
        best = min(best, time.process_time() - begun)
    return best


def growth(work: Callable[[Any], object], make: Callable[[int], Any], first: int = _FIRST) -> float:
    """Return how many times longer eight times the input takes; the least of some tries.

    Each further try takes twice the input: what reaches its full cost per character late (a text
    of a few caps) grows less there, and what is not linear grows as much at any size.
    """
    size = first
    while size < _LARGEST and cost(work, make(size), 1) < _LEAST_S:
        size *= 2
    found = float("inf")
    for _ in range(_TRIES):
        small, large = cost(work, make(size)), cost(work, make(8 * size), 2)
        found = min(found, large / max(small, _LEAST_S / 4))
        if found <= MOST:
            break
        size *= 2
    return found
