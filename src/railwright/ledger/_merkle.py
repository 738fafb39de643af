"""The Merkle tree of RFC 6962 (section 2.1): roots, inclusion and consistency proofs.

Leaves enter as hashes. A whole log's leaf hashes are kept as one run of bytes, 32 a leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_SIZE = 32
_SMALL = 64  # subtrees up to this size are computed anew each time
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class Edge:
    """The right edge of a growing tree: enough to add leaves and to know the root."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add one leaf hash; amortised one node hash."""
        carry = self.size
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            carry >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        result = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            result = node_hash(peak, result)
        return result


class Leaves:
    """All leaf hashes of a log, in order, with the right edge of their tree."""

    __slots__ = ("_data", "_known", "edge")

    def __init__(self) -> None:
        self._data = bytearray()
        # Roots of perfect subtrees; they never change, since leaves are only added.
        self._known: dict[tuple[int, int], bytes] = {}
        self.edge = Edge()

    def __len__(self) -> int:
        return self.edge.size

    def __getitem__(self, index: int) -> bytes:
        start = index * HASH_SIZE
        return bytes(self._data[start : start + HASH_SIZE])

    def add(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self._data += leaf
        self.edge.add(leaf)

    def root(self, size: int) -> bytes:
        """Root of the tree over the first ``size`` leaves."""
        return self.edge.root() if size == len(self) else self._subroot(0, size)

    def _subroot(self, start: int, stop: int) -> bytes:
        size = stop - start
        if size <= _SMALL:
            edge = Edge()
            for index in range(start, stop):
                edge.add(self[index])
            return edge.root()
        known = self._known.get((start, stop))
        if known is not None:
            return known
        middle = start + _split(size)
        result = node_hash(self._subroot(start, middle), self._subroot(middle, stop))
        if size & (size - 1) == 0:
            self._known[start, stop] = result
        return result

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf upward."""
        path: list[bytes] = []
        start, stop = 0, size
        while stop - start > 1:
            middle = start + _split(stop - start)
            if index < middle:
                path.append(self._subroot(middle, stop))
                stop = middle
            else:
                path.append(self._subroot(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the tree of ``old`` leaves is a prefix of the tree of ``new`` leaves."""
        path: list[bytes] = []
        start, stop, whole = 0, new, True
        while old != stop:
            middle = start + _split(stop - start)
            if old <= middle:
                path.append(self._subroot(middle, stop))
                stop = middle
            else:
                path.append(self._subroot(start, middle))
                start, whole = middle, False
        if not whole:
            path.append(self._subroot(start, stop))
        return path[::-1]


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Root that an audit path leads to, or None where the path has the wrong shape.

    The algorithm of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    position, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    return result if last == 0 else None


def consistency_holds(
    old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the proof shows the old tree to be a prefix of the new one.

    The algorithm of RFC 9162, section 2.1.4.2.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root
