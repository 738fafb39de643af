"""Signed tree heads: {origin, size, root, time} under the checkpoint key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from ._canonical import canonical
from ._dsse import CHECKPOINT_TYPE, Envelope, Signature, pae, read_envelope, write_envelope
from ._errors import LedgerError, MalformedError
from ._keys import CHECKPOINT, KeyPair
from ._statement import read_time
from ._trust import KeyRing

_SHORT = re.compile(r"(\d{1,15}):([0-9a-f]{64})")


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree head. ``root`` is hex; ``origin`` names the log by the hash of its genesis leaf.

    ``time``, ``origin`` and ``keyid`` are empty where the checkpoint was given in short form.
    """

    size: int
    root: str
    origin: str = ""
    time: str = ""
    keyid: str = ""

    @property
    def short(self) -> str:
        """``size:root``, the form to print and to remember outside the repository."""
        return f"{self.size}:{self.root}"

    def to_dict(self) -> dict[str, Any]:
        """JSON shape: size, root, origin, time, keyid, short."""
        return {**msgspec.structs.asdict(self), "short": self.short}


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str
    root: str
    size: int
    time: str


def origin_of(genesis_leaf: bytes) -> str:
    """Name of a log: the leaf hash of its genesis record."""
    return f"railwright-ledger:{genesis_leaf.hex()}"


def write_checkpoint(origin: str, size: int, root: bytes, time: str, key: KeyPair) -> bytes:
    """The signed line (no newline)."""
    payload = canonical({"origin": origin, "root": root.hex(), "size": size, "time": time})
    signature = Signature(key.keyid, key.sign(pae(CHECKPOINT_TYPE, payload)))
    return write_envelope(CHECKPOINT_TYPE, payload, [signature])


def read_checkpoint(line: bytes) -> tuple[Checkpoint, Envelope]:
    """Parse one line of ``checkpoints.jsonl``; signatures are not checked here.

    Raises:
        MalformedError: not a checkpoint in canonical form.
    """
    envelope = read_envelope(line, CHECKPOINT_TYPE)
    try:
        head = msgspec.json.decode(envelope.payload, type=_Head)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedError(f"the payload is not a checkpoint ({error})") from error
    if canonical(msgspec.to_builtins(head)) != envelope.payload:
        raise MalformedError("the payload is not in canonical form")
    read_time(head.time)
    if head.size < 1 or not _SHORT.fullmatch(f"{head.size}:{head.root}"):
        raise MalformedError("size or root is not valid")
    keyid = envelope.signatures[0].keyid
    return Checkpoint(head.size, head.root, head.origin, head.time, keyid), envelope


def signature_problem(
    checkpoint: Checkpoint, envelope: Envelope, ring: KeyRing, *, elsewhere: bool = False
) -> str:
    """Why the signature of a checkpoint does not count, or "".

    Args:
        checkpoint: what was signed.
        envelope: with the signatures.
        ring: the key set.
        elsewhere: the checkpoint is of another branch, so its size is no position of this log.
    """
    message = pae(envelope.payload_type, envelope.payload)
    time = read_time(checkpoint.time)
    size = None if elsewhere else checkpoint.size
    for item in envelope.signatures:
        reason = ring.checkpoint_problem(item.keyid, size=size, time=time)
        if reason:
            return reason
        if not ring.signed(item.keyid, item.sig, message):
            return f"the signature by {CHECKPOINT} key {item.keyid[:16]} does not match"
    return ""


def remembered(value: Checkpoint | str | Path) -> Checkpoint:
    """A remembered checkpoint from ``size:root``, JSON, a signed line, or a file with one of them.

    Of a file with several lines (a copy of ``checkpoints.jsonl``) the largest counts.

    Raises:
        LedgerError: none of these.
    """
    if isinstance(value, Checkpoint):
        return value
    text = str(value).strip()
    if not text.startswith("{") and not _SHORT.fullmatch(text):
        try:
            text = Path(text).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(str(value)) from error
    found = _from_text(text)
    if found is None:
        raise _unreadable(str(value))
    return found


def _unreadable(value: str) -> LedgerError:
    shown = value if len(value) <= 80 else value[:80] + "…"
    return LedgerError(
        f"{shown!r} is neither a checkpoint nor a file that holds one",
        mend="Give SIZE:ROOT with 64 hex digits, the JSON of a checkpoint, or a file",
    )


def _from_text(text: str) -> Checkpoint | None:
    match = _SHORT.fullmatch(text)
    if match:
        return Checkpoint(int(match[1]), match[2])
    whole = _from_json(text)
    if whole:
        return whole
    lines = [_from_json(line) for line in text.splitlines()]
    heads = [head for head in lines if head]
    return max(heads, key=lambda head: head.size) if len(heads) == len(lines) > 0 else None


def _from_json(text: str) -> Checkpoint | None:
    try:
        return read_checkpoint(text.strip().encode())[0]
    except MalformedError:
        pass
    try:
        found = msgspec.json.decode(text, type=Checkpoint)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if _SHORT.fullmatch(found.short) else None
