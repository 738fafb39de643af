"""Sealing: segments that nobody writes any more become Parquet files by day (UTC)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from railwright.events._schema import COLUMNS, SCHEMA, EventError
from railwright.events._segment import SUFFIX, Claim, read_lines

if TYPE_CHECKING:
    import duckdb


def seal_segments(folder: Path | str) -> list[Path]:
    """Seal every segment of a folder that no living process writes.

    The hash chain of a segment is checked first, the rows of its Parquet files are counted before
    it is removed, and a seal that was cut off is simply made again.

    Returns:
        The Parquet files that were written.

    Raises:
        EventError: a segment is damaged, or could not be written; it stays where it is.
    """
    written: list[Path] = []
    for path in segments_of(Path(folder)):
        # Another process may seal the same folder: what it has finished is not there any more.
        with contextlib.suppress(FileNotFoundError), Claim(path) as claim:
            if claim.taken and path.exists():
                written += _seal(path)
                path.unlink()
    return written


def segments_of(folder: Path) -> list[Path]:
    """The segments that are not sealed, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def sealed_of(folder: Path) -> list[Path]:
    """The Parquet files, oldest day first."""
    return sorted(folder.glob("day=*/*.parquet"))


def _seal(path: Path) -> list[Path]:
    lines = list(read_lines(path))
    if not lines:
        return []
    import duckdb

    plain = path.with_name(f".{path.stem}.events")
    plain.write_bytes(b"\n".join(lines) + b"\n")
    try:
        with duckdb.connect(":memory:", config={"threads": 1}) as con:
            return _write_days(con, path, plain, len(lines))
    except (duckdb.Error, OSError) as error:
        first = str(error).splitlines()[0]
        mend = "nothing is lost; free space on the disk and seal again"
        raise EventError(f"{path} cannot be sealed: {first}", mend) from error
    finally:
        plain.unlink(missing_ok=True)


def _write_days(con: duckdb.DuckDBPyConnection, path: Path, plain: Path, count: int) -> list[Path]:
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    con.execute(
        f"CREATE TABLE e AS SELECT *, strftime(make_timestamp((ts * 1000000)::BIGINT), "  # noqa: S608
        f"'%Y-%m-%d') AS day FROM read_json(?, format='newline_delimited', columns={{{types}}})",
        [str(plain)],
    )
    days = [str(row[0]) for row in con.execute("SELECT DISTINCT day FROM e ORDER BY 1").fetchall()]
    written, rows = [], 0
    for day in days:
        target = path.parent / f"day={day}" / f"{path.stem}.parquet"
        target.parent.mkdir(exist_ok=True)
        draft = target.with_suffix(".tmp")
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        literal = str(draft).replace("'", "''")
        con.execute(
            f"COPY (SELECT {names} FROM e WHERE day = '{day}' ORDER BY ts, id) TO '{literal}' "  # noqa: S608
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{schema: '{SCHEMA}'}})"
        )
        found = con.execute("SELECT count(*) FROM read_parquet(?)", [str(draft)]).fetchone()
        rows += int(found[0]) if found else 0
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        draft.replace(target)
        written.append(target)
    if rows != count:
        mend = "the segment is kept; seal again"
        raise EventError(f"{path}: {rows} of {count} events arrived in Parquet", mend)
    return written
