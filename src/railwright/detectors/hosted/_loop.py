"""One event loop in a thread of its own, on which every hosted detector makes its calls.

Callers come from any number of threads and event loops, some of which live for one call only. With
one loop for all of them connections stay open between calls, and a synchronous call is safe from
within a running event loop, because it waits for another thread.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class _Background:
    """The loop and its thread, started when first needed and once more after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="railwright-hosted", daemon=True
                )
                self._thread.start()
            return self._loop

    def here(self) -> bool:
        return threading.current_thread() is self._thread


_background = _Background()


def _renew() -> None:
    """Threads do not survive a fork: the child starts its own."""
    global _background  # noqa: PLW0603 - the one loop of the process
    _background = _Background()


os.register_at_fork(after_in_child=_renew)


def current_loop() -> asyncio.AbstractEventLoop:
    """Return the background loop; another one after a fork."""
    return _background.loop()


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start ``work`` on the background loop."""
    return asyncio.run_coroutine_threadsafe(work, _background.loop())


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on the background loop and wait for it, from any other thread."""
    if _background.here():
        work.close()
        raise RuntimeError("a hosted detector cannot wait for itself; use adetect")
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def hand_over(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on the background loop and await it; cancelling this cancels that."""
    return await asyncio.wrap_future(submit(work))


def settle(work: Coroutine[Any, Any, object], seconds: float = 0.5) -> None:
    """Run tidying up and wait a moment for it; it may fail, for nothing depends on it."""
    try:
        future = submit(work)
    except RuntimeError:
        work.close()
        return
    if _background.here():
        return
    try:
        future.result(seconds)
    except Exception:  # noqa: BLE001 - the process is ending, or the detector is gone
        future.cancel()
