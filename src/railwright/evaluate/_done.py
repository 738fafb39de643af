"""The keys of stored samples as bits: 200,000 of them take about 25 kB."""

from __future__ import annotations

_CHUNK = 8192  # keys in one piece, so that a lone high order costs one piece only


class DoneKeys:
    """A set of (suite, order, repeat)."""

    __slots__ = ("_chunks", "_count")

    def __init__(self) -> None:
        self._chunks: dict[tuple[str, int, int], bytearray] = {}
        self._count = 0

    def add(self, suite: str, order: int, repeat: int = 0) -> bool:
        """Add a key; False if it was there."""
        place = (suite, repeat, order // _CHUNK)
        chunk = self._chunks.get(place)
        if chunk is None:
            chunk = self._chunks[place] = bytearray(_CHUNK // 8)
        byte, bit = divmod(order % _CHUNK, 8)
        if chunk[byte] >> bit & 1:
            return False
        chunk[byte] |= 1 << bit
        self._count += 1
        return True

    def __contains__(self, key: tuple[str, int, int]) -> bool:
        suite, order, repeat = key
        chunk = self._chunks.get((suite, repeat, order // _CHUNK))
        byte, bit = divmod(order % _CHUNK, 8)
        return chunk is not None and bool(chunk[byte] >> bit & 1)

    def __len__(self) -> int:
        return self._count
