"""Canonical JSON (RFC 8785), fast where the fast encoder is known to give the same bytes.

The C encoder of msgspec sorts keys by UTF-8 bytes and escapes strings exactly as RFC 8785 asks.
It differs in three places only: keys beyond ASCII (RFC 8785 sorts by UTF-16 units), numbers that
ECMAScript prints differently, and integers beyond 2^53 (which RFC 8785 refuses). Whole floats are
encoded as integers, which gives the same bytes; values that still hold one of the three take the
slow, exact path. Tests compare the results byte for byte with those of the exact encoder.
"""

from __future__ import annotations

from typing import Any

import msgspec
import rfc8785

from ._errors import LedgerError

_MAX_INT = 2**53 - 1
# In this range the shortest decimal form of a float is printed without an exponent by ECMAScript
# and by msgspec alike; whole numbers are excluded, since ECMAScript prints 2.0 as 2.
_MIN_FLOAT, _MAX_FLOAT = 1e-4, 1e15

_encode = msgspec.json.Encoder(order="deterministic").encode


def _plain_float(value: float) -> bool:
    return _MIN_FLOAT <= abs(value) < _MAX_FLOAT and not value.is_integer()


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is dict:
        return all(
            type(key) is str and key.isascii() and _plain(item) for key, item in value.items()
        )
    if kind is int:
        return bool(-_MAX_INT <= value <= _MAX_INT)
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    return kind is float and _plain_float(value)


def _shortened(value: Any) -> Any:
    """The same value with whole floats as integers, which RFC 8785 prints alike."""
    kind = type(value)
    if kind is float and value.is_integer() and abs(value) <= _MAX_INT:
        return int(value)
    if kind is dict:
        return {key: _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if kind is list or kind is tuple else value


def _encode_any(value: Any) -> bytes:
    if _plain(value):
        return _encode(value)
    short = _shortened(value)
    return _encode(short) if _plain(short) else rfc8785.dumps(short)


def canonical(value: Any) -> bytes:
    """Canonical JSON of a value made of dict, list, str, int, float, bool and None.

    Raises:
        LedgerError: where RFC 8785 has no answer (NaN, integers beyond 2^53, other types).
    """
    try:
        return _encode_any(value)
    except (rfc8785.CanonicalizationError, ValueError, TypeError, RecursionError) as error:
        message = f"value has no canonical JSON form: {type(error).__name__}: {error}"
        mend = "Use strings, lists, objects, finite numbers and integers within 2^53"
        raise LedgerError(message, mend=mend) from error
