"""Which keys may sign what: the key set as of a position in the log.

The genesis record names the first keys and is signed by all of them. Later changes come from
``policy-change`` statements, which count only when a writer key and a checkpoint key both signed
the line, so that a writer alone can neither add keys nor retire any. A key id enters once.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from copy import copy
from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ._dsse import Envelope, pae
from ._errors import LedgerKeyError, MalformedError
from ._keys import CHECKPOINT, ROLES, WRITER, key_id
from ._statement import GENESIS, Statement, read_time, write_time


class KeyGrant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public key with its role and, optionally, the times between which it may sign.

    ``public`` is base64 of the 32 raw bytes; times are RFC 3339 with six decimals and Z.
    """

    keyid: str
    role: Literal["writer", "checkpoint"]
    public: str
    not_before: str = msgspec.field(name="notBefore", default="")
    not_after: str = msgspec.field(name="notAfter", default="")

    @classmethod
    def of(
        cls,
        role: Literal["writer", "checkpoint"],
        public: bytes,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> KeyGrant:
        """A grant from a raw public key and aware times."""
        return cls(
            keyid=key_id(public),
            role=role,
            public=b64encode(public).decode(),
            not_before=write_time(not_before) if not_before else "",
            not_after=write_time(not_after) if not_after else "",
        )


class KeyChange(msgspec.Struct, frozen=True):
    """The content of a genesis (``add`` only) or policy-change predicate."""

    add: tuple[KeyGrant, ...] = ()
    retire: tuple[str, ...] = ()


class _Known:
    """A granted key; ``added`` and ``retired`` are positions in the log."""

    __slots__ = ("added", "grant", "key", "not_after", "not_before", "retired", "retired_at")

    def __init__(self, grant: KeyGrant, added: int) -> None:
        try:
            public = b64decode(grant.public, validate=True)
            self.key = Ed25519PublicKey.from_public_bytes(public)
        except ValueError as error:
            raise MalformedError(f"key {grant.keyid[:16]} has no valid public key") from error
        if key_id(public) != grant.keyid:
            raise MalformedError(f"key id {grant.keyid[:16]} does not belong to its public key")
        self.grant = grant
        self.added = added
        self.not_before = read_time(grant.not_before) if grant.not_before else None
        self.not_after = read_time(grant.not_after) if grant.not_after else None
        self.retired: int | None = None
        self.retired_at: datetime | None = None

    def window_problem(self, time: datetime) -> str:
        name = self.grant.keyid[:16]
        if self.not_before and time < self.not_before:
            return f"key {name} is valid only from {self.grant.not_before}"
        if self.not_after and time > self.not_after:
            return f"key {name} was valid only until {self.grant.not_after}"
        return ""


def read_change(statement: Statement) -> KeyChange:
    """Key change of a genesis or policy-change statement.

    Raises:
        MalformedError: the predicate has another shape.
    """
    predicate = statement.predicate
    names = {"add": predicate.get("keys" if statement.kind == GENESIS else "add", [])}
    try:
        return msgspec.convert({**names, "retire": predicate.get("retire", [])}, KeyChange)
    except msgspec.ValidationError as error:
        raise MalformedError(f"the key change cannot be read ({error})") from error


def grants_json(grants: Iterable[KeyGrant]) -> list[Any]:
    """Grants as they stand in a predicate."""
    return [msgspec.to_builtins(grant) for grant in grants]


class KeyRing:
    """The keys known so far. Positions count records from 0."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, _Known] = {}

    def copy(self) -> KeyRing:
        """An independent key set in the same state."""
        other = KeyRing()
        other._keys = {keyid: copy(known) for keyid, known in self._keys.items()}
        return other

    def role(self, keyid: str) -> str:
        """Role of a key id, or "" where it was never granted."""
        known = self._keys.get(keyid)
        return known.grant.role if known else ""

    def keyids(self, role: str, position: int) -> list[str]:
        """Key ids of a role that may sign the record at ``position`` (times left aside)."""
        return [
            keyid
            for keyid, known in self._keys.items()
            if known.grant.role == role and (known.retired is None or position <= known.retired)
        ]

    def problem(self, keyid: str, *, position: int, time: datetime) -> str:
        """Why a key may not sign the record at this position and time, or ""."""
        known = self._keys.get(keyid)
        if known is None:
            return f"key {keyid[:16]} is not in the ledger's key set"
        if known.retired is not None and position > known.retired:
            return f"key {keyid[:16]} was retired by record {known.retired}"
        return known.window_problem(time)

    def problem_elsewhere(self, keyid: str, *, time: datetime) -> str:
        """Why a key may not have signed on another branch at this time, or ""."""
        known = self._keys.get(keyid)
        if known is None:
            return f"key {keyid[:16]} is not in the ledger's key set"
        if known.retired_at is not None and time > known.retired_at:
            return f"key {keyid[:16]} was retired before that"
        return known.window_problem(time)

    def signed(self, keyid: str, signature: bytes, message: bytes) -> bool:
        """Whether a known key made this signature."""
        try:
            self._keys[keyid].key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def check(
        self, envelope: Envelope, *, role: str, position: int | None, time: datetime
    ) -> list[str]:
        """Problems of an envelope's signatures; empty where all hold and one has the role.

        Args:
            envelope: what was signed.
            role: at least one signer must have it.
            position: of the record, or None where it stood on another branch.
            time: when it was signed.
        """
        message = pae(envelope.payload_type, envelope.payload)
        problems: list[str] = []
        roles: set[str] = set()
        for item in envelope.signatures:
            reason = (
                self.problem_elsewhere(item.keyid, time=time)
                if position is None
                else self.problem(item.keyid, position=position, time=time)
            )
            if not reason and not self.signed(item.keyid, item.sig, message):
                reason = f"the signature by key {item.keyid[:16]} does not match the content"
            if reason:
                problems.append(reason)
            roles.add(self.role(item.keyid))
        if not problems and role not in roles:
            problems.append(f"no {role} key signed")
        return problems

    def begin(self, envelope: Envelope, statement: Statement) -> list[str]:
        """Take the genesis record; problems, or empty where it was taken."""
        if statement.kind != GENESIS:
            return ["the first record is not a genesis record"]
        try:
            change = read_change(statement)
            for grant in change.add:
                self._grant(grant, 0)
        except MalformedError as error:
            self._keys.clear()
            return [str(error)]
        signers = {item.keyid for item in envelope.signatures}
        if {grant.role for grant in change.add} != set(ROLES) or signers != set(self._keys):
            self._keys.clear()
            return ["the genesis record must name keys of both roles and be signed by all of them"]
        problems = self.check(envelope, role=WRITER, position=0, time=statement.recorded)
        if problems:
            self._keys.clear()
        return problems

    def change(self, envelope: Envelope, statement: Statement, position: int) -> list[str]:
        """Take a key change whose signatures were checked; problems, or empty."""
        roles = {self.role(item.keyid) for item in envelope.signatures}
        if roles != set(ROLES):
            return ["a key change must be signed by a writer key and by a checkpoint key"]
        try:
            change = read_change(statement)
            unknown = [keyid for keyid in change.retire if keyid not in self._keys]
            if unknown:
                return [f"it retires key {unknown[0][:16]}, which is not in the key set"]
            for grant in change.add:
                self._grant(grant, position)
        except MalformedError as error:
            return [str(error)]
        for keyid in change.retire:
            known = self._keys[keyid]
            if known.retired is None:
                known.retired, known.retired_at = position, statement.recorded
        return []

    def _grant(self, grant: KeyGrant, position: int) -> None:
        if grant.keyid in self._keys:
            raise MalformedError(f"key {grant.keyid[:16]} was granted before; a key enters once")
        self._keys[grant.keyid] = _Known(grant, position)

    def checkpoint_problem(self, keyid: str, *, size: int | None, time: datetime) -> str:
        """Why a key may not sign a checkpoint of this size and time, or "".

        ``size`` is None for a checkpoint of another branch.
        """
        role = self.role(keyid)
        if role and role != CHECKPOINT:
            return f"key {keyid[:16]} is a {role} key and may not sign checkpoints"
        if size is None:
            return self.problem_elsewhere(keyid, time=time)
        known = self._keys.get(keyid)
        if known is not None and known.added >= size:
            return f"key {keyid[:16]} was not yet in the ledger's key set at size {size}"
        return self.problem(keyid, position=size, time=time)

    def verify_grantable(self, change: KeyChange, position: int) -> None:
        """Refuse a change that would leave a role without a key or grant a key twice.

        Raises:
            LedgerKeyError: names the key or the role.
        """
        for grant in change.add:
            if grant.keyid in self._keys:
                raise LedgerKeyError(
                    f"key {grant.keyid[:16]} was granted before", mend="Make a new key"
                )
        for role in ROLES:
            left = {k for k in self.keyids(role, position) if k not in change.retire}
            left |= {grant.keyid for grant in change.add if grant.role == role}
            if not left:
                raise LedgerKeyError(
                    f"no {role} key would be left", mend="Add another one in the same change"
                )
