"""Reading events back, sealed and unsealed ones alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from railwright.events._schema import COLUMNS, GuardEvent
from railwright.events._seal import sealed_of, segments_of
from railwright.events._segment import read_lines


def read_events(folder: Path | str) -> Iterator[GuardEvent]:
    """Yield every event of a folder once: sealed ones by day, then those of open segments.

    Raises:
        EventError: a segment is damaged.
    """
    seen: set[str] = set()
    for source in (_sealed(Path(folder)), _open(Path(folder))):
        for event in source:
            if event.id not in seen:
                seen.add(event.id)
                yield event


def _open(folder: Path) -> Iterator[GuardEvent]:
    decoder = msgspec.json.Decoder(GuardEvent)
    for path in segments_of(folder):
        for line in read_lines(path):
            yield decoder.decode(line)


def _sealed(folder: Path) -> Iterator[GuardEvent]:
    parts = sealed_of(folder)
    if not parts:
        return
    import duckdb

    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        for part in parts:
            query = f"SELECT {names} FROM read_parquet(?) ORDER BY ts, id"  # noqa: S608
            cursor = con.execute(query, [str(part)])
            for row in cursor.fetchall():
                yield _event(dict(zip(COLUMNS, row, strict=True)))


def _event(values: dict[str, Any]) -> GuardEvent:
    return msgspec.convert(values, GuardEvent)
