"""The run folder: what was run, every stored sample, and the seal over them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from railwright import __version__
from railwright.evaluate import _read
from railwright.evaluate._budget import BYTES_PER_TOKEN, known_tokens
from railwright.evaluate._done import DoneKeys
from railwright.evaluate._parquet import (
    connect,
    count_rows,
    part_numbers,
    part_path,
    rows_of,
    scan_of,
    seal_segment,
)
from railwright.evaluate._records import Manifest, Spent, StoreError
from railwright.evaluate._rows import RowKey
from railwright.evaluate._wal import (
    Segment,
    fsync_folder,
    recover,
    scan,
    segment_numbers,
    segment_path,
    write_durably,
)
from railwright.evaluate.interface import Sample

if TYPE_CHECKING:
    import duckdb

SEGMENT_ROWS = 20_000
SEGMENT_BYTES = 32 * 1024 * 1024


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What ``seal.json`` holds.

    Attributes:
        digest: the run digest over the counted samples; equal for equal results.
        samples: stored samples.
        counted_samples: samples under the digest.
        counted: by suite, below which order samples count; None where all do.
        manifest: digest of ``manifest.json``.
        results: digest of ``results.json``, empty where there is none.
        parts: rows and digest of each Parquet part, by name.
        version: of Railwright.
    """

    digest: str
    samples: int
    counted_samples: int
    counted: dict[str, int] | None
    manifest: str
    results: str
    parts: dict[str, dict[str, Any]]
    version: str = __version__
    schema: str = "seal/v1"


class RunStore:
    """A run folder, open for writing by this process alone.

    Use ``RunStore.open``. ``done`` holds the keys of stored samples, ``spent`` what they cost.
    """

    def __init__(
        self, path: Path, manifest: Manifest, lock: int, segment_rows: int, segment_bytes: int
    ) -> None:
        self.path, self.manifest = path, manifest
        self.done = DoneKeys()
        self.spent = Spent()
        self._lock = lock
        self._rows_limit, self._bytes_limit = segment_rows, segment_bytes
        self._con: duckdb.DuckDBPyConnection | None = None
        self._segment: Segment | None = None
        self._next = 1  # number of the segment that is open or will be

    @classmethod
    def open(
        cls,
        path: str | Path,
        manifest: Manifest,
        *,
        segment_rows: int = SEGMENT_ROWS,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> Self:
        """Create a run folder, or open the one of an interrupted run to go on with it.

        Args:
            path: the folder; made if it is missing.
            manifest: what is to be run; an existing folder must hold the same.
            segment_rows: samples in one Parquet part.
            segment_bytes: bytes of the log after which a part is written earlier.

        Raises:
            StoreError: another process has the folder, it holds another run, it is no run
                folder, it is damaged, or it cannot be written.
        """
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(folder)
        except OSError as error:
            raise _no_room(folder, error) from error
        store = cls(folder, manifest, lock, segment_rows, segment_bytes)
        try:
            store._load()
        except BaseException as error:
            store.close()
            if isinstance(error, OSError):
                raise _no_room(folder, error) from error
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fresh(self) -> bool:
        """Whether nothing is stored yet."""
        return len(self.done) == 0

    @property
    def sealed(self) -> bool:
        """Whether ``seal.json`` is there and covers what is stored."""
        return (self.path / "seal.json").is_file()

    # -- opening ---------------------------------------------------------------------------------

    def _load(self) -> None:
        _check_manifest(self.path, self.manifest)
        for draft in (self.path / "samples").glob("*.tmp"):
            draft.unlink()
        for number in segment_numbers(self.path):
            self._load_segment(number)
        parts = _read.parts_of(self.path)
        for key in _read.stored_keys(self._duck(), parts):
            self._note(*key)
        self._add_spent(_spent_of_parts(self._duck(), parts))
        last_part = max([0, *part_numbers(self.path)])
        last_segment = max([0, *segment_numbers(self.path)])
        self._next = last_segment if last_segment > last_part else last_part + 1

    def _load_segment(self, number: int) -> None:
        """Read a segment back; if its part was written whole just before a crash, drop it."""
        wal, part = segment_path(self.path, number), part_path(self.path, number)
        rows, _ = recover(wal)
        if part.is_file():
            if rows and _rows_or_none(self._duck(), part) == rows:
                wal.unlink()
                return
            part.unlink()
        if rows == 0:
            wal.unlink()
            return
        for key, _, _ in scan(wal):
            self._note(key.suite, key.order, key.repeat)
            self._add_spent(_spent_of_row(key))

    def _note(self, suite: str, order: int, repeat: int) -> None:
        if not self.done.add(suite, order, repeat):
            raise StoreError(
                f"{self.path}: sample {order} of suite {suite!r} (repeat {repeat}) is stored "
                "twice; move the folder away and run again"
            )

    def _add_spent(self, more: Spent) -> None:
        self.spent = add_spent(self.spent, more)

    # -- writing ---------------------------------------------------------------------------------

    def append(self, lines: list[bytes]) -> None:
        """Store lines of ``encode_line``; on return they are on the disk.

        Raises:
            StoreError: the disk is full or fails; what was stored before is kept.
        """
        try:
            if self._segment is None:
                self._open_segment()
            segment = self._segment
            assert segment is not None
            segment.append(lines)
        except OSError as error:
            raise _no_room(self.path, error) from error

    def _open_segment(self) -> None:
        (self.path / "seal.json").unlink(missing_ok=True)
        wal = segment_path(self.path, self._next)
        rows, longest = recover(wal) if wal.is_file() else (0, 0)
        self._segment = Segment(wal, rows=rows, longest=longest)
        fsync_folder(self.path)

    @property
    def full(self) -> bool:
        """Whether the open segment should be sealed."""
        segment = self._segment
        return segment is not None and (
            segment.rows >= self._rows_limit or segment.size >= self._bytes_limit
        )

    def detach(self) -> Segment | None:
        """Close the open segment and hand it over for ``compact``; writing goes on in a new one."""
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()
            self._next += 1
        return segment

    def compact(self, segment: Segment) -> None:
        """Turn a detached segment into a Parquet part. May run in another thread than ``append``.

        Raises:
            StoreError: it could not be written; the segment stays and nothing is lost.
        """
        number = int(segment.path.name[4:-6])
        seal_segment(
            self._duck(),
            segment.path,
            part_path(self.path, number),
            rows=segment.rows,
            longest=segment.longest,
        )

    def _compact_rest(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        for number in segment_numbers(self.path):
            wal = segment_path(self.path, number)
            rows, longest = recover(wal)
            if rows == 0:
                wal.unlink()
                continue
            segment = Segment(wal, rows=rows, longest=longest)
            segment.close()
            self.compact(segment)
        self._next = max([0, *part_numbers(self.path)]) + 1

    def seal(
        self,
        results: Mapping[str, Any] | None = None,
        *,
        counted: Mapping[str, int] | None = None,
    ) -> Seal:
        """Turn everything into Parquet, write ``results.json`` and the seal.

        Args:
            results: what was concluded; JSON values.
            counted: by suite, below which order samples count for the digest. A run that stops
                early holds a few samples more, those in flight at the time, which depend on the
                clock; they are stored but stay outside the digest.

        Raises:
            StoreError: the disk is full or fails; the samples are kept.
        """
        self._compact_rest()
        parts = _read.parts_of(self.path)
        digest, covered = _read.digest_of_parts(self._duck(), parts, counted)
        try:
            if results is not None:
                write_durably(self.path / "results.json", pretty_json(results))
            seal = Seal(
                digest=digest,
                samples=len(self.done),
                counted_samples=covered,
                counted=dict(counted) if counted is not None else None,
                manifest=_file_digest(self.path / "manifest.json"),
                results=_file_digest(self.path / "results.json"),
                parts={
                    part.name: {
                        "rows": count_rows(self._duck(), part),
                        "digest": _file_digest(part),
                    }
                    for part in parts
                },
            )
            write_durably(self.path / "seal.json", pretty_json(msgspec.to_builtins(seal)))
        except OSError as error:
            raise _no_room(self.path, error) from error
        return seal

    # -- reading ---------------------------------------------------------------------------------

    def iter_samples(self) -> Iterator[Sample]:
        """Read what is stored, in registered order."""
        return _read.iter_samples(self.path)

    def close(self) -> None:
        """Close files and let go of the folder."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if self._con is not None:
            self._con.close()
            self._con = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _duck(self) -> duckdb.DuckDBPyConnection:
        if self._con is None:
            self._con = connect(self.path)
        return self._con


def read_seal(run_dir: str | Path) -> Seal | None:
    """Read ``seal.json``; None where the run is not sealed."""
    try:
        return msgspec.json.decode((Path(run_dir) / "seal.json").read_bytes(), type=Seal)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise StoreError(f"{run_dir}/seal.json is damaged ({error})") from error


def read_manifest(run_dir: str | Path) -> Manifest:
    """Read ``manifest.json``.

    Raises:
        StoreError: there is none, or it is damaged.
    """
    path = Path(run_dir) / "manifest.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise StoreError(f"{run_dir}: this is no run folder (manifest.json is missing)") from None
    except (msgspec.MsgspecError, OSError) as error:
        raise StoreError(f"{path} is damaged ({error}); move the folder away") from error


def check_seal(run_dir: str | Path) -> list[str]:
    """Check a sealed run against its seal, from the samples up.

    Returns:
        What does not fit, one sentence each; empty where everything does.
    """
    folder = Path(run_dir)
    seal = read_seal(folder)
    if seal is None:
        return [f"{folder}: the run is not sealed (seal.json is missing)"]
    problems = []
    files = {"manifest.json": seal.manifest, "results.json": seal.results}
    files |= {f"samples/{name}": part["digest"] for name, part in seal.parts.items()}
    for name, digest in files.items():
        if _file_digest(folder / name) != digest:
            problems.append(f"{folder / name}: changed since the run was sealed")
    extra = {p.name for p in (folder / "samples").glob("*.parquet")} - seal.parts.keys()
    problems += [f"{folder}/samples/{name}: not under the seal" for name in sorted(extra)]
    if not problems and _read.recompute_digest(folder, seal.counted) != seal.digest:
        problems.append(f"{folder}: the samples do not add up to the digest of the seal")
    return problems


def add_spent(one: Spent, two: Spent) -> Spent:
    """Sum of two amounts."""
    return Spent(
        one.calls + two.calls,
        one.input_tokens + two.input_tokens,
        one.output_tokens + two.output_tokens,
        one.cost + two.cost,
    )


def pretty_json(value: Any) -> bytes:
    """JSON with sorted keys and two spaces, the same bytes for the same value."""
    plain = msgspec.json.encode(value, order="sorted")
    return msgspec.json.format(plain, indent=2) + b"\n"


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _lock(folder: Path) -> int:
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(fd, 20).decode("ascii", "replace").strip()
        os.close(fd)
        raise StoreError(
            f"{folder}: another process ({owner or 'unknown'}) is writing this run; "
            "wait for it to end, or choose another folder"
        ) from None
    with contextlib.suppress(OSError):  # the number is only for the message above
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
    return fd


def _check_manifest(folder: Path, manifest: Manifest) -> None:
    path = folder / "manifest.json"
    if not path.is_file():
        strangers = [p.name for p in folder.iterdir() if p.name not in {".lock", ".spill"}]
        strangers = [name for name in strangers if not name.endswith(".tmp")]
        if strangers:
            raise StoreError(
                f"{folder}: the folder is not empty and holds no run ({strangers[0]}); "
                "choose a new or empty folder"
            )
        write_durably(path, canonical(manifest))
        return
    if path.read_bytes() != canonical(manifest):
        differences = "; ".join(_differences(read_manifest(folder), manifest))
        raise StoreError(
            f"{folder}: this folder holds another run: {differences}. "
            "Run into a new folder, or go back to what it was to resume"
        )


def canonical(manifest: Manifest) -> bytes:
    """Canonical JSON (RFC 8785) of a manifest."""
    import rfc8785

    return rfc8785.dumps(msgspec.to_builtins(manifest))


def _differences(old: Manifest, new: Manifest) -> Iterator[str]:
    for field in Manifest.__struct_fields__:
        before, after = getattr(old, field), getattr(new, field)
        if isinstance(before, dict) and isinstance(after, dict):
            for name in sorted(before.keys() | after.keys()):
                one, two = before.get(name, "nothing"), after.get(name, "nothing")
                if one != two:
                    yield f"{field} {name!r} was {_short(one)}, now {_short(two)}"
        elif before != after:
            yield f"{field} was {_short(before)}, now {_short(after)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = text or "nothing"
    return text if len(text) <= 80 else text[:79] + "…"


def _spent_of_row(row: RowKey) -> Spent:
    if row.cached or row.calls == 0:
        return Spent(row.calls)
    tokens_in = known_tokens(row.input_tokens, len(row.case.encode()))
    tokens_out = known_tokens(row.output_tokens, len(row.output.encode()))
    return Spent(row.calls, tokens_in, tokens_out, row.cost or 0.0)


def _spent_of_parts(con: duckdb.DuckDBPyConnection, parts: list[Path]) -> Spent:
    """Sum of ``_spent_of_row`` over sealed parts."""
    if not parts:
        return Spent()
    tokens = (
        'coalesce(sum(coalesce({column}, ceil(octet_length(encode("{text}")) / '
        f"{BYTES_PER_TOKEN}.0))) FILTER (paid), 0)::BIGINT"
    )
    query = (
        "SELECT coalesce(sum(calls), 0)::BIGINT, "  # noqa: S608
        f"{tokens.format(column='input_tokens', text='case')}, "
        f"{tokens.format(column='output_tokens', text='output')}, "
        "coalesce(sum(cost) FILTER (paid), 0)::DOUBLE "
        f"FROM (SELECT *, NOT cached AND calls > 0 AS paid FROM {scan_of(parts)})"
    )
    row = next(rows_of(con, query), None)
    return Spent(*row) if row else Spent()


def _rows_or_none(con: duckdb.DuckDBPyConnection, part: Path) -> int | None:
    import duckdb

    try:
        return count_rows(con, part)
    except duckdb.Error:
        return None


def _no_room(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{folder}: cannot write the run ({error.strerror or error}); everything stored so far "
        "is kept. Free space or mend the rights, then run again with --resume"
    )
