"""One certificate is made by one process at a time; who hangs over it loses it, and changes nothing when he comes back."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import timedelta

import asyncpg
import pytest

from server.domain.issuance import generation
from server.domain.ports import CertificatePage, Services
from server.models import AuditEntry, Certificate, Issuance
from server.models.database import rows
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.fakes import FakePdfRenderer, ListQueue, MemoryFileStore
from tests.kit.jobs import drained


class HangingPdfRenderer(FakePdfRenderer):
    """Hangs over its first page, until it is let go. Like the real one it never makes the same file twice."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()

    async def make(self, page: CertificatePage) -> bytes:
        drawn = await FakePdfRenderer.make(self, page) + secrets.token_bytes(8)
        if not self.began.is_set():
            self.began.set()
            await self.go_on.wait()
        return drawn


async def one_waiting(services: Services) -> tuple[Issuance, list[int]]:
    of = await issuing.cohort(services, names=("崔子涵",))
    batch = await issuing.generating(services, of)
    assert isinstance(services.queue, ListQueue)
    services.queue.jobs.clear()
    return batch, [c.id for c in await Certificate.all()]


async def test_no_row_is_locked_and_no_transaction_open_while_a_page_is_drawn(
    services: Services, db: str
) -> None:
    batch, ids = await one_waiting(services)
    pdf_renderer = HangingPdfRenderer()
    exchange(services, pdf_renderer=pdf_renderer)
    at_it = asyncio.create_task(generation.generate(services, issuance_id=batch.id, ids=ids))
    await pdf_renderer.began.wait()
    other = await asyncpg.connect(db)
    idle = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    assert await other.fetchval(idle) == 0
    async with other.transaction():
        assert await other.fetchval("SELECT count(*) FROM (SELECT FROM certificate FOR UPDATE NOWAIT) x") == 1
    await other.close()
    pdf_renderer.go_on.set()
    await at_it
    assert {c.state for c in await Certificate.all()} == {"valid"}


async def test_another_keeps_off_and_comes_again_when_the_claim_ends(services: Services) -> None:
    batch, ids = await one_waiting(services)
    pdf_renderer = HangingPdfRenderer()
    exchange(services, pdf_renderer=pdf_renderer)
    at_it = asyncio.create_task(generation.generate(services, issuance_id=batch.id, ids=ids))
    await pdf_renderer.began.wait()
    await generation.generate(services, issuance_id=batch.id, ids=ids)
    assert len(pdf_renderer.pages) == 1
    assert isinstance(services.queue, ListQueue)
    later = services.clock.now() + timedelta(seconds=generation.CLAIM_SECONDS + 1)
    name = f"issuance.generate:{batch.id}:{ids[0]}"
    assert services.queue.when[name] == later
    pdf_renderer.go_on.set()
    await at_it


@pytest.mark.rule("S90")
async def test_who_hangs_loses_his_claim_and_changes_nothing_when_he_comes_back(services: Services) -> None:
    batch, ids = await one_waiting(services)
    pdf_renderer = HangingPdfRenderer()
    exchange(services, pdf_renderer=pdf_renderer)
    frozen = asyncio.create_task(generation.generate(services, issuance_id=batch.id, ids=ids))
    await pdf_renderer.began.wait()
    await issuing.claims_lapse()
    await generation.generate(services, issuance_id=batch.id, ids=ids)
    await drained(services)
    assert (await Issuance.get(id=batch.id)).state == "issued"
    [made] = await Certificate.all().values()
    pdf_renderer.go_on.set()
    await frozen
    assert await Certificate.all().values() == [made]
    assert isinstance(services.file_store, MemoryFileStore)
    [(key, file)] = services.file_store.files.items()
    assert (key, hashlib.sha256(file).digest()) == (made["pdf_key"], bytes(made["pdf_sha256"]))
    assert await AuditEntry.filter(action="certificate.seal").count() == 1
    assert len(pdf_renderer.pages) == 2


async def test_a_failure_of_who_lost_his_claim_is_not_the_others(services: Services) -> None:
    batch, ids = await one_waiting(services)
    await generation._draw(services, batch.id, ids)
    await rows("UPDATE certificate SET claimed_by = 'another' RETURNING id")
    await generation._failed(ids[0], "mine", RuntimeError())
    [row] = await Certificate.all()
    assert (row.attempts, row.last_error, row.claimed_by) == (0, "", "another")
