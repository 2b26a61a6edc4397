"""What the tests of paper certificates share: a range of sheets, a run in any state, and who does what."""

from __future__ import annotations

from server.domain.actor import Actor
from server.domain.paper import parcels, print_runs
from server.domain.ports import Services
from server.models import Issuance, PaperRun
from tests.kit import correcting, make
from tests.kit.issuing import Cohort

FIRST, LAST = "A0001201", "A0001205"
PRINTER = make.ISSUER_STAFF
COLLEAGUE = make.OPERATOR
WAYBILL = ("顺丰速运", "SF1234567890123")


async def issued(s: Services, *, names: tuple[str, ...] = ("龙雯", "崔子涵")) -> tuple[Cohort, Issuance]:
    """A batch whose certificates are issued."""
    of = await correcting.issued(s, names=names)
    return of, await Issuance.get(plan_id=of.plan.id)


def school_account(of: Cohort) -> Actor:
    """The account of the cohort's school."""
    return make.school_account(of.school)


async def a_run(s: Services, issuance_id: int, first: str = FIRST, last: str = LAST) -> int:
    return await print_runs.begin(s, issuance_id, first, last, actor=PRINTER)


async def printed(s: Services, issuance_id: int) -> PaperRun:
    run_id = await a_run(s, issuance_id)
    await print_runs.finish(s, run_id, actor=PRINTER)
    return await PaperRun.get(id=run_id)


async def sent(s: Services, issuance_id: int) -> PaperRun:
    run = await printed(s, issuance_id)
    await parcels.send(s, run.id, *WAYBILL, actor=PRINTER)
    return await PaperRun.get(id=run.id)
