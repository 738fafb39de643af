"""Group commit: finished samples wait a few milliseconds and are stored together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from railwright.evaluate._cache import Cache
from railwright.evaluate._rows import encode_line
from railwright.evaluate._store import RunStore
from railwright.evaluate._wal import Segment
from railwright.evaluate.interface import Sample, Task
from railwright.targets import Response

_PENDING_ROWS = 2048
_PENDING_BYTES = 8 * 1024 * 1024
_PACE_S = 0.005  # a sample waits at most this long for others to share its fsync


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A finished sample on its way to the disk."""

    task: Task
    sample: Sample
    line: bytes


class Journal:
    """Takes finished samples, stores them durably in batches, and says so once they are.

    Args:
        store: the open run folder.
        cache: where fresh answers go before their samples do, so that a crash in between costs
            nothing; None for no cache.
        on_stored: called on the event loop with each batch that is on the disk.
    """

    def __init__(
        self, store: RunStore, cache: Cache | None, on_stored: Callable[[list[Entry]], None]
    ) -> None:
        self._store, self._cache, self._on_stored = store, cache, on_stored
        self._entries: list[Entry] = []
        self._answers: list[tuple[bytes, Response]] = []
        self._rows = self._bytes = 0
        self._closing = False
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="railwright-store")
        self._compactor = ThreadPoolExecutor(1, thread_name_prefix="railwright-parquet")
        self._compaction: asyncio.Future[None] | None = None

    @property
    def crowded(self) -> bool:
        """Whether producers should wait for ``room``."""
        return self._rows >= _PENDING_ROWS or self._bytes >= _PENDING_BYTES

    def keep_answer(self, key: bytes, response: Response) -> None:
        """Put a fresh answer into the cache with the next batch."""
        if self._cache is not None:
            self._answers.append((key, response))
            self._work.set()

    def put(self, task: Task, sample: Sample) -> None:
        """Hand a finished sample over."""
        line = encode_line(sample)
        self._entries.append(Entry(task, sample, line))
        self._rows += 1
        self._bytes += len(line)
        self._work.set()

    async def room(self) -> None:
        """Wait until fewer samples are pending."""
        while self.crowded:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Let ``run`` end once everything is stored."""
        self._closing = True
        self._work.set()

    async def run(self) -> None:
        """Store batches until ``close``.

        Raises:
            StoreError: the disk is full or fails; what was acknowledged is stored.
        """
        loop = asyncio.get_running_loop()
        began = -1.0
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                if not self._closing and (wait := began + _PACE_S - loop.time()) > 0:
                    await asyncio.sleep(wait)
                began = loop.time()
                while self._entries or self._answers:
                    await self._commit(loop)
                    if not self._closing:
                        break
                if self._entries or self._answers:
                    self._work.set()
                elif self._closing:
                    break
            if self._compaction is not None:
                await self._compaction
        except BaseException:
            if self._compaction is not None:
                self._compaction.add_done_callback(asyncio.Future.exception)  # one error suffices
            raise
        finally:
            if self._compaction is not None:
                await asyncio.wait({self._compaction})
            self._writer.shutdown(wait=True)
            self._compactor.shutdown(wait=True)

    async def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        entries, self._entries = self._entries, []
        answers, self._answers = self._answers, []
        await loop.run_in_executor(self._writer, self._write, entries, answers)
        for entry in entries:
            self._bytes -= len(entry.line)
        self._rows -= len(entries)
        self._room.set()
        self._on_stored(entries)
        if self._store.full:
            await self._start_compaction(loop)

    def _write(self, entries: list[Entry], answers: list[tuple[bytes, Response]]) -> None:
        if answers and self._cache is not None:
            self._cache.put_many(answers)
        if entries:
            self._store.append([entry.line for entry in entries])

    async def _start_compaction(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._compaction is not None:
            await self._compaction
        segment = self._store.detach()
        if segment is not None:
            self._compaction = loop.run_in_executor(self._compactor, self._compact, segment)

    def _compact(self, segment: Segment) -> None:
        self._store.compact(segment)
