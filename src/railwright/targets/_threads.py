"""A small pool of daemon threads for functions that block."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

_SPARE: Final = 32


class DaemonPool:
    """Runs functions in threads that do not keep the process alive.

    ``concurrent.futures`` waits for its threads when the interpreter ends; a user's function that
    hangs would then keep Ctrl-C from ending the run.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._most = threads + _SPARE
        self._running = 0

    async def run(self, function: Callable[[], T]) -> T:
        """Run ``function`` in a thread and return what it returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        started = False

        def job() -> None:
            nonlocal started
            if future.cancelled():
                return
            started = True
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                _tell(loop, future, error=error)
            else:
                _tell(loop, future, result=result)

        if self._running < self._threads:
            self._running += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        self._jobs.put(job)
        try:
            return await future
        except asyncio.CancelledError:
            # Nobody can stop the thread: let another take its place, within reason.
            if started and self._threads < self._most:
                self._threads += 1
            raise

    def close(self) -> None:
        """Let the threads end once they are idle."""
        for _ in range(self._running):
            self._jobs.put(None)
        self._running = 0

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[T],
    *,
    result: T | None = None,
    error: BaseException | None = None,
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type] # None only if T allows it
        elif isinstance(error, StopIteration):  # A future refuses it.
            future.set_exception(RuntimeError("StopIteration"))
        else:
            future.set_exception(error)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:  # The loop is closed: nobody waits any more.
        return
