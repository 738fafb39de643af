"""Telemetry: what spans and metrics say, that no text is in them, that they cannot fail a check."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from railwright import detectors
from railwright.detectors import Context, Detection, MissingExtraError
from railwright.events import EventLog, read_events
from railwright.guard import Call, Guard, GuardError, Telemetry, parse_policy, record_verdicts

IBAN = "DE89 3704 0044 0532 0130 00"
KEY = b"a key of the tests, 32 bytes....."
POLICY = """schema: guard/v1
id: shop
tier: 2
rules:
  - id: iban-out
    stage: [output, tool_call]
    detector: personal_data
    labels: iban
    action: redact
  - {id: keys, stage: input, detector: secrets, action: block}
  - {id: mail, stage: output, detector: personal_data, labels: email, action: block, mode: shadow}
"""
SECRET = "AKIAQ4XVZ2L7MNB3RTYU"
G = "railwright.guard."


class Seen:
    """An application's SDK that keeps what it is given in memory."""

    def __init__(self, **options: Any) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(**options)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider(metric_readers=[self.reader])

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def points(self, name: str) -> dict[tuple[str, ...], Any]:
        """Data points by the values of their attributes, in order of the attributes' names."""
        data = self.reader.get_metrics_data()
        assert data is not None
        found = {}
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                assert scope.scope.name == "railwright.guard"
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            labels = sorted((point.attributes or {}).items())
                            found[tuple(str(value) for _, value in labels)] = point
        return found


def guard(seen: Seen, text: str = POLICY, **options: Any) -> Guard:
    told = Telemetry(tracer_provider=seen.tracers, meter_provider=seen.meters)
    return Guard(parse_policy(text), key=KEY, telemetry=told, **options)


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_span_says_what_was_decided_why_and_how_long_it_took() -> None:
    seen = Seen()
    g = guard(seen)
    text = f"Pay {IBAN} or write to bob@example.com"
    verdict = g.check("output", text, tenant="acme", conversation="c-1", channel="web")
    (span,) = seen.spans
    found = about(span)
    assert span.name == "apply_guardrail output"
    assert span.kind is trace.SpanKind.INTERNAL
    assert span.status.status_code is trace.StatusCode.UNSET
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time - span.start_time == int(verdict.timings["total"] * 1e9)
    assert found["gen_ai.operation.name"] == "apply_guardrail"
    assert found[G + "plan"] == g.plan.digest
    assert [found[G + name] for name in ("stage", "action", "would", "mode", "tier")] == [
        "output",
        "redact",
        "block",
        "enforce",
        2,
    ]
    assert found[G + "rules"] == ("iban-out",)
    assert found[G + "finding.policy"] == ("iban-out", "mail")
    assert found[G + "finding.label"] == ("iban", "email")
    assert found[G + "finding.enforced"] == (True, False)
    assert (found[G + "finding.start"][0], found[G + "finding.end"][0]) == (4, 4 + len(IBAN))
    assert found[G + "detector.name"] == ("personal_data",)
    assert found[G + "detector.seconds"] == (verdict.timings["personal_data"],)
    assert found[G + "detector.version"] == (verdict.versions["personal_data"],)
    assert (found[G + "length"], found[G + "channel"]) == (len(text), "web")


def test_hashes_are_those_of_the_event_log(tmp_path: Any) -> None:
    seen = Seen()
    with EventLog(tmp_path) as log:
        g = guard(seen, sink=record_verdicts(log))
        g.check("output", f"Pay {IBAN}", tenant="acme", conversation="c-1", request="r-1")
        (event,) = read_events(tmp_path)
    found = about(seen.spans[0])
    for name in ("text", "tenant", "conversation", "request"):
        assert found[G + name] == getattr(event, name) != ""
    assert found[G + "finding.span"] == tuple(item.span for item in event.findings)


def test_no_text_and_no_name_of_a_tenant_is_in_what_is_reported() -> None:
    seen = Seen()
    g = guard(seen)
    words = ("tenant-acme", "conversation-77", "request-88", "bob@example.com", IBAN, SECRET)
    call = Call(words[0], conversation=words[1], request=words[2], prompt=f"asked {SECRET}")
    g.check("output", f"Pay {IBAN} bob@example.com", call)
    g.check("input", f"key {SECRET}", call)
    told = "".join(span.to_json() for span in seen.spans)
    data = seen.reader.get_metrics_data()
    assert data is not None
    told += data.to_json()
    assert [word for word in words if word in told] == []


def test_a_span_is_a_child_of_the_current_one_in_threads_and_event_loops() -> None:
    seen = Seen()
    g = guard(seen)
    tracer = seen.tracers.get_tracer("app")
    with tracer.start_as_current_span("chat") as parent:
        g.check("input", "hello")

        async def later() -> None:
            await g.acheck("output", "hello")

        asyncio.run(later())
        stream = g.stream("output")
        stream.feed("hello")
        stream.close()
    trace_id = parent.get_span_context().span_id
    children = [span for span in seen.spans if span.name.startswith("apply_guardrail")]
    assert [span.parent and span.parent.span_id for span in children] == [trace_id] * 3


def test_metrics_count_verdicts_and_rules() -> None:
    seen = Seen()
    g = guard(seen)
    for _ in range(3):
        g.check("output", "nothing here")
    g.check("output", f"Pay {IBAN}, bob@example.com")
    g.check("input", f"key {SECRET}")
    # action, mode, stage, would
    verdicts = {key: point.value for key, point in seen.points(G + "verdicts").items()}
    assert verdicts == {
        ("allow", "enforce", "output", "allow"): 3,
        ("redact", "enforce", "output", "block"): 1,
        ("block", "enforce", "input", "block"): 1,
    }
    durations = seen.points(G + "duration")
    assert {key: point.count for key, point in durations.items()} == {("output",): 4, ("input",): 1}
    assert all(0 < point.sum < 60 * point.count for point in durations.values())
    # action, kind, mode, rule, stage
    rules = {key: point.value for key, point in seen.points(G + "rules").items()}
    assert rules == {
        ("redact", "hit", "enforce", "iban-out", "output"): 1,
        ("block", "hit", "shadow", "mail", "output"): 1,
        ("block", "hit", "enforce", "keys", "input"): 1,
    }


def test_guards_share_the_counters_of_a_provider() -> None:
    seen = Seen()
    guard(seen).check("input", "x")
    guard(seen).check("input", "x")
    (point,) = seen.points(G + "verdicts").values()
    assert point.value == 2


def test_a_guard_made_before_the_sdk_counts_with_those_made_after() -> None:
    code = """if True:
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from railwright.guard import Guard, Telemetry
        early = Guard.default(tier=3, telemetry=Telemetry.global_())
        early.check("input", "x")
        reader = InMemoryMetricReader()
        metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
        early.check("input", "x")
        Guard.default(tier=3, telemetry=Telemetry.global_()).check("input", "x")
        for resource in reader.get_metrics_data().resource_metrics:
            for metric in resource.scope_metrics[0].metrics:
                if metric.name == "railwright.guard.verdicts":
                    print([point.value for point in metric.data.data_points])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[3]"


class Broken:
    """A detector that always fails, with the text in its message."""

    name, version = "t-broken", "1"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        raise RuntimeError(text)

    def detect_batch(
        self, texts: Sequence[str], contexts: Sequence[Context | None] | None = None
    ) -> list[list[Detection]]:
        return [self.detect(text) for text in texts]


def test_a_detector_without_an_answer_is_an_error_a_block_is_none() -> None:
    detectors.register("t-broken", Broken)
    try:
        seen = Seen()
        text = POLICY + "  - {id: b, stage: memory, detector: t-broken, action: block}\n"
        g = guard(seen, text)
        g.check("memory", "words of a user")
        g.check("input", f"key {SECRET}")
    finally:
        detectors._registry._registered.pop("t-broken")
        detectors._registry._instances.pop("t-broken", None)
    failed, blocked = seen.spans
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert about(failed)["error.type"] == "error"
    assert about(failed)[G + "failure.rule"] == ("b",)
    assert "words of a user" not in failed.to_json()
    assert blocked.status.status_code is trace.StatusCode.UNSET
    assert "error.type" not in about(blocked)
    assert about(blocked)[G + "action"] == "block"


def test_the_tool_is_named_at_the_stages_of_tools_alone() -> None:
    seen = Seen()
    g = guard(seen)
    g.check("tool_call", "x", tool="send_mail")
    g.check("output", "x", tool="send_mail")
    assert [about(span).get("gen_ai.tool.name") for span in seen.spans] == ["send_mail", None]


def test_notable_spans_leave_out_what_nothing_came_of() -> None:
    seen = Seen()
    told = Telemetry(tracer_provider=seen.tracers, spans="notable")
    g = Guard(parse_policy(POLICY), key=KEY, telemetry=told)
    g.check("output", "fine")
    g.check("output", "bob@example.com")  # a rule in shadow would have blocked
    g.check("input", SECRET)
    assert [about(span)[G + "would"] for span in seen.spans] == ["block", "block"]
    assert seen.reader.get_metrics_data() is None  # no meter provider was given


class OnlyBlocks(Sampler):
    """A head sampler that goes by the decision."""

    def should_sample(self, *args: Any, **options: Any) -> SamplingResult:
        attributes = options.get("attributes") or args[4]
        keep = attributes["railwright.guard.action"] == "block"
        return SamplingResult(Decision.RECORD_AND_SAMPLE if keep else Decision.DROP, attributes)

    def get_description(self) -> str:
        return "OnlyBlocks"


def test_a_sampler_can_go_by_the_decision() -> None:
    seen = Seen(sampler=OnlyBlocks())
    g = guard(seen)
    g.check("input", "hello")
    g.check("input", SECRET)
    assert [about(span)[G + "action"] for span in seen.spans] == ["block"]


def test_findings_of_one_span_are_capped_and_counted() -> None:
    seen = Seen()
    guard(seen).check("output", f"Pay {IBAN}. " * 70)
    found = about(seen.spans[0])
    assert found[G + "findings"] == 70
    assert len(found[G + "finding.span"]) == len(found[G + "finding.score"]) == 64


def test_telemetry_that_fails_cannot_fail_a_check(caplog: pytest.LogCaptureFixture) -> None:
    class Down(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> Any:
            raise OSError("collector is gone")

    class DownSampler(Sampler):
        def should_sample(self, *args: Any, **options: Any) -> SamplingResult:
            raise RuntimeError("sampler broke")

        def get_description(self) -> str:
            return "DownSampler"

    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(Down()))
    told = Telemetry(tracer_provider=tracers)
    assert Guard(parse_policy(POLICY), telemetry=told).check("input", SECRET).action == "block"

    told = Telemetry(tracer_provider=TracerProvider(sampler=DownSampler()))
    g = Guard(parse_policy(POLICY), telemetry=told)
    assert [g.check("input", SECRET).action for _ in range(2)] == ["block", "block"]
    assert told.failures == 2
    assert SECRET not in caplog.text


def test_the_policy_can_ask_for_it_at_the_global_providers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen()
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: seen.tracers)
    monkeypatch.setattr("opentelemetry.metrics.get_meter_provider", lambda: seen.meters)
    policy = parse_policy(POLICY + "telemetry: {spans: notable}\n")
    g = Guard(policy, key=KEY)
    g.check("input", "hello")
    g.check("input", SECRET)
    assert [about(span)[G + "action"] for span in seen.spans] == ["block"]
    assert len(seen.points(G + "verdicts")) == 2
    # What is reported changes no verdict, so it is not part of the plan.
    assert g.plan.digest == parse_policy(POLICY).plan().digest
    Guard(policy, key=KEY, telemetry=False).check("input", SECRET)
    Guard(parse_policy(POLICY + "telemetry: {spans: none, metrics: false}\n")).check("input", "x")
    assert len(seen.spans) == 1


def test_nothing_is_imported_unless_asked_for() -> None:
    code = (
        "import sys; from railwright.guard import Guard; Guard.default(tier=2).check('input', 'x');"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GuardError, match="nowhere to go"):
        Telemetry()
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtraError, match=r'pip install "railwright\[otel\]"'):
        Guard(parse_policy(POLICY + "telemetry: {}\n"))


def test_the_command_line_needs_no_telemetry_for_a_policy_that_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from railwright.cli import main

    (tmp_path / "guard.yaml").write_text(POLICY + "telemetry: {}\n")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for args in (["explain", str(tmp_path)], ["diff", str(tmp_path), str(tmp_path)]):
        with pytest.raises(SystemExit) as ended:
            main(["guard", *args])
        assert ended.value.code == 0
