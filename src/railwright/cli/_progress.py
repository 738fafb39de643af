"""Progress of a check and of a file run: rate, time left, what was spent."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from railwright.evaluate import Progress as Event
    from railwright.gate import Schedule

_EVERY_S = 15.0
_BAR_FROM = 112


class CheckProgress:
    """On a terminal a line that moves; in a log one line every 15 seconds, and no rich import."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, event: Event, schedule: Schedule | None = None) -> None:
        """Show an event of the runner; with a schedule, also how many suites are settled."""
        detail = _detail(event)
        if schedule is not None:
            detail = f"{schedule.decided}/{schedule.suites} suites settled, {detail}"
        if event.seconds < self._last:  # a further run has begun
            self._last = 0.0
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("running", total=event.total, detail=detail)
            self._bar.update(self._task, completed=event.done, total=event.total, detail=detail)
        elif event.seconds - self._last >= _EVERY_S:
            self._last = event.seconds
            click.echo(f"{event.done} samples, {detail}", err=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    # The words say more than the bar: where both do not fit, the bar goes.
    bar = [BarColumn(bar_width=24)] if console.width >= _BAR_FROM else []
    return Progress(
        SpinnerColumn(),
        *bar,
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _detail(event: Event) -> str:
    parts = [f"{event.calls} calls"]
    if event.cached:
        parts.append(f"{event.cached} cached")
    parts.append(f"{event.rate:.1f}/s")
    if event.seconds_left is not None:
        parts.append(f"at most {_clock(event.seconds_left)} left")
    if event.cost:
        parts.append(f"cost {event.cost:.4f}")
    if event.waiting:
        parts.append(event.waiting)
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min" if minutes else f"{rest} s"
