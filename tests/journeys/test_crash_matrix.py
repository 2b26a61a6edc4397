"""Killed anywhere between 签发 and 已发放, the batch is finished: nothing twice, nothing lost, nothing orphaned.

The places are those that a recording run reaches, so that a new fault point is in the matrix by itself. Jobs are the real
queue's rows, committed or rolled back with their transaction, and a job that was taken is lost with its process: the
sweep has to find everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.adapters import cache
from server.adapters.queue import JobQueue
from server.adapters.storage import FolderFileStore
from server.domain.certificates import certificates
from server.domain.issuance import announcements, generation, organisation, preparing, receipts, scan_tickets
from server.domain.issuance.states import BY_NAME, STEPS, BatchState
from server.domain.ports import CertificatePage, Services
from server.models import AuditEntry, Binding, Certificate, Delivery, Issuance, NumberSeries, Plan, Receipt
from server.models.database import rows
from tests.domain import issuing
from tests.domain.issuing import PIN, Cohort
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakePdfRenderer, Killed, KillerFaultInjector, MemoryFileStore

ME = make.ISSUER_STAFF
NAMES = ("崔子涵", "买买提·吐尔逊", "王𠮷")
TABLE: dict[str, Callable[..., Awaitable[Any]]] = {
    preparing.JOB: preparing.work,
    "issuance.generate": generation.generate,
    "issuance.complete": generation.finish,
    "issuance.announce": announcements.announce,
    "notices.send": issuing.nothing,
}
WAY = ["org_sign", "confirm_scan", "hand_over", "complete"]


@dataclass
class SealingPdfRenderer(FakePdfRenderer):
    """Like the real press, never makes the same file twice: a signature holds time and chance."""

    sealed: Counter[str] = field(default_factory=Counter)

    async def make(self, page: CertificatePage) -> bytes:
        self.sealed[page.number] += 1
        return await FakePdfRenderer.make(self, page) + secrets.token_bytes(8)


async def drain(s: Services) -> None:
    """Do the waiting jobs. Each is taken off before it is done, as by a worker that may die over it."""
    while taken := await rows(
        "DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id) FROM procrastinate_jobs WHERE status = 'todo')"
        " RETURNING task_name, args"
    ):
        args = taken[0]["args"]
        await TABLE[taken[0]["task_name"]](s, **(orjson.loads(args) if isinstance(args, str) else args))


async def walk(s: Services, of: Cohort) -> None:
    """What people and workers do next, from whatever state the batch is in, until it is issued."""
    while True:
        batch = await Issuance.get_or_none(plan_id=of.plan.id)
        state = BatchState(batch.state) if batch is not None else None
        if batch is None:
            await organisation.prepare(s, of.plan.id, actor=ME)
        elif state is BatchState.PREPARED:
            await organisation.org_sign(s, batch.id, actor=ME)
        elif state is BatchState.SITE_PENDING:
            shown = await scan_tickets.show(s, batch.id, actor=ME)
            await scan_tickets.look(s, shown.token, identity=of.identity)
            await scan_tickets.confirm(s, shown.token, PIN, identity=of.identity)
        elif state is BatchState.SCHOOL_SIGNED:
            await organisation.hand_over(s, batch.id, actor=ME)
        elif state is BatchState.GENERATING:
            await issuing.claims_lapse()
            await drain(s)
            await generation.sweep(s)
        else:
            await drain(s)
            await generation.sweep(s)
            if (await Issuance.get(id=batch.id)).announced_at is not None:
                return


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
        pdf = await certificates.pdf(s, certificate.number, actor=ME)
        assert hashlib.sha256(pdf).digest() == bytes(certificate.pdf_sha256 or b"")
    notices = await Delivery.filter(candidate_id=of.registrations[0].candidate_id).values_list(
        "dedup", flat=True
    )
    assert notices == [f"certificate:{listed[0].id}"]


async def together(s: Services) -> None:
    """What must be so over all batches: numbers without doubles or gaps, and no file without its certificate."""
    everything = await Certificate.all()
    serials = sorted(int(c.number[6:-1]) for c in everything)
    assert serials == list(range(1, len(serials) + 1))
    assert (await NumberSeries.get(prefix="26SPS1")).given == len(serials)
    assert isinstance(s.file_store, MemoryFileStore)
    assert sorted(s.file_store.files) == sorted(c.pdf_key for c in everything if c.pdf_key)


async def cohort(s: Services) -> Cohort:
    of = await issuing.cohort(s, names=NAMES)
    await Plan.filter(id=of.plan.id).update(release_at=s.clock.now())
    holder = of.registrations[0].candidate_id
    await Binding.create(account="oa", openid=f"oHolder{holder}", candidate_id=holder, bound_at=s.clock.now())
    return of


@pytest.fixture
def world(services: Services) -> Services:
    exchange(services, queue=JobQueue())
    exchange(services, pdf_renderer=SealingPdfRenderer())
    return services


def arm(s: Services, place: str = "", nth: int = 1) -> KillerFaultInjector:
    exchange(s, faults=KillerFaultInjector(place, nth))
    return s.faults


@pytest.mark.slow
async def test_killed_at_every_place_once_and_twice(world: Services) -> None:
    reached = arm(world).reached
    await walk(world, of := await cohort(world))
    await whole(world, of)
    times = Counter(reached)
    parts = {"preparing", "desk", "life", "numbering", "tickets", "generation", "announcing"}
    assert {place.partition(".")[0] for place in times} == parts
    assert len(times) >= 40
    for place, often in times.items():
        for nth in sorted({1, often}):
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
    assert set(world.pdf_renderer.sealed.values()) == {1}


async def test_two_workers_at_the_same_slice_seal_each_certificate_once(world: Services) -> None:
    of = await cohort(world)
    batch = await issuing.generating(world, of)
    ids = [c.id for c in await Certificate.filter(issuance_id=batch.id)]
    await asyncio.gather(*(generation.generate(world, issuance_id=batch.id, ids=ids) for _ in range(6)))
    await walk(world, of)
    await whole(world, of)
    assert isinstance(world.pdf_renderer, SealingPdfRenderer)
    assert set(world.pdf_renderer.sealed.values()) == {1}
    await together(world)


WORKER = "import asyncio; from server.settings import load; from server.worker import run; asyncio.run(run(load(env_file=None)))"


async def worker(settings: Any, db_url: str, redis_url: str) -> asyncio.subprocess.Process:
    """A real job worker in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XCERT_", "WECHAT_"))}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WORKER,
        env=kept
        | {
            "XCERT_DATABASE_URL": db_url,
            "XCERT_REDIS_URL": redis_url,
            "XCERT_DATA_DIR": str(settings.data_dir),
            "XCERT_KEYS_DIR": str(settings.keys_dir),
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


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
            process = await worker(services.settings, db, redis_url)
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
    seals = await AuditEntry.filter(action="certificate.seal").values_list("subject_id", flat=True)
    assert Counter(seals) == Counter(c.number for c in listed)
    assert await AuditEntry.filter(action="issuance.complete").count() == 1
    await redis.aclose()
