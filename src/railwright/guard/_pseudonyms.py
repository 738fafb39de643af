"""Pseudonyms: a typed token in the place of a value, and the way back.

A token such as ``[EMAIL_K7Q2M4XD]`` is derived by HMAC-SHA-256 from a key, the scope, the label
and the exact value: the same value in the same scope always gets the same token, in every process
that has the key; in another scope it gets another one, and without the key it tells nothing. The
way back is a table per scope that expires, can be forgotten, and leaves the process only sealed.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from railwright.detectors import Detection, resolve
from railwright.guard._restore import CORE, RestoreStream, restored

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ScopeKind = Literal["request", "conversation", "tenant"]
SCOPES: tuple[ScopeKind, ...] = get_args(ScopeKind)
DEFAULT_TTL_S = 3600.0
#: Characters of a token's tag; each holds 5 bits. Longer only where two values would share one.
_TAG, _MAX_TAG = 8, 16
_MIN_KEY = 16
_SEAL_VERSION = "rwp1"


class PseudonymError(ValueError):
    """Keys or a sealed table cannot be used; the message says why."""


class KeyRing:
    """Keys by id: the newest derives and seals, the older ones still open what they sealed.

    Args:
        keys: key id to at least 16 secret bytes, newest last.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, bytes] = {}
        for name, key in keys.items():
            self.rotate(name, key)
        if not self._keys:
            raise PseudonymError("a key ring needs at least one key")

    @classmethod
    def random(cls) -> KeyRing:
        """Return a ring with a key of this process alone."""
        return cls({"process": secrets.token_bytes(32)})

    def rotate(self, name: str, key: bytes) -> None:
        """Make a new key the newest.

        Raises:
            PseudonymError: the id is taken by another key or holds ``.``, or the key is short.
        """
        if len(key) < _MIN_KEY:
            raise PseudonymError(f"key {name!r} has {len(key)} bytes; it needs {_MIN_KEY}")
        if not name or "." in name:
            raise PseudonymError(f"{name!r} cannot be the id of a key: write letters and digits")
        with self._lock:
            if self._keys.get(name, key) != key:
                raise PseudonymError(f"there is another key {name!r}; give the new one a new id")
            self._keys = {**{k: v for k, v in self._keys.items() if k != name}, name: key}

    def drop(self, name: str) -> None:
        """Take an old key away; what only it sealed stays sealed.

        Raises:
            PseudonymError: it is the newest, or not there.
        """
        with self._lock:
            if name not in self._keys or name == next(reversed(self._keys)):
                raise PseudonymError(f"{name!r} is the newest key, or none of the ring")
            self._keys = {k: v for k, v in self._keys.items() if k != name}

    @property
    def newest(self) -> tuple[str, bytes]:
        """Id and key that derive and seal."""
        return next(reversed(self._keys.items()))

    def get(self, name: str) -> bytes:
        """Return a key by id.

        Raises:
            PseudonymError: there is none.
        """
        key = self._keys.get(name)
        if key is None:
            raise PseudonymError(f"no key {name!r}; the ring has {', '.join(self._keys)}")
        return key


class _Entry(NamedTuple):
    label: str
    value: str


class _Table:
    """Tokens of one scope, both ways."""

    __slots__ = ("by_token", "by_value", "expires")

    def __init__(self, expires: float) -> None:
        self.by_token: dict[str, _Entry] = {}
        self.by_value: dict[_Entry, str] = {}
        self.expires = expires


class Pseudonyms:
    """Tables of pseudonyms by scope; safe to use from several threads.

    Args:
        keys: the keys; default: a random one, then tokens of two processes differ.
        ttl_s: seconds after its last use that a scope is forgotten.
        max_scopes: scopes kept; the one unused for longest is forgotten first.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        keys: KeyRing | None = None,
        *,
        ttl_s: float = DEFAULT_TTL_S,
        max_scopes: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keys = keys or KeyRing.random()
        self._ttl_s, self._max_scopes, self._clock = ttl_s, max_scopes, clock
        self._lock = threading.RLock()
        self._tables: OrderedDict[tuple[str, str], _Table] = OrderedDict()

    def scope(self, kind: ScopeKind, name: str) -> Scope:
        """Return the pseudonyms of one request, conversation or tenant.

        Raises:
            PseudonymError: there is no such kind, or the name is empty, so that all would share
                one scope.
        """
        if kind not in SCOPES:
            raise PseudonymError(f"there is no scope {kind!r}; one of {', '.join(SCOPES)}")
        if not name:
            raise PseudonymError(f"a {kind} scope needs the id of the {kind}")
        return Scope(self, kind, name)

    def forget(self, kind: ScopeKind, name: str) -> None:
        """Forget a scope: its tokens cannot be restored any more."""
        with self._lock:
            self._tables.pop((kind, name), None)

    def purge(self) -> int:
        """Forget what has expired; return how many scopes that were."""
        now = self._clock()
        with self._lock:
            old = [key for key, table in self._tables.items() if table.expires <= now]
            for key in old:
                del self._tables[key]
        return len(old)

    def _table(self, key: tuple[str, str]) -> _Table:
        """Return a live table, made if need be. The lock must be held."""
        now = self._clock()
        table = self._tables.get(key)
        if table is None or table.expires <= now:
            table = self._tables[key] = _Table(now)
        table.expires = now + self._ttl_s
        self._tables.move_to_end(key)
        while len(self._tables) > self._max_scopes:
            self._tables.popitem(last=False)
        return table

    def token(self, key: tuple[str, str], entry: _Entry, text: str = "") -> str:
        """Return the token of a value, which is new to ``text`` if it is new to the scope."""
        with self._lock:
            table = self._table(key)
            known = table.by_value.get(entry)
            if known is None:
                taken = table.by_token
                known = next(
                    token
                    for token in _candidates(self.keys.newest[1], key, entry)
                    if token not in taken and token not in text
                )
                table.by_value[entry] = known
                table.by_token[known] = entry
            return known

    def value(self, key: tuple[str, str], core: str) -> str | None:
        """Return the value behind a token without its brackets, or None."""
        with self._lock:
            table = self._tables.get(key)
            if table is None or table.expires <= self._clock():
                return None
            entry = table.by_token.get(core)
            if entry is None:
                return None
            table.expires = self._clock() + self._ttl_s
            return entry.value

    def seal(self, key: tuple[str, str]) -> str:
        """Return a scope's table, encrypted (AES-256-GCM) under the newest key."""
        with self._lock:
            entries = [(t, *e) for t, e in self._table(key).by_token.items()]
        name, secret = self.keys.newest
        nonce = secrets.token_bytes(12)
        plain = json.dumps(entries, ensure_ascii=False).encode("utf-8", "surrogatepass")
        body = nonce + _cipher(secret).encrypt(nonce, plain, _bound(key))
        return f"{_SEAL_VERSION}.{name}.{base64.urlsafe_b64encode(body).decode()}"

    def unseal(self, key: tuple[str, str], sealed: str) -> None:
        """Add what ``seal`` wrote for the same scope.

        Raises:
            PseudonymError: the key is not in the ring, or the text was changed, or belongs to
                another scope.
        """
        from cryptography.exceptions import InvalidTag

        version, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        if version != _SEAL_VERSION:
            raise PseudonymError("this is not a sealed table of pseudonyms")
        secret = self.keys.get(name)
        try:
            raw = base64.urlsafe_b64decode(body)
            plain = _cipher(secret).decrypt(raw[:12], raw[12:], _bound(key))
        except (InvalidTag, ValueError):
            raise PseudonymError(
                "the sealed table was changed, or belongs to another scope"
            ) from None
        with self._lock:
            table = self._table(key)
            for token, label, value in json.loads(plain.decode("utf-8", "surrogatepass")):
                table.by_token.setdefault(token, _Entry(label, value))
                table.by_value.setdefault(_Entry(label, value), token)


class Scope:
    """The pseudonyms of one request, conversation or tenant; safe to use from several threads."""

    def __init__(self, pseudonyms: Pseudonyms, kind: ScopeKind, name: str) -> None:
        self._pseudonyms = pseudonyms
        self._kind: ScopeKind = kind
        self._key = (kind, name)

    def replace(self, found: Detection, matched: str) -> str:
        """Return the token for a finding: a ``Replace`` for ``StreamRedactor``."""
        return self._token(found.label, matched, "")

    def hide(self, text: str, detections: Iterable[Detection]) -> str:
        """Return ``text`` with a token for each finding; those that overlap share one.

        ``restore`` gives the text back exactly, unless it held a token of the scope already: that
        stands for its value.
        """
        out: list[str] = []
        done = 0
        for found in resolve(list(detections)):
            out += (
                text[done : found.start],
                self._token(found.label, text[found.start : found.end], text),
            )
            done = found.end
        return "".join([*out, text[done:]])

    def restore(self, text: str) -> str:
        """Return ``text`` with the value for each token of the scope, brackets kept or lost."""
        return restored(text, self._value)

    def stream(self) -> RestoreStream:
        """Return a stream that restores as ``restore`` does, tokens cut in pieces included."""
        return RestoreStream(self._value)

    def seal(self) -> str:
        """Return the table encrypted, for a cookie, a cache or another process."""
        return self._pseudonyms.seal(self._key)

    def unseal(self, sealed: str) -> None:
        """Add what ``seal`` of the same scope wrote.

        Raises:
            PseudonymError: it cannot be opened, or belongs to another scope.
        """
        self._pseudonyms.unseal(self._key, sealed)

    def forget(self) -> None:
        """Forget every value."""
        self._pseudonyms.forget(self._kind, self._key[1])

    def _token(self, label: str, value: str, text: str) -> str:
        return f"[{self._pseudonyms.token(self._key, _Entry(label, value), text)}]"

    def _value(self, core: str) -> str | None:
        return self._pseudonyms.value(self._key, core)


def _name(label: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", label.upper()).strip("_")[:24].strip("_")
    return name if name[:1].isalpha() else f"X_{name}".rstrip("_")


def _candidates(key: bytes, scope: tuple[str, str], entry: _Entry) -> Iterable[str]:
    """Yield the tokens of a value in order of preference, without end."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (*scope, *entry)]
    # Each part is preceded by its length, so that no two lists of parts give one message.
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    for attempt in range(1 << 16):
        digest = hmac.new(key, attempt.to_bytes(4, "big") + message, sha256).digest()
        tag = base64.b32encode(digest).decode()
        token = f"{_name(entry.label)}_{tag[: min(_TAG + attempt, _MAX_TAG)]}"
        assert CORE.fullmatch(token)
        yield token


def _cipher(secret: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.new(secret, b"railwright pseudonyms seal", sha256).digest())


def _bound(scope: tuple[str, str]) -> bytes:
    return json.dumps(scope).encode()
