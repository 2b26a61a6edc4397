"""A worker that dies where it is told to."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.domain.issuance import generation, organisation, preparing, scan_tickets
from server.domain.issuance.states import BatchState
from server.domain.ports import CertificatePage, Services
from server.models import Binding, Certificate, Issuance, NumberSeries, Plan
from server.models.database import rows
from tests.kit import issuing, make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakePdfRenderer, KillerFaultInjector, MemoryFileStore
from tests.kit.forking import AwaitedProgram
from tests.kit.issuing import PIN, Cohort
from tests.kit.jobs import TABLE

ME = make.ISSUER_STAFF
NAMES = ("崔子涵", "买买提·吐尔逊", "王𠮷")


@dataclass
class SealingPdfRenderer(FakePdfRenderer):
    """Like the real press, never makes the same file twice: a signature holds time and chance."""

    times: Counter[str] = field(default_factory=Counter)

    async def make(self, page: CertificatePage) -> bytes:
        self.times[page.number] += 1
        return await FakePdfRenderer.make(self, page) + secrets.token_bytes(8)


async def done_once(s: Services) -> None:
    """Do the waiting jobs. Each is taken off before it is done, as by a worker that may die over it."""
    while jobs := await rows(
        "DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id) FROM procrastinate_jobs WHERE status = 'todo')"
        " RETURNING task_name, args"
    ):
        args = jobs[0]["args"]
        await TABLE[jobs[0]["task_name"]](s, **(orjson.loads(args) if isinstance(args, str) else args))


async def walk(s: Services, of: Cohort) -> None:
    """What people and workers do next, from whatever state the batch is in, until it is issued."""
    while True:
        batch = await Issuance.get_or_none(plan_id=of.plan.id)
        state = BatchState(batch.state) if batch is not None else None
        if batch is None:
            await preparing.prepare(s, of.plan.id, actor=ME)
        elif state is BatchState.PREPARED:
            await organisation.org_sign(s, batch.id, actor=ME)
        elif state is BatchState.SITE_PENDING:
            ticket = await scan_tickets.show(s, batch.id, actor=ME)
            await scan_tickets.look(s, ticket.token, identity=of.identity)
            await scan_tickets.confirm(s, ticket.token, PIN, identity=of.identity)
        elif state is BatchState.SCHOOL_SIGNED:
            await organisation.hand_over(s, batch.id, actor=ME)
        elif state is BatchState.GENERATING:
            await issuing.claims_lapse()
            await done_once(s)
            await generation.sweep(s)
        else:
            await done_once(s)
            await generation.sweep(s)
            if (await Issuance.get(id=batch.id)).announced_at is not None:
                return


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


def arm(s: Services, place: str = "", nth: int = 1) -> KillerFaultInjector:
    faults = KillerFaultInjector(place, nth)
    exchange(s, faults=faults)
    return faults


def worker(settings: Any, db_url: str, redis_url: str, **more: str) -> AwaitedProgram:
    """A real job worker in a process of its own; `more` settings by their variables."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("XCERT_", "WECHAT_"))
    }
    ours = {
        "XCERT_DATABASE_URL": db_url,
        "XCERT_REDIS_URL": redis_url,
        "XCERT_DATA_DIR": str(settings.data_dir),
        "XCERT_KEYS_DIR": str(settings.keys_dir),
        "XCERT_TSA_URL": "",  # no sandbox runs here
    }
    return AwaitedProgram(("worker",), environment | ours | more)
