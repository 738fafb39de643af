"""Segments of the write-ahead log: JSON lines that count as stored once they are fsynced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from railwright.evaluate._records import StoreError
from railwright.evaluate._rows import RowKey, decode_key


class Segment:
    """One open segment: appends are all or nothing from the reader's point of view.

    A write that fails leaves at most a torn tail behind ``size``; it was never acknowledged, and
    ``recover`` cuts it off.
    """

    def __init__(self, path: Path, *, rows: int = 0, longest: int = 0) -> None:
        self.path, self.rows, self.longest = path, rows, longest
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.size = os.fstat(self._fd).st_size

    def append(self, lines: list[bytes]) -> None:
        """Write the lines and return once they are on the disk; raises OSError."""
        data = memoryview(b"".join(lines))
        end = self.size + len(data)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fsync(self._fd)
        except OSError:
            self._cut()
            raise
        self.size = end
        self.rows += len(lines)
        self.longest = max(self.longest, *map(len, lines))

    def _cut(self) -> None:
        with contextlib.suppress(OSError):  # else it is cut when the folder is opened again
            os.ftruncate(self._fd, self.size)

    def close(self) -> None:
        """Release the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def segment_path(folder: Path, number: int) -> Path:
    """Where segment ``number``, from 1, lies."""
    return folder / f"wal-{number:05d}.jsonl"


def segment_numbers(folder: Path) -> list[int]:
    """Numbers of the segments in a run folder, ascending."""
    return sorted(int(p.name[4:-6]) for p in folder.glob("wal-*.jsonl") if p.name[4:-6].isdigit())


def scan(path: Path) -> Iterator[tuple[RowKey, int, int]]:
    """Read the whole lines of a segment as (key, offset, length); a torn tail is left out.

    Raises:
        StoreError: a broken line is followed by whole ones, so it is damage and no torn write.
    """
    broken = 0
    offset = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            key = _whole(line)
            if key is None:
                broken = broken or number
            elif broken:
                raise StoreError(
                    f"{path}:{broken}: the line is damaged; restore the file from a copy, "
                    "or move the run folder away and run again"
                )
            else:
                yield key, offset, len(line)
            offset += len(line)


def recover(path: Path) -> tuple[int, int]:
    """Cut a torn tail off and return (rows, longest line) of what was stored."""
    rows = longest = end = 0
    for _, offset, length in scan(path):
        rows, longest, end = rows + 1, max(longest, length), offset + length
    if end != path.stat().st_size:
        with path.open("r+b") as stream:
            stream.truncate(end)
            os.fsync(stream.fileno())
    return rows, longest


def _whole(line: bytes) -> RowKey | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return decode_key(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def fsync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file in one step: readers see the old content or the new, never a part."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    fsync_folder(path.parent)
