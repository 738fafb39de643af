"""What is recorded of a decision: figures, names and keyed hashes, never text."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = "guard-event/v1"


class EventError(Exception):
    """Events cannot be written or read; ``mend`` says what to do."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


class EventFinding(msgspec.Struct, frozen=True):
    """One finding; ``span`` is the keyed hash of the characters ``start`` to ``end``."""

    policy: str
    rule: str
    detector: str
    label: str
    score: float
    action: str
    enforced: bool
    start: int
    end: int
    span: str


class EventReason(msgspec.Struct, frozen=True):
    """Why a rule had a say: a hit, an error, a time-out, a skipped detector or a limit."""

    policy: str
    kind: str
    action: str
    enforced: bool
    detail: str


class GuardEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict.

    ``ts`` is in seconds since 1970 (UTC); ``tenant``, ``conversation``, ``request`` and ``text``
    are keyed hashes ("" where there was nothing to hash); timings are in seconds.
    """

    schema: Literal["guard-event/v1"] = "guard-event/v1"
    id: str
    ts: float
    stage: str
    action: str
    would: str
    mode: str
    tier: int
    plan: str
    tenant: str = ""
    channel: str = ""
    language: str = ""
    conversation: str = ""
    request: str = ""
    tool: str = ""
    length: int = 0
    text: str = ""
    rules: tuple[str, ...] = ()
    findings: tuple[EventFinding, ...] = ()
    reasons: tuple[EventReason, ...] = ()
    timings: dict[str, float] = {}
    versions: dict[str, str] = {}


class Line(msgspec.Struct, frozen=True):
    """One line of a segment: the event and the hash over it and all lines before it."""

    chain: str
    event: msgspec.Raw


_FINDING = (
    "STRUCT(policy VARCHAR, rule VARCHAR, detector VARCHAR, label VARCHAR, score DOUBLE, "
    'action VARCHAR, enforced BOOLEAN, "start" BIGINT, "end" BIGINT, span VARCHAR)[]'
)
_REASON = "STRUCT(policy VARCHAR, kind VARCHAR, action VARCHAR, enforced BOOLEAN, detail VARCHAR)[]"
COLUMNS: dict[str, str] = {
    "schema": "VARCHAR",
    "id": "VARCHAR",
    "ts": "DOUBLE",
    "stage": "VARCHAR",
    "action": "VARCHAR",
    "would": "VARCHAR",
    "mode": "VARCHAR",
    "tier": "INTEGER",
    "plan": "VARCHAR",
    "tenant": "VARCHAR",
    "channel": "VARCHAR",
    "language": "VARCHAR",
    "conversation": "VARCHAR",
    "request": "VARCHAR",
    "tool": "VARCHAR",
    "length": "BIGINT",
    "text": "VARCHAR",
    "rules": "VARCHAR[]",
    "findings": _FINDING,
    "reasons": _REASON,
    "timings": "MAP(VARCHAR, DOUBLE)",
    "versions": "MAP(VARCHAR, VARCHAR)",
}
"""Columns of the Parquet files, in order, with their DuckDB types."""
