"""What one part of a long run has done so far: kept in a file, so that it goes on from there."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

#: CPU seconds after which an input is a hang: of Python code, and of code below it.
HANG_S, HANG_HARD_S = 10.0, 20.0
#: Inputs that are named for their time, and failures that end a part.
SLOWEST, MOST_FAILURES = 10, 20
_SAVED_S = 1.0
#: Growth is measured on texts a thousand times as long.
_GROWN = 60.0
Work = Callable[[Any], object]
_NOTED = 1 << 16
_held: list[Any] = []


class HangError(BaseException):
    """An input took too much CPU time; no Exception, so that nothing on its way catches it."""


class Slow(msgspec.Struct, frozen=True):
    """One input's time. ``name`` is its number, or the file that holds it."""

    cpu_s: float
    size: int
    name: str

    @property
    def pace(self) -> float:
        """Seconds a character; short ones count as if they were longer."""
        return self.cpu_s / (self.size + 50)


class Failure(msgspec.Struct, frozen=True):
    """An input that broke something."""

    name: str
    error: str


class Account(msgspec.Struct):
    """Counts of a part; ``attempt`` rises whenever its process begins anew."""

    done: int = 0
    attempt: int = 0
    cpu_s: float = 0.0
    finished: bool = False
    kinds: dict[str, int] = {}
    failures: list[Failure] = []
    slowest: list[Slow] = []
    #: Those that took longest for their size.
    steepest: list[Slow] = []


def read(path: Path) -> Account:
    return msgspec.json.decode(path.read_bytes(), type=Account) if path.exists() else Account()


def write(path: Path, account: Account) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(msgspec.json.encode(account))
    other.replace(path)


class Book:
    """The account of a part while it runs: one input at a time, on the main thread.

    ``folder`` gets ``NAME.json`` (the account), ``NAME.now`` (the input at work, should the process
    die of it) and ``NAME-...`` files: inputs that failed or took long.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.path = folder / f"{name}.json"
        self.account = read(self.path)
        self.account.attempt += 1
        self._now = _mapped(folder / f"{name}.now")
        self._parent, self._counted = os.getppid(), 0.0
        signal.signal(signal.SIGVTALRM, _hang)
        self.save()

    def save(self) -> None:
        if os.getppid() != self._parent:
            os._exit(1)  # whoever asked for this is gone
        self._keep_slowest(SLOWEST)
        now = time.process_time()
        self.account.cpu_s += now - self._counted
        self._counted = now
        write(self.path, self.account)
        self._saved = time.monotonic()

    def run(self, work: Work, data: Any, mark: bytes, kind: str, *, limited: bool = True) -> None:
        """Run one input and write down what came of it; ``mark`` says which it is."""
        try:
            self.timed(work, data, mark, kind, limited=limited)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what an extension panics with is no Exception
            self.fail(mark, described(error))

    def timed(self, work: Work, data: Any, mark: bytes, kind: str, *, limited: bool = True) -> None:
        """The same, but what it raises is raised."""
        account, short = self.account, mark[:_NOTED]
        self._now[: len(short) + 4] = len(short).to_bytes(4) + short
        begun = time.process_time()
        try:
            with _alarms(1 if limited else _GROWN):
                work(data)
            self._time(time.process_time() - begun, work, data, mark)
        finally:
            account.done += 1
            account.kinds[kind] = account.kinds.get(kind, 0) + 1
            if time.monotonic() - self._saved > _SAVED_S:
                self.save()

    def fail(self, mark: bytes, error: str) -> None:
        self.account.failures.append(Failure(self.named(mark), error))
        self.save()
        if len(self.account.failures) >= MOST_FAILURES:
            self.finish()

    def finish(self) -> NoReturn:
        """End the process: what fuzzes with us does not return."""
        self.account.finished = True
        self.save()
        os._exit(0)

    def named(self, mark: bytes) -> str:
        """Return the number that the mark is, or the name of a file that takes it."""
        return named(self.folder, self.name, mark)

    def _time(self, took: float, work: Work, data: Any, mark: bytes) -> None:
        size = len(data) if isinstance(data, str | bytes) else len(mark)
        if not self._is_slow(took, size):
            return
        # Once more: the first time may have built what is kept.
        begun = time.process_time()
        with suppress(Exception), _alarms(_GROWN):
            work(data)
        took = min(took, time.process_time() - begun)
        if self._is_slow(took, size):
            entry = Slow(round(took, 6), size, self.named(mark))
            self.account.slowest.append(entry)
            self.account.steepest.append(entry)
            self._keep_slowest(SLOWEST)

    def _is_slow(self, took: float, size: int) -> bool:
        account, entry = self.account, Slow(took, size, "")
        return (
            len(account.slowest) < SLOWEST
            or took > account.slowest[-1].cpu_s
            or entry.pace > account.steepest[-1].pace
        )

    def _keep_slowest(self, most: int) -> None:
        account = self.account
        known = {s.name for s in (*account.slowest, *account.steepest)}
        account.slowest = sorted(account.slowest, key=lambda s: -s.cpu_s)[:most]
        account.steepest = sorted(account.steepest, key=lambda s: -s.pace)[:most]
        kept = {s.name for s in (*account.slowest, *account.steepest)}
        kept |= {f.name for f in account.failures}
        for name in known - kept:
            if not name.isdigit():
                (self.folder / name).unlink(missing_ok=True)


def named(folder: Path, part: str, mark: bytes) -> str:
    if mark.isdigit() and part.startswith("drawn"):
        return mark.decode()
    name = f"{part}-{hashlib.sha256(mark).hexdigest()[:12]}"
    (folder / name).write_bytes(mark)
    return name


def at_work(folder: Path, part: str) -> bytes:
    """Return the mark of the input that a process was at when it died."""
    path = folder / f"{part}.now"
    data = path.read_bytes() if path.exists() else b""
    return data[4 : 4 + int.from_bytes(data[:4])]


def described(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:500]} ({place.name}, line {place.lineno})"


def _mapped(path: Path) -> mmap.mmap:
    file = path.open("a+b")
    fcntl.flock(file, fcntl.LOCK_EX)  # one process at a part; held until this one ends
    file.truncate(0)
    file.truncate(_NOTED + 4)
    _held.append(file)
    return mmap.mmap(file.fileno(), 0)


def _hang(number: int, frame: object) -> None:
    raise HangError(f"more than {HANG_S:g} CPU seconds")


@contextmanager
def _alarms(times: float) -> Iterator[None]:
    # The second one ends the process, should the first not be heard in code below Python.
    signal.setitimer(signal.ITIMER_VIRTUAL, times * HANG_S)
    signal.setitimer(signal.ITIMER_PROF, times * HANG_HARD_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
