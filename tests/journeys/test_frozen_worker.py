"""A worker that is frozen holds nothing for long: its work goes on elsewhere, and it changes nothing when it wakes."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections import Counter
from pathlib import Path

import pytest

from server.adapters import cache
from server.adapters.queue import JobQueue
from server.adapters.storage import FolderFileStore
from server.domain.issuance import generation
from server.domain.ports import Services
from server.models import AuditEntry, Certificate, Issuance
from tests.kit import issuing
from tests.kit.crashes import worker
from tests.kit.exchange import exchange

PEOPLE = 60  # two slices: one for each worker


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_batch_is_finished_though_one_worker_is_frozen_in_the_middle(
    services: Services, db: str, redis_url: str
) -> None:
    redis = cache.connect(redis_url)
    exchange(services, queue=JobQueue(), event_bus=cache.RedisEventBus(redis))
    folder = Path(services.settings.data_dir) / "vault"
    exchange(services, file_store=FolderFileStore(folder))
    of = await issuing.cohort(services, names=tuple(f"考生{chr(0x4E00 + i)}" for i in range(PEOPLE)))
    batch = await issuing.generating(services, of)
    async with services.event_bus.listen(f"issuance:{batch.id}") as events:
        frozen = worker(services.settings, db, redis_url)
        await generation.sweep(services)
        async for event in events:
            assert frozen.returncode is None
            if event is not None and event["event"] == "progress" and event["sealed"] < PEOPLE:
                frozen.send_signal(signal.SIGSTOP)  # in the middle of its slice, perhaps of a statement
                break
        other = worker(services.settings, db, redis_url)
        async with asyncio.timeout(400):  # claims and heartbeats lapse within a minute; machines may be slow
            async for event in events:
                if event is not None and event["event"] == "state":
                    break
    assert (await Issuance.get(id=batch.id)).state == "issued"
    before = await Certificate.filter(issuance_id=batch.id).order_by("id").values()
    frozen.send_signal(signal.SIGCONT)
    frozen.send_signal(signal.SIGTERM)
    await frozen.wait()
    assert await Certificate.filter(issuance_id=batch.id).order_by("id").values() == before
    other.send_signal(signal.SIGTERM)
    await other.wait()
    for row in before:
        digest = hashlib.sha256((folder / row["pdf_key"]).read_bytes()).digest()
        assert digest == bytes(row["pdf_sha256"])
    seals = await AuditEntry.filter(action="certificate.seal").values_list("subject_id", flat=True)
    assert Counter(seals) == Counter(row["number"] for row in before)
    await redis.aclose()
