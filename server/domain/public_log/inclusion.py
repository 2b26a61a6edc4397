"""That something stands in the log, as a proof which nobody needs us to check (C2SP tlog-proof)."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from server.domain.ports import FileStore, Keys
from server.domain.public_log import log_state, merkle, queries, tile_layout
from server.domain.public_log.log_entry import Entry, certificate_hash, read_entry
from server.domain.public_log.log_state import LogStopped
from server.domain.public_log.merkle import Node
from server.domain.public_log.signed_note import Checkpoint, Note, read_checkpoint, read_note

FIRST_LINE = "c2sp.org/tlog-proof@v1"
LONGEST = 100 * 1024


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One entry and the way from it to the root of a checkpoint. `note`: the checkpoint with all its signatures."""

    index: int
    data: bytes
    path: tuple[bytes, ...]
    note: Note

    @property
    def entry(self) -> Entry:
        return read_entry(self.data)

    @property
    def checkpoint(self) -> Checkpoint:
        return read_checkpoint(self.note)

    @property
    def holds(self) -> bool:
        """Whether the way leads to the checkpoint's root; who signed that is another question."""
        head = self.checkpoint
        leaf = merkle.leaf_hash(self.data)
        return merkle.proves_inclusion(leaf, self.index, head.size, self.path, head.root)

    def __str__(self) -> str:
        """The file: the entry is its extra data."""
        lines = [FIRST_LINE, f"extra {base64.b64encode(self.data).decode()}", f"index {self.index}"]
        lines += [base64.b64encode(one).decode() for one in self.path]
        return "\n".join(lines) + f"\n\n{self.note}"


def read_proof(data: bytes) -> Inclusion:
    """A proof file again. Raises ValueError for whatever is not one, or has no entry in it."""
    if len(data) > LONGEST:
        raise ValueError("too long for a proof")
    head, blank, note = data.decode().partition("\n\n")
    lines = head.split("\n")
    if not blank or len(lines) < 3 or lines[0] != FIRST_LINE:
        raise ValueError("not a proof of this form")
    if not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise ValueError("entry or index is missing")
    index = lines[2].removeprefix("index ")
    if not (index.isascii() and index.isdigit() and len(index) <= 19 and str(int(index)) == index):
        raise ValueError("not an index")
    path = tuple(base64.b64decode(line, validate=True) for line in lines[3:])
    if len(path) > merkle.MOST_HASHES or any(len(one) != merkle.HASH_BYTES for one in path):
        raise ValueError("not hashes")
    proof = Inclusion(
        int(index),
        base64.b64decode(lines[1].removeprefix("extra "), validate=True),
        path,
        read_note(note.encode()),
    )
    read_checkpoint(proof.note)
    read_entry(proof.data)
    return proof


async def nodes_of(file_store: FileStore, wanted: Iterable[Node], size: int) -> dict[Node, bytes]:
    """These nodes out of the tiles of the tree of `size`, each tile read once. Raises NotFound, ValueError."""
    wanted = list(wanted)
    tiles = {
        tile: await file_store.get(tile.key) for tile in {tile_layout.tile_of(node, size) for node in wanted}
    }
    return {node: tile_layout.node_in(tiles[tile_layout.tile_of(node, size)], node) for node in wanted}


async def path_of(file_store: FileStore, ranges: list[tuple[int, int]], size: int) -> list[bytes]:
    """The hashes of a proof in the tree of `size`."""
    return merkle.proof(ranges, await nodes_of(file_store, merkle.needed(ranges), size))


async def find(file_store: FileStore, keys: Keys, code: str) -> list[Inclusion]:
    """Every event of the certificate with this code that the published checkpoint covers, in order.

    Empty while nothing of it is in the log, or when the published checkpoint is not in order.
    """
    places, head = await queries.places(certificate_hash(code)), await queries.head()
    if not places:
        return []
    try:
        public = await log_state.published(file_store, keys, head.origin)
    except LogStopped:
        return []
    if public is None:
        return []
    size = public.checkpoint.size
    return [
        Inclusion(
            place.index,
            place.entry,
            tuple(await path_of(file_store, merkle.inclusion_path(place.index, size), size)),
            public.note,
        )
        for place in places
        if place.index < size
    ]
