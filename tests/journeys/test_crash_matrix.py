"""Killed anywhere between 签发 and 已发放, the batch is finished: nothing twice, nothing lost, nothing orphaned.

The places are parameters, and a recording run says whether they are all. Jobs are the real queue's rows, committed or
rolled back with their transaction, and a job that was taken is lost with its process: the sweep has to find everything
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
from collections import Counter
from pathlib import Path

import pytest

from server.adapters import cache
from server.adapters.queue import JobQueue
from server.adapters.storage import FolderFileStore
from server.domain.certificates import downloads
from server.domain.issuance import generation, receipts
from server.domain.issuance.states import BY_NAME, STEPS
from server.domain.ports import Services
from server.models import AuditEntry, Certificate, Delivery, Issuance, Receipt
from tests.kit import issuing
from tests.kit.columns import column
from tests.kit.crashes import ME, NAMES, SealingPdfRenderer, arm, cohort, together, walk, worker
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed
from tests.kit.issuing import Cohort

WAY = ["org_sign", "confirm_scan", "hand_over", "complete"]
REACHED = {  # each fault point between 签发 and 已发放, and how often one walk comes by
    "preparing.begin: before the commit": 1,
    "preparing.begin: after the commit": 1,
    "preparing.site: the batch is begun": 1,
    "preparing.site: before the numbers": 1,
    "numbering.refresh: the old lines are void": 2,
    "numbering.refresh: the numbers are taken": 2,
    "numbering.refresh: the new lines are reserved": 2,
    "numbering.refresh: the digest is stored": 1,
    "preparing.site: before the commit": 1,
    "preparing.site: after the commit": 1,
    "preparing.work: a site is prepared": 1,
    "preparing.work: it is finished": 1,
    "desk.org_sign: before the step": 1,
    "life.org_sign: the state is written": 1,
    "desk.org_sign: before the commit": 1,
    "desk.org_sign: after the commit": 1,
    "tickets.show: the older ones are dead": 1,
    "tickets.show: the new one is kept": 1,
    "tickets.show: before the commit": 1,
    "tickets.show: after the commit": 1,
    "tickets.look: it is opened": 1,
    "tickets.confirm_scan: before the transaction": 1,
    "life.confirm_scan: the state is written": 1,
    "tickets.confirm_scan: the step is taken": 1,
    "tickets.confirm_scan: the ticket is spent": 1,
    "tickets.confirm_scan: before the commit": 1,
    "tickets.confirm_scan: after the commit": 1,
    "life.hand_over: the state is written": 1,
    "desk.hand_over: before the jobs": 1,
    "desk.hand_over: a job is put": 1,
    "desk.hand_over: before the commit": 1,
    "desk.hand_over: after the commit": 1,
    "generation.draw: the claims are stored": 1,
    "generation.draw: before the commit": 1,
    "generation.draw: after the commit": 1,
    "generation.seal: drawn and sealed": 3,
    "generation.seal: the file is kept": 3,
    "generation.seal: its digest is stored": 3,
    "generation.seal: before the commit": 3,
    "generation.seal: after the commit": 3,
    "generation.generate: the slice is made": 1,
    "generation.generate: the end is put": 1,
    "life.complete: the state is written": 1,
    "generation.finish: before the jobs": 1,
    "generation.finish: the announcement is put": 1,
    "generation.finish: before the commit": 1,
    "generation.finish: after the commit": 1,
    "announcing.announce: a slice is put": 1,
    "announcing.announce: a slice is told": 1,
}


async def whole(s: Services, of: Cohort) -> None:
    """Everything that must be so after a finished batch, however it came about."""
    batch = await Issuance.get(plan_id=of.plan.id)
    listed = await Certificate.filter(issuance_id=batch.id).order_by("number")
    assert (batch.state, batch.revision, [c.state for c in listed]) == ("issued", 1, ["valid"] * len(NAMES))
    entries = await AuditEntry.filter(
        subject_kind="issuance", subject_id=str(batch.id), action__in=[f"issuance.{s.name}" for s in STEPS]
    ).order_by("id")
    assert [entry.action.removeprefix("issuance.") for entry in entries] == WAY
    for entry, name in zip(entries, WAY, strict=True):
        step = BY_NAME[name]
        assert (entry.was, (entry.became or {})["state"]) == (
            {"state": step.source.value, "revision": 1},
            step.target.value,
        )
    [receipt] = await Receipt.filter(issuance_id=batch.id)
    said = receipts.verify(s.keys, bytes(receipt.document))
    assert said.list_sha256 == bytes(batch.list_sha256 or b"").hex()
    for certificate in listed:
        assert await AuditEntry.filter(action="certificate.seal", subject_id=certificate.number).count() == 1
        pdf = await downloads.pdf(s.clock, s.file_store, certificate.number, actor=ME)
        assert hashlib.sha256(pdf).digest() == bytes(certificate.pdf_sha256 or b"")
    notices = await column(Delivery.filter(candidate_id=of.registrations[0].candidate_id), "dedup")
    assert notices == [f"certificate:{listed[0].id}"]


async def test_the_matrix_is_what_a_walk_reaches(world: Services) -> None:
    """A fault point that is new stands in no parameter yet, one that is gone is killed nowhere: both are told here."""
    reached = arm(world).reached
    await walk(world, of := await cohort(world))
    await whole(world, of)
    assert dict(Counter(reached)) == REACHED


@pytest.mark.slow
@pytest.mark.parametrize("place", REACHED)
async def test_killed_at_every_place_once_and_twice(world: Services, place: str) -> None:
    for nth in sorted({1, REACHED[place]}):
        for again in (False, True):
            of = await cohort(world)
            arm(world, place, nth)
            with pytest.raises(Killed):
                await walk(world, of)
            if again:  # and once more at the same place, if the way still leads there
                arm(world, place, 1)
                with contextlib.suppress(Killed):
                    await walk(world, of)
            arm(world)
            await walk(world, of)
            await whole(world, of)
    await together(world)


@pytest.mark.parametrize(
    "place",
    [
        "generation.seal: the file is kept",
        "generation.seal: its digest is stored",
        "generation.seal: before the commit",
    ],
)
async def test_a_kept_file_is_adopted_and_never_sealed_again(world: Services, place: str) -> None:
    of = await cohort(world)
    arm(world, place)
    with pytest.raises(Killed):
        await walk(world, of)
    arm(world)
    await walk(world, of)
    await whole(world, of)
    assert isinstance(world.pdf_renderer, SealingPdfRenderer)
    assert set(world.pdf_renderer.times.values()) == {1}


async def test_two_workers_at_the_same_slice_seal_each_certificate_once(world: Services) -> None:
    of = await cohort(world)
    batch = await issuing.generating(world, of)
    ids = [c.id for c in await Certificate.filter(issuance_id=batch.id)]
    await asyncio.gather(*(generation.generate(world, issuance_id=batch.id, ids=ids) for _ in range(6)))
    await walk(world, of)
    await whole(world, of)
    assert isinstance(world.pdf_renderer, SealingPdfRenderer)
    assert set(world.pdf_renderer.times.values()) == {1}
    await together(world)


@pytest.mark.slow
async def test_a_real_worker_killed_three_times_leaves_a_whole_batch(
    services: Services, db: str, redis_url: str
) -> None:
    people = 36
    redis = cache.connect(redis_url)
    exchange(services, queue=JobQueue(), event_bus=cache.RedisEventBus(redis))
    folder = Path(services.settings.data_dir) / "vault"
    exchange(services, file_store=FolderFileStore(folder))
    of = await issuing.cohort(services, names=tuple(f"考生{chr(0x4E00 + i)}" for i in range(people)))
    batch = await issuing.generating(services, of)
    async with services.event_bus.listen(f"issuance:{batch.id}") as events:
        for sealed in (10, 20, 30, people):
            process = worker(services.settings, db, redis_url)
            await generation.sweep(services)
            async for event in events:
                if process.returncode is not None:
                    raise AssertionError("the worker ended by itself")
                if event is not None and event["event"] == "progress" and event["sealed"] >= sealed:
                    break
            if sealed == people:
                async for event in events:
                    if event is not None and event["event"] == "state":
                        break
            process.send_signal(signal.SIGKILL)
            await process.wait()
    listed = await Certificate.filter(issuance_id=batch.id)
    assert (await Issuance.get(id=batch.id)).state == "issued"
    assert {c.state for c in listed} == {"valid"}
    on_disk = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.pdf"))
    assert on_disk == sorted(c.pdf_key for c in listed)
    for certificate in listed:
        digest = hashlib.sha256((folder / certificate.pdf_key).read_bytes()).digest()
        assert digest == bytes(certificate.pdf_sha256 or b"")
    seals = await column(AuditEntry.filter(action="certificate.seal"), "subject_id")
    assert Counter(seals) == Counter(c.number for c in listed)
    assert await AuditEntry.filter(action="issuance.complete").count() == 1
    await redis.aclose()
