"""The sources that a guard touches: asked without it too, wherever they stand in the order.

A question that no rule stops or changes gets the same answer with and without the guard, so over a
whole suite what a guard does to questions is told by the few that it touches. Their answers feed no
gate: gates read the registered order alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from railwright.cases import Case
from railwright.evaluate import Accumulator, RunOutcome, RunStore, Sample, Task
from railwright.gate._lane import Lane, Unit
from railwright.gate._paired import source_counter
from railwright.gate._plan import CheckPlan
from railwright.gate._session import OnProgress, Session
from railwright.guard import GuardedTarget
from railwright.targets import Request

Outcomes = Mapping[str, Mapping[str, bool | None]]
"""By suite, whether each source failed; None without a usable outcome."""
_STOPPED = frozenset({"ask", "block"})
_EDITED = frozenset({"redact", "rewrite"}) | _STOPPED


class Screened(msgspec.Struct, frozen=True):
    """Of each source of one suite, whether the guard stops or changes a question, or stops one."""

    touched: tuple[bool, ...]
    stopped: tuple[bool, ...]


async def screen(target: GuardedTarget, lanes: Iterable[Lane]) -> dict[str, Screened]:
    """Ask the guard about every question of every suite; nobody else is asked."""
    found: dict[str, Screened] = {}
    for lane in lanes:
        actions = [{await target.screen(_asked(c)) for c in unit.cases} for unit in lane.units]
        found[lane.suite] = Screened(
            tuple(bool(_EDITED & each) for each in actions),
            tuple(bool(_STOPPED & each) for each in actions),
        )
    return found


async def ask_touched(
    session: Session,
    plan: CheckPlan,
    lanes: Sequence[Lane],
    screened: Mapping[str, Screened],
    on_progress: OnProgress | None = None,
) -> tuple[Outcomes, RunOutcome | None]:
    """Ask the touched sources; (whether each that was asked in full failed, how the run ended).

    Answers are taken from the cache and kept there: a later run that gets to them has them. The
    second is None where nothing is touched.
    """
    source = _TouchedSource(lanes, screened, plan.epoch)
    if not source.total:
        await session.target.close()
        return {}, None
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{session.system.id}-touched"
    with RunStore.open(
        session.system.root / "rai" / "runs" / name, session.manifest(plan)
    ) as store:
        tell = (lambda event: on_progress(event, None)) if on_progress else None
        outcome = await session.ask(source, store, tell)
        store.seal()
    return {lane.suite: source.failed(lane.suite) for lane in lanes}, outcome


class _TouchedSource:
    """The cases of the touched sources, suite by suite in turn."""

    def __init__(
        self, lanes: Iterable[Lane], screened: Mapping[str, Screened], repeat: int
    ) -> None:
        self._units: dict[str, list[Unit]] = {}
        self._counts: dict[str, dict[str, Accumulator]] = {}
        queues: list[list[Task]] = []
        for lane in lanes:
            marks = screened[lane.suite].touched
            units = [u for u, touched in zip(lane.units, marks, strict=True) if touched]
            self._counts[lane.suite] = {u.source: source_counter(lane.metric, u) for u in units}
            queues.append(
                [
                    Task(case, lane.suite, lane.first_order[unit.position] + offset, repeat)
                    for unit in units
                    for offset, case in enumerate(unit.cases)
                ]
            )
        self._queue = [task for turn in _turns(queues) for task in turn]
        self.total = len(self._queue)
        self._queue.reverse()

    def next(self) -> Task | None:
        """The next task."""
        return self._queue.pop() if self._queue else None

    def done(self, task: Task, sample: Sample) -> None:
        """Count a stored sample."""
        self._counts[task.suite][sample.source].add(sample)

    def failed(self, suite: str) -> dict[str, bool | None]:
        """Whether each source that was asked in full failed."""
        found = {name: list(c.counts_in_order()) for name, c in self._counts[suite].items()}
        return {name: rows[0][1] for name, rows in found.items() if rows}


def _turns(queues: Sequence[Sequence[Task]]) -> Iterable[list[Task]]:
    longest = max(map(len, queues), default=0)
    return ([queue[i] for queue in queues if i < len(queue)] for i in range(longest))


def _asked(case: Case) -> Request:
    return Request(
        messages=case.messages,
        documents=case.documents,
        tenant=case.tenant,
        variables=case.variables,
    )
