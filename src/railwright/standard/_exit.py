"""Constants that every verdict rests on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

COVERAGE_FLOOR = 0.98
"""Least share of sources that must be scored; below it a gate is inconclusive."""

CALENDAR_DAYS = 180
"""Age in days after which an entry of the legal calendar should be checked again."""


class ExitCode(IntEnum):
    """What a command's exit code says."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INTEGRITY = 4
    SIGN_OFF = 5


_PRECEDENCE = (
    ExitCode.INTEGRITY,
    ExitCode.USAGE,
    ExitCode.GATE_FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.SIGN_OFF,
    ExitCode.PASS,
)


def worst(codes: Iterable[int]) -> ExitCode:
    """Return the code that prevails: 4 over 2 over 1 over 3 over 5 over 0 (0 when empty).

    Raises:
        ValueError: one of them is no exit code of the product.
    """
    present = {ExitCode(code) for code in codes}
    return next((code for code in _PRECEDENCE if code in present), ExitCode.PASS)
