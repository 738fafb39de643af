"""The records that one verdict is made of; reports render these and decide nothing."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Outcome = Literal["pass", "fail", "inconclusive", "not_applicable"]


class Bounds(msgspec.Struct, frozen=True):
    """``k`` failing of ``n`` independent sources with the interval the decision rests on.

    ``low`` and ``high`` are each one-sided at ``confidence``. ``estimate`` is k/n (None at n = 0).
    """

    k: int
    n: int
    low: float
    high: float
    confidence: float

    @property
    def estimate(self) -> float | None:
        """The share of failing sources."""
        return self.k / self.n if self.n else None


class SliceResult(msgspec.Struct, frozen=True):
    """One slice of a gate: ``require`` is empty where it is only shown, not decided."""

    by: str
    value: str
    bounds: Bounds
    outcome: Outcome
    require: str = ""
    why: str = ""


class Coverage(msgspec.Struct, frozen=True):
    """What share of the sources was scored, and how far the missing could move the rate."""

    scored: int
    missing: int
    ratio: float
    worst: float
    best: float
    statuses: dict[str, int] = {}


class Effort(msgspec.Struct, frozen=True):
    """What a gate cost and what stopping early saved (calls against the full registered plan)."""

    calls: int
    cached: int
    planned_calls: int
    saved_calls: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    currency: str = ""
    seconds: float = 0.0


class EvidenceRef(msgspec.Struct, frozen=True):
    """Where the evidence lies: the statement in the ledger and the run with its samples."""

    index: int
    leaf: str
    recorded: str
    prereg_index: int | None = None
    run_id: str = ""
    run_digest: str = ""
    suite: str = ""
    suite_digest: str = ""
    assurance: str = "reproduced"
    age_seconds: float = 0.0


class GateVerdict(msgspec.Struct, frozen=True):
    """One gate's verdict with everything a person needs to question it.

    ``reasons`` are complete sentences; ``mend`` is the command or change that would settle it.
    ``blocking`` says whether a verdict other than pass stops the release at this tier.
    ``line`` is the line of the gate in ``file`` (the tier's default table where not overridden).
    ``looks``, ``pass_at`` and ``fail_at`` are the registered boundaries; ``failed_at`` holds the
    positions of the failing sources in the registered order, from 0.
    """

    id: str
    suite: str
    metric: str
    controls: tuple[str, ...]
    require: str
    threshold: float
    confidence: float
    outcome: Outcome
    blocking: bool
    reasons: tuple[str, ...] = ()
    mend: str = ""
    bounds: Bounds | None = None
    coverage: Coverage | None = None
    effort: Effort | None = None
    slices: tuple[SliceResult, ...] = ()
    evidence: EvidenceRef | None = None
    attempt: int = 0
    attempts: int = 1
    looks: tuple[int, ...] = ()
    pass_at: tuple[int, ...] = ()
    fail_at: tuple[int, ...] = ()
    failed_at: tuple[int, ...] = ()
    stopped: str = ""
    needed: dict[str, int] = {}
    title: str = ""
    file: str = ""
    line: int = 0


class GateChange(msgspec.Struct, frozen=True):
    """What the guard did to one gate.

    ``before`` and ``after`` are the verdicts without and with it, ``bounds`` the failing sources
    without it. Of the ``n`` sources that both runs scored, ``better`` failed only without the
    guard and ``worse`` only with it; ``low`` and ``high`` bound the difference of the failure
    rates (with less without), each one-sided at ``confidence``. ``screened`` counts, over all
    sources of the suite, those of which the guard stops or changes a question: that takes no call.
    ``touched`` of these were asked without and with the guard, in the order or beside it:
    ``mended`` failed only without, ``broken`` only with it.
    """

    gate: str
    before: Outcome
    after: Outcome
    bounds: Bounds | None
    n: int
    better: int
    worse: int
    difference: float
    low: float
    high: float
    confidence: float
    screened: Bounds
    touched: int = 0
    mended: int = 0
    broken: int = 0

    @property
    def turned(self) -> bool:
        """Whether the guard turned the verdict: another one, not by more sources alone."""
        return self.before != self.after and self.better != self.worse


class GuardEffect(msgspec.Struct, frozen=True):
    """The same system without and with its guard, side by side.

    Attributes:
        policy: its id; ``plan`` is its digest at ``tier``.
        samples: questions of the guarded run. ``stopped`` of them never reached the model,
            ``cut`` were answered and the answer was stopped, ``questions_changed`` and
            ``answers_changed`` had something redacted or removed, ``flagged`` were only marked.
        reused: answers of the run without the guard that were used again; ``asked``: calls made.
        rules: how often each rule of the policy had a say.
        actions: the policy's rules by what they do where they find something: an action, or
            ``shadow`` for those that only watch.
        harmless: harmless sources that the guard stopped, question or answer, of those in the run.
        harmless_screened: harmless sources of which it stops a question, of all in the suites.
        guard_ms: time of all checks of one question, 50th and 95th percentile, in milliseconds.
        answer_ms: time of an answer without the guard, 50th percentile.
    """

    policy: str
    plan: str
    tier: int
    gates: tuple[GateChange, ...]
    harmless: Bounds
    harmless_screened: Bounds
    samples: int = 0
    stopped: int = 0
    cut: int = 0
    questions_changed: int = 0
    answers_changed: int = 0
    flagged: int = 0
    reused: int = 0
    asked: int = 0
    rules: dict[str, int] = {}
    actions: dict[str, tuple[str, ...]] = {}
    guard_ms: tuple[float, float] = (0.0, 0.0)
    answer_ms: float = 0.0


class LedgerState(msgspec.Struct, frozen=True):
    """The ledger that the verdict rests on, with its separate verdicts by name."""

    path: str
    size: int
    root: str
    checkpoint: str
    verdicts: dict[str, Any] = {}
    ok: bool = True


class Verdict(msgspec.Struct, frozen=True):
    """The one verdict: the exit code, the table and every report are renderings of it.

    ``outcome`` is ``pass``, ``fail`` or ``inconclusive`` over the blocking gates; ``exit_code``
    follows the product's table. ``as_of`` and ``subject_digest`` fix what it speaks of. ``guard``
    says what the guard changed, where the system was tested behind one.
    """

    system: str
    tier: int
    purpose: str
    owner: str
    subject_digest: str
    parts: dict[str, str]
    as_of: str
    outcome: Outcome
    exit_code: int
    gates: tuple[GateVerdict, ...]
    ledger: LedgerState
    target: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    seconds: float = 0.0
    version: str = ""
    guard: GuardEffect | None = None
    schema: str = "verdict/v1"

    def gate(self, gate_id: str) -> GateVerdict:
        """Return the verdict of one gate; KeyError when there is none of that id."""
        for verdict in self.gates:
            if verdict.id == gate_id:
                return verdict
        raise KeyError(gate_id)
