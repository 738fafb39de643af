"""Vectors of chunks, worked out once and kept in a folder: they take minutes to hours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from railwright.detectors._embedder import Embedder, embedder

_LOT = 250
WIDTH = 384


def key_of(text: str) -> bytes:
    """Return what a chunk is kept under."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Vectors:
    """Chunks to vectors of ``WIDTH`` numbers, in half precision.

    Args:
        folder: where they are kept; one folder for each embedding model.
        share: (index, count): work out only this share of what is missing, so that several
            processes can fill one folder.
    """

    def __init__(self, folder: Path, share: tuple[int, int] = (0, 1)) -> None:
        self._folder, self._share = folder, share
        self._rows: dict[bytes, np.ndarray] = {}
        self._embedder: Embedder | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.glob("*.npz")):
            with np.load(file) as found:
                self._take(found["keys"], found["vectors"])

    def _take(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        self._rows.update((bytes(key), row) for key, row in zip(keys, vectors, strict=True))

    def fill(self, texts: Sequence[str]) -> None:
        """Work out what is missing, lot by lot; each lot is kept as soon as it is done."""
        index, count = self._share
        wanted = {key_of(text): text for text in texts}
        missing = [
            (key, text) for key, text in wanted.items()
            if key not in self._rows and key[0] % count == index
        ]  # fmt: skip
        for start in range(0, len(missing), _LOT):
            lot = missing[start : start + _LOT]
            self._embedder = self._embedder or embedder()
            # One at a time, as the run time does it.
            rows = [self._embedder.embed([text])[0] for _, text in lot]
            keys = np.frombuffer(b"".join(key for key, _ in lot), np.uint8).reshape(-1, 32)
            vectors = np.asarray(rows, dtype=np.float16)
            name = hashlib.sha256(keys.tobytes()).hexdigest()[:24]
            np.savez(self._folder / f"{name}.npz", keys=keys, vectors=vectors)
            self._take(keys, vectors)
            print(f"vectors: {start + len(lot)} of {len(missing)}", flush=True)

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """Return an array (texts, ``WIDTH``); every text must have been filled."""
        return np.asarray([self._rows[key_of(text)] for text in texts], np.float32)
