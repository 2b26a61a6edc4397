"""Two machines, each with its own data folder, on one PostgreSQL behind a PgBouncer and one Redis: one loses its power."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from server.adapters import cache, password_hashing
from server.adapters.queue import JobQueue
from server.adapters.storage import FolderFileStore
from server.domain.actor import SYSTEM
from server.domain.issuance import generation
from server.domain.people import staff
from server.domain.ports import Services
from server.models import AuditEntry, Certificate, Issuance
from server.models.database import rows
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.forking import ForkedProgram
from tests.kit.pooling import pgbouncer
from tests.kit.processes import family
from tests.kit.started import Started, end, free_port

PEOPLE = 90
UNDER_WAY = "SELECT 1 FROM procrastinate_jobs WHERE status = 'doing' AND task_name = 'issuance.generate'"


@dataclass
class Host:
    """One machine: `xcert serve` with one web process and one job process."""

    url: str
    program: ForkedProgram

    def loses_power(self) -> None:
        """All of its processes at once, without a word."""
        for pid in family(self.program.pid):
            os.kill(pid, signal.SIGKILL)

    async def is_ready(self) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(120):
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).json()["status"] == "ok":
                        return
                except (httpx.HTTPError, KeyError):
                    pass
                assert self.program.poll() is None, "it ended by itself"
                await asyncio.sleep(0.1)


def host(folder: Path, shared: dict[str, str], started: Started) -> Host:
    port = free_port()
    kept = {n: value for n, value in os.environ.items() if not n.startswith(("XCERT_", "WECHAT_"))}
    own = {"XCERT_DATA_DIR": str(folder), "PORT": str(port), "XCERT_WORKERS": "1", "XCERT_JOB_WORKERS": "1"}
    program = ForkedProgram(("server.cli", "serve"), kept | shared | own, is_heard=False)
    started.also(partial(end, program))
    return Host(f"http://127.0.0.1:{port}", program)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_one_machine_began_the_other_finishes_and_nothing_is_done_twice(
    services: Services, db: str, redis_url: str, tmp_path: Path, started: Started
) -> None:
    files = tmp_path / "files"
    redis = cache.connect(redis_url)
    exchange(services, queue=JobQueue(), file_store=FolderFileStore(files))
    with ExitStack() as stack:
        shared = {
            "XCERT_DATABASE_URL": stack.enter_context(pgbouncer(db, default_pool_size=6)),
            "XCERT_DATABASE_SESSION_URL": db,
            "XCERT_REDIS_URL": redis_url,
            "XCERT_FILES_URL": f"file://{files}",
            "XCERT_KEYS_DIR": str(services.settings.keys_dir),
            "XCERT_TSA_URL": "",
        }
        a, b = (host(tmp_path / name, shared, started) for name in ("a", "b"))
        await asyncio.gather(a.is_ready(), b.is_ready())
        await _a_log_in_holds_on_both(services, a, b)
        names = tuple(f"考生{chr(0x4E00 + number)}" for number in range(PEOPLE))
        of = await issuing.cohort(services, names=names)
        batch = await issuing.generating(services, of)
        await generation.sweep(services)
        await _both_are_at_it(batch.id)
        a.loses_power()
        async with asyncio.timeout(400):  # claims and heartbeats lapse within a minute; machines may be slow
            while (await Issuance.get(id=batch.id)).state != "issued":
                await asyncio.sleep(0.2)
        await _once(files, batch.id)
        async with httpx.AsyncClient() as client:
            code = (await Certificate.filter(issuance_id=batch.id).first()).code  # type: ignore[union-attr]
            answer = await client.get(f"{b.url}/v/{code}", headers={"accept": "text/html"})
            assert (answer.status_code, "证书有效" in answer.text) == (200, True)
        b.program.terminate()
        assert await asyncio.to_thread(b.program.wait) == 0
    await redis.aclose()


async def _a_log_in_holds_on_both(services: Services, a: Host, b: Host) -> None:
    password = await staff.create(
        services.clock, password_hashing.for_passwords(), "li.hua", "operator", name="李华", actor=SYSTEM
    )
    said = {"username": "li.hua", "password": password}
    async with httpx.AsyncClient() as client:
        came = await client.post(f"{a.url}/console/api/v1/session", json=said)
        assert came.status_code == 200
        shown = await client.get(f"{b.url}/console/api/v1/session")
        assert (shown.status_code, "li.hua" in shown.text) == (200, True)


async def _both_are_at_it(batch: int) -> None:
    """Some certificates are sealed, and each machine has a slice of the rest."""
    async with asyncio.timeout(120):
        while True:
            sealed = await Certificate.filter(issuance_id=batch, state="valid").count()
            assert sealed < PEOPLE, "one of them did all of it alone"
            if sealed and len(await rows(UNDER_WAY)) == 2:
                return
            await asyncio.sleep(0.01)


async def _once(files: Path, batch: int) -> None:
    """Each certificate was numbered, sealed, kept and written down once."""
    certificates = await Certificate.filter(issuance_id=batch).order_by("id").values()
    assert len({one["number"] for one in certificates}) == len(certificates) == PEOPLE
    for one in certificates:
        assert hashlib.sha256((files / one["pdf_key"]).read_bytes()).digest() == bytes(one["pdf_sha256"])
    seals = await AuditEntry.filter(action="certificate.seal").values_list("subject_id", flat=True)
    assert Counter(seals) == Counter(one["number"] for one in certificates)
