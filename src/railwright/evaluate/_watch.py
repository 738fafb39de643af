"""Counting a run as it goes, and telling about it a few times a second."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable

from railwright.evaluate._budget import BudgetMeter
from railwright.evaluate._records import Progress
from railwright.evaluate.interface import Sample

_EVERY_S = 0.2
_WINDOW = 50  # readings of the rate: the last ten seconds


class Watch:
    """Counts of this part of a run and its progress events.

    Args:
        on_event: receives the events; None for none.
        total: reads ``TaskSource.total``.
        before: samples that earlier parts stored.
        meter: what was spent.
        gauge: reads (calls in flight, concurrency, what the run waits for).
    """

    def __init__(
        self,
        on_event: Callable[[Progress], None] | None,
        total: Callable[[], int | None],
        before: int,
        meter: BudgetMeter,
        gauge: Callable[[], tuple[int, int, str]],
    ) -> None:
        self._on_event, self._total, self._before = on_event, total, before
        self._meter, self._gauge = meter, gauge
        self.statuses: Counter[str] = Counter()
        self.stored = self.cached = 0
        self.began = self._told = time.monotonic()
        self._readings: deque[tuple[float, int]] = deque([(self.began, 0)], maxlen=_WINDOW)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    def count(self, sample: Sample) -> None:
        """Count a stored sample."""
        self.stored += 1
        self.cached += sample.cached
        self.statuses[sample.status] += 1

    def tell(self, *, final: bool = False) -> None:
        """Send an event if the last one is long enough ago."""
        now = time.monotonic()
        if self._on_event is None or (not final and now - self._told < _EVERY_S):
            return
        self._told = now
        self._readings.append((now, self.stored))
        self._on_event(self._event(now, final=final))

    def _seconds_left(self, samples: int | None, rate: float) -> float | None:
        """Seconds until the work or the budget ends, whichever comes first; None while unknown."""
        budget, spent = self._meter.budget, self._meter.spent
        calls = None if budget.calls is None else budget.calls - spent.calls
        ends = [max(0, n) / rate for n in (samples, calls) if n is not None and rate > 0]
        if self._meter.seconds_left != float("inf"):
            ends.append(self._meter.seconds_left)
        return min(ends) if ends else None

    def _event(self, now: float, *, final: bool) -> Progress:
        then, stored = self._readings[0]
        rate = (self.stored - stored) / (now - then) if now > then else 0.0
        done, total = self._before + self.stored, self._total()
        left = self._seconds_left(None if total is None else total - done, rate)
        in_flight, concurrency, waiting = self._gauge()
        spent = self._meter.spent
        return Progress(
            done=done,
            total=total,
            rate=rate,
            seconds_left=left,
            seconds=now - self.began,
            calls=spent.calls,
            cached=self.cached,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            cost=spent.cost,
            in_flight=in_flight,
            concurrency=concurrency,
            statuses=dict(self.statuses),
            waiting=waiting,
            final=final,
        )
