"""Where a ledger lies and a consistent view of its files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ._errors import LedgerError
from ._store import locked, torn_files, whole_size


class Snapshot(msgspec.Struct, frozen=True):
    """A consistent view of the two files: sizes in bytes that end on whole lines.

    ``torn`` are notes on bytes left out at the ends and on ends moved aside earlier.
    """

    folder: Path
    log_bytes: int
    heads_bytes: int
    torn: tuple[str, ...] = ()


def ledger_folder(path: Path | str) -> Path:
    """The ledger's folder for a root, the folder itself, or its ``log.jsonl``."""
    place = Path(path)
    if place.name == "log.jsonl" and not place.is_dir():
        return place.parent
    inner = place / "rai" / "ledger"
    if inner.exists():
        return inner
    if place.absolute().parts[-2:] == ("rai", "ledger") or _looks_like_ledger(place):
        return place
    return inner


def _looks_like_ledger(folder: Path) -> bool:
    """Tells a ledger that was copied elsewhere from a project that has a ``log.jsonl`` too."""
    if (folder / "checkpoints.jsonl").exists():
        return True
    try:
        with (folder / "log.jsonl").open("rb") as log:
            return log.read(12) == b'{"payload":"'
    except OSError:
        return False


def has_ledger(folder: Path) -> bool:
    """Whether the folder holds any of the two files."""
    return (folder / "log.jsonl").exists() or (folder / "checkpoints.jsonl").exists()


def _view(folder: Path) -> Snapshot:
    sizes, notes = [], []
    for name in ("log.jsonl", "checkpoints.jsonl"):
        good, total = whole_size(folder / name)
        sizes.append(good)
        if total > good:
            notes.append(f"note: {name} ends in an unfinished line of {total - good} bytes")
    notes += [
        f"note: {path.name} holds an unfinished line that was never acknowledged"
        for path in torn_files(folder)
    ]
    return Snapshot(folder, sizes[0], sizes[1], tuple(notes))


def snapshot(folder: Path) -> Snapshot:
    """The files as they are between two appends."""
    try:
        with locked(folder):
            return _view(folder)
    except LedgerError:
        return _view(folder)  # read-only: nobody can be appending through here
