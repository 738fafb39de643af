"""What an appender knows of the log: its tree, its key set, its end. Read, never cached on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ._checkpoint import Checkpoint, read_checkpoint, signature_problem
from ._errors import LedgerBrokenError, MalformedError
from ._merkle import Leaves, leaf_hash
from ._store import append_durably, heal, read_lines, whole_size
from ._walk import Walker, may_change_keys

_RESTORE = (
    "Run `railwright ledger verify`, restore the ledger folder from version control, and compare "
    "it with a checkpoint that you remember"
)


def broken(message: str) -> LedgerBrokenError:
    """The error for a log that nothing may be built on."""
    return LedgerBrokenError(message, mend=_RESTORE)


class LogState:
    """State of ``log.jsonl`` and ``checkpoints.jsonl``. All methods need the ledger's lock."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log.jsonl"
        self.heads = folder / "checkpoints.jsonl"
        self.moved_aside: list[Path] = []
        self._reset()

    def _reset(self) -> None:
        self.leaves = Leaves()
        self.walker = Walker()
        self.offset = 0
        self._identity: tuple[int, int] | None = None
        self._sound: Checkpoint | None = None

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Forget everything where Ctrl-C cuts an update short; the next use reads anew."""
        try:
            yield
        except BaseException:
            self._reset()
            raise

    @property
    def size(self) -> int:
        """Number of records."""
        return len(self.leaves)

    def heal(self) -> None:
        """Move torn ends aside."""
        for path in (self.log, self.heads):
            aside = heal(path)
            if aside is not None:
                self.moved_aside.append(aside)

    def refresh(self) -> None:
        """Take in what other processes appended; start over where the file was replaced."""
        good, _ = whole_size(self.log)
        status = self.log.stat() if good else None
        identity = (status.st_dev, status.st_ino) if status else None
        if good < self.offset or (self._identity and identity != self._identity):
            self._reset()
        self._identity = identity
        with self._all_or_nothing():
            for line in read_lines(self.log, self.offset, good):
                self._take(line, leaf_hash(line))
            self.offset = good

    def _take(self, line: bytes, leaf: bytes) -> None:
        index = self.size
        if index == 0 or may_change_keys(line):
            # `verify` reports a malformed line; here the key set simply stays as it is.
            with suppress(MalformedError):
                self.walker.admit(self.walker.read(index, line))
        self.leaves.add(leaf)

    def append(self, lines: Sequence[bytes], leaves: Sequence[bytes]) -> int:
        """Append lines durably; returns the position of the first. The end must be healed.

        Raises:
            LedgerFullError: no room.
            LedgerError: the file system refuses.
        """
        first = self.size
        end = append_durably(self.log, b"\n".join(lines) + b"\n", self.offset)
        with self._all_or_nothing():
            if self._identity is None:
                status = self.log.stat()
                self._identity = (status.st_dev, status.st_ino)
            for line, leaf in zip(lines, leaves, strict=True):
                self._take(line, leaf)
            self.offset = end
        return first

    def latest(self) -> Checkpoint | None:
        """The last checkpoint, after checking that the log still agrees with it.

        Raises:
            LedgerBrokenError: it is unreadable, badly signed, or of another tree.
        """
        good, _ = whole_size(self.heads)
        last = b""
        for line in read_lines(self.heads, 0, good):
            last = line
        if not last:
            return None
        try:
            head, envelope = read_checkpoint(last)
        except MalformedError as error:
            raise broken(f"the last line of {self.heads} is no checkpoint: {error}") from error
        if head == self._sound:
            return head
        self._check(head, signature_problem(head, envelope, self.walker.ring))
        self._sound = head
        return head

    def _check(self, head: Checkpoint, signature: str) -> None:
        if signature:
            raise broken(f"the last checkpoint in {self.heads} does not count: {signature}")
        if head.origin != self.walker.origin:
            raise broken(f"the last checkpoint in {self.heads} is of another ledger")
        if head.size > self.size:
            raise broken(
                f"{self.log} has {self.size} records but a checkpoint covers {head.size}: "
                "records were removed"
            )
        if self.leaves.root(head.size).hex() != head.root:
            raise broken(
                f"{self.log} does not agree with the checkpoint of size {head.size}: records that "
                "it covers were changed, moved or removed"
            )

    def append_head(self, line: bytes) -> None:
        """Append a checkpoint line durably."""
        good, _ = whole_size(self.heads)
        append_durably(self.heads, line + b"\n", good)
