"""Lock files: the digests of the cases that a verdict was earned on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from railwright.cases._errors import LockError
from railwright.cases._suite import Suite

LOCK: Literal["lock/v1"] = "lock/v1"
DEFAULT_NAME = "suite.lock"
_WRITE = "write it with `railwright suite lock FOLDER`"
_MEND = "restore the file, or accept the change with `railwright suite lock FOLDER`"


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``suite.lock`` says: ``sha256:`` digests by relative path, and what they add up to.

    ``cases`` and ``sources`` count all splits.
    """

    schema: Literal["lock/v1"]
    files: dict[str, str]
    cases: int
    sources: int


def make_lock(suite: Suite) -> Lock:
    """Compute the lock of a suite's own files (not of files that a system adds to it)."""
    sources: set[str] = set()
    cases = 0
    for case in replace(suite, added=(), replaced=False).cases(None):
        cases += 1
        sources.add(case.cluster)
    return Lock(schema=LOCK, files=_own(suite), cases=cases, sources=len(sources))


def write_lock(suite: Suite) -> Path:
    """Write the lock file of a suite (``suite.lock`` where it names none) and return its path."""
    path = suite.lock_file or suite.root / DEFAULT_NAME
    text = msgspec.json.format(msgspec.json.encode(make_lock(suite), order="sorted"), indent=2)
    path.write_bytes(text + b"\n")
    return path


def check_lock(suite: Suite) -> Lock | None:
    """Check the suite's files against its lock; return the lock, or None if none is declared.

    Raises:
        LockError: naming the first file that differs, the digest expected and the one found.
    """
    path = suite.lock_file
    if path is None:
        return None
    lock = _read(path)
    found = _own(suite)
    for name in sorted(lock.files.keys() | found.keys()):
        expected, actual = lock.files.get(name, ""), found.get(name, "")
        if expected != actual:
            raise _differs(suite.root / name, path, expected, actual)
    return lock


def _own(suite: Suite) -> dict[str, str]:
    return suite.digests_of((suite.file, *suite.own))


def _read(path: Path) -> Lock:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lock)
    except FileNotFoundError:
        raise LockError(path, "the lock file is missing", _WRITE) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LockError(path, f"not a lock file ({error})", _WRITE) from None


def _differs(file: Path, lock: Path, expected: str, actual: str) -> LockError:
    if not actual:
        problem = f"the file is pinned by {lock.name} ({expected}) but is not part of the suite"
    elif not expected:
        problem = f"the file ({actual}) is not pinned by {lock.name}"
    else:
        problem = f"the content differs from {lock.name}: expected {expected}, found {actual}"
    return LockError(file, problem, _MEND, expected=expected, actual=actual)
