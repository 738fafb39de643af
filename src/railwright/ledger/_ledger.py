"""The ledger: an append-only log of signed statements in a folder."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import _blobs
from ._checkpoint import Checkpoint, origin_of, remembered, write_checkpoint
from ._dsse import STATEMENT_TYPE, Signature, pae, write_envelope
from ._errors import LedgerError, LedgerKeyError, LedgerMissingError
from ._imports import Branch, identities
from ._keys import CHECKPOINT, ROLES, WRITER, KeyPair, Keys, create_keys, load_keys, trusted_keyid
from ._merkle import leaf_hash
from ._model import ConsistencyProof, Entry, InclusionProof, Receipt, Record, SubjectLike
from ._places import has_ledger, ledger_folder, snapshot
from ._query import records
from ._state import LogState, broken
from ._statement import (
    GENESIS,
    IMPORT,
    OWN_KINDS,
    POLICY_CHANGE,
    kind_of,
    now,
    predicate_uri,
    sha256_hex,
    subject_ref,
    write_statement,
    write_time,
)
from ._store import locked, refused, whole_size
from ._trust import KeyChange, KeyGrant, grants_json
from ._verify import Question, Verification, verify


def _sign_line(payload: bytes, signers: Sequence[KeyPair]) -> bytes:
    message = pae(STATEMENT_TYPE, payload)
    signatures = [Signature(key.keyid, key.sign(message)) for key in signers]
    return write_envelope(STATEMENT_TYPE, payload, signatures)


class Ledger:
    """An append-only, signed, Merkle-hashed log of statements under ``<root>/rai/ledger``.

    Safe for several threads and several processes. Use ``Ledger.open``.

    Attributes:
        folder: where the files lie.
    """

    def __init__(self, folder: Path, keys: Keys | None) -> None:
        self.folder = folder
        self._keys = keys
        self._mutex = threading.RLock()
        self._state = LogState(folder)

    @classmethod
    def open(cls, root: Path | str, *, create: bool = False, keys: Keys | None = None) -> Ledger:
        """Open the ledger of a root folder; torn ends of files are moved aside first.

        Args:
            root: the folder that holds ``rai/``, the ledger folder itself, or its ``log.jsonl``.
            create: start a ledger where there is none: a genesis record with both public keys and
                a first checkpoint. Makes the user's keys where none are found.
            keys: to sign with; default from the environment or the key folder when first needed.

        Raises:
            LedgerMissingError: there is no ledger and ``create`` is false.
            LedgerKeyError: ``create`` and a key is missing or corrupt.
            LedgerError: the folder cannot be written (``create``).
        """
        folder = ledger_folder(root)
        ledger = cls(folder, keys)
        if create:
            ledger._create()
        elif not has_ledger(folder):
            raise LedgerMissingError(
                f"there is no ledger at {folder}", mend="The first `railwright check` makes it"
            )
        else:
            ledger._try_heal()
        return ledger

    def _try_heal(self) -> None:
        if all(good == total for good, total in map(whole_size, self._paths())):
            return
        try:
            with self._locked():
                self._state.heal()
        except LedgerError:
            return  # read-only or full: `verify` notes the torn end, appends report the cause

    def _paths(self) -> tuple[Path, Path]:
        return self._state.log, self._state.heads

    @property
    def recovered(self) -> tuple[Path, ...]:
        """Files into which torn ends were moved since this object was opened."""
        return tuple(self._state.moved_aside)

    @property
    def size(self) -> int:
        """Number of records, those of other processes included."""
        with self._fresh():
            return self._state.size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex, locked(self.folder):
            yield

    @contextmanager
    def _fresh(self) -> Iterator[None]:
        """State in step with the files, for reading."""
        with self._mutex:
            try:
                with locked(self.folder):
                    self._state.refresh()
            except LedgerError:
                self._state.refresh()  # read-only: nobody can be appending through here
            yield

    def _key(self, role: str) -> KeyPair:
        with self._mutex:
            if self._keys is None:
                self._keys = load_keys(need=())
            return self._keys.need(role)

    # -- creating ------------------------------------------------------------------------------

    def _create(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused(self.folder, error) from error
        with self._locked():
            self._state.heal()
            self._state.refresh()
            if self._state.size:
                return
            if whole_size(self._state.heads)[0]:
                raise broken(f"{self._state.log} is empty but there are checkpoints")
            self._genesis()
            self._sign_head()

    def _genesis(self) -> None:
        if self._keys is None:
            self._keys = load_keys(need=())
            if not self._keys.keyids:
                self._keys = create_keys()
        writer, head = self._keys.need(WRITER), self._keys.need(CHECKPOINT)
        grants = [KeyGrant.of("writer", writer.public), KeyGrant.of("checkpoint", head.public)]
        _, payload = write_statement(
            predicate_uri(GENESIS),
            [{"name": f"{grant.role}-key", "digest": {"sha256": grant.keyid}} for grant in grants],
            {"keys": grants_json(grants)},
            write_time(now()),
        )
        line = _sign_line(payload, [writer, head])
        self._write_git_files()
        self._state.append([line], [leaf_hash(line)])

    def _write_git_files(self) -> None:
        """Git shall neither convert line ends nor merge lines: ``import_from`` merges."""
        texts = {".gitignore": ".lock\n", ".gitattributes": "*.jsonl -text -merge\n"}
        for name, text in texts.items():
            try:
                (self.folder / name).write_text(text, "ascii")
            except OSError as error:
                raise refused(self.folder / name, error) from error

    # -- appending -----------------------------------------------------------------------------

    def append(
        self,
        predicate_type: str,
        subject: SubjectLike,
        predicate: Mapping[str, Any],
        *,
        occurred: datetime | None = None,
    ) -> Receipt:
        """Sign and append one statement; it is on disk when this returns.

        Args:
            predicate_type: short kind such as ``eval-result``, or a full URI.
            subject: in-toto subject or subjects, see ``subject_ref``.
            predicate: JSON object; the key ``ledger`` is reserved. Never prompts or outputs.
            occurred: when the fact happened (aware); default the time of recording.

        Raises:
            LedgerKeyError: the writer key is missing or not allowed to sign here.
            LedgerBrokenError: the log contradicts its last checkpoint.
            LedgerFullError: no room; nothing was kept.
            LedgerError: the statement is not valid or the file system refuses.
        """
        return self.append_many([Entry(predicate_type, subject, predicate, occurred)])[0]

    def append_many(self, entries: Iterable[Entry]) -> list[Receipt]:
        """Append a batch under one lock with one write and one fsync; all or nothing.

        Only a crash of the machine or of the process can leave a part of an unacknowledged batch,
        and then whole records only.

        Raises:
            The errors of ``append``.
        """
        recorded = write_time(now())
        drafts = []
        for entry in entries:
            uri = predicate_uri(entry.predicate_type)
            if kind_of(uri) in OWN_KINDS:
                raise LedgerError(f"statements of kind {kind_of(uri)} are written by the ledger")
            drafts.append(
                write_statement(uri, entry.subject, entry.predicate, recorded, entry.occurred)
            )
        return self._append_drafts(drafts, (WRITER,))

    def _append_drafts(
        self, drafts: Sequence[tuple[str, bytes]], roles: Sequence[str]
    ) -> list[Receipt]:
        if not drafts:
            return []
        signers = [self._key(role) for role in roles]
        lines = [_sign_line(payload, signers) for _, payload in drafts]
        with self._ready():
            return self._append_lines([identity for identity, _ in drafts], lines, signers)

    def _append_lines(
        self, names: Sequence[str], lines: Sequence[bytes], signers: Sequence[KeyPair]
    ) -> list[Receipt]:
        """Append signed lines; inside ``_ready``."""
        for role, key in zip(ROLES, signers, strict=False):
            self._allow(key, role)
        leaves = [leaf_hash(line) for line in lines]
        first = self._state.append(lines, leaves)
        return [
            Receipt(first + i, leaf.hex(), name)
            for i, (leaf, name) in enumerate(zip(leaves, names, strict=True))
        ]

    def _allow(self, key: KeyPair, role: str) -> None:
        ring = self._state.walker.ring
        reason = ring.problem(key.keyid, position=self._state.size, time=now())
        if not reason and ring.role(key.keyid) != role:
            reason = f"key {key.keyid[:16]} is a {ring.role(key.keyid)} key, not a {role} key"
        if reason:
            raise LedgerKeyError(
                reason,
                mend=f"Use a {role} key that this ledger knows, or have it added with change_keys",
            )

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Locked, whole, in step with the files, and in agreement with the last checkpoint."""
        if not has_ledger(self.folder):
            raise LedgerMissingError(f"the ledger at {self.folder} is gone")
        with self._locked():
            self._state.heal()
            self._state.refresh()
            if self._state.size == 0:
                raise broken(f"{self._state.log} is empty: the genesis record is missing")
            if self._state.latest() is None:
                if self._state.size > 1:
                    raise broken(f"{self._state.heads} is missing or empty")
                self._sign_head()  # creation was cut off between its two steps
            yield

    def checkpoint(self) -> Checkpoint:
        """Sign the present tree head; the last one is returned where nothing was added since.

        Refuses to sign a log that contradicts the last checkpoint. Remember the result (its
        ``short`` form) outside the repository: it is what shows a later truncation.

        Raises:
            LedgerKeyError: the checkpoint key is missing or not allowed.
            LedgerBrokenError: the log contradicts its last checkpoint.
            LedgerFullError, LedgerError: as in ``append``.
        """
        with self._ready():
            last = self._state.latest()
            if last is not None and last.size == self._state.size:
                return last
            return self._sign_head()

    def _sign_head(self) -> Checkpoint:
        key = self._key(CHECKPOINT)
        self._allow(key, CHECKPOINT)
        state = self._state
        root, time = state.leaves.root(state.size), write_time(now())
        origin = origin_of(state.leaves[0])
        state.append_head(write_checkpoint(origin, state.size, root, time, key))
        return Checkpoint(state.size, root.hex(), origin, time, key.keyid)

    def change_keys(
        self, *, add: Sequence[KeyGrant] = (), retire: Sequence[str] = (), reason: str = ""
    ) -> Receipt:
        """Add or retire keys with a ``policy-change`` signed by the writer and checkpoint keys.

        Args:
            add: see ``KeyGrant.of``.
            retire: key ids; they may not sign records after this one.
            reason: for readers.

        Raises:
            LedgerKeyError: a signing key is missing, a key was granted before, or a role would be
                left without a key.
        """
        change = KeyChange(tuple(add), tuple(retire))
        body = {"add": grants_json(add), "retire": list(retire), "reason": reason}
        digests = [grant.keyid for grant in add] + list(retire)
        if not digests:
            raise LedgerError("no key to add and none to retire")
        subject = [subject_ref("key", digest) for digest in digests]
        _, payload = draft = write_statement(
            predicate_uri(POLICY_CHANGE), subject, body, write_time(now())
        )
        signers = [self._key(role) for role in ROLES]
        with self._ready():
            self._state.walker.ring.verify_grantable(change, self._state.size + 1)
            return self._append_lines([draft[0]], [_sign_line(payload, signers)], signers)[0]

    def import_from(self, other: Path | str) -> list[Receipt]:
        """Merge another branch of this ledger: append its records that are not here yet.

        Each comes as an ``import`` statement with the record, its inclusion proof and the other
        branch's checkpoint. Repeating it appends nothing.

        Args:
            other: root, ledger folder or ``log.jsonl`` of the other branch.

        Raises:
            LedgerMissingError: there is no ledger.
            LedgerError: it began with another genesis record, or does not verify.
        """
        folder = ledger_folder(other)
        if not has_ledger(folder):
            raise LedgerMissingError(f"there is no ledger at {folder}")
        found = verify(snapshot(folder), Question(now()))
        if found.exit_code:
            reasons = found.integrity.detail + found.authenticity.detail
            raise LedgerError(f"{folder} does not verify: {reasons[0]}")
        with self._ready():
            origin = self._state.walker.origin
            if found.origin != origin:
                raise LedgerError(
                    f"{folder} is another ledger: it began with another genesis record",
                    mend="Only branches of one ledger can be merged",
                )
            present = identities(self.folder)
            return self._import(Branch(folder), present, origin)

    def _import(self, branch: Branch, present: set[bytes], origin: str) -> list[Receipt]:
        recorded = write_time(now())
        names, lines, signers = [], [], [self._key(WRITER)]
        for candidate in branch.candidates(present, origin):
            identity, payload = write_statement(
                predicate_uri(IMPORT), candidate.subject, candidate.predicate, recorded
            )
            keys = signers
            if candidate.changes_keys:
                keys = [*signers, self._key(CHECKPOINT)]
                self._allow(keys[1], CHECKPOINT)
            names.append(identity)
            lines.append(_sign_line(payload, keys))
        self._rehearse(lines)
        return self._append_lines(names, lines, signers) if lines else []

    def _rehearse(self, lines: Sequence[bytes]) -> None:
        """Refuse an import that would not verify here, before anything is written."""
        walker = self._state.walker.copy()
        for index, line in enumerate(lines, self._state.size):
            problems = walker.admit(walker.read(index, line))
            if problems:
                raise LedgerError(
                    f"a record of the other branch cannot be imported: {problems[0]}",
                    mend="Bring the key sets of both branches in line with change_keys first",
                )

    # -- reading -------------------------------------------------------------------------------

    def statements(self, kind: str | None = None, subject: str | None = None) -> Iterator[Record]:
        """Records in log order; the signature of each one that is returned was checked.

        That shows who wrote a record, not that the log is whole: call ``verify`` for that.

        Args:
            kind: short kind or URI; default all, the ledger's own included.
            subject: SHA-256 digest (with or without ``sha256:``) or name of a subject.

        Raises:
            LedgerBrokenError: a line that had to be read is malformed, or a record that would be
                returned is not authentic.
        """
        return records(self.folder, kind, subject)

    def verify(
        self,
        *,
        at_least: Checkpoint | str | Path | None = None,
        about: str = "",
        expected: str | None = None,
        required: Iterable[str] = (),
        max_age: timedelta | None = None,
        trusted_keys: Iterable[str | bytes | KeyPair] | None = None,
        at: datetime | None = None,
    ) -> Verification:
        """Check everything from the files alone and give five separate verdicts.

        Args:
            at_least: a remembered checkpoint that the log must extend: ``size:root``, JSON, a
                signed line, or a file with one.
            about: name of a subject; completeness, freshness and binding then read the statements
                about it alone, where one ledger serves several systems.
            expected: SHA-256 digest of the present subject, for binding.
            required: kinds that must be there, for completeness; they also narrow freshness and
                binding to these kinds.
            max_age: for freshness, of the newest evidence.
            trusted_keys: public keys or key ids; the genesis keys must be among them.
            at: the present time (aware), for tests and for looking back.

        Raises:
            LedgerError: an argument cannot be read.
        """
        question = Question(
            now=at or now(),
            at_least=None if at_least is None else remembered(at_least),
            about=about,
            expected=None if expected is None else sha256_hex(expected),
            required=tuple(required),
            max_age=max_age,
            trusted=None if trusted_keys is None else frozenset(map(trusted_keyid, trusted_keys)),
        )
        return verify(snapshot(self.folder), question)

    def inclusion_proof(self, index: int, size: int | None = None) -> InclusionProof:
        """Proof that record ``index`` is in the tree of ``size`` records (default all).

        Raises:
            LedgerError: no such record or size.
        """
        with self._fresh():
            leaves = self._state.leaves
            tree = len(leaves) if size is None else size
            if not 0 <= index < tree <= len(leaves):
                raise LedgerError(f"no record {index} in a tree of {tree} (of {len(leaves)})")
            path = tuple(item.hex() for item in leaves.inclusion(index, tree))
            return InclusionProof(index, tree, leaves[index].hex(), leaves.root(tree).hex(), path)

    def consistency_proof(self, old: int, new: int | None = None) -> ConsistencyProof:
        """Proof that the tree of ``old`` records is a prefix of that of ``new`` (default all).

        Raises:
            LedgerError: no such sizes.
        """
        with self._fresh():
            leaves = self._state.leaves
            tree = len(leaves) if new is None else new
            if not 0 < old <= tree <= len(leaves):
                raise LedgerError(f"no trees of {old} and {tree} records (of {len(leaves)})")
            path = tuple(item.hex() for item in leaves.consistency(old, tree))
            roots = leaves.root(old).hex(), leaves.root(tree).hex()
            return ConsistencyProof(old, roots[0], tree, roots[1], path)

    # -- blobs ---------------------------------------------------------------------------------

    def put_blob(self, data: bytes) -> str:
        """Store bytes beside the log; returns their SHA-256 (hex) for a predicate to name."""
        return _blobs.put_blob(self.folder, data)

    def put_excerpt(self, text: str, limit: int = 160) -> str:
        """Store a salted, redacted excerpt of a text; returns the digest of the blob."""
        return _blobs.put_excerpt(self.folder, text, limit)

    def get_blob(self, digest: str) -> bytes | None:
        """Bytes of a blob, or None where it was deleted.

        Raises:
            LedgerBrokenError: its content was changed.
        """
        return _blobs.get_blob(self.folder, digest)

    def delete_blob(self, digest: str) -> bool:
        """Delete a blob; the log stays valid. False where it was gone already."""
        return _blobs.delete_blob(self.folder, digest)
