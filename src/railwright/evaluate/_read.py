"""Reading a run folder: sealed parts and what is still in the log, in registered order."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from railwright.evaluate._parquet import (
    KEY_ORDER,
    connect,
    part_numbers,
    part_path,
    rows_of,
    scan_of,
)
from railwright.evaluate._records import StoreError
from railwright.evaluate._rows import (
    SAMPLE_COLUMNS,
    decode_line,
    row_to_sample,
    sample_digest,
)
from railwright.evaluate._wal import scan, segment_numbers, segment_path
from railwright.evaluate.interface import Sample

if TYPE_CHECKING:
    import duckdb

_DOMAIN = b"railwright run/v1\n"

Key = tuple[str, int, int]


def parts_of(folder: Path) -> list[Path]:
    """Sealed parts that count: a part whose segment is still there is read from the segment."""
    pending = set(segment_numbers(folder))
    return [part_path(folder, n) for n in part_numbers(folder) if n not in pending]


def iter_samples(run_dir: str | Path) -> Iterator[Sample]:
    """Read the stored samples of a run in the order (suite, order, repeat), streaming.

    Memory does not grow with the number of samples. A run that is being written may be read:
    it gives what was stored when its files were opened.

    Raises:
        StoreError: there is no run in this folder, or a file of it is damaged.
    """
    folder = Path(run_dir)
    if not (folder / "manifest.json").is_file():
        raise StoreError(f"{folder}: this is no run folder (manifest.json is missing)")
    con = connect(folder)
    try:
        for _, _, sample in _merge(con, folder):
            yield sample
    finally:
        con.close()


def read_samples(
    run_dir: str | Path,
    *,
    where: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> list[Sample]:
    """Read the samples whose columns equal the given values, in registered order.

    ``where`` maps columns (see ``docs/reference/runs.md``) to a value or to a tuple of values,
    any of which fits: ``{"suite": "harm", "failed": True, "status": ("scored", "blocked")}``.
    """
    wanted = dict(where or {})
    for name in wanted:
        if name not in Sample.__struct_fields__:
            raise ValueError(f"samples have no column {name!r}")
    found: list[Sample] = []
    for sample in iter_samples(run_dir):
        if all(_fits(getattr(sample, name), value) for name, value in wanted.items()):
            found.append(sample)
            if limit is not None and len(found) >= limit:
                break
    return found


def _fits(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, tuple) else bool(value == wanted)


def _merge(con: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[tuple[Key, int, Sample]]:
    """Merge files that are each in order, opening each only when its first key is due."""
    waiting: list[tuple[Key, int, Iterator[tuple[Key, Sample]]]] = []
    for number, part in enumerate(parts_of(folder)):
        first_row = f'SELECT suite, "order", repeat FROM {scan_of([part])} LIMIT 1'  # noqa: S608
        first = next(rows_of(con, first_row), None)
        if first is not None:
            waiting.append((first, number, _part_rows(con, part)))
    for number in segment_numbers(folder):
        path = segment_path(folder, number)
        index = sorted(((k.suite, k.order, k.repeat), o, n) for k, o, n in scan(path))
        if index:
            waiting.append((index[0][0], -number, _segment_rows(path, index)))
    waiting.sort(key=lambda item: item[:2], reverse=True)
    heap: list[tuple[Key, int, Sample, Iterator[tuple[Key, Sample]]]] = []
    while waiting or heap:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            _, number, rows = waiting.pop()
            key, sample = next(rows)
            heapq.heappush(heap, (key, number, sample, rows))
        key, number, sample, rows = heap[0]
        yield key, number, sample
        following = next(rows, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following[0], number, following[1], rows))


def _part_rows(con: duckdb.DuckDBPyConnection, part: Path) -> Iterator[tuple[Key, Sample]]:
    columns = ", ".join(f'"{name}"' for name in SAMPLE_COLUMNS)
    for row in rows_of(con, f"SELECT {columns} FROM {scan_of([part])}"):  # noqa: S608
        sample = row_to_sample(row)
        yield (sample.suite, sample.order, sample.repeat), sample


def _segment_rows(path: Path, index: list[tuple[Key, int, int]]) -> Iterator[tuple[Key, Sample]]:
    stream: IO[bytes]
    with path.open("rb") as stream:
        for key, offset, length in index:
            stream.seek(offset)
            yield key, decode_line(stream.read(length))


def stored_keys(con: duckdb.DuckDBPyConnection, parts: list[Path]) -> Iterator[Key]:
    """Keys of the samples in sealed parts."""
    if parts:
        yield from rows_of(
            con,
            f'SELECT suite, "order", repeat FROM {scan_of(parts)}',  # noqa: S608
        )


def digest_of_parts(
    con: duckdb.DuckDBPyConnection, parts: list[Path], counted: Mapping[str, int] | None
) -> tuple[str, int]:
    """Return the run digest over sealed parts and how many samples it covers."""
    if not parts:
        return run_digest(iter(())), 0
    total = 0

    def digests() -> Iterator[str]:
        nonlocal total
        query = f'SELECT suite, "order", digest FROM {scan_of(parts)} ORDER BY {KEY_ORDER}'  # noqa: S608
        for suite, order, digest in rows_of(con, query):
            if counted is None or order < counted.get(suite, 0):
                total += 1
                yield digest

    return run_digest(digests()), total


def run_digest(sample_digests: Iterator[str]) -> str:
    """SHA-256 over a domain line and the sample digests in the order (suite, order, repeat)."""
    whole = hashlib.sha256(_DOMAIN)
    for digest in sample_digests:
        whole.update(bytes.fromhex(digest))
    return "sha256:" + whole.hexdigest()


def recompute_digest(run_dir: str | Path, counted: Mapping[str, int] | None = None) -> str:
    """Compute the run digest anew from the samples themselves, trusting no stored digest.

    Args:
        run_dir: the run folder.
        counted: by suite, below which order samples count; all of them where None.
    """
    return run_digest(
        sample_digest(sample)
        for sample in iter_samples(run_dir)
        if counted is None or sample.order < counted.get(sample.suite, 0)
    )
