"""Gates: plan, run, decide, explain. Measurements against requirements, with one verdict."""

from __future__ import annotations

from railwright.gate._types import (
    Bounds,
    Coverage,
    Effort,
    EvidenceRef,
    GateVerdict,
    LedgerState,
    Outcome,
    SliceResult,
    Verdict,
)

__all__ = [
    "Bounds",
    "Coverage",
    "Effort",
    "EvidenceRef",
    "GateVerdict",
    "LedgerState",
    "Outcome",
    "SliceResult",
    "Verdict",
]
