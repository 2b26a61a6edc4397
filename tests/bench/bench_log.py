"""The public log: what it costs a certificate, how fast events get their places, and proofs out of ten million entries.

Certificates with and without the log take turns; the middle of the ratios counts. "Without" is the same generation with
the outbox's one statement left out. Ten million entries are laid out as tiles on a real disk, of which only those are
written that the proofs need: every other one would have the same bytes.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from server.adapters.storage import FolderFileStore
from server.composition import running
from server.domain.issuance import generation
from server.domain.ports import Services
from server.domain.public_log import inclusion, merkle, queries, sequencer
from server.domain.public_log.inclusion import Inclusion
from server.domain.public_log.log_entry import Entry
from server.domain.public_log.merkle import Node
from server.domain.public_log.signed_note import Checkpoint, Note, Signature
from server.domain.public_log.tile_layout import HEIGHT, WIDTH, tile_of
from server.models import Certificate
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import issuing, log_desk

PEOPLE, ROUNDS = 40, 9
EVENTS = 50_000
SIZE, SAMPLES = 10_000_000, 300


def run() -> list[Row]:
    with place() as settings:
        rows = asyncio.run(_measure(settings))
    return [*rows, *asyncio.run(_proofs())]


async def _measure(settings: Settings) -> list[Row]:
    ours: list[float] = []
    bare: list[float] = []
    async with running(settings) as s:
        for turn in range(ROUNDS + 1):
            order = ((ours, True), (bare, False)) if turn % 2 else ((bare, False), (ours, True))
            for kept, with_log in order:
                speed = await _certificates(s, 2 * turn + with_log, with_log=with_log)
                if turn:  # the first warms up
                    kept.append(speed)
        placed = await _placed(s)
    ratio = statistics.median(mine / best for mine, best in zip(ours, bare, strict=True))
    name = "证书从预留编号到盖章入库，记入公开签发日志"
    return [
        Row(
            name,
            statistics.median(ours),
            statistics.median(bare),
            "张/秒",
            "同样的程序，不记日志",
            "≥ 0.95",
            ratio,
        ),
        placed,
    ]


async def _certificates(s: Services, turn: int, *, with_log: bool) -> float:
    """Certificates a second."""
    names = tuple(f"崔子涵{chr(0x4E00 + turn * PEOPLE + at)}" for at in range(PEOPLE))
    batch = await issuing.generating(s, await issuing.cohort(s, names=names))
    ids = [one.id for one in await Certificate.filter(issuance_id=batch.id)]
    with _without_outbox(not with_log):
        began = time.perf_counter()
        await generation.generate(s, issuance_id=batch.id, ids=ids)
        took = time.perf_counter() - began
    assert await Certificate.filter(issuance_id=batch.id, state="valid").count() == PEOPLE
    return PEOPLE / took


@contextmanager
def _without_outbox(is_out: bool) -> Iterator[None]:
    async def nothing(entries: Sequence[Entry]) -> None:
        return

    real = queries.put
    if is_out:
        setattr(queries, "put", nothing)  # noqa: B010 -- a bench may leave out what it measures
    try:
        yield
    finally:
        setattr(queries, "put", real)  # noqa: B010 -- as above


async def _placed(s: Services) -> Row:
    """Events a second from the outbox to a published checkpoint, against the bare statements that move them."""
    for start in range(0, EVENTS, 10_000):
        await log_desk.put(start, 10_000)
    began = time.perf_counter()
    await sequencer.run(s)
    whole = EVENTS / (time.perf_counter() - began)
    for start in range(EVENTS, 2 * EVENTS, 10_000):
        await log_desk.put(start, 10_000)
    began, size = time.perf_counter(), await queries.size()
    while waiting := await queries.waiting(sequencer.BATCH):
        size += await queries.move(waiting, size)
    bare = EVENTS / (time.perf_counter() - began)
    return Row("公开签发日志：从待载入到公布检查点", whole, bare, "条/秒", "只在数据库里排好次序", "")


async def _proofs() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        store = FolderFileStore(Path(folder))
        entry = log_desk.entry(1).to_bytes()
        nodes = _same_nodes(merkle.leaf_hash(entry))
        chance = random.Random(1)
        chosen = [chance.randrange(SIZE) for _ in range(SAMPLES)]
        for index in chosen:
            for node in merkle.needed(merkle.inclusion_path(index, SIZE)):
                await _lay(store, nodes, node)
        root = merkle.fold([nodes[level] for level, _ in merkle.pieces(0, SIZE)])
        text = Checkpoint("cert.example.org/log", SIZE, root).text
        note = Note(text, (Signature("cert.example.org/log", bytes(4), bytes(64)),))
        made, checked, sizes = [], [], []
        for index in chosen:
            began = time.perf_counter()
            path = await inclusion.path_of(store, merkle.inclusion_path(index, SIZE), SIZE)
            made.append(time.perf_counter() - began)
            proof = Inclusion(index, entry, tuple(path), note)
            sizes.append(len(str(proof).encode()))
            began = time.perf_counter()
            assert proof.holds
            checked.append(time.perf_counter() - began)
    print(f"a proof in a log of {SIZE:,}: {max(sizes)} bytes, {max(map(len, [path]))} hashes")
    name = f"公开签发日志的证明，{SIZE:,} 条"
    return [
        Row(
            f"{name}：做出与核对",
            1 / statistics.median(made),
            1 / statistics.median(checked),
            "个/秒",
            "只核对",
            "",
        ),
    ]


def _same_nodes(leaf: bytes) -> list[bytes]:
    """The node of every level in a tree whose leaves are all the same."""
    nodes = [leaf]
    while len(nodes) < 64:
        nodes.append(merkle.node_hash(nodes[-1], nodes[-1]))
    return nodes


async def _lay(store: FolderFileStore, nodes: list[bytes], node: Node) -> None:
    tile = tile_of(node, SIZE)
    if not await store.exists(tile.key):
        await store.put_once(tile.key, nodes[HEIGHT * tile.level] * min(tile.width, WIDTH))
