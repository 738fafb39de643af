"""Files of lines that only grow: locking, durable appends, torn ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ._errors import LedgerError, LedgerFullError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CHUNK = 1 << 20


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the ledger's lock file exclusively; other processes and threads wait.

    Raises:
        LedgerError: the folder cannot be written.
    """
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refused(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def refused(path: Path, error: OSError) -> LedgerError:
    """The error for a write that the file system refused; a full disk is told from the rest."""
    if error.errno in _FULL:
        return LedgerFullError(
            f"no room to write {path} ({error.strerror}); nothing of this append was kept and "
            "everything acknowledged before is intact",
            mend="Free some space and run the command again",
        )
    return LedgerError(f"cannot write {path}: {error.strerror}", mend="Check its owner and mode")


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append_durably(path: Path, data: bytes, end: int) -> int:
    """Append under the lock, fsync, and return the new size of the file.

    On any failure the file is cut back to ``end``, its last good size.

    Raises:
        LedgerFullError: no space, quota or file size limit.
        LedgerError: any other refusal of the file system.
    """
    new = not path.exists()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refused(path, error) from error
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException as error:
        # Also on Ctrl-C: a half-written batch must not look like an acknowledged one.
        with suppress(OSError):
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)
        if isinstance(error, OSError):
            raise refused(path, error) from error
        raise
    finally:
        os.close(descriptor)
    if new:
        sync_folder(path.parent)
    return end + len(data)


def whole_size(path: Path) -> tuple[int, int]:
    """Bytes up to and with the last newline, and bytes in all; (0, 0) for a missing file."""
    try:
        with path.open("rb") as handle:
            total = handle.seek(0, os.SEEK_END)
            end = total
            while end > 0:
                start = max(0, end - _CHUNK)
                handle.seek(start)
                found = handle.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1, total
                end = start
            return 0, total
    except FileNotFoundError:
        return 0, 0


def heal(path: Path) -> Path | None:
    """Move a torn end (bytes after the last newline) into ``<stem>.torn-<n>``; under the lock.

    Returns:
        The file that now holds the torn bytes, or None where the end is whole.
    """
    good, total = whole_size(path)
    if good == total:
        return None
    with path.open("rb") as handle:
        handle.seek(good)
        torn = handle.read()
    aside = _unused(path)
    try:
        append_durably(aside, torn, 0)
    except LedgerFullError:
        # A torn line was never acknowledged; with no room to copy it, it stays where it is.
        aside.unlink(missing_ok=True)
        raise
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, good)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return aside


def _unused(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.stem}.torn-{number}")).exists():
        number += 1
    return aside


def torn_files(folder: Path) -> list[Path]:
    """Files with torn ends that were moved aside earlier."""
    return sorted(folder.glob("*.torn-*"))


def read_lines(path: Path, start: int, stop: int) -> Iterator[bytes]:
    """Whole lines (no newline) of the bytes from ``start`` to ``stop``, which end on a newline."""
    if stop <= start:
        return
    with path.open("rb") as handle:
        handle.seek(start)
        left = stop - start
        for line in handle:
            left -= len(line)
            if left < 0:
                return
            yield line[:-1]
            if left == 0:
                return
