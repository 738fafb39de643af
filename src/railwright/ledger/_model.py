"""What goes into the ledger and what comes out: entries, receipts, records, proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ._merkle import consistency_holds, inclusion_root
from ._statement import Statement

SubjectLike = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Entry(msgspec.Struct, frozen=True):
    """One statement to append. ``predicate_type`` is a short kind or a URI."""

    predicate_type: str
    subject: SubjectLike
    predicate: Mapping[str, Any]
    occurred: datetime | None = None


class Receipt(msgspec.Struct, frozen=True):
    """An acknowledged record: position from 0, leaf hash (hex), random id of the record."""

    index: int
    leaf_hash: str
    id: str


class Record(msgspec.Struct, frozen=True):
    """A record whose signature was checked.

    For an imported record ``statement``, ``keyid`` and ``leaf_hash`` are those of the branch on
    which it was first written, ``index`` is its place in this log.
    """

    index: int
    statement: Statement
    keyid: str
    leaf_hash: str
    imported: bool = False


class InclusionProof(msgspec.Struct, frozen=True):
    """Audit path (hex, from the leaf upward) of a record in the tree of ``size`` records."""

    index: int
    size: int
    leaf_hash: str
    root: str
    path: tuple[str, ...]

    def holds(self) -> bool:
        """Whether the path leads from the leaf to the root."""
        path = [bytes.fromhex(item) for item in self.path]
        root = inclusion_root(bytes.fromhex(self.leaf_hash), self.index, self.size, path)
        return root is not None and root.hex() == self.root


class ConsistencyProof(msgspec.Struct, frozen=True):
    """Proof (hex) that the tree of ``old_size`` records is a prefix of the one of ``new_size``."""

    old_size: int
    old_root: str
    new_size: int
    new_root: str
    path: tuple[str, ...]

    def holds(self) -> bool:
        """Whether the proof leads to both roots."""
        old, new = bytes.fromhex(self.old_root), bytes.fromhex(self.new_root)
        path = [bytes.fromhex(item) for item in self.path]
        return consistency_holds(self.old_size, old, self.new_size, new, path)
