"""Scorers, samples and the source of tasks: what the runner moves between."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from railwright.cases import Case
from railwright.targets import Response

Status = Literal[
    "scored", "blocked", "not_reached", "app_error", "judge_error", "could_not_score", "skipped"
]


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scorer's reading of one response.

    Attributes:
        failed: True when the response fails; None when this scorer only reads an ``outcome``.
        outcome: what the response was read as (``refused``, ``approve``...), compared between the
            variants of one source by paired metrics.
        value: the number behind it in [0, 1], where there is one.
        status: ``scored``, or why there is no score.
        why: one line for a person.
        evidence: spans or facts that support it; kept with the sample, never in the ledger.
    """

    failed: bool | None = None
    outcome: str = ""
    value: float | None = None
    status: Status = "scored"
    why: str = ""
    evidence: tuple[dict[str, Any], ...] = ()


@runtime_checkable
class Scorer(Protocol):
    """(case, response) to score. May be asynchronous when it calls a judge."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def score(self, case: Case, response: Response) -> Score | Awaitable[Score]: ...


class Task(msgspec.Struct, frozen=True):
    """One call to make: a case of a suite, at its place in the registered order."""

    case: Case
    suite: str
    order: int
    repeat: int = 0


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finished task: the row that is stored. Times and costs never enter its digest.

    ``case`` is the case as JSON, so that a stored run can be scored again and read without its
    data; ``tool_calls``, ``passages``, ``messages`` and ``evidence`` are JSON, empty where there
    are none. ``scorer`` is ``name@version``. ``failed`` is None where nothing was decided, and
    for ``blocked`` samples, whose reading depends on the metric. Every column is described in
    ``docs/reference/runs.md``.
    """

    suite: str
    case_id: str
    source: str
    order: int
    status: Status
    variant: str = ""
    repeat: int = 0
    failed: bool | None = None
    outcome: str = ""
    value: float | None = None
    scorer: str = ""
    why: str = ""
    slices: dict[str, str] = {}
    harms: tuple[str, ...] = ()
    input: str = ""
    output: str = ""
    tool_calls: str = ""
    passages: str = ""
    evidence: str = ""
    error: str = ""
    error_kind: str = ""
    calls: int = 0
    cached: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    latency_s: float = 0.0
    finished_at: float = 0.0
    request_digest: str = ""
    raw: str = ""
    case: str = ""
    messages: str = ""
    finish: str = ""
    model: str = ""


class TaskSource(Protocol):
    """Where the runner takes its work from, and whom it tells what came of it.

    ``next`` returns None when nothing is left to hand out now; the run ends when it does so with
    nothing in flight. ``done`` is called once a sample is stored durably, in completion order.

    On a resumed run a source that has a method ``restore(sample)`` is first given every stored
    sample in registered order. Tasks that are stored already may be handed out again by ``next``:
    the runner drops them without a call and without ``done``.
    """

    def next(self) -> Task | None: ...

    def done(self, task: Task, sample: Sample) -> None: ...

    @property
    def total(self) -> int | None:
        """Tasks that may be handed out at most, for the progress bar; None when unknown."""
        ...
