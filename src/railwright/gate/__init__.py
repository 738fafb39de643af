"""Gates: plan, run, decide, explain. Measurements against requirements, with one verdict."""

from __future__ import annotations

from railwright.gate._aa import AAResult, aa_test
from railwright.gate._answers import forecast_system, verdict_now, verify_ledger
from railwright.gate._errors import BrokenLedgerError, GateError
from railwright.gate._forecast import Forecast, GateForecast
from railwright.gate._guarded import GUARDED_SUFFIX
from railwright.gate._lint import lint_all
from railwright.gate._plan import CheckPlan, GatePlan, make_plan
from railwright.gate._run import CheckResult, check
from railwright.gate._schedule import Schedule
from railwright.gate._session import CheckOptions
from railwright.gate._types import (
    Bounds,
    Coverage,
    Effort,
    EvidenceRef,
    GateChange,
    GateVerdict,
    GuardEffect,
    LedgerState,
    Outcome,
    SliceResult,
    Verdict,
)
from railwright.gate._verdict import decide_system

__all__ = [
    "GUARDED_SUFFIX",
    "AAResult",
    "Bounds",
    "BrokenLedgerError",
    "CheckOptions",
    "CheckPlan",
    "CheckResult",
    "Coverage",
    "Effort",
    "EvidenceRef",
    "Forecast",
    "GateChange",
    "GateError",
    "GateForecast",
    "GatePlan",
    "GateVerdict",
    "GuardEffect",
    "LedgerState",
    "Outcome",
    "Schedule",
    "SliceResult",
    "Verdict",
    "aa_test",
    "check",
    "decide_system",
    "forecast_system",
    "lint_all",
    "make_plan",
    "verdict_now",
    "verify_ledger",
]
