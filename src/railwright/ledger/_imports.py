"""Merging two branches of one ledger: the other's records come over with their proofs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ._checkpoint import read_checkpoint
from ._dsse import Envelope
from ._errors import LedgerError, MalformedError
from ._merkle import Leaves, leaf_hash
from ._statement import POLICY_CHANGE
from ._store import read_lines, whole_size
from ._walk import Imported, Step, Walker


class Candidate(msgspec.Struct, frozen=True):
    """A record of the other branch, ready to be appended as an import."""

    subject: list[dict[str, Any]]
    predicate: dict[str, Any]
    changes_keys: bool


def _envelope_json(envelope: Envelope) -> dict[str, Any]:
    return {
        "payload": b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": [
            {"keyid": item.keyid, "sig": b64encode(item.sig).decode()}
            for item in envelope.signatures
        ],
    }


def _steps(folder: Path) -> Iterator[Step]:
    log = folder / "log.jsonl"
    walker = Walker()
    for index, line in enumerate(read_lines(log, 0, whole_size(log)[0])):
        try:
            yield walker.read(index, line)
        except MalformedError as error:
            raise LedgerError(f"{log}:{index + 1}: {error}") from error


def identities(folder: Path) -> set[bytes]:
    """Leaf hashes of all records of a log, imported ones by the hash they had first."""
    return {step.identity for step in _steps(folder)}


def _heads(folder: Path) -> dict[int, tuple[str, dict[str, Any]]]:
    """Checkpoints of a branch by size: root and envelope as JSON."""
    path = folder / "checkpoints.jsonl"
    found: dict[int, tuple[str, dict[str, Any]]] = {}
    for line in read_lines(path, 0, whole_size(path)[0]):
        head, envelope = read_checkpoint(line)
        found[head.size] = (head.root, _envelope_json(envelope))
    return found


class Branch:
    """A verified other branch. Memory: 32 bytes a record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        log = folder / "log.jsonl"
        self._leaves = Leaves()
        for line in read_lines(log, 0, whole_size(log)[0]):
            self._leaves.add(leaf_hash(line))
        self._heads = _heads(folder)

    def candidates(self, present: set[bytes], origin: str) -> Iterator[Candidate]:
        """Records that are not yet ``present``, in the order of the branch."""
        for step in _steps(self._folder):
            if step.identity in present:
                continue
            predicate = _carried(step.imported) if step.imported else self._proved(step, origin)
            subject = [msgspec.to_builtins(item) for item in step.statement.subject]
            yield Candidate(subject, predicate, step.statement.kind == POLICY_CHANGE)

    def _proved(self, step: Step, origin: str) -> dict[str, Any]:
        covering = [size for size in self._heads if size > step.index]
        size = max(covering) if covering else len(self._leaves)
        root, checkpoint = self._heads.get(size, (self._leaves.root(size).hex(), None))
        return {
            "envelope": _envelope_json(step.parsed.envelope),
            "origin": origin,
            "index": step.index,
            "size": size,
            "root": root,
            "path": [item.hex() for item in self._leaves.inclusion(step.index, size)],
            "checkpoint": checkpoint,
        }


def _carried(imported: Imported) -> dict[str, Any]:
    """The proof of a record that the other branch had itself imported, unchanged."""
    body: dict[str, Any] = msgspec.to_builtins(imported.body)
    return body
