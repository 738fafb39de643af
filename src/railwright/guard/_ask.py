"""Asking detectors: fast ones in line, slow ones beside each other with deadlines.

A thread that does not answer in time cannot be stopped in Python: it is left to end by itself
(it never keeps the process alive), and when too many of one detector hang, further calls fail at
once instead of piling up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from railwright.detectors import (
    Context,
    Detection,
    Detector,
    DetectorUnavailable,
    RuleSource,
    candidates,
)
from railwright.guard._decide import Answer, Failure, checked
from railwright.guard._settle import scan_whole

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_UNANSWERED = 32
"""Calls of one detector that may be under way at the same time in one process."""


class _Open:
    """How many calls of each detector are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: dict[str, int] = {}

    def enter(self, name: str) -> bool:
        with self._lock:
            count = self._count.get(name, 0)
            if count >= MAX_UNANSWERED:
                return False
            self._count[name] = count + 1
            return True

    def leave(self, name: str) -> None:
        with self._lock:
            self._count[name] -= 1


_open = _Open()


def failure_of(error: BaseException, name: str) -> Failure:
    """Describe an exception without its message, which could quote the text.

    That of ``DetectorUnavailable`` quotes neither text nor key, and is told with its kind.
    """
    import logging

    logging.getLogger("railwright.guard").debug("detector %s failed", name, exc_info=error)
    if isinstance(error, DetectorUnavailable):
        kind: Literal["error", "timeout"] = (
            "timeout" if isinstance(error, TimeoutError) else "error"
        )
        return Failure(kind, f"{name}: {error.kind}: {error.message}")
    if isinstance(error, TimeoutError):
        return Failure("timeout", f"{name} gave no answer in time")
    return Failure("error", f"{type(error).__name__} in {name}")


def ask(detector: Detector, name: str, text: str, context: Context) -> Answer:
    """Ask in line; an exception becomes a failure."""
    try:
        return checked(text, candidates(detector, text, context), name)
    except Exception as error:  # noqa: BLE001 - whatever a detector raises is a verdict
        return failure_of(error, name)


def ask_all(
    detectors: Iterable[tuple[str, Detector]],
    text: str,
    context: Context,
    answers: dict[str, Answer],
    timings: dict[str, float],
) -> None:
    """Ask fast detectors one after the other and note answers and seconds."""
    before = perf_counter()
    for name, detector in detectors:
        answers[name] = ask(detector, name, text, context)
        now = perf_counter()
        timings[name] = now - before
        before = now


def ask_engines(
    engines: Sequence[tuple[str, RuleSource]],
    text: str,
    answers: dict[str, Answer],
    timings: dict[str, float],
) -> None:
    """Ask rule packs about a long text, cut where a stream of it would be cut."""
    before = perf_counter()
    try:
        found = scan_whole([engine for _, engine in engines], text)
        for (name, _), items in zip(engines, found, strict=True):
            answers[name] = checked(text, items, name)
    except Exception as error:  # noqa: BLE001 - whatever a rule engine raises is a verdict
        failure = failure_of(error, ", ".join(name for name, _ in engines))
        answers.update((name, failure) for name, _ in engines)
    share = (perf_counter() - before) / len(engines)
    timings.update((name, share) for name, _ in engines)


class Beside:
    """Slow detectors under way in threads; ``collect`` waits for each until its deadline."""

    def __init__(self, text: str, context: Context) -> None:
        self._text, self._context = text, context
        self._started = perf_counter()
        self._waiting: dict[str, tuple[Future[list[Detection]] | None, float]] = {}

    def start(self, name: str, detector: Detector, deadline_s: float) -> None:
        """Start one; ``deadline_s`` of 0 waits without end."""
        future = start_thread(name, lambda: candidates(detector, self._text, self._context))
        self._waiting[name] = (future, deadline_s)

    def collect(self, answers: dict[str, Answer], timings: dict[str, float]) -> None:
        """Wait and note answers and seconds."""
        for name, (future, deadline_s) in self._waiting.items():
            left = self._started + deadline_s - perf_counter() if deadline_s else None
            answers[name] = self._wait(name, future, left)
            timings[name] = perf_counter() - self._started

    def _wait(
        self, name: str, future: Future[list[Detection]] | None, left: float | None
    ) -> Answer:
        if future is None:
            return _too_many(name)
        try:
            found = future.result(None if left is None else max(left, 0.0))
        except Exception as error:  # noqa: BLE001 - whatever a detector raises is a verdict
            return failure_of(error, name)
        return checked(self._text, found, name)


def start_thread(name: str, work: Callable[[], list[Detection]]) -> Future[list[Detection]] | None:
    """Run ``work`` in a thread of its own; None when too many calls of ``name`` are unanswered."""
    from concurrent.futures import Future

    if not _open.enter(name):
        return None
    future: Future[list[Detection]] = Future()

    def run() -> None:
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            _set(future, error=error)
        else:
            _set(future, found=found)
        finally:
            _open.leave(name)

    threading.Thread(target=run, name=f"railwright-{name}", daemon=True).start()
    return future


def _set(
    future: Future[list[Detection]],
    *,
    found: list[Detection] | None = None,
    error: BaseException | None = None,
) -> None:
    """Answer a future, unless nobody waits for it any more."""
    if future.set_running_or_notify_cancel():
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(found or [])


async def ask_async(
    name: str, detector: Detector, text: str, context: Context, deadline_s: float
) -> Answer:
    """Ask from an event loop: by ``adetect`` if there is one, else in a thread."""
    import asyncio

    try:
        async with asyncio.timeout(deadline_s or None):
            native = getattr(detector, "adetect", None)
            if native is not None:
                return checked(text, await native(text, context), name)
            future = start_thread(name, lambda: candidates(detector, text, context))
            if future is None:
                return _too_many(name)
            return checked(text, await asyncio.wrap_future(future), name)
    except Exception as error:  # noqa: BLE001 - whatever a detector raises is a verdict
        return failure_of(error, name)


def _too_many(name: str) -> Failure:
    return Failure("timeout", f"{MAX_UNANSWERED} calls of {name} are unanswered")
