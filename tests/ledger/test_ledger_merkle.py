from __future__ import annotations

from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.ledger._merkle import (
    EMPTY_ROOT,
    Edge,
    Leaves,
    consistency_holds,
    inclusion_root,
    leaf_hash,
)

DATA = [f"record {i}".encode() for i in range(150)]


def tree_hash(data: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as written there."""
    if not data:
        return sha256().digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + tree_hash(data[:k]) + tree_hash(data[k:])).digest()


def audit_path(m: int, data: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m < k:
        return [*audit_path(m, data[:k]), tree_hash(data[k:])]
    return [*audit_path(m - k, data[k:]), tree_hash(data[:k])]


def subproof(m: int, data: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2."""
    if m == len(data):
        return [] if whole else [tree_hash(data)]
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m <= k:
        return [*subproof(m, data[:k], whole), tree_hash(data[k:])]
    return [*subproof(m - k, data[k:], False), tree_hash(data[:k])]


def leaves_of(data: list[bytes]) -> Leaves:
    leaves = Leaves()
    for item in data:
        leaves.add(leaf_hash(item))
    return leaves


def test_roots_of_all_sizes_equal_those_of_pymerkle_and_of_the_definition() -> None:
    other = pymerkle.InmemoryTree(algorithm="sha256")
    edge, leaves = Edge(), leaves_of(DATA)
    assert edge.root() == EMPTY_ROOT == tree_hash([])
    for size, item in enumerate(DATA, 1):
        other.append_entry(item)
        edge.add(leaf_hash(item))
        assert edge.root() == other.get_root() == leaves.root(size) == tree_hash(DATA[:size])


sizes = st.integers(1, len(DATA))


@given(sizes, st.data())
def test_audit_paths_equal_the_definition_and_lead_to_the_root(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(DATA)
    path = leaves.inclusion(index, size)
    assert path == audit_path(index, DATA[:size])
    assert inclusion_root(leaves[index], index, size, path) == leaves.root(size)


@given(sizes, st.data())
def test_an_audit_path_proves_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(DATA)
    path, root = leaves.inclusion(index, size), leaves.root(size)
    wrong = leaf_hash(b"forged")
    assert inclusion_root(wrong, index, size, path) != root
    assert inclusion_root(leaves[index], size, size, path) is None
    assert inclusion_root(leaves[index], index, size, [*path, wrong]) != root
    if path:
        assert inclusion_root(leaves[index], index, size, path[:-1]) != root
        assert inclusion_root(leaves[index], (index + 1) % size, size, path) != root


@given(sizes, st.data())
def test_consistency_proofs_equal_the_definition_and_hold(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    leaves = leaves_of(DATA)
    path = leaves.consistency(old, new)
    assert path == subproof(old, DATA[:new], True)
    old_root, new_root = leaves.root(old), leaves.root(new)
    assert consistency_holds(old, old_root, new, new_root, path)
    forged = leaf_hash(b"forged")
    assert not consistency_holds(old, forged, new, new_root, path)
    assert not consistency_holds(old, old_root, new, forged, path)
    assert not consistency_holds(old, old_root, new, new_root, [*path, forged])
    if path:
        assert not consistency_holds(old, old_root, new, new_root, path[:-1])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_impossible_sizes_are_not_consistent(old: int, new: int) -> None:
    assert not consistency_holds(old, EMPTY_ROOT, new, EMPTY_ROOT, [])


def test_subtree_roots_stay_right_while_the_tree_grows() -> None:
    data = [bytes([i % 256, i // 256]) for i in range(700)]
    leaves = Leaves()
    for size, item in enumerate(data, 1):
        leaves.add(leaf_hash(item))
        if size % 97 == 0:
            assert leaves.root(size - 13) == tree_hash(data[: size - 13])
            assert leaves.inclusion(5, size) == audit_path(5, data[:size])
