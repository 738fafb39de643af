"""Reading a log line by line, with the key set as of each position.

Every reader of the log goes through ``Walker``: the appender, ``statements`` and ``verify``. So
they agree on what a record is and on who may sign it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from ._canonical import canonical
from ._checkpoint import origin_of, read_checkpoint, signature_problem
from ._errors import LedgerError, MalformedError
from ._keys import WRITER
from ._merkle import inclusion_root, leaf_hash
from ._statement import GENESIS, IMPORT, POLICY_CHANGE, Parsed, Statement, predicate_uri, read_line
from ._trust import KeyRing

# Clocks of writers and of the checkpoint signer may differ by this much.
CLOCK_SKEW = timedelta(minutes=5)

_IMPORT_URI = predicate_uri(IMPORT)


class ImportBody(msgspec.Struct, frozen=True):
    """Predicate of an import: a record of another branch with the proof that it stood there.

    ``path`` leads from the leaf to ``root`` (hex); ``checkpoint`` is that branch's signed
    checkpoint of the same size and root, or None where the branch had none.
    """

    envelope: dict[str, Any]
    origin: str
    index: int
    size: int
    root: str
    path: tuple[str, ...]
    checkpoint: dict[str, Any] | None = None


class Imported(msgspec.Struct, frozen=True):
    """An import whose inner record has the right form and lies in the tree it names."""

    body: ImportBody
    parsed: Parsed
    leaf: bytes


class Step(msgspec.Struct, frozen=True):
    """One line that has the right form. ``statement`` is the inner one of an import."""

    index: int
    leaf: bytes
    parsed: Parsed
    statement: Statement
    imported: Imported | None = None

    @property
    def identity(self) -> bytes:
        """Leaf hash of the record where it was first written."""
        return self.imported.leaf if self.imported else self.leaf


def _read_import(statement: Statement) -> Imported:
    try:
        body = msgspec.convert(statement.predicate, ImportBody)
        line = canonical(body.envelope)
        path = [bytes.fromhex(item) for item in body.path]
        root = bytes.fromhex(body.root)
    except (msgspec.ValidationError, ValueError, LedgerError) as error:
        raise MalformedError(f"the import cannot be read ({error})") from error
    parsed = read_line(line)
    if parsed.statement.kind in (GENESIS, IMPORT):
        raise MalformedError(f"an import may not hold a record of kind {parsed.statement.kind}")
    leaf = leaf_hash(line)
    if inclusion_root(leaf, body.index, body.size, path) != root:
        raise MalformedError("the inclusion proof of the imported record does not hold")
    return Imported(body, parsed, leaf)


def may_change_keys(line: bytes) -> bool:
    """Whether a line can change the key set: only lines with more than one signature can."""
    return line.count(b'"keyid":') > 1


class Walker:
    """Holds the key set while lines are read in order."""

    __slots__ = ("origin", "ring")

    def __init__(self) -> None:
        self.ring = KeyRing()
        self.origin = ""

    def copy(self) -> Walker:
        """An independent walker in the same state."""
        other = Walker()
        other.ring, other.origin = self.ring.copy(), self.origin
        return other

    def read(self, index: int, line: bytes) -> Step:
        """Form of a line: envelope, statement, and for an import its inner record and proof.

        Raises:
            MalformedError: gives the reason.
        """
        leaf = leaf_hash(line)
        if index == 0:
            self.origin = origin_of(leaf)
        parsed = read_line(line)
        statement = parsed.statement
        if (statement.kind == GENESIS) != (index == 0):
            where = "first" if index == 0 else "a later"
            raise MalformedError(f"{where} record of kind {statement.kind}; genesis is the first")
        if statement.predicate_type != _IMPORT_URI:
            return Step(index, leaf, parsed, statement)
        imported = _read_import(statement)
        if imported.body.origin != self.origin:
            raise MalformedError("the imported record comes from another ledger")
        return Step(index, leaf, parsed, imported.parsed.statement, imported)

    def admit(self, step: Step, floor: datetime | None = None) -> list[str]:
        """Check the signatures of a record and take its key changes.

        Args:
            step: what ``read`` returned for the line.
            floor: time of the latest checkpoint before the record; the record is no older,
                whatever it says.

        Returns:
            Problems; empty where the record is authentic at its position.
        """
        envelope, outer = step.parsed.envelope, step.parsed.statement
        if step.index == 0:
            return self.ring.begin(envelope, outer)
        time = outer.recorded
        if floor is not None:
            time = max(time, floor - CLOCK_SKEW)
        problems = self.ring.check(envelope, role=WRITER, position=step.index, time=time)
        if step.imported:
            problems += self._imported_problems(step.imported)
        if not problems and step.statement.kind == POLICY_CHANGE:
            problems = self.ring.change(envelope, step.statement, step.index)
        return problems

    def _imported_problems(self, imported: Imported) -> list[str]:
        envelope, statement = imported.parsed.envelope, imported.parsed.statement
        found = self.ring.check(envelope, role=WRITER, position=None, time=statement.recorded)
        if imported.body.checkpoint is not None:
            found += self._branch_checkpoint(imported.body)
        return [f"imported record: {problem}" for problem in found]

    def _branch_checkpoint(self, body: ImportBody) -> list[str]:
        try:
            head, envelope = read_checkpoint(canonical(body.checkpoint))
        except LedgerError as error:
            return [f"its checkpoint cannot be read ({error})"]
        if (head.origin, head.size, head.root) != (body.origin, body.size, body.root):
            return ["its checkpoint is of another tree"]
        problem = signature_problem(head, envelope, self.ring, elsewhere=True)
        return [f"its checkpoint: {problem}"] if problem else []
