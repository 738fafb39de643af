"""Durations and amounts as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|min|[smhdw])\s*")
_MONEY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Z]{3})\s*")


class Money(msgspec.Struct, frozen=True):
    """An amount with its ISO 4217 currency code."""

    amount: float
    currency: str

    def __str__(self) -> str:
        """Return it as it is written in a file, for example ``2 EUR``."""
        return f"{self.amount:g} {self.currency}"


def parse_duration(text: str | float) -> timedelta:
    """Return the time that ``30d``, ``12h``, ``60s``, ``250ms``, ``2w`` or ``5min`` means.

    A bare number counts seconds.

    Raises:
        ValueError: the text is no duration, or it is not positive.
    """
    if isinstance(text, bool):
        raise ValueError("write a duration such as 60s, 12h or 30d")  # noqa: TRY004
    if isinstance(text, int | float):
        seconds = float(text)
    else:
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is no duration; write one such as 60s, 12h or 30d")
        seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0 < seconds <= 3_650 * 86_400:
        raise ValueError("a duration must be positive and at most ten years")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return ``duration`` in the largest unit (d, h, s) that divides it."""
    seconds = duration.total_seconds()
    for unit in ("d", "h"):
        if seconds % _SECONDS[unit] == 0:
            return f"{int(seconds // _SECONDS[unit])}{unit}"
    return f"{int(seconds)}s" if seconds.is_integer() else f"{seconds:.6f}".rstrip("0") + "s"


def parse_money(text: object) -> Money:
    """Return the amount that ``2 EUR`` or ``0.50 USD`` means.

    Raises:
        ValueError: the text is no amount with a currency code.
    """
    match = _MONEY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"'{text}' is no amount; write a number and a currency, such as 2 EUR")
    return Money(amount=float(match[1]), currency=match[2])
