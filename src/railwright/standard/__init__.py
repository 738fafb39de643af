"""The standard: what must hold of a system of each tier, as data, and the gates that follow."""

from __future__ import annotations

from railwright.standard._catalog import (
    CalendarItem,
    Control,
    DefaultGate,
    Hazard,
    Proof,
    SeverityLevel,
    Tier,
    calendar,
    calendar_jurisdictions,
    control,
    controls,
    harm_ids,
    hazards,
    severity_rubric,
    stale_calendar,
    suite_harms,
    tier,
)
from railwright.standard._exit import CALENDAR_DAYS, COVERAGE_FLOOR, ExitCode, worst
from railwright.standard._frameworks import (
    Framework,
    UnknownIdError,
    framework,
    frameworks,
    resolve,
)
from railwright.standard._gate import Gate, ResolvedGates, SliceRule
from railwright.standard._requirement import (
    METRICS,
    OPS,
    STATS,
    Metric,
    Requirement,
    RequirementError,
    parse_requirement,
)
from railwright.standard._resolve import lint_gates, resolve_gates
from railwright.standard._schema import json_schemas
from railwright.standard._waivers import Waiver, read_waivers

__all__ = [
    "CALENDAR_DAYS",
    "COVERAGE_FLOOR",
    "METRICS",
    "OPS",
    "STATS",
    "CalendarItem",
    "Control",
    "DefaultGate",
    "ExitCode",
    "Framework",
    "Gate",
    "Hazard",
    "Metric",
    "Proof",
    "Requirement",
    "RequirementError",
    "ResolvedGates",
    "SeverityLevel",
    "SliceRule",
    "Tier",
    "UnknownIdError",
    "Waiver",
    "calendar",
    "calendar_jurisdictions",
    "control",
    "controls",
    "framework",
    "frameworks",
    "harm_ids",
    "hazards",
    "json_schemas",
    "lint_gates",
    "parse_requirement",
    "read_waivers",
    "resolve",
    "resolve_gates",
    "severity_rubric",
    "stale_calendar",
    "suite_harms",
    "tier",
    "worst",
]
