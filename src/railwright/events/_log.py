"""The writer: one segment a process, appended under a lock, synced every so many events."""

from __future__ import annotations

import os
import secrets
import threading
import time
from pathlib import Path
from typing import Self

import msgspec

from railwright.events._schema import EventError, GuardEvent
from railwright.events._segment import SUFFIX, Segment

SYNC_EVERY = 64
"""Events between two syncs; every event outlives the process at once, the machine after a sync."""


class EventLog:
    """Appends events to a folder; any number of threads and processes may, each with its own log.

    Args:
        folder: made if it is not there.
        max_bytes: a segment beyond it is closed and a new one begun.
        sync_s: longest time in seconds between an event and a sync, if another event follows.
    """

    def __init__(
        self, folder: Path | str, *, max_bytes: int = 64 << 20, sync_s: float = 1.0
    ) -> None:
        self.folder = Path(folder)
        self._max_bytes, self._sync_s = max_bytes, sync_s
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._segment: Segment | None = None
        self._pid = 0
        self._unsynced = 0
        self._synced_at = 0.0

    def append(self, event: GuardEvent) -> None:
        """Write one event.

        Raises:
            EventError: it could not be written; nothing of it is in the log.
        """
        data = self._encoder.encode(event)
        try:
            with self._lock:
                segment = self._current()
                segment.append(data)
                self._unsynced += 1
                now = time.monotonic()
                if self._unsynced >= SYNC_EVERY or now - self._synced_at >= self._sync_s:
                    self._sync(segment, now)
        except OSError as error:
            mend = "free space on the disk, or give another folder"
            raise EventError(f"{self.folder} cannot be written: {error.strerror}", mend) from error

    def flush(self) -> None:
        """Return once every event is on the disk."""
        with self._lock:
            if self._segment is not None and self._pid == os.getpid():
                self._sync(self._segment, time.monotonic())

    def close(self) -> None:
        """Close the segment; ``append`` begins a new one."""
        with self._lock:
            if self._segment is not None and self._pid == os.getpid():
                self._segment.close()
            self._segment = None

    def __enter__(self) -> Self:
        """Return the log."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _sync(self, segment: Segment, now: float) -> None:
        segment.sync()
        self._unsynced, self._synced_at = 0, now

    def _current(self) -> Segment:
        if self._segment is not None and self._pid != os.getpid():  # we are a child after a fork
            self._segment.abandon()
            self._segment = None
        if self._segment is not None and self._segment.size >= self._max_bytes:
            self._segment.close()
            self._segment = None
        if self._segment is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
            name = f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
            self._segment = Segment(self.folder / name)
            self._pid = os.getpid()
        return self._segment
