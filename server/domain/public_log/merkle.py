"""The Merkle tree of RFC 6962 §2.1: hashes, the two proofs, and which stored hashes they are made of.

A *node* (level, index) is the hash over the 2**level leaves from index * 2**level on; it exists once all of them do, and
never changes. Everything that a tree of any size says is folded from nodes. Only hashlib is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

Node = tuple[int, int]
HASH_BYTES = 32
EMPTY = hashlib.sha256(b"").digest()
MOST_HASHES = 63  # of any proof, in a tree of fewer than 2**63 leaves


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def above(hashes: Sequence[bytes]) -> list[bytes]:
    """The next level of nodes: one for each whole pair."""
    return [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]


def whole(hashes: Sequence[bytes]) -> bytes:
    """The node over 2**n nodes of one level."""
    row = list(hashes)
    while len(row) > 1:
        row = above(row)
    return row[0]


def pieces(start: int, end: int) -> list[Node]:
    """The largest nodes that the leaves start…end-1 are made of, left to right, as RFC 6962 cuts them."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over what `pieces` names: the rightmost pair first."""
    if not hashes:
        return EMPTY
    value = hashes[-1]
    for left in reversed(hashes[:-1]):
        value = node_hash(left, value)
    return value


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_path(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose hashes prove leaf `index` in the tree of `size`, the sibling first (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[tuple[int, int]]:
    """The ranges whose hashes prove that the tree of `new` began as that of `old` (RFC 6962 §2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not continue one of {old}")
    if old in (0, new):
        return []
    start, end, path = 0, new, []
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return ([(start, end)] if start else []) + path[::-1]


def needed(ranges: Iterable[tuple[int, int]]) -> list[Node]:
    """Every node that these ranges are made of, once."""
    return list(dict.fromkeys(node for start, end in ranges for node in pieces(start, end)))


def proof(ranges: Iterable[tuple[int, int]], nodes: Mapping[Node, bytes]) -> list[bytes]:
    """The hashes of the ranges, out of their nodes."""
    return [fold([nodes[node] for node in pieces(start, end)]) for start, end in ranges]


def proves_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` leads from the leaf's hash to the root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or len(path) > MOST_HASHES:
        return False
    place, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            value = node_hash(sibling, value)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and value == root


def proves_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` leads from both roots to one history (RFC 9162 §2.1.4.2); the empty tree begins every tree."""
    if not 0 <= old <= new or len(path) > MOST_HASHES:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY
    rest = list(path) if old & (old - 1) else [old_root, *path]
    if not rest:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = rest[0]
    for one in rest[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(one, before), node_hash(one, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, one)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
