"""Running one file of cases: the engine of ``railwright eval run``."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from railwright.cases import Case, iter_cases
from railwright.evaluate._cache import Cache
from railwright.evaluate._metrics import Accumulator, MetricResult
from railwright.evaluate._records import Budget, Limits, Manifest, Progress, RunOutcome
from railwright.evaluate._runner import run
from railwright.evaluate._scorers import make_scorer
from railwright.evaluate._store import RunStore, Seal
from railwright.evaluate.interface import Sample, Scorer, Task
from railwright.targets import Target, TargetConfig, open_target

_DEFAULT_CONCURRENCY = 16


class FileSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What ``eval run`` prints; ``estimate`` is the failure rate, ``accuracy`` its complement.

    Attributes:
        n: independent sources that were decided; ``failures`` of them failed.
        interval: two-sided exact interval of the failure rate at ``confidence``.
        coverage: share of the sources that were decided; ``best`` and ``worst`` are the rate if
            none, or all, of the others had failed.
        statuses: stored samples by status.
        calls: attempts made by this command; ``calls_total`` counts earlier parts of the run too.
        seconds: wall clock of this command.
        digest: of the run; empty while it is not complete enough to be sealed.
        reason: ``finished``, ``budget``, ``interrupted`` or ``fatal``, with ``message``.
    """

    n: int
    failures: int
    estimate: float | None
    accuracy: float | None
    interval: tuple[float, float]
    confidence: float
    coverage: float
    best: float
    worst: float
    missing: int
    not_reached: int
    samples: int
    statuses: dict[str, int]
    calls: int
    calls_total: int
    cached: int
    input_tokens: int
    output_tokens: int
    cost: float
    seconds: float
    digest: str
    out: str
    reason: str
    message: str = ""
    error_kind: str = ""
    metric: str = "task_failure"
    slices: dict[str, dict[str, MetricResult]] = {}
    schema: str = "eval-run/v1"


class CaseFile(msgspec.Struct, frozen=True):
    """A case file that was read through once: every line is a case."""

    path: Path
    digest: str
    cases: int

    @property
    def suite(self) -> str:
        """The name its cases go by: that of the file."""
        return self.path.stem


class FileSource:
    """Tasks of a case file, read as they are needed, each case ``repeats`` times in a row."""

    def __init__(self, file: CaseFile, counter: Accumulator, repeats: int = 1) -> None:
        self._cases = enumerate(iter_cases(file.path))
        self._suite, self._counter, self._repeats = file.suite, counter, repeats
        self._count = file.cases
        self._queue: deque[Task] = deque()

    def next(self) -> Task | None:
        """The next task in the order of the file."""
        if not self._queue:
            found = next(self._cases, None)
            if found is None:
                return None
            order, case = found
            self._queue.extend(
                Task(case, self._suite, order, repeat) for repeat in range(self._repeats)
            )
        return self._queue.popleft()

    def done(self, task: Task, sample: Sample) -> None:  # noqa: ARG002 (the seam's signature)
        """Count a stored sample."""
        self._counter.add(sample)

    def restore(self, sample: Sample) -> None:
        """Count a sample that an earlier part of the run stored."""
        self._counter.add(sample)

    @property
    def total(self) -> int | None:
        """Tasks of the whole file."""
        return self._count * self._repeats


def read_through(path: str | Path, register: Callable[[Case], Any]) -> CaseFile:
    """Check every line of a case file before anything is paid for.

    Args:
        path: the file.
        register: called with each case.

    Raises:
        CaseError: the first line that is no case, with its number and the mend.
    """
    file, count = Path(path), 0
    for case in iter_cases(file):
        register(case)
        count += 1
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return CaseFile(file, f"sha256:{digest}", count)


def evaluate_file(
    cases_path: str | Path,
    target: str | TargetConfig | Target,
    scorer: str | Scorer,
    out: str | Path,
    **options: Any,
) -> FileSummary:
    """``evaluate_file_async`` in an event loop of its own."""
    return asyncio.run(evaluate_file_async(cases_path, target, scorer, out, **options))


async def evaluate_file_async(  # noqa: PLR0913
    cases_path: str | Path,
    target: str | TargetConfig | Target,
    scorer: str | Scorer,
    out: str | Path,
    *,
    repeats: int = 1,
    limits: Limits | None = None,
    budget: Budget | None = None,
    cache: Cache | None = None,
    metric: str = "task_failure",
    slices: tuple[str, ...] = (),
    on_event: Callable[[Progress], None] | None = None,
) -> FileSummary:
    """Run a file of cases against a target and store every sample.

    The same ``out`` again goes on where it ended; a folder of another run is refused. Memory does
    not grow with the samples, only by some bytes for each independent source.

    Args:
        cases_path: JSON Lines of cases.
        target: a spec such as ``openai:http://127.0.0.1:8000/v1#m``, a configuration, or a target.
        scorer: a scorer or its name.
        out: the run folder.
        repeats: how often each case is put.
        limits: concurrency and so on; those of the target's configuration where None.
        budget: hard limits; none, with the price of the target's configuration, where None.
        cache: answers that were paid for before.
        metric: how samples of a source are combined; see ``METRICS``.
        slices: slice keys to count apart.
        on_event: progress.

    Raises:
        CaseError: a line of the file is no case; nothing was called.
        TargetError, UnknownScorerError: the target or the scorer cannot work as given.
        StoreError: the folder holds another run, or cannot be written.
    """
    counter = Accumulator(metric, slices=slices)
    judge = make_scorer(scorer) if isinstance(scorer, str) else scorer
    file = read_through(cases_path, lambda case: counter.register(case, repeats))
    opened = _open(target, file) if isinstance(target, str | TargetConfig) else target
    manifest = _manifest(file, judge, opened, repeats, metric)
    try:
        with RunStore.open(out, manifest) as store:
            outcome = await run(
                FileSource(file, counter, repeats),
                opened,
                lambda _: judge,
                store,
                limits=limits or limits_of(target),
                budget=budget or budget_of(target),
                cache=cache,
                on_event=on_event,
            )
            result = counter.result()
            seal = None if outcome.interrupted else await _seal(store, _results(result))
            return _summary(result, outcome, seal, str(out))
    finally:
        if opened is not target:
            await opened.close()


def _manifest(file: CaseFile, judge: Scorer, target: Target, repeats: int, metric: str) -> Manifest:
    return Manifest(
        suites={file.suite: file.digest},
        scorers={judge.name: judge.version},
        target=target.identity,
        repeats=repeats,
        extra={"metric": metric},
    )


async def _seal(store: RunStore, results: dict[str, Any]) -> Seal:
    """Seal off the event loop; a Ctrl-C meanwhile takes effect once the files are whole."""
    sealing = asyncio.ensure_future(asyncio.to_thread(store.seal, results))
    try:
        return await asyncio.shield(sealing)
    except asyncio.CancelledError:
        await asyncio.wait({sealing})
        raise


def budget_of(target: str | TargetConfig | Target) -> Budget:
    """No limit, but the price of a target's configuration, so that costs are counted."""
    if not isinstance(target, TargetConfig):
        return Budget()
    return Budget(price=target.price, max_output_tokens=target.max_tokens)


def _open(target: str | TargetConfig, file: CaseFile) -> Target:
    """Open a target; a scripted one answers from the cases, so it is given them."""
    spec = target if isinstance(target, str) else target.spec
    scripted = spec.startswith("scripted:")
    cases = {case.id: case for case in iter_cases(file.path)} if scripted else None
    return open_target(target, cases=cases)


def limits_of(target: str | TargetConfig | Target) -> Limits:
    """Limits that follow a target's configuration."""
    if not isinstance(target, TargetConfig):
        return Limits(concurrency=_DEFAULT_CONCURRENCY)
    # The target ends a call itself; the runner's own limit only catches one that does not.
    return Limits(
        concurrency=target.concurrency or _DEFAULT_CONCURRENCY, timeout_s=target.timeout_s + 5.0
    )


def _results(result: MetricResult) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(result)
    return {"schema": "results/v1", "metrics": [plain]}


def _summary(result: MetricResult, outcome: RunOutcome, seal: Seal | None, out: str) -> FileSummary:
    return FileSummary(
        n=result.n,
        failures=result.k,
        estimate=result.rate,
        accuracy=None if result.rate is None else 1.0 - result.rate,
        interval=(result.low, result.high),
        confidence=result.confidence,
        coverage=result.coverage,
        best=result.best,
        worst=result.worst,
        missing=result.missing,
        not_reached=result.not_reached,
        samples=result.samples,
        statuses=result.statuses,
        calls=outcome.calls,
        calls_total=outcome.spent.calls,
        cached=result.cached,
        input_tokens=result.input_tokens,
        output_tokens=result.output_tokens,
        cost=result.cost,
        seconds=outcome.seconds,
        digest=seal.digest if seal else "",
        out=out,
        reason=outcome.reason,
        message=outcome.message,
        error_kind=outcome.error_kind,
        metric=result.metric,
        slices=result.slices,
    )
