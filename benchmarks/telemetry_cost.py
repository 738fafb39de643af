"""CPU of a guard's check with telemetry, against the same check without, in one run.

The default policy of tier 2 checks a clean text of 1 KB and one with two findings. The SDK is the
real one with its batch processor; its exporter only counts, so that what is shown is the price in
the process and not that of a network. Rounds are interleaved, and the fastest of each counts. Exit
code 1 when metrics and spans of what is notable, on a clean text, cost more than LIMIT times the
bare check.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from railwright.guard import Guard, Telemetry
from railwright.guard._guard import Guard as _Guard

LIMIT = 2.0
ROUNDS, CHECKS = 20, 100
WORDS = (
    "the order was sent on monday and the parcel should arrive within three days so please wait "
    "until then before you write again because our team answers each message in turn "
)
CLEAN = (WORDS * 7)[:1024]
DENSE = CLEAN[:950] + " Pay DE89 3704 0044 0532 0130 00 or ann@mailbox.example"


class Counting(SpanExporter):
    """Takes spans and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.count += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


def tracers(exporter: Counting, *, sampled: bool = True) -> TracerProvider:
    """A provider as an application has it."""
    made = TracerProvider() if sampled else TracerProvider(sampler=ALWAYS_OFF)
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def variants(exporter: Counting) -> dict[str, Guard]:
    """A guard for each way to report."""

    def guard(telemetry: Telemetry | bool) -> Guard:
        return Guard.default(tier=2, telemetry=telemetry)

    def meters() -> MeterProvider:
        return MeterProvider(metric_readers=[InMemoryMetricReader()])

    on, off = tracers(exporter), tracers(exporter, sampled=False)
    return {
        "none": guard(telemetry=False),
        "none, again": guard(telemetry=False),
        "metrics": guard(Telemetry(meter_provider=meters())),
        "metrics, notable spans": guard(
            Telemetry(tracer_provider=on, meter_provider=meters(), spans="notable")
        ),
        "metrics, spans sampled out": guard(
            Telemetry(tracer_provider=off, meter_provider=meters())
        ),
        "metrics, all spans": guard(Telemetry(tracer_provider=on, meter_provider=meters())),
    }


def seconds(guard: _Guard, text: str) -> float:
    """CPU seconds of one check, the threads of the SDK included."""
    begun = process_time()
    for _ in range(CHECKS):
        guard.check("output", text)
    return (process_time() - begun) / CHECKS


def main() -> int:
    """Print the figures."""
    exporter = Counting()
    guards = variants(exporter)
    ratios: dict[tuple[str, str], float] = {}
    for name, text in (("clean", CLEAN), ("two findings", DENSE)):
        taken: dict[str, list[float]] = {way: [] for way in guards}
        for turn in range(ROUNDS + 1):
            for way, guard in guards.items():
                spent = seconds(guard, text)
                if turn:  # the first is for caches
                    taken[way].append(spent)
        bare = min(taken["none"])
        for way, values in taken.items():
            fastest = min(values)
            ratios[name, way] = fastest / bare
            print(f"{name:<13} {way:<28} {fastest * 1e6:7.1f} us   {fastest / bare:5.2f} x none")
    print(f"spans exported: {exporter.count}")
    chosen = ratios["clean", "metrics, notable spans"]
    print(f"limit {LIMIT:g}: metrics and notable spans on a clean text cost {chosen:.2f} x none")
    return int(chosen > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
