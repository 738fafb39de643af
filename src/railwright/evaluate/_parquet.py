"""Parquet by DuckDB: sealing segments of the log, and reading them back in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from railwright.evaluate._records import StoreError
from railwright.evaluate._rows import COLUMNS, SCHEMA
from railwright.evaluate._wal import fsync_folder

if TYPE_CHECKING:
    import duckdb

MEMORY = "128MB"
KEY_ORDER = 'suite, "order", repeat'
_ROW_GROUP = 4096
_FETCH = 512


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with one thread and little memory; it may spill under the run folder."""
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": MEMORY,
            "temp_directory": str(folder / ".spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )


def part_path(folder: Path, number: int) -> Path:
    """Where part ``number``, from 1, lies."""
    return folder / "samples" / f"part-{number:05d}.parquet"


def part_numbers(folder: Path) -> list[int]:
    """Numbers of the sealed parts in a run folder, ascending."""
    names = [p.name[5:-8] for p in (folder / "samples").glob("part-*.parquet")]
    return sorted(int(name) for name in names if name.isdigit())


def seal_segment(
    con: duckdb.DuckDBPyConnection, wal: Path, part: Path, *, rows: int, longest: int
) -> None:
    """Write a segment as a Parquet part, durably and checked, then remove the segment.

    Args:
        con: a connection of ``connect``.
        wal: the segment.
        part: the file to write.
        rows: lines of the segment, which the part must hold.
        longest: bytes of its longest line.

    Raises:
        StoreError: the part could not be written or does not hold the rows; the segment stays.
    """
    import duckdb

    part.parent.mkdir(exist_ok=True)
    draft = part.with_name(part.name + ".tmp")
    try:
        con.execute(_copy_statement(wal, draft, longest))
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        stored = count_rows(con, draft)
    except (duckdb.Error, OSError) as error:
        draft.unlink(missing_ok=True)
        raise StoreError(
            f"{part.parent.parent}: cannot write {part.name} ({_first_line(error)}); nothing is "
            "lost; free space on the disk, then run again with --resume"
        ) from error
    if stored != rows:
        draft.unlink(missing_ok=True)
        raise StoreError(
            f"{part}: {stored} of {rows} samples of {wal.name} arrived; "
            "the log is kept; report this with the folder"
        )
    draft.replace(part)
    fsync_folder(part.parent)
    wal.unlink()
    fsync_folder(wal.parent)


def _copy_statement(wal: Path, draft: Path, longest: int) -> str:
    types = ", ".join(f"'{name}': '{kind}'" for name, kind, _ in COLUMNS)
    columns = ", ".join(
        f'"{name}"' if default == "NULL" else f'coalesce("{name}", {default}::{kind}) AS "{name}"'
        for name, kind, default in COLUMNS
    )
    # DuckDB keeps buffers of twice the largest object it is told to expect.
    source = (
        f"read_json({_literal(_no_glob(wal))}, format='newline_delimited', "
        f"columns={{{types}}}, maximum_object_size={max(longest + 1024, 1 << 20)})"
    )
    options = (
        f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}, "
        f"KV_METADATA {{schema: '{SCHEMA}'}}"
    )
    query = f"SELECT {columns} FROM {source} ORDER BY {KEY_ORDER}"  # noqa: S608
    return f"COPY ({query}) TO {_literal(str(draft))} ({options})"


def count_rows(con: duckdb.DuckDBPyConnection, part: Path) -> int:
    """Rows of a Parquet file."""
    row = con.execute(f"SELECT count(*) FROM {scan_of([part])}").fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def scan_of(parts: list[Path]) -> str:
    """Return the FROM item that reads these parts."""
    return "read_parquet([" + ", ".join(_literal(_no_glob(part)) for part in parts) + "])"


def rows_of(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of a query a few hundred at a time, on a cursor of its own."""
    cursor = con.cursor()
    try:
        with readable():
            cursor.execute(query)
        while True:
            with readable():
                batch = cursor.fetchmany(_FETCH)
            if not batch:
                return
            yield from batch
    finally:
        cursor.close()


@contextmanager
def readable() -> Iterator[None]:
    """Turn an error of DuckDB on reading into one that says what to do.

    Raises:
        StoreError: a part is damaged, or was moved away.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise StoreError(
            f"a file of the run cannot be read: {_first_line(error)}; restore the run folder "
            "from a copy, or move it away and run again"
        ) from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _no_glob(path: Path) -> str:
    """Name one file, whatever characters its folder has: DuckDB reads names as patterns."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
