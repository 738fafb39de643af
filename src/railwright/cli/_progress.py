"""Progress of a check and of a file run: rate, time left, what was spent."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from railwright.evaluate import Progress as Event
    from railwright.gate import Schedule


class CheckProgress:
    """A line that moves on a terminal; in a log, one line every so often."""

    _EVERY_S = 15.0

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def update(self, event: Event, schedule: Schedule | None = None) -> None:
        """Show an event of the runner; with a schedule, also how many suites are settled."""
        detail = _detail(event)
        if schedule is not None:
            detail = f"{schedule.decided} of {schedule.suites} suites settled, {detail}"
        if self._task is None:
            self._task = self._bar.add_task("running", total=event.total, detail=detail)
        self._bar.update(self._task, completed=event.done, total=event.total, detail=detail)
        if not self._console.is_terminal and event.seconds - self._last >= self._EVERY_S:
            self._last = event.seconds
            self._console.print(f"{event.done} samples, {detail}", highlight=False)


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
