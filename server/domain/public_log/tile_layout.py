"""Where the nodes of the tree lie: tiles of 256 hashes and bundles of 256 entries, named as C2SP tlog-tiles says.

A tile (level, index) holds the nodes of level 8 * level whose indexes begin at 256 * index. In the file store it lies
under `log/` and the same path as in the address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.public_log import merkle
from server.domain.public_log.merkle import HASH_BYTES, Node

WIDTH = 256
HEIGHT = 8
MOST_LEVEL = 7  # 256**8 leaves: more than any file holds
FOLDER = "log"
CHECKPOINT = f"{FOLDER}/checkpoint"
_PATH = re.compile(r"(entries|0|[1-9][0-9]?)((?:/x[0-9]{3}){0,5})/([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """`level` -1: a bundle of entries. `width` 256: full."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """Below `tile/`, as in the address."""
        parts = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            parts.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        name = "entries" if self.level < 0 else str(self.level)
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"{name}/{'/'.join(parts)}{partial}"

    @property
    def key(self) -> str:
        return f"{FOLDER}/tile/{self.path}"

    @property
    def is_full(self) -> bool:
        return self.width == WIDTH


def read_path(path: str) -> Tile | None:
    """The tile of a path below `tile/`; None for whatever is not exactly such a path."""
    match = _PATH.fullmatch(path) if len(path) <= 40 and path.isascii() else None
    if match is None:
        return None
    level = -1 if match[1] == "entries" else int(match[1])
    digits = match[2].replace("/x", "") + match[3]
    tile = Tile(level, int(digits), int(match[4]) if match[4] else WIDTH)
    if match[4] and tile.width >= WIDTH:
        return None
    return tile if level <= MOST_LEVEL and tile.path == path else None


def tile_of(node: Node, size: int) -> Tile:
    """The tile that holds the node's hash or the hashes that it is made of, as it stands in the tree of `size`."""
    level, index = node
    tile_level, below = divmod(level, HEIGHT)
    at = (index << below) // WIDTH
    return Tile(tile_level, at, min(WIDTH, (size >> HEIGHT * tile_level) - at * WIDTH))


def node_in(data: bytes, node: Node) -> bytes:
    """The node's hash out of its tile. Raises ValueError when the tile is too short."""
    level, index = node
    below = level % HEIGHT
    start = (index << below) % WIDTH
    hashes = split(data)[start : start + (1 << below)]
    if len(hashes) != 1 << below:
        raise ValueError("the tile is too short")
    return merkle.whole(hashes)


def split(data: bytes) -> list[bytes]:
    """The hashes of a tile. Raises ValueError when it does not consist of hashes."""
    if len(data) % HASH_BYTES or len(data) > WIDTH * HASH_BYTES:
        raise ValueError("not a tile")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """Entries one after another, each behind its length in two bytes, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(data: bytes) -> list[bytes]:
    """The entries again. Raises ValueError when the lengths do not fit."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise ValueError("not an entry bundle")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def edge(size: int) -> list[Tile]:
    """The partial tiles of a tree of this size, the leaves' first: with them the tree grows on."""
    out, level = [], 0
    while size >> HEIGHT * level:
        count = size >> HEIGHT * level
        if count % WIDTH:
            out.append(Tile(level, count // WIDTH, count % WIDTH))
        level += 1
    return out
