"""Ed25519 keys: making, loading, naming. Private keys live outside every repository."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ._errors import LedgerKeyError

WRITER, CHECKPOINT = "writer", "checkpoint"
ROLES = (WRITER, CHECKPOINT)
_ENVIRONMENT = {WRITER: "RAILWRIGHT_WRITER_KEY", CHECKPOINT: "RAILWRIGHT_CHECKPOINT_KEY"}
_RAW_SIZE = 32


def key_id(public: bytes) -> str:
    """Key id: SHA-256 of the 32 raw bytes of the public key, lower-case hex."""
    return sha256(public).hexdigest()


class KeyPair:
    """An Ed25519 key pair. Its text form shows the key id only."""

    __slots__ = ("_private", "keyid", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes_raw()
        self.keyid: str = key_id(self.public)

    def __repr__(self) -> str:
        return f"KeyPair({self.keyid})"

    @classmethod
    def generate(cls) -> KeyPair:
        """A new random key pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_text(cls, text: str, source: str) -> KeyPair:
        """A key from PEM (PKCS 8, unencrypted) or from base64 of its 32-byte seed.

        Raises:
            LedgerKeyError: names ``source`` (a file or a variable), never the text.
        """
        text = text.strip()
        if text.startswith("-----BEGIN"):
            return cls(_from_pem(text.replace("\\n", "\n"), source))
        try:
            seed = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            seed = b""
        if len(seed) != _RAW_SIZE:
            raise _corrupt(source)
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, data: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self._private.sign(data)

    def pem(self) -> bytes:
        """Private key as PKCS 8 PEM."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def _corrupt(source: str) -> LedgerKeyError:
    return LedgerKeyError(
        f"{source} does not hold an Ed25519 private key",
        mend="Give a PKCS 8 PEM file or the base64 of a 32-byte seed, or restore it from a backup",
    )


def _from_pem(text: str, source: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _corrupt(source) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _corrupt(source)
    return key


class Keys(msgspec.Struct, frozen=True):
    """The keys at hand; a role whose key is elsewhere is None."""

    writer: KeyPair | None = None
    checkpoint: KeyPair | None = None

    def need(self, role: str) -> KeyPair:
        """The key of a role.

        Raises:
            LedgerKeyError: it is not at hand.
        """
        key = self.writer if role == WRITER else self.checkpoint
        if key is None:
            raise _missing(role, keys_folder() / f"{role}.pem")
        return key

    @property
    def keyids(self) -> frozenset[str]:
        """Key ids of the keys at hand."""
        return frozenset(key.keyid for key in (self.writer, self.checkpoint) if key)


def keys_folder(environ: Mapping[str, str] | None = None) -> Path:
    """RAILWRIGHT_KEYS, else ``railwright/keys`` in the user's configuration folder."""
    env = os.environ if environ is None else environ
    if env.get("RAILWRIGHT_KEYS"):
        return Path(env["RAILWRIGHT_KEYS"]).expanduser()
    base = env.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "railwright" / "keys"


def _missing(role: str, path: Path) -> LedgerKeyError:
    return LedgerKeyError(
        f"no {role} key: {_ENVIRONMENT[role]} is not set and {path} does not exist",
        mend=f"Run `railwright init`, set {_ENVIRONMENT[role]}, or point RAILWRIGHT_KEYS to the "
        "folder that holds it",
    )


def _read_file(path: Path) -> KeyPair:
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise _corrupt(str(path)) from error
        raise LedgerKeyError(
            f"cannot read {path}: {error.strerror}", mend="Check its owner and mode"
        ) from error
    if mode & 0o077:
        raise LedgerKeyError(
            f"{path} can be read by others (mode {mode & 0o777:04o})",
            mend=f"Run `chmod 600 {path}`",
        )
    return KeyPair.from_text(text, str(path))


def _load_role(role: str, folder: Path, env: Mapping[str, str]) -> KeyPair | None:
    variable = _ENVIRONMENT[role]
    if env.get(variable):
        return KeyPair.from_text(env[variable], variable)
    path = folder / f"{role}.pem"
    return _read_file(path) if path.exists() else None


def load_keys(
    folder: Path | str | None = None,
    *,
    need: Iterable[str] = ROLES,
    environ: Mapping[str, str] | None = None,
) -> Keys:
    """Load the keys: RAILWRIGHT_WRITER_KEY and RAILWRIGHT_CHECKPOINT_KEY first, then files.

    Args:
        folder: holds ``writer.pem`` and ``checkpoint.pem``; default ``keys_folder()``.
        need: roles that must be present; others are None where they are missing.
        environ: in place of ``os.environ``.

    Raises:
        LedgerKeyError: a needed key is missing; any key is corrupt or readable by others.
    """
    env = os.environ if environ is None else environ
    place = Path(folder) if folder is not None else keys_folder(env)
    found = {role: _load_role(role, place, env) for role in ROLES}
    for role in need:
        if found[role] is None:
            raise _missing(role, place / f"{role}.pem")
    keys = Keys(writer=found[WRITER], checkpoint=found[CHECKPOINT])
    if keys.writer and keys.checkpoint and keys.writer.keyid == keys.checkpoint.keyid:
        raise LedgerKeyError(
            "the writer key and the checkpoint key are the same key",
            mend="Give each role its own key, so that who writes records cannot sign checkpoints",
        )
    return keys


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise LedgerKeyError(
            f"{path} exists already", mend="Use it, or move it away if it is not needed any more"
        ) from error
    except OSError as error:
        raise LedgerKeyError(
            f"cannot write {path}: {error.strerror}", mend="Point RAILWRIGHT_KEYS elsewhere"
        ) from error
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def create_keys(folder: Path | str | None = None, *, outside: Path | str | None = None) -> Keys:
    """Make the writer and the checkpoint key, each a file of mode 0600 with a public half beside.

    The folder gets a ``.gitignore`` that covers everything in it.

    Args:
        folder: default ``keys_folder()``.
        outside: refuse a folder within this one (the user's repository).

    Raises:
        LedgerKeyError: a key exists already, the folder is not writable or lies in ``outside``.
    """
    place = (Path(folder) if folder is not None else keys_folder()).absolute()
    if outside is not None and place.resolve().is_relative_to(Path(outside).resolve()):
        raise LedgerKeyError(
            f"the key folder {place} lies inside {outside}",
            mend="Set RAILWRIGHT_KEYS to a folder outside the repository",
        )
    for role in ROLES:
        if (place / f"{role}.pem").exists():
            raise LedgerKeyError(
                f"{place / role}.pem exists already",
                mend="Use it, or move it away if it is not needed any more",
            )
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise LedgerKeyError(
            f"cannot make the key folder {place}: {error.strerror}",
            mend="Set RAILWRIGHT_KEYS to a folder that you may write",
        ) from error
    ignore = place / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "ascii")
    keys = Keys(writer=KeyPair.generate(), checkpoint=KeyPair.generate())
    for role in ROLES:
        pair = keys.need(role)
        _write_new(place / f"{role}.pem", pair.pem(), 0o600)
        (place / f"{role}.pub").write_bytes(base64.b64encode(pair.public) + b"\n")
    return keys


def public_key(value: str | bytes) -> bytes:
    """Raw public key from its 32 raw bytes, their base64, or a PEM public key.

    Raises:
        LedgerKeyError: it is none of these.
    """
    raw = value if isinstance(value, bytes) else _decode_public(value.strip())
    if len(raw) != _RAW_SIZE:
        raise LedgerKeyError(
            "not an Ed25519 public key", mend="Give base64 of its 32 bytes, or PEM"
        )
    return raw


def _decode_public(text: str) -> bytes:
    try:
        if not text.startswith("-----BEGIN"):
            return base64.b64decode(text, validate=True)
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else b""


def trusted_keyid(value: str | bytes | KeyPair) -> str:
    """Key id of a key given as key pair, key id (64 hex digits) or public key.

    Raises:
        LedgerKeyError: the text is none of these.
    """
    if isinstance(value, KeyPair):
        return value.keyid
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value
    return key_id(public_key(value))


def load_trusted(
    folder: Path | str | None = None, *, environ: Mapping[str, str] | None = None
) -> frozenset[str]:
    """Key ids of the user's own keys: from the environment, private files, else ``*.pub`` files.

    Empty where there are none. Meant as ``trusted_keys`` of ``Ledger.verify``.
    """
    env = os.environ if environ is None else environ
    place = Path(folder) if folder is not None else keys_folder(env)
    found = set(load_keys(place, need=(), environ=env).keyids)
    for role in ROLES:
        path = place / f"{role}.pub"
        if path.exists():
            found.add(trusted_keyid(path.read_text("utf-8", errors="replace").strip()))
    return frozenset(found)
