"""The Merkle tree of the public log, against the definitions of RFC 6962 written out word for word."""

from __future__ import annotations

import hashlib
import random

import pytest

from server.domain.public_log import merkle, tile_layout
from server.domain.public_log.tile_layout import Tile

H = hashlib.sha256
# RFC 6962's own test tree, as certificate-transparency's tests have it: eight leaves and the roots of its beginnings.
LEAVES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(d: list[bytes]) -> bytes:
    """RFC 6962 §2.1."""
    if not d:
        return H(b"").digest()
    if len(d) == 1:
        return H(b"\0" + d[0]).digest()
    k = 1
    while 2 * k < len(d):
        k *= 2
    return H(b"\1" + mth(d[:k]) + mth(d[k:])).digest()


def rfc_path(m: int, d: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1."""
    if len(d) <= 1:
        return []
    k = 1
    while 2 * k < len(d):
        k *= 2
    if m < k:
        return [*rfc_path(m, d[:k]), mth(d[k:])]
    return [*rfc_path(m - k, d[k:]), mth(d[:k])]


def rfc_subproof(m: int, d: list[bytes], is_whole: bool) -> list[bytes]:
    """RFC 6962 §2.1.2."""
    if m == len(d):
        return [] if is_whole else [mth(d)]
    k = 1
    while 2 * k < len(d):
        k *= 2
    if m <= k:
        return [*rfc_subproof(m, d[:k], is_whole), mth(d[k:])]
    return [*rfc_subproof(m - k, d[k:], False), mth(d[:k])]


def nodes(d: list[bytes]) -> dict[merkle.Node, bytes]:
    """Every whole node of a tree."""
    out: dict[merkle.Node, bytes] = {}
    row, level = [merkle.leaf_hash(one) for one in d], 0
    while row:
        out |= {(level, index): value for index, value in enumerate(row)}
        row, level = merkle.above(row), level + 1
    return out


def entries(count: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(count)]


def test_the_known_tree_has_its_known_roots() -> None:
    for size, root in enumerate(ROOTS, 1):
        have = nodes(LEAVES[:size])
        assert merkle.fold([have[one] for one in merkle.pieces(0, size)]).hex() == root
    assert merkle.fold([]) == merkle.EMPTY == H(b"").digest()


@pytest.mark.parametrize("size", [*range(1, 18), 31, 64, 100])
def test_both_proofs_are_those_of_the_rfc_and_lead_to_the_root(size: int) -> None:
    d = entries(size)
    have, root = nodes(d), mth(d)
    for index in range(size):
        path = merkle.proof(merkle.inclusion_path(index, size), have)
        assert path == rfc_path(index, d)
        assert merkle.proves_inclusion(merkle.leaf_hash(d[index]), index, size, path, root)
    for old in range(1, size):
        path = merkle.proof(merkle.consistency_path(old, size), have)
        assert path == rfc_subproof(old, d, True)
        assert merkle.proves_consistency(old, mth(d[:old]), size, root, path)
    assert merkle.proves_consistency(0, merkle.EMPTY, size, root, [])
    assert merkle.proves_consistency(size, root, size, root, [])


def test_whatever_is_changed_in_a_proof_of_inclusion_proves_nothing() -> None:
    d = entries(13)
    have, root = nodes(d), mth(d)
    index = 5
    leaf, path = merkle.leaf_hash(d[index]), merkle.proof(merkle.inclusion_path(index, 13), have)
    wrong = [
        (leaf, 4, 13, path, root),
        (leaf, index, 26, path, root),
        (leaf, index, 5, path, root),
        (leaf, -1, 13, path, root),
        (merkle.leaf_hash(b"other"), index, 13, path, root),
        (leaf, index, 13, path[:-1], root),
        (leaf, index, 13, [*path, root], root),
        (leaf, index, 13, path[::-1], root),
        (leaf, index, 13, path, merkle.EMPTY),
        (leaf, index, 13, [root] * 64, root),
    ]
    assert [one for one in wrong if merkle.proves_inclusion(*one)] == []
    for place in range(len(path)):
        changed = [*path]
        changed[place] = bytes(32)
        assert not merkle.proves_inclusion(leaf, index, 13, changed, root)


def test_a_fork_a_rollback_and_a_forged_proof_are_not_consistent() -> None:
    d, fork = entries(13), [*entries(4), b"another", *entries(13)[5:]]
    have = nodes(d)
    for old in range(1, 13):
        path = merkle.proof(merkle.consistency_path(old, 13), have)
        assert not merkle.proves_consistency(old, mth(d[:old]), 13, mth(fork), path)
        if old > 4:
            assert not merkle.proves_consistency(old, mth(fork[:old]), 13, mth(d), path)
        assert not merkle.proves_consistency(13, mth(d), old, mth(d[:old]), path)
        assert not merkle.proves_consistency(old, mth(d[:old]), 13, mth(d), [*path, bytes(32)])
        assert not merkle.proves_consistency(old, mth(d[:old]), 13, mth(d), path[:-1])
        for place in range(len(path)):
            changed = [*path]
            changed[place] = bytes(32)
            assert not merkle.proves_consistency(old, mth(d[:old]), 13, mth(d), changed)
    assert not merkle.proves_consistency(0, mth(d), 13, mth(d), [])
    assert not merkle.proves_consistency(0, merkle.EMPTY, 13, mth(d), [bytes(32)])
    assert not merkle.proves_consistency(13, mth(d), 13, mth(fork), [])


def test_there_is_no_proof_of_what_is_not_there() -> None:
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_path(index, size)
    with pytest.raises(ValueError, match="does not continue"):
        merkle.consistency_path(4, 3)


def test_a_tree_of_70000_lies_in_the_tiles_that_the_specification_names() -> None:
    assert tile_layout.edge(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert tile_layout.edge(256) == [Tile(1, 0, 1)]
    assert tile_layout.edge(0) == []
    assert Tile(0, 1234067, 256).path == "0/x001/x234/067"
    assert Tile(-1, 5, 17).path == "entries/005.p/17"


def test_every_node_is_found_in_its_tile() -> None:
    size = 70_000
    leaves = [H(n.to_bytes(4, "big")).digest() for n in range(size)]
    rows: list[list[bytes]] = [leaves]
    while len(rows[-1]) > 1:
        rows.append(merkle.above(rows[-1]))
    chance = random.Random(1)
    for _ in range(300):
        level = chance.randrange(0, 17)
        node = (level, chance.randrange(0, size >> level))
        tile = tile_layout.tile_of(node, size)
        row = rows[8 * tile.level]
        data = b"".join(row[256 * tile.index : 256 * tile.index + tile.width])
        assert tile_layout.node_in(data, node) == rows[level][node[1]]
        assert tile_layout.read_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    ["", "0", "0/", "0/1", "0/0000", "00/000", "8/000", "64/000", "-1/000", "0/000.p/0", "0/000.p/256", "0/000.p/01",
     "0/x000/001", "0/001/002", "entries/x001", "0/x001/x234/067.p/", "0/../000", "0/000/", "entry/000", "0/٠٠٠",
     "0/x001/x001/x001/x001/x001/x001/001", "0/000.p/1\n"],
)  # fmt: skip
def test_a_path_that_is_not_exactly_a_tiles_is_none(path: str) -> None:
    assert tile_layout.read_path(path) is None


def test_bundles_are_read_as_they_were_written_and_cut_ones_are_not() -> None:
    said = [b"", b"a", b"b" * 300]
    data = tile_layout.bundle(said)
    assert data == b"\0\0" + b"\0\1a" + b"\1\x2c" + b"b" * 300
    assert tile_layout.unbundle(data) == said
    for cut in (1, 3, 4, len(data) - 1):
        with pytest.raises(ValueError, match="bundle"):
            tile_layout.unbundle(data[:cut])
