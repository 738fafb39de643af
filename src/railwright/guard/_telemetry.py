"""Verdicts to OpenTelemetry: one span a check and three metrics, never text.

Nothing happens unless it was asked for, nothing is exported here, and nothing that a tracer or a
meter does can fail a check: the application's own SDK decides what is sampled and where it goes.

The conventions for generative AI (registry ``semantic-conventions-genai``, version 0.1.0) have
names for operations and tools, and those are used: ``gen_ai.operation.name``, ``gen_ai.tool.name``
and ``error.type``. Names for guardrails are only drafts there, so a verdict's own attributes stand
under ``railwright.guard``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from railwright import __version__
from railwright.detectors import MissingExtraError
from railwright.guard._lots import hasher, keyed_hash
from railwright.guard._types import STAGES, Call, Finding, GuardError, Verdict

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider, Observation
    from opentelemetry.trace import Span, Tracer, TracerProvider

Spans = Literal["all", "notable"]

SCOPE = "railwright.guard"
OPERATION = "apply_guardrail"
"""The operation as the drafts call it; ``gen_ai.operation.name`` allows names of one's own."""
MAX_FINDINGS = 64
"""Findings of one verdict that a span describes; ``railwright.guard.findings`` counts all."""
_BUCKETS_S = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
"""From the rules on a short text to a hosted detector at its deadline."""
_FAILED = ("error", "timeout", "limit")
_FIELDS = ("policy", "rule", "detector", "label", "action")
_TOOL_STAGES = ("tool_call", "tool_result")
_VERDICT = ("stage", "action", "would", "mode")
_REASON = ("stage", "rule", "action", "kind", "mode")


class _Meters:
    """The three metrics.

    The counters are kept here and read when metrics are collected: that costs a tenth of adding
    to the SDK's counters at each check.
    """

    def __init__(self, meter: Meter, observation: type[Observation]) -> None:
        self._observation = observation
        self._lock = threading.Lock()
        self._verdicts: dict[tuple[str, ...], int] = {}
        self._rules: dict[tuple[str, ...], int] = {}
        self._stages = {stage: {f"{SCOPE}.stage": stage} for stage in STAGES}
        self._duration = meter.create_histogram(
            "railwright.guard.duration",
            unit="s",
            description="Time that a check took",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )
        meter.create_observable_counter(
            "railwright.guard.verdicts",
            [lambda _: self._observed(self._verdicts, _VERDICT)],
            unit="{verdict}",
            description="Texts that were checked",
        )
        meter.create_observable_counter(
            "railwright.guard.rules",
            [lambda _: self._observed(self._rules, _REASON)],
            unit="{reason}",
            description="Rules that had a say in a verdict: hits, errors, time-outs",
        )

    def count(self, verdict: Verdict) -> None:
        """Count one verdict and its reasons."""
        stage = verdict.stage
        key = (stage, verdict.action, verdict.would, verdict.mode)
        reasons = [
            (stage, why.policy, why.action, why.kind, "enforce" if why.enforced else "shadow")
            for why in verdict.reasons
        ]
        with self._lock:
            self._verdicts[key] = self._verdicts.get(key, 0) + 1
            for reason in reasons:
                self._rules[reason] = self._rules.get(reason, 0) + 1
        self._duration.record(verdict.timings.get("total", 0.0), self._stages[stage])

    def _observed(
        self, counts: dict[tuple[str, ...], int], names: tuple[str, ...]
    ) -> list[Observation]:
        with self._lock:
            now = list(counts.items())
        titles = [f"{SCOPE}.{name}" for name in names]
        return [self._observation(n, dict(zip(titles, key, strict=True))) for key, n in now]


_shared: WeakKeyDictionary[MeterProvider, _Meters] = WeakKeyDictionary()
_sharing = threading.Lock()


def _meters_of(provider: MeterProvider) -> _Meters:
    """Return the metrics of a provider, which all guards share.

    An SDK keeps the first instrument of a name and drops the callbacks of the next. So it is with
    the stand-in that is the global provider until the application sets one.
    """
    from opentelemetry.metrics import Observation, get_meter_provider

    with _sharing:
        found = _shared.get(provider)
        if found is None and provider is get_meter_provider():
            early = (known for known in _shared if type(known).__name__ == "_ProxyMeterProvider")
            found = next((_shared[known] for known in early), None)
        if found is None:
            found = _Meters(provider.get_meter(SCOPE, __version__), Observation)
        _shared[provider] = found
    return found


class Telemetry:
    """What ``Guard(telemetry=...)`` reports to.

    A span covers the time that the detectors took and is a child of the current span. Metrics are
    ``railwright.guard.verdicts`` and ``railwright.guard.rules`` (counters) and
    ``railwright.guard.duration`` (histogram, seconds); none of them has an attribute that grows
    with users, tenants or texts.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        spans: Spans = "all",
    ) -> None:
        """Report to these providers; without one of them there are no spans, or no metrics.

        Args:
            tracer_provider: makes the tracer.
            meter_provider: makes the meter.
            spans: ``notable`` leaves out spans of verdicts that let a text through unchanged, with
                no rule that would have done otherwise and no detector that failed.

        Raises:
            GuardError: there is neither provider.
            MissingExtraError: opentelemetry-api is not installed.
        """
        if tracer_provider is None and meter_provider is None:
            mend = "pass tracer_provider, meter_provider or both, or use Telemetry.global_()"
            raise GuardError("telemetry has nowhere to go", mend)
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise MissingExtraError("otel", "telemetry of the guard") from error
        self._kind = trace.SpanKind.INTERNAL
        self._error = trace.StatusCode.ERROR
        self._notable_only = spans == "notable"
        self._failures = 0
        self._tracer: Tracer | None = None
        if tracer_provider is not None:
            self._tracer = tracer_provider.get_tracer(SCOPE, __version__)
        self._meters: _Meters | None = None
        if meter_provider is not None:
            self._meters = _meters_of(meter_provider)

    @classmethod
    def global_(
        cls, *, spans: Spans | Literal["none"] = "all", metrics: bool = True
    ) -> Telemetry | None:
        """Report to the providers that the application has set globally; None for nothing at all.

        Without an SDK set up, these do nothing.

        Raises:
            MissingExtraError: opentelemetry-api is not installed.
        """
        if spans == "none" and not metrics:
            return None
        try:
            from opentelemetry.metrics import get_meter_provider
            from opentelemetry.trace import get_tracer_provider
        except ImportError as error:
            raise MissingExtraError("otel", "telemetry of the guard") from error
        return cls(
            tracer_provider=None if spans == "none" else get_tracer_provider(),
            meter_provider=get_meter_provider() if metrics else None,
            spans="all" if spans == "none" else spans,
        )

    @property
    def failures(self) -> int:
        """Verdicts that could not be reported."""
        return self._failures

    def __call__(self, verdict: Verdict, text: str, call: Call, key: bytes) -> None:
        """Report one verdict; what goes wrong is counted and logged, never raised."""
        try:
            if self._meters is not None:
                self._meters.count(verdict)
            if self._tracer is not None and (not self._notable_only or is_notable(verdict)):
                self._trace(self._tracer, verdict, text, call, key)
        except Exception:
            self._failures += 1
            level = logging.DEBUG if self._failures > 1 else logging.WARNING
            logging.getLogger(SCOPE).log(level, "a verdict was not reported", exc_info=True)

    def _trace(self, tracer: Tracer, verdict: Verdict, text: str, call: Call, key: bytes) -> None:
        end = time.time_ns()
        span = tracer.start_span(
            f"{OPERATION} {verdict.stage}",
            kind=self._kind,
            # Known at the start, so that a sampler can go by them.
            attributes=decision(verdict),
            start_time=end - int(verdict.timings.get("total", 0.0) * 1e9),
        )
        try:
            if span.is_recording():
                span.set_attributes(details(verdict, text, call, key))
                self._mark_failure(span, verdict)
        finally:
            span.end(end)

    def _mark_failure(self, span: Span, verdict: Verdict) -> None:
        """A block is the guard at work, and no error; a detector without an answer is one."""
        kinds = [reason.kind for reason in verdict.reasons if reason.kind in _FAILED]
        if kinds:
            span.set_attribute("error.type", kinds[0])
            span.set_status(self._error)


def is_notable(verdict: Verdict) -> bool:
    """Whether anything came of a check, or would have."""
    return verdict.action != "allow" or verdict.would != "allow" or verdict.failed


def decision(verdict: Verdict) -> dict[str, Any]:
    """The attributes that say what was decided."""
    return {
        "gen_ai.operation.name": OPERATION,
        "railwright.guard.stage": verdict.stage,
        "railwright.guard.action": verdict.action,
        "railwright.guard.would": verdict.would,
        "railwright.guard.mode": verdict.mode,
        "railwright.guard.tier": verdict.tier,
        "railwright.guard.plan": verdict.plan_digest,
    }


def details(verdict: Verdict, text: str, call: Call, key: bytes) -> dict[str, Any]:
    """The attributes that say why, with hashes as in the event log; empty ones are left out."""
    hashed = hasher(key, call.tenant)
    timed = {name: value for name, value in verdict.timings.items() if name != "total"}
    about: dict[str, Any] = {
        "rules": verdict.rule_ids,
        "length": verdict.length,
        "text": hashed("text", text),
        "tenant": keyed_hash(key, "tenant", call.tenant) if call.tenant else "",
        "conversation": hashed("conversation", call.conversation),
        "request": hashed("request", call.request),
        "channel": call.channel,
        "language": call.language,
        "detector.name": tuple(timed),
        "detector.seconds": tuple(timed.values()),
        "detector.version": tuple(verdict.versions.get(name, "") for name in timed),
        **_failures(verdict),
        **_findings((*verdict.detections, *verdict.shadow), text, hashed),
    }
    found = {f"{SCOPE}.{name}": value for name, value in about.items() if value not in ("", ())}
    if call.tool and verdict.stage in _TOOL_STAGES:
        found["gen_ai.tool.name"] = call.tool
    return found


def _failures(verdict: Verdict) -> dict[str, Any]:
    failed = [reason for reason in verdict.reasons if reason.kind in _FAILED]
    return {
        "failure.rule": tuple(reason.policy for reason in failed),
        "failure.kind": tuple(reason.kind for reason in failed),
    }


def _findings(
    found: Sequence[Finding], text: str, hashed: Callable[[str, str], str]
) -> dict[str, Any]:
    """One list a field, all of the same order and length, enforced findings first."""
    if not found:
        return {}
    shown = found[:MAX_FINDINGS]
    lists: dict[str, Any] = {
        f"finding.{field}": tuple(str(getattr(item, field)) for item in shown) for field in _FIELDS
    }
    return {
        "findings": len(found),
        **lists,
        "finding.score": tuple(float(item.score) for item in shown),
        "finding.enforced": tuple(item.enforced for item in shown),
        "finding.start": tuple(item.start for item in shown),
        "finding.end": tuple(item.end for item in shown),
        "finding.span": tuple(hashed("span", text[item.start : item.end]) for item in shown),
    }
