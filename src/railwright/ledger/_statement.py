"""in-toto Statements, version 1, as this ledger writes and reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ._canonical import canonical
from ._dsse import STATEMENT_TYPE, Envelope, read_envelope
from ._errors import LedgerError, MalformedError

IN_TOTO_TYPE = "https://in-toto.io/Statement/v1"
_BASE = "https://railwright.dev/attestation/"
# The one key of every predicate that belongs to the ledger: {"id", "recorded", "occurred"?}.
META = "ledger"

GENESIS, POLICY_CHANGE, IMPORT = "genesis", "policy-change", "import"
OWN_KINDS = frozenset({GENESIS, POLICY_CHANGE, IMPORT})

_KIND = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_URI_KIND = re.compile(r"([^/#?]+)/v[0-9][0-9.]*/?$")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HEX = re.compile(r"[0-9a-f]{8,}")
MAX_PAYLOAD = 1 << 20


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about; ``digest`` maps an algorithm to lower-case hex."""

    digest: dict[str, str]
    name: str = ""


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An in-toto Statement; the predicate includes the ledger's own ``ledger`` key."""

    type: str = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]

    @property
    def kind(self) -> str:
        """Short name of the predicate type."""
        return kind_of(self.predicate_type)

    @property
    def id(self) -> str:
        """Random id of the record, 32 hex digits."""
        return str(self.predicate[META]["id"])

    @property
    def recorded(self) -> datetime:
        """When the writer made the record (its own clock)."""
        return read_time(self.predicate[META]["recorded"])

    @property
    def occurred(self) -> datetime:
        """When the fact happened; the time of recording where nothing else was given."""
        meta = self.predicate[META]
        return read_time(meta.get("occurred", meta["recorded"]))

    @property
    def digests(self) -> frozenset[str]:
        """SHA-256 digests of the subjects."""
        return frozenset(item.digest.get("sha256", "") for item in self.subject) - {""}


class Parsed(msgspec.Struct, frozen=True):
    """A line that has the right form; nothing is said about its signatures yet."""

    envelope: Envelope
    statement: Statement


def predicate_uri(kind: str) -> str:
    """URI of a predicate type: short kinds get this product's prefix, URIs stay as they are.

    Raises:
        LedgerError: the short kind is not lower-case words joined by hyphens.
    """
    if "://" in kind:
        return kind
    if not _KIND.fullmatch(kind):
        raise LedgerError(
            f"{kind!r} is not a statement kind", mend="Use lower-case words joined by hyphens"
        )
    return f"{_BASE}{kind}/v1"


def kind_of(uri: str) -> str:
    """Short kind of a predicate URI: the last part before the version, else the URI itself."""
    match = _URI_KIND.search(uri)
    return match.group(1) if match else uri


def sha256_hex(digest: str) -> str:
    """Lower-case hex of a SHA-256 digest given with or without the ``sha256:`` prefix.

    Raises:
        LedgerError: it is not 64 hex digits.
    """
    text = digest.removeprefix("sha256:").lower()
    if len(text) != 64 or not _HEX.fullmatch(text):
        raise LedgerError(f"{digest!r} is not a SHA-256 digest", mend="Give 64 hex digits")
    return text


def subject_ref(name: str, digest: str) -> dict[str, Any]:
    """An in-toto subject from a name and a SHA-256 digest (``sha256:`` prefix allowed)."""
    return {"name": name, "digest": {"sha256": sha256_hex(digest)}}


def write_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six decimals: ``2026-01-31T09:30:00.000000Z``.

    Raises:
        LedgerError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise LedgerError(f"{moment.isoformat()} has no time zone", mend="Give an aware datetime")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """Inverse of ``write_time``.

    Raises:
        MalformedError: any other form.
    """
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise MalformedError(f"{text!r} is not a time like 2026-01-31T09:30:00.000000Z")


def now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


def _subjects(subject: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [subject] if isinstance(subject, Mapping) else list(subject)


def write_statement(
    uri: str,
    subject: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    predicate: Mapping[str, Any],
    recorded: str,
    occurred: datetime | None = None,
) -> tuple[str, bytes]:
    """Record id and canonical payload of a new statement.

    Raises:
        LedgerError: no canonical form, too large, no subject with a digest, or the predicate
            uses the reserved key ``ledger``.
    """
    if META in predicate:
        raise LedgerError(f"the predicate of {uri} uses the reserved key {META!r}")
    identity = os.urandom(16).hex()
    meta = {"id": identity, "recorded": recorded}
    if occurred is not None:
        meta["occurred"] = write_time(occurred)
    statement = {
        "_type": IN_TOTO_TYPE,
        "subject": _subjects(subject),
        "predicateType": uri,
        "predicate": {**predicate, META: meta},
    }
    payload = canonical(statement)
    if len(payload) > MAX_PAYLOAD:
        raise LedgerError(
            f"the statement of {uri} has {len(payload)} bytes, more than {MAX_PAYLOAD}",
            mend="Store the large part with put_blob and name its digest",
        )
    try:
        _check(msgspec.convert(statement, Statement))
    except (msgspec.ValidationError, MalformedError) as error:
        raise LedgerError(f"the statement of {uri} is not valid: {error}") from error
    return identity, payload


def _check(statement: Statement) -> None:
    if statement.type != IN_TOTO_TYPE:
        raise MalformedError(f"_type is {statement.type!r}, not {IN_TOTO_TYPE!r}")
    if not statement.subject:
        raise MalformedError("the statement has no subject")
    for item in statement.subject:
        if not item.digest or not all(map(_HEX.fullmatch, item.digest.values())):
            raise MalformedError("a subject has no digest in lower-case hex")
    meta = statement.predicate.get(META)
    if not isinstance(meta, dict) or not isinstance(meta.get("id"), str):
        raise MalformedError(f"the predicate lacks {META}.id")
    for name in ("recorded", "occurred"):
        if name in meta or name == "recorded":
            read_time(str(meta.get(name)))


def read_statement(payload: bytes) -> Statement:
    """Parse a payload and insist on its canonical form.

    Raises:
        MalformedError: not canonical JSON or not a Statement of this ledger.
    """
    try:
        value = msgspec.json.decode(payload)
        same = canonical(value) == payload
        statement = msgspec.convert(value, Statement)
    except (msgspec.MsgspecError, ValueError, RecursionError, LedgerError) as error:
        raise MalformedError(f"the payload is not a statement ({error})") from error
    if not same:
        raise MalformedError("the payload is not in canonical form")
    _check(statement)
    return statement


def read_line(line: bytes) -> Parsed:
    """Parse one line of the log (no newline).

    Raises:
        MalformedError: the line is not a record of this ledger.
    """
    envelope = read_envelope(line, STATEMENT_TYPE)
    return Parsed(envelope, read_statement(envelope.payload))
