"""One pass over a log that collects everything the verdicts need. Reads only."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from ._checkpoint import Checkpoint, read_checkpoint, signature_problem
from ._dsse import Envelope
from ._errors import MalformedError
from ._merkle import Edge, leaf_hash
from ._places import Snapshot
from ._statement import OWN_KINDS, read_time
from ._store import read_lines
from ._walk import CLOCK_SKEW, Step, Walker

SHOWN = 20


class Findings:
    """Problems of one verdict; the first ones are kept in words, all are counted."""

    __slots__ = ("_texts", "count")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.count = 0

    def add(self, text: str) -> None:
        """Add one problem."""
        self.count += 1
        if len(self._texts) < SHOWN:
            self._texts.append(text)

    def texts(self) -> list[str]:
        """The problems, with a last line for those left out."""
        more = self.count - len(self._texts)
        return [*self._texts, f"and {more} more of this kind"] if more else list(self._texts)


class Newest(msgspec.Struct, frozen=True):
    """The last statement of a predicate type in log order, and how many there are."""

    index: int
    kind: str
    uri: str
    occurred: datetime
    digests: frozenset[str]
    count: int


class _Head(msgspec.Struct, frozen=True):
    place: str
    checkpoint: Checkpoint
    envelope: Envelope


class Audit:
    """Result of the pass. ``integrity`` and ``authenticity`` list problems."""

    def __init__(
        self, snapshot: Snapshot, now: datetime, remembered: Checkpoint | None, about: str = ""
    ) -> None:
        """``about`` narrows ``newest`` to the statements about a subject of that name."""
        self._snapshot, self._about = snapshot, about
        self._limit = now + CLOCK_SKEW
        self._remembered = remembered
        self._floor: datetime | None = None
        self._seen: dict[bytes, int] = {}
        self._edge = Edge()
        self._heads: dict[int, list[_Head]] = {}
        self.walker = Walker()
        self.integrity = Findings()
        self.authenticity = Findings()
        self.future = Findings()
        self.newest: dict[str, Newest] = {}
        self.genesis_keyids: frozenset[str] = frozenset()
        self.checkpoint: Checkpoint | None = None
        self.checkpoints = 0

    @property
    def size(self) -> int:
        """Number of lines in the log."""
        return self._edge.size

    @property
    def root(self) -> str:
        """Root over all lines, hex."""
        return self._edge.root().hex()

    def run(self) -> Audit:
        """Read both files once."""
        folder = self._snapshot.folder
        self._read_heads(folder / "checkpoints.jsonl")
        lines = read_lines(folder / "log.jsonl", 0, self._snapshot.log_bytes)
        for index, line in enumerate(lines):
            self._line(index, line)
            self._roots()
        self._finish()
        return self

    def _read_heads(self, path: Path) -> None:
        for number, line in enumerate(read_lines(path, 0, self._snapshot.heads_bytes), 1):
            self.checkpoints += 1
            place = f"checkpoints.jsonl:{number}"
            try:
                checkpoint, envelope = read_checkpoint(line)
            except MalformedError as error:
                self.integrity.add(f"{place}: {error}")
                continue
            self._heads.setdefault(checkpoint.size, []).append(_Head(place, checkpoint, envelope))
            if read_time(checkpoint.time) > self._limit:
                self.future.add(f"{place}: dated {checkpoint.time}, in the future")

    def _line(self, index: int, line: bytes) -> None:
        place = f"log.jsonl:{index + 1}"
        self._edge.add(leaf_hash(line))
        try:
            step = self.walker.read(index, line)
        except MalformedError as error:
            self.integrity.add(f"{place}: {error}")
            return
        first = self._seen.setdefault(step.identity, index)
        if first != index:
            self.integrity.add(f"{place}: repeats the record of line {first + 1}")
        problems = self.walker.admit(step, self._floor)
        for problem in problems:
            self.authenticity.add(f"{place}: {problem}")
        if index == 0 and not problems:
            self.genesis_keyids = frozenset(item.keyid for item in step.parsed.envelope.signatures)
        if not problems:
            self._note(step, place)

    def _note(self, step: Step, place: str) -> None:
        statement = step.statement
        occurred = statement.occurred
        latest = max(occurred, step.parsed.statement.recorded)
        if latest > self._limit:
            self.future.add(f"{place}: dated {latest.isoformat()}, in the future")
        uri, kind = statement.predicate_type, statement.kind
        if kind in OWN_KINDS:
            return
        if self._about and all(item.name != self._about for item in statement.subject):
            return
        before = self.newest.get(uri)
        count = before.count + 1 if before else 1
        self.newest[uri] = Newest(step.index, kind, uri, occurred, statement.digests, count)

    def _roots(self) -> None:
        """Compare the tree with every checkpoint of exactly the present size."""
        size = self._edge.size
        if self._remembered is not None and self._remembered.size == size:
            self._compare_remembered(self._remembered)
        for head in self._heads.pop(size, ()):
            checkpoint = head.checkpoint
            problem = signature_problem(checkpoint, head.envelope, self.walker.ring)
            if problem:
                self.authenticity.add(f"{head.place}: {problem}")
            if checkpoint.origin != self.walker.origin:
                self.integrity.add(f"{head.place}: is a checkpoint of another ledger")
            elif checkpoint.root != self.root:
                self.integrity.add(
                    f"{head.place}: the first {size} records do not give the root it signed: "
                    "records were changed, moved, added or removed"
                )
            elif not problem:
                self.checkpoint = checkpoint
                time = read_time(checkpoint.time)
                self._floor = max(self._floor, time) if self._floor else time

    def _compare_remembered(self, remembered: Checkpoint) -> None:
        if remembered.root != self.root:
            self.integrity.add(
                f"the first {remembered.size} records do not give the root of the remembered "
                f"checkpoint {remembered.size}:{remembered.root[:16]}…: the log was rewritten"
            )

    def _finish(self) -> None:
        for size, heads in sorted(self._heads.items()):
            for head in heads:
                self.integrity.add(
                    f"{head.place}: covers {size} records but the log has {self.size}: "
                    "records were removed"
                )
                problem = signature_problem(head.checkpoint, head.envelope, self.walker.ring)
                if problem:
                    self.authenticity.add(f"{head.place}: {problem}")
        remembered = self._remembered
        if remembered is not None and remembered.size > self.size:
            self.integrity.add(
                f"the remembered checkpoint covers {remembered.size} records but the log has "
                f"{self.size}: records were removed"
            )
        if self.size == 0:
            self.integrity.add("log.jsonl is empty: there is no genesis record")
        elif self.checkpoint is None:
            self.integrity.add(
                "no valid checkpoint covers any part of the log, so nothing shows that it is whole"
            )
