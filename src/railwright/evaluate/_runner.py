"""The runner: a pool of workers pulls tasks, asks, scores, stores; memory does not grow with n."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from railwright.evaluate._budget import BudgetMeter
from railwright.evaluate._cache import Cache, KeyMaker
from railwright.evaluate._call import Answer, Caller, Dropped, Halt
from railwright.evaluate._journal import Entry, Journal
from railwright.evaluate._records import (
    Budget,
    Limits,
    Progress,
    Reason,
    RunOutcome,
    Spent,
)
from railwright.evaluate._sample import score_later, score_now, scored_sample, unanswered_sample
from railwright.evaluate._store import RunStore
from railwright.evaluate._watch import Watch
from railwright.evaluate.interface import Sample, Scorer, Task, TaskSource
from railwright.targets import Request, Target, TargetError, request_digest
from railwright.transport import Ticket

_BREATH_S = 0.005  # a worker whose calls never wait lets the others run this often


async def run(  # noqa: PLR0913
    source: TaskSource,
    target: Target,
    scorers_for: Callable[[Task], Scorer],
    store: RunStore,
    *,
    limits: Limits | None = None,
    budget: Budget | BudgetMeter | None = None,
    cache: Cache | None = None,
    subject: str = "",
    on_event: Callable[[Progress], None] | None = None,
) -> RunOutcome:
    """Work through a source of tasks and store a sample for each.

    A sample is acknowledged (``source.done``) once it is on the disk. What is not acknowledged is
    done again by the next run into the same folder; what is, is never paid for twice. The store
    stays open; seal it when the run is complete. Ctrl-C and SIGTERM stop handing out work, wait
    for calls in flight, store what came back and return; a second signal stops at once.

    Args:
        source: where tasks come from and whom to tell; see ``TaskSource`` about resuming.
        target: the system; not closed here.
        scorers_for: gives the scorer of a task.
        store: an open run folder; tasks that are stored in it are left out.
        limits: concurrency, time-outs, repetitions.
        budget: hard limits, or a meter that is shared with a judge.
        cache: answers that were paid for before; used for reading and writing.
        subject: digest of the system, part of the cache keys.
        on_event: progress, about five times a second and once at the end.

    Raises:
        StoreError: the folder cannot be written; what was acknowledged is kept.
    """
    engine = _Engine(source, target, scorers_for, store, limits or Limits(), cache, subject)
    meter = (
        budget if isinstance(budget, BudgetMeter) else BudgetMeter(budget or Budget(), store.spent)
    )
    engine.prepare(meter, on_event)
    return await engine.execute()


class _Engine:
    """One call of ``run``."""

    def __init__(
        self,
        source: TaskSource,
        target: Target,
        scorers_for: Callable[[Task], Scorer],
        store: RunStore,
        limits: Limits,
        cache: Cache | None,
        subject: str,
    ) -> None:
        self.source, self.target, self.store = source, target, store
        self.scorers_for, self.limits, self.cache = scorers_for, limits, cache
        self.keys = KeyMaker(subject, target.identity) if cache is not None else None
        self.documents_lost = target.identity.get("parameters", {}).get("documents") == "none"
        self.stopping = asyncio.Event()
        self.changed = asyncio.Event()
        self.idle: set[asyncio.Task[None]] = set()
        self.in_flight = 0
        self.reason: Reason = "finished"
        self.message = self.error_kind = ""
        self.hurry = False

    def prepare(self, meter: BudgetMeter, on_event: Callable[[Progress], None] | None) -> None:
        """Make the parts that need the event loop."""
        self.meter, self.before = meter, meter.spent
        self.priced = meter.budget.price is not None
        self.caller = Caller(
            self.target, self.limits, meter, self.stopping, self.store.manifest.seed
        )
        self.journal = Journal(self.store, self.cache, self._stored)
        self.watch = Watch(
            on_event, lambda: self.source.total, len(self.store.done), meter, self._gauge
        )

    async def execute(self) -> RunOutcome:
        """Run to the end of the source, the budget or patience."""
        self._restore()
        loop = asyncio.get_running_loop()
        left = self.meter.seconds_left
        deadline = None
        if left != float("inf"):
            deadline = loop.call_later(max(0.0, left), self._out_of_time)
        ticker = loop.create_task(self._tick())
        flusher = loop.create_task(self.journal.run())
        try:
            with _signals(loop, self._on_signal):
                await self._work(loop, flusher)
        finally:
            ticker.cancel()
            self.caller.close()
            if deadline is not None:
                deadline.cancel()
        self.watch.tell(final=True)
        return self._outcome()

    async def _work(self, loop: asyncio.AbstractEventLoop, flusher: asyncio.Task[None]) -> None:
        workers = {loop.create_task(self._worker()) for _ in range(max(1, self.limits.concurrency))}
        stopper = loop.create_task(self.stopping.wait())
        try:
            await asyncio.wait({stopper, flusher, *workers}, return_when=asyncio.FIRST_COMPLETED)
            if not self.stopping.is_set():  # a worker or the store broke
                self.stopping.set()
                self.hurry = True
            await self._drain(workers)
        finally:
            stopper.cancel()
            for worker in workers:
                worker.cancel()
            results = await asyncio.gather(*workers, return_exceptions=True)
            self.journal.close()
            await flusher
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _drain(self, workers: set[asyncio.Task[None]]) -> None:
        """Let calls in flight come to their end, within reason."""
        # Calls that the budget has paid for are waited for; only a person's patience ends.
        grace = None if self.reason in {"finished", "budget"} else self.limits.grace_s
        until = None if grace is None else time.monotonic() + grace
        while not self.hurry:
            for worker in self.idle:
                worker.cancel()
            busy = {w for w in workers if not w.done() and w not in self.idle}
            if not busy or (until is not None and time.monotonic() >= until):
                return
            await asyncio.wait(busy, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)

    # -- a worker --------------------------------------------------------------------------------

    async def _worker(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        breath = time.monotonic()
        try:
            while not self.stopping.is_set():
                self.idle.add(me)
                if self.journal.crowded:
                    await self.journal.room()
                ticket = await self.caller.place()
                self.idle.discard(me)
                task = self._next()
                if task is None:
                    self.caller.limiter.release(ticket, "error")
                    await self._wait_for_change(me)
                    continue
                self.in_flight += 1
                sample = await self._process(task, ticket)
                self.journal.put(task, sample)
                now = time.monotonic()
                if now - breath > _BREATH_S:
                    await asyncio.sleep(0)
                    breath = time.monotonic()
        except Dropped:
            return
        except Halt as halt:
            self._stop(halt.reason, str(halt), halt.error_kind)

    def _next(self) -> Task | None:
        """The next task that is not stored yet."""
        if self.stopping.is_set():
            return None
        done = self.store.done
        while (task := self.source.next()) is not None:
            if (task.suite, task.order, task.repeat) not in done:
                return task
        return None

    async def _wait_for_change(self, me: asyncio.Task[None]) -> None:
        """Nothing to hand out now: wait for a sample to be stored, or end the run."""
        if self.in_flight == 0:
            self._stop("finished", "")
            return
        self.idle.add(me)
        await self.changed.wait()

    async def _process(self, task: Task, ticket: Ticket) -> Sample:
        case = task.case
        request = Request(
            messages=case.messages,
            documents=case.documents,
            tenant=case.tenant,
            variables=case.variables,
            repeat=task.repeat,
            case_id=case.id,
            suite=task.suite,
        )
        digest = request_digest(request)
        if case.documents and self.documents_lost:
            self.caller.limiter.release(ticket, "error")
            return unanswered_sample(
                task,
                status="not_reached",
                error="the target takes no documents (target.documents: none)",
                request_digest=digest,
            )
        try:
            wire = self.target.wire(request)
        except TargetError as error:
            self.caller.limiter.release(ticket, "error")
            if error.fatal:
                raise Halt("fatal", str(error), error.kind) from error
            return unanswered_sample(
                task,
                status="app_error",
                error=str(error),
                error_kind=error.kind,
                request_digest=digest,
            )
        answer, cached = await self._answer(task, request, wire, ticket)
        if answer.response is None:
            failure = answer.error
            return unanswered_sample(
                task,
                status="app_error",
                error=str(failure),
                error_kind=failure.kind if failure else "",
                answer=answer,
                request_digest=digest,
                priced=self.priced,
            )
        scorer = self.scorers_for(task)
        scored = score_now(scorer, case, answer.response)
        if not isinstance(scored, tuple):
            scored = await score_later(scorer, scored)
        score, why_not = scored
        return scored_sample(
            task,
            scorer,
            answer,
            score,
            error=why_not,
            request_digest=digest,
            cached=cached,
            priced=self.priced,
        )

    async def _answer(
        self, task: Task, request: Request, wire: bytes, ticket: Ticket
    ) -> tuple[Answer, bool]:
        """Answer from the cache, or else by the target; takes the ticket over."""
        if self.cache is None or self.keys is None:
            return await self.caller.ask(request, wire, task.case.id, ticket), False
        key = self.keys.key(wire, task.repeat)
        known = self.cache.find(key)
        if known is not None:
            self.caller.limiter.release(ticket, "error")  # says nothing about the endpoint
            response, at = known
            return Answer(response, None, 0, Spent(), response.at or at), True
        answer = await self.caller.ask(request, wire, task.case.id, ticket)
        if answer.response is not None:
            self.journal.keep_answer(key, answer.response)
            return answer, answer.response.at > 0
        return answer, False

    # -- what happens beside the workers ---------------------------------------------------------

    def _restore(self) -> None:
        """Give the source what earlier parts of the run stored."""
        restore = getattr(self.source, "restore", None)
        if restore is not None and not self.store.fresh:
            for sample in self.store.iter_samples():
                restore(sample)

    def _stored(self, entries: list[Entry]) -> None:
        """Acknowledge samples that are on the disk."""
        for entry in entries:
            task, sample = entry.task, entry.sample
            self.store.done.add(task.suite, task.order, task.repeat)
            self.watch.count(sample)
            self.source.done(task, sample)
        self.in_flight -= len(entries)
        self.watch.tell()
        self.changed.set()
        self.changed = asyncio.Event()

    async def _tick(self) -> None:
        """Tell about progress while nothing is being stored, too."""
        while True:
            await asyncio.sleep(0.5)
            self.watch.tell()

    def _gauge(self) -> tuple[int, int, str]:
        core = self.caller.limiter.core
        pause = core.pause_s(time.monotonic())
        waiting = f"the endpoint asks to wait {pause:.0f} s" if pause >= 1 else ""
        return core.in_flight, core.limit, waiting

    def _stop(self, reason: Reason, message: str, error_kind: str = "") -> None:
        if not self.stopping.is_set():
            self.reason, self.message, self.error_kind = reason, message, error_kind
            self.stopping.set()

    def _out_of_time(self) -> None:
        minutes = self.meter.budget.minutes or 0.0
        self._stop("budget", f"the time budget of {minutes:g} minutes is used up")
        self.hurry = True

    def _on_signal(self) -> None:
        if self.stopping.is_set() and self.reason == "interrupted":
            self.hurry = True
        elif self.stopping.is_set():
            self.reason, self.message = "interrupted", "stopped by a signal"
            self.hurry = True
        self._stop("interrupted", "stopped by a signal")

    def _outcome(self) -> RunOutcome:
        spent = self.meter.spent
        return RunOutcome(
            reason=self.reason,
            message=self.message,
            error_kind=self.error_kind,
            samples=self.watch.stored,
            stored=len(self.store.done),
            calls=spent.calls - self.before.calls,
            cached=self.watch.cached,
            spent=spent,
            statuses=dict(self.watch.statuses),
            seconds=self.watch.seconds,
        )


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, handler: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call ``handler`` on the loop, where this thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.getsignal(kind) for kind in kinds}
    for kind in kinds:
        loop.add_signal_handler(kind, handler)
    try:
        yield
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)
            signal.signal(kind, before[kind])
