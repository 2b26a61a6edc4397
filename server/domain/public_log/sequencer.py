"""Gives events their places in the log, writes the tiles, signs the head: one process at a time, on whichever machine.

The order: outbox → entries on record → tiles → checkpoint on record → checkpoint published → witnesses. Each step may be
the last before a death, and the next run goes on from what is on record: the record decides the order once, tiles follow
from it byte for byte, and a checkpoint is on record before anybody has seen it. The writer holds a lease by the database's
clock and holds it again in every transaction: whoever was frozen meanwhile changes nothing.
"""

from __future__ import annotations

import logging
import secrets

from server.domain.fault_points import transaction
from server.domain.ports import FaultInjector, Services
from server.domain.public_log import checkpoints, log_state, queries, witnessing
from server.domain.public_log.log_state import LogStopped
from server.domain.public_log.signed_note import Checkpoint
from server.domain.public_log.tile_layout import WIDTH
from server.domain.public_log.tree_growth import GrowingTree

log = logging.getLogger("xcert.log")
BATCH = 2000  # events in one transaction
ROUNDS = 50  # of those in one run: a hundred thousand events
LEASE_SECONDS = 60.0


class _NotTheWriter(Exception):
    """Another has become the writer."""


async def run(s: Services, *, batch: int = BATCH) -> None:
    """Sweep `log.sequence`. Does nothing while another is at it or the log stands still."""
    writer = secrets.token_hex(8)
    if not await queries.claim_writer(writer, LEASE_SECONDS):
        return
    try:
        await _write(s, writer, batch)
    except _NotTheWriter:
        log.warning("another process writes the log meanwhile")
    except LogStopped as stopped:
        await log_state.stop(s.clock, s.faults, str(stopped))
    finally:
        await queries.let_go(writer)


async def _write(s: Services, writer: str, batch: int) -> None:
    head = await queries.head()
    if head.stopped_reason:
        log.error("the public log stands still: %s", head.stopped_reason)
        return
    if not (origin := head.origin):
        origin = checkpoints.origin_of(s.settings.public_url, s.settings.log_origin)
        await queries.begin(origin)
    last = await queries.last_checkpoint()
    if found := log_state.disagreement(last, await log_state.published(s.file_store, s.keys, origin)):
        raise LogStopped(found)
    await _take_in(s.faults, writer, batch)
    size = await queries.size()
    if last is None or size > last.size:
        await _grow(s, writer, origin, last, size)
    await s.faults.reach("log.sequence: before it is published")
    await checkpoints.publish(s.file_store)
    await s.faults.reach("log.sequence: it is published")
    if s.log_witnesses is not None and await witnessing.ask(s, s.log_witnesses):
        await checkpoints.publish(s.file_store)


async def _take_in(faults: FaultInjector, writer: str, batch: int) -> None:
    """Give what waits in the outbox its places."""
    for _ in range(ROUNDS):
        async with transaction(faults, "log.take_in"):
            await _still(writer)
            waiting = await queries.waiting(batch)
            if waiting:
                await queries.move(waiting, await queries.size())
                await faults.reach("log.take_in: the events have their places")
        if len(waiting) < batch:
            return


async def _still(writer: str) -> None:
    if not await queries.hold(writer, LEASE_SECONDS):
        raise _NotTheWriter


async def _grow(s: Services, writer: str, origin: str, last: queries.Signed | None, size: int) -> None:
    """Write the tiles from the last checkpoint on, and sign the new one."""
    if last is None:
        tree = GrowingTree(s.file_store)
    else:
        tail = await queries.entries(last.size // WIDTH * WIDTH, last.size)
        tree = await GrowingTree.load(s.file_store, last.size, last.root, tail)
    while tree.size < size:
        await tree.append(await log_state.recorded(tree.size, min(size, tree.size + 64 * WIDTH)))
        await s.faults.reach("log.sequence: tiles are written")
        await _still(writer)
    await tree.write_edge()
    await s.faults.reach("log.sequence: the edge is written")
    checkpoint = Checkpoint(origin, size, tree.root())
    now = s.clock.now()
    async with transaction(s.faults, "log.sign"):
        await _still(writer)
        note = checkpoints.sign(s.keys, checkpoint, now)
        await queries.keep_checkpoint(size, checkpoint.root, str(note), now)
        await s.faults.reach("log.sign: the checkpoint is kept")
