"""Keyed hashes: which conversations a canary rule is enforced in, and spans without their text."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from hashlib import sha256

from railwright.guard._types import GuardError

KEY_VARIABLE = "RAILWRIGHT_GUARD_KEY"
_MIN_KEY = 16


def guard_key(given: bytes | str | None = None) -> bytes:
    """Return the key given, that of ``RAILWRIGHT_GUARD_KEY``, or a random one for this process.

    With a random key, hashes and canary shares of two processes have nothing in common.

    Raises:
        ValueError: the key given is shorter than 16 bytes.
        GuardError: that of the variable is.
    """
    if given is None and KEY_VARIABLE not in os.environ:
        return secrets.token_bytes(32)
    chosen = os.fsencode(os.environ[KEY_VARIABLE]) if given is None else given
    raw = chosen.encode() if isinstance(chosen, str) else chosen
    if len(raw) >= _MIN_KEY:
        return raw
    fault = f"a guard key has at least {_MIN_KEY} bytes; this one has {len(raw)}"
    if given is None:
        raise GuardError(f"{KEY_VARIABLE}: {fault}", "set a longer one, or unset the variable")
    raise ValueError(fault)


def keyed_hash(key: bytes, purpose: str, value: str) -> str:
    """HMAC-SHA-256 of ``value``, the first 128 bits in hex; ``purpose`` keeps uses apart."""
    message = (
        purpose.encode("utf-8", "surrogatepass") + b"\0" + value.encode("utf-8", "surrogatepass")
    )
    return hmac.new(key, message, sha256).hexdigest()[:32]


def hasher(key: bytes, tenant: str) -> Callable[[str, str], str]:
    """Return what hashes (purpose, value) for one tenant; "" where there is nothing to hash.

    Hashes of two tenants cannot be joined.
    """

    def hashed(purpose: str, value: str) -> str:
        return keyed_hash(key, f"{purpose}:{tenant}", value) if value else ""

    return hashed


def in_share(key: bytes, rule: str, unit: str, share: float) -> bool:
    """Whether ``unit`` (a conversation, else a request) is among the share of a canary rule.

    A unit that is among a share is also among every larger one. Without a unit there is nothing
    to draw by: then it is not.
    """
    if not unit:
        return False
    lot = int(keyed_hash(key, f"canary:{rule}", unit)[:14], 16)
    return bool(lot < share * 2**56)
