"""A segment: JSON lines, each with a hash over itself and all lines before it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Self

import msgspec

from railwright.events._schema import EventError, Line

GENESIS = sha256(b"railwright guard events v1").hexdigest()
SUFFIX = ".jsonl"


def link(chain: str, event: bytes) -> str:
    """The hash of a line: over the one before it and the bytes of its event."""
    return sha256(chain.encode() + b"\n" + event).hexdigest()


class Segment:
    """An open segment that this process alone writes; it holds a lock on the file while open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._chain = GENESIS
        self.size = 0

    def append(self, event: bytes) -> None:
        """Write one encoded event; all of its line or, from a reader's view, nothing."""
        chain = link(self._chain, event)
        line = b'{"chain":"%s","event":%s}\n' % (chain.encode(), event)
        data = memoryview(line)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self._chain = chain
        self.size += len(line)

    def sync(self) -> None:
        """Return once what was written is on the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Sync and let go of the file."""
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            finally:
                os.close(self._fd)
                self._fd = -1

    def abandon(self) -> None:
        """Let go of the descriptor that was inherited over a fork; the lock stays the parent's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the encoded events of a segment; a torn last line is left out.

    Raises:
        EventError: a line is damaged, missing or out of its place.
    """
    chain = GENESIS
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.endswith(b"\n"):
                return
            try:
                line = decoder.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise _damaged(path, number, "is no event") from error
            event = bytes(line.event)
            chain = link(chain, event)
            if line.chain != chain:
                raise _damaged(path, number, "does not follow from the lines before it")
            yield event


def _damaged(path: Path, number: int, what: str) -> EventError:
    mend = "restore the file from a copy; what stands before that line is sound"
    return EventError(f"{path}:{number}: the line {what}", mend)


class Claim:
    """Holds a segment that no process writes any more; ``taken`` says whether that is so."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.taken = True
        except BlockingIOError:
            self.taken = False

    def __enter__(self) -> Self:
        """Return the claim."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the file back."""
        os.close(self._fd)
