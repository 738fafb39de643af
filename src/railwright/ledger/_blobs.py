"""Large payloads by digest, and what keeps prompts and outputs out of the log.

A blob can be deleted when its retention ends: the log names only its digest.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import tempfile
from pathlib import Path

import msgspec

from ._canonical import canonical
from ._errors import LedgerBrokenError, LedgerError
from ._statement import sha256_hex
from ._store import refused, sync_folder

SALT_SIZE = 32

# Redaction is coarse on purpose: it shall not let a value through, even if it hides a harmless one.
_REDACTIONS = (
    (re.compile(r"-----BEGIN [^-]+-----.*?(-----END [^-]+-----|\Z)", re.DOTALL), "[key]"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "[email]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+\S+"), "[credential]"),
    (
        re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,4})?\b"),
        "[number]",
    ),
    (re.compile(r"\+?\d(?:[ .()/-]{0,2}\d){3,}"), "[number]"),
    (re.compile(r"\b(?:[0-9a-fA-F]{1,4}:){3,}[0-9a-fA-F:]+"), "[address]"),
    (re.compile(r"(?=[\w+/=.-]*\d)[\w+/=.-]{12,}|[\w+/=]{24,}"), "[token]"),
)


class SaltedDigest(msgspec.Struct, frozen=True):
    """HMAC-SHA-256 of a value under a random salt, both hex.

    Only ``digest`` belongs into the log; who is to recognise the value keeps ``salt``.
    """

    digest: str
    salt: str


def salted_digest(value: str | bytes, salt: str | None = None) -> SaltedDigest:
    """Digest of a value that cannot be found by guessing without the salt.

    Args:
        value: text (as UTF-8) or bytes.
        salt: 64 hex digits to repeat an earlier digest; default a new random salt.

    Raises:
        LedgerError: the salt is not 32 bytes of hex.
    """
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    try:
        key = os.urandom(SALT_SIZE) if salt is None else bytes.fromhex(salt)
    except ValueError:
        key = b""
    if len(key) != SALT_SIZE:
        raise LedgerError("the salt is not 32 bytes of hex", mend="Give 64 hex digits")
    return SaltedDigest(hmac.new(key, data, hashlib.sha256).hexdigest(), key.hex())


def excerpt(text: str, limit: int = 160) -> str:
    """A short redacted piece of a text: addresses, numbers, tokens and keys become labels.

    At most ``limit`` characters, on one line. Redaction comes before cutting, so that no half of
    a value survives.

    Raises:
        LedgerError: the limit is below 1.
    """
    if limit < 1:
        raise LedgerError("the limit of an excerpt must be at least 1")
    # Work on a bounded part; the margin keeps a value that straddles the end in one piece.
    part = text[: limit * 4 + 4096]
    for pattern, label in _REDACTIONS:
        part = pattern.sub(label, part)
    part = " ".join("".join(c if c.isprintable() else " " for c in part).split())
    return part if len(part) <= limit else part[: limit - 1] + "…"


def blob_path(folder: Path, digest: str) -> Path:
    """``blobs/sha256/aa/bb…``: two hex digits as folder, the other 62 as file name."""
    name = sha256_hex(digest)
    return folder / "blobs" / "sha256" / name[:2] / name[2:]


def put_blob(folder: Path, data: bytes) -> str:
    """Store bytes; returns their SHA-256 in hex. Storing the same bytes again does nothing.

    Raises:
        LedgerError: the file system refuses.
    """
    digest = hashlib.sha256(data).hexdigest()
    path = blob_path(folder, digest)
    if path.exists():
        return digest
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as handle:
            temporary = Path(handle.name)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise refused(path, error) from error
    return digest


def put_excerpt(folder: Path, text: str, limit: int = 160) -> str:
    """Store a redacted excerpt with the salted digest of the whole text; returns the blob digest.

    The salt lies in the blob, so the excerpt cannot be guessed from the digest in the log, and
    deleting the blob deletes the means to recognise the text.
    """
    salted = salted_digest(text)
    body = {"excerpt": excerpt(text, limit), "digest": salted.digest, "salt": salted.salt}
    return put_blob(folder, canonical(body))


def get_blob(folder: Path, digest: str) -> bytes | None:
    """Bytes of a blob, or None where it was deleted.

    Raises:
        LedgerBrokenError: the file's content does not have that digest.
    """
    path = blob_path(folder, digest)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(data).hexdigest() != sha256_hex(digest):
        raise LedgerBrokenError(
            f"{path} was changed: its content has another digest",
            mend="Restore it from version control or delete it",
        )
    return data


def delete_blob(folder: Path, digest: str) -> bool:
    """Delete a blob (its retention ended); False where it was gone already."""
    path = blob_path(folder, digest)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
