"""DSSE envelopes, version 1, written in one canonical form so that a line has one spelling."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence

import msgspec

from ._errors import MalformedError

STATEMENT_TYPE = "application/vnd.in-toto+json"
CHECKPOINT_TYPE = "application/vnd.railwright.checkpoint+json"


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature: key id (SHA-256 of the raw public key, hex) and 64 raw bytes."""

    keyid: str
    sig: bytes


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A DSSE envelope; ``payload`` and ``sig`` are base64 in JSON and raw bytes here."""

    payload: bytes
    payload_type: str = msgspec.field(name="payloadType")
    signatures: tuple[Signature, ...]


_decode = msgspec.json.Decoder(Envelope).decode
_encode_text = msgspec.json.Encoder().encode


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def write_envelope(payload_type: str, payload: bytes, signatures: Sequence[Signature]) -> bytes:
    """The canonical line (no newline): keys sorted, no spaces, padded standard base64."""
    signed = b",".join(
        b'{"keyid":%b,"sig":"%b"}' % (_encode_text(item.keyid), b2a_base64(item.sig, newline=False))
        for item in signatures
    )
    return b'{"payload":"%b","payloadType":%b,"signatures":[%b]}' % (
        b2a_base64(payload, newline=False),
        _encode_text(payload_type),
        signed,
    )


def read_envelope(line: bytes, payload_type: str) -> Envelope:
    """Parse one line (no newline).

    Raises:
        MalformedError: not an envelope, not in canonical form, or of another payload type.
    """
    try:
        envelope = _decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedError(f"not a DSSE envelope ({error})") from error
    if envelope.payload_type != payload_type:
        raise MalformedError(f"payload type is {envelope.payload_type!r}, not {payload_type!r}")
    if not envelope.signatures:
        raise MalformedError("the envelope has no signature")
    if write_envelope(envelope.payload_type, envelope.payload, envelope.signatures) != line:
        raise MalformedError("the envelope is not in canonical form")
    return envelope
