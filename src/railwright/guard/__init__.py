"""Guard: a policy over detectors, compiled to one plan, at work at run time.

``Guard.load("guard.yaml")`` or ``Guard.default(tier=1)`` gives a guard; ``check`` and ``acheck``
give a verdict on a text, ``stream`` checks a text that arrives in pieces, ``guarded`` decorates
functions, ``GuardMiddleware`` stands before an ASGI application that speaks the OpenAI chat API,
``FieldGuardMiddleware`` before one with endpoints of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from railwright._lazy import lazy

if TYPE_CHECKING:
    from railwright.guard._asgi import GuardMiddleware
    from railwright.guard._asgi_fields import FieldGuardMiddleware
    from railwright.guard._calibrate import CalibrationRow, calibrate, read_rows
    from railwright.guard._calibration import Calibration, CalibrationError, read_calibration
    from railwright.guard._chat import ChatGuard, ChatOptions
    from railwright.guard._chat_stream import ChatStream
    from railwright.guard._decorators import GuardBlockedError, guarded
    from railwright.guard._diff import (
        PlanDiff,
        TrafficDiff,
        diff_plans,
        diff_traffic,
        outline_changes,
    )
    from railwright.guard._fields import Fields
    from railwright.guard._guard import Guard, Sink, Stream
    from railwright.guard._harden import Canary, Spotlight, spotlight
    from railwright.guard._plan import Plan, Rule
    from railwright.guard._policy import Policy, default_policy, load_policy, parse_policy
    from railwright.guard._prompt_check import PromptProblem, check_prompt
    from railwright.guard._pseudonyms import KeyRing, PseudonymError, Pseudonyms, Scope
    from railwright.guard._record import record_verdicts
    from railwright.guard._restore import RestoreStream
    from railwright.guard._schema import json_schemas
    from railwright.guard._shadow import ShadowReport, ShadowRule, shadow_report
    from railwright.guard._statement import record_rates
    from railwright.guard._stream import ByteStream, Redacted, StreamRedactor, redact_whole
    from railwright.guard._structured import Outcome, Problem, Structured, StructuredStream
    from railwright.guard._target import Earlier, GuardedTarget, intervention
    from railwright.guard._telemetry import Telemetry
    from railwright.guard._tests import TestResult, run_tests
    from railwright.guard._types import (
        ACTIONS,
        STAGES,
        Call,
        Finding,
        GuardError,
        Reason,
        Verdict,
        can_be_planted,
    )

_PLACES = {
    "_asgi": ("GuardMiddleware",),
    "_asgi_fields": ("FieldGuardMiddleware",),
    "_fields": ("Fields",),
    "_chat": ("ChatGuard", "ChatOptions"),
    "_chat_stream": ("ChatStream",),
    "_calibrate": ("CalibrationRow", "calibrate", "read_rows"),
    "_calibration": ("Calibration", "CalibrationError", "read_calibration"),
    "_decorators": ("GuardBlockedError", "guarded"),
    "_diff": ("PlanDiff", "TrafficDiff", "diff_plans", "diff_traffic", "outline_changes"),
    "_guard": ("Guard", "Sink", "Stream"),
    "_plan": ("Plan", "Rule"),
    "_policy": ("Policy", "default_policy", "load_policy", "parse_policy"),
    "_record": ("record_verdicts",),
    "_schema": ("json_schemas",),
    "_harden": ("Canary", "Spotlight", "spotlight"),
    "_prompt_check": ("PromptProblem", "check_prompt"),
    "_pseudonyms": ("KeyRing", "PseudonymError", "Pseudonyms", "Scope"),
    "_restore": ("RestoreStream",),
    "_stream": ("ByteStream", "Redacted", "StreamRedactor", "redact_whole"),
    "_structured": ("Outcome", "Problem", "Structured", "StructuredStream"),
    "_shadow": ("ShadowReport", "ShadowRule", "shadow_report"),
    "_statement": ("record_rates",),
    "_target": ("Earlier", "GuardedTarget", "intervention"),
    "_telemetry": ("Telemetry",),
    "_tests": ("TestResult", "run_tests"),
    "_types": (
        *("ACTIONS", "STAGES", "Call", "Finding", "GuardError", "Reason", "Verdict"),
        "can_be_planted",
    ),
}

__all__ = [
    "ACTIONS",
    "STAGES",
    "ByteStream",
    "Calibration",
    "CalibrationError",
    "CalibrationRow",
    "Call",
    "Canary",
    "ChatGuard",
    "ChatOptions",
    "ChatStream",
    "Earlier",
    "FieldGuardMiddleware",
    "Fields",
    "Finding",
    "Guard",
    "GuardBlockedError",
    "GuardError",
    "GuardMiddleware",
    "GuardedTarget",
    "KeyRing",
    "Outcome",
    "Plan",
    "PlanDiff",
    "Policy",
    "Problem",
    "PromptProblem",
    "PseudonymError",
    "Pseudonyms",
    "Reason",
    "Redacted",
    "RestoreStream",
    "Rule",
    "Scope",
    "ShadowReport",
    "ShadowRule",
    "Sink",
    "Spotlight",
    "Stream",
    "StreamRedactor",
    "Structured",
    "StructuredStream",
    "Telemetry",
    "TestResult",
    "TrafficDiff",
    "Verdict",
    "calibrate",
    "can_be_planted",
    "check_prompt",
    "default_policy",
    "diff_plans",
    "diff_traffic",
    "guarded",
    "intervention",
    "json_schemas",
    "load_policy",
    "outline_changes",
    "parse_policy",
    "read_calibration",
    "read_rows",
    "record_rates",
    "record_verdicts",
    "redact_whole",
    "run_tests",
    "shadow_report",
    "spotlight",
]

# A service that only checks texts does not pay for calibration, tests and middleware.
__getattr__ = lazy(__name__, _PLACES)
