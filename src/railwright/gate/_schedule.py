"""Which case is run next: every gate is probed first, then the nearest decision is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from railwright.evaluate import Sample, Task
from railwright.gate._lane import Lane

PROBE_SOURCES = 10
"""Sources that each gate gets before any gets more: enough for a bad subject to fail."""


class Schedule:
    """The source of tasks of a check (see ``evaluate.TaskSource``).

    What is handed out depends on what is known so far, but what is decided does not: each claim
    reads the registered order of its own suite.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        repeat: int = 0,
        concurrency: int = 1,
        held: Mapping[str, int] | None = None,
        on_sample: Callable[[Sample, bool], None] | None = None,
    ) -> None:
        """Make the source of tasks.

        Args:
            lanes: one a suite.
            repeat: number of the repetition; also tells cached answers apart.
            concurrency: calls in flight at most.
            held: sources of a suite whose outcome the ledger holds under this registration: their
                answers are awaited before more are asked for, since they may decide all.
            on_sample: gets each sample once, and whether this part of the run made it.
        """
        self._held = dict(held or {})
        self._lanes = list(lanes)
        self._by_suite = {lane.suite: lane for lane in lanes}
        self._next = [0] * len(lanes)
        self._pending: list[Task] = []
        self._done: set[tuple[str, int, int]] = set()
        self._on_sample = on_sample
        self._repeat = repeat
        # One slow answer holds up the decisions behind it; do not spend the suite meanwhile.
        self._ahead = max(PROBE_SOURCES, 2 * concurrency)

    @property
    def total(self) -> int | None:
        """Tasks that may be handed out at most."""
        return sum(len(unit.cases) for lane in self._lanes for unit in lane.units)

    @property
    def suites(self) -> int:
        """Suites of this run."""
        return len(self._lanes)

    @property
    def decided(self) -> int:
        """Suites that need nothing more."""
        return sum(not lane.open for lane in self._lanes)

    def restore(self, sample: Sample) -> None:
        """Take a sample that an interrupted run has stored; it is not handed out again."""
        self._record(sample, new=False)

    def next(self) -> Task | None:
        """Return the next task, or None when every gate is decided or out of sources."""
        while True:
            while self._pending:
                task = self._pending.pop()
                if not self._by_suite[task.suite].open:
                    continue
                if (task.suite, task.order, task.repeat) not in self._done:
                    return task
            index = self._choose()
            if index is None:
                return None
            self._open_unit(index)

    def done(self, task: Task, sample: Sample) -> None:  # noqa: ARG002
        """Take a sample that is stored durably."""
        self._record(sample, new=True)

    def _record(self, sample: Sample, *, new: bool) -> None:
        key = (sample.suite, sample.order, sample.repeat)
        if key in self._done or sample.suite not in self._by_suite:
            return
        self._done.add(key)
        self._by_suite[sample.suite].add(sample)
        if self._on_sample:
            self._on_sample(sample, new)

    def _choose(self) -> int | None:
        best: tuple[int, int, int] | None = None
        for index, lane in enumerate(self._lanes):
            handed = self._next[index]
            if handed >= len(lane.units) or not lane.open:
                continue
            held = self._held.get(lane.suite, 0)
            if handed - lane.prefix >= self._ahead or lane.prefix < held <= handed:
                continue
            if handed < PROBE_SOURCES:
                rank = (0, handed, index)
            else:
                rank = (1, lane.remaining_to_pass(handed), index)
            if best is None or rank < best:
                best = rank
        return None if best is None else best[2]

    def _open_unit(self, index: int) -> None:
        lane = self._lanes[index]
        unit = lane.units[self._next[index]]
        self._next[index] += 1
        base = lane.first_order[unit.position]
        tasks = [
            Task(case=case, suite=lane.suite, order=base + offset, repeat=self._repeat)
            for offset, case in enumerate(unit.cases)
        ]
        # Popped from the end, so that the cases of a source go out in file order.
        self._pending.extend(reversed(tasks))
