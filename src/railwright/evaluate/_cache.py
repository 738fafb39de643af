"""The response cache: what was asked once need not be paid for again."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from railwright.evaluate._records import StoreError
from railwright.targets import Response

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key BLOB PRIMARY KEY, response BLOB NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID
"""
_LAYOUT = 1
_BUSY_S = 10.0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Response).decode


class KeyMaker:
    """Cache keys of one subject and target: SHA-256 over both, the wire bytes and the repeat.

    Args:
        subject: digest of the system under test, empty where none is declared.
        identity: ``Target.identity``.
    """

    def __init__(self, subject: str, identity: dict[str, Any]) -> None:
        whole = msgspec.json.encode(identity, order="deterministic")
        self._prefix = hashlib.sha256()
        for part in (subject.encode(), whole):
            self._prefix.update(len(part).to_bytes(8, "big") + part)

    def key(self, wire: bytes, repeat: int) -> bytes:
        """Return the key, 32 bytes, of one request."""
        digest = self._prefix.copy()
        digest.update(repeat.to_bytes(8, "big") + wire)
        return digest.digest()


class Cache:
    """Responses by key in one SQLite file that several processes may share.

    A file that is damaged is moved aside with a warning. Failing to store is a warning too: the
    cache saves money, it is no record.

    Args:
        path: the file; made with its folder if missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._failed = False
        try:
            self._open()
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{self.path}: cannot open the response cache ({error}). Free space or mend the "
                "rights, then run again with --resume"
            ) from error
        except sqlite3.DatabaseError as error:
            self._start_afresh(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: bytes) -> Response | None:
        """Look a response up; None where there is none."""
        found = self.find(key)
        return None if found is None else found[0]

    def find(self, key: bytes) -> tuple[Response, float] | None:
        """Look a response up with the time it was stored, in seconds since 1970."""
        try:
            row = self._reader.execute(
                "SELECT response, stored_at FROM responses WHERE key = ?", (key,)
            ).fetchone()
            return None if row is None else (_decode(row[0]), float(row[1]))
        except msgspec.MsgspecError:
            return None
        except sqlite3.OperationalError as error:
            self._warn("read", error)
        except sqlite3.DatabaseError as error:
            self.close()
            self._start_afresh(error)
        return None

    def put_many(self, entries: Sequence[tuple[bytes, Response]]) -> None:
        """Store responses in one transaction. May be called from another thread."""
        now = time.time()
        try:
            with self._writer:
                self._writer.executemany(
                    "INSERT OR REPLACE INTO responses VALUES (?, ?, ?)",
                    [(key, _encode(response), now) for key, response in entries],
                )
        except (sqlite3.DatabaseError, UnicodeEncodeError) as error:
            self._warn("write", error)

    def __len__(self) -> int:
        row = self._reader.execute("SELECT count(*) FROM responses").fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def _open(self) -> None:
        # Two connections: a reader never waits for another process that writes.
        self._writer = _connect(self.path)
        try:
            layout = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if layout not in {0, _LAYOUT}:
                raise sqlite3.DatabaseError(f"layout {layout}, this version reads {_LAYOUT}")
            if layout == 0:
                with self._writer:
                    self._writer.execute(_SCHEMA)
                    self._writer.execute(f"PRAGMA user_version={_LAYOUT}")
            self._reader = _connect(self.path)
            self._reader.execute("SELECT response FROM responses LIMIT 1").fetchone()
        except BaseException:
            self._writer.close()
            raise

    def _start_afresh(self, error: Exception) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        self.path.replace(aside)
        for tail in ("-wal", "-shm"):
            self.path.with_name(self.path.name + tail).unlink(missing_ok=True)
        warnings.warn(
            f"{self.path}: the response cache is damaged ({error}); it was moved to {aside.name} "
            "and a new one is begun, so earlier answers are asked for again",
            stacklevel=4,
        )
        self._open()

    def _warn(self, what: str, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            warnings.warn(
                f"{self.path}: cannot {what} the response cache ({error}); the run goes on "
                "without it. Free space, or wait for the other process",
                stacklevel=3,
            )


def _connect(path: Path) -> sqlite3.Connection:
    # The runner writes from its storage thread, one call at a time.
    db = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        _write_ahead(db)
        db.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; wait for others that open the same new file.

    Two that switch at once hold what the other waits for, so SQLite fails without its own wait.
    """
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 - so that one of them comes first
        else:
            return
