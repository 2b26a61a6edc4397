"""A tree that grows at its right edge: tiles are written once, with the same bytes by whoever writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from server.domain.ports import FileStore
from server.domain.public_log import merkle, tile_layout
from server.domain.public_log.log_state import RECOVER, LogStopped
from server.domain.public_log.merkle import leaf_hash
from server.domain.public_log.tile_layout import WIDTH, Tile, bundle
from server.errors import NotFound


class TileStore(Protocol):
    """As much of a file store as a growing tree needs."""

    async def put_once(self, key: str, data: bytes) -> bytes: ...


class GrowingTree:
    """The partial tiles of each level and the entries of the last bundle; what is full is in the file store."""

    def __init__(self, file_store: TileStore) -> None:
        self._file_store = file_store
        self._rows: list[list[bytes]] = [[]]  # by level: the hashes of the tile at the edge
        self._last: list[bytes] = []  # the entries of the bundle at the edge
        self.size = 0

    @classmethod
    async def load(
        cls, file_store: FileStore, size: int, root: bytes, last_entries: Sequence[bytes]
    ) -> GrowingTree:
        """The tree as it was when the checkpoint of this size was signed.

        Args:
            last_entries: the record's entries from the last multiple of 256 on, up to `size`.

        Raises:
            LogStopped: a tile is missing, or tiles, record and checkpoint do not agree.
        """
        tree = cls(file_store)
        tree.size = size
        tree._last = list(last_entries)
        tree._rows = [[] for _ in range(max(1, (size.bit_length() + 7) // 8))]
        for tile in tile_layout.edge(size):
            try:
                hashes = tile_layout.split(await file_store.get(tile.key))
            except NotFound:
                raise LogStopped(f"已公布的日志缺少文件 {tile.key}。{RECOVER}") from None
            except ValueError:
                hashes = []
            tree._rows[tile.level] = hashes
        if [leaf_hash(entry) for entry in last_entries] != tree._rows[0] or tree.root() != root:
            raise LogStopped(
                f"数据库里的日志、日志文件与签过的检查点（{size} 条）对不上。签发已停止，请保留现场。{RECOVER}"
            )
        return tree

    def root(self) -> bytes:
        """The hash of the whole tree. Its largest nodes all lie in the tiles at the edge."""
        hashes = []
        for level, index in merkle.pieces(0, self.size):
            row, below = self._rows[level // 8] if level // 8 < len(self._rows) else [], level % 8
            start = (index << below) % WIDTH
            part = row[start : start + (1 << below)]
            if len(part) != 1 << below:
                return b""  # of no tree
            hashes.append(merkle.whole(part))
        return merkle.fold(hashes)

    async def append(self, entries: Sequence[bytes]) -> None:
        """Grow by these entries; tiles and bundles that become full are written."""
        for entry in entries:
            self._last.append(entry)
            self._rows[0].append(leaf_hash(entry))
            self.size += 1
            if len(self._last) == WIDTH:
                await self._write(Tile(-1, self.size // WIDTH - 1, WIDTH), bundle(self._last))
                self._last = []
                await self._carry()

    async def _carry(self) -> None:
        level = 0
        while len(self._rows[level]) == WIDTH:
            hashes, self._rows[level] = self._rows[level], []
            index = (self.size >> 8 * (level + 1)) - 1
            await self._write(Tile(level, index, WIDTH), b"".join(hashes))
            level += 1
            if level == len(self._rows):
                self._rows.append([])
            self._rows[level].append(merkle.whole(hashes))

    async def write_edge(self) -> None:
        """Write what is not full, for the checkpoint of this size."""
        if self._last:
            await self._write(Tile(-1, self.size // WIDTH, len(self._last)), bundle(self._last))
        for tile in tile_layout.edge(self.size):
            await self._write(tile, b"".join(self._rows[tile.level]))

    async def _write(self, tile: Tile, data: bytes) -> None:
        if await self._file_store.put_once(tile.key, data) != data:
            raise LogStopped(
                f"日志文件 {tile.key} 已有别的内容：日志有两个版本。签发已停止，请保留现场。{RECOVER}"
            )
