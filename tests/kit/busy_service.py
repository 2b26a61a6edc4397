"""A service in the middle of its work: something in every list of the console."""

from __future__ import annotations

from datetime import timedelta

from server.domain.actor import SYSTEM
from server.domain.certificates import revocation
from server.domain.certificates.portal import Pair
from server.domain.people import officers, staff
from server.domain.portal_lists import keeping
from server.domain.ports import Services
from server.models import Certificate, ImportRun
from tests.kit import campaigning, correcting, issuing, make, printing
from tests.kit.jobs import drained
from tests.kit.money_desk import a_busy_till, going_back_by_bank, waiting_for_another


async def a_busy_service(s: Services) -> issuing.Cohort:
    """Something in every list of the console; returns the cohort, whose batch is issued."""
    of = await issuing.cohort(s)
    await issuing.generating(s, of)
    await drained(s)
    made = await Certificate.filter(state="valid").order_by("id")
    await revocation.revoke(s.clock, s.faults, made[0].number, "考试违纪", actor=make.ADMIN)
    await correcting.asked(s, of, at=1, name="张文", id_number=make.id_number(4321))
    done = await correcting.approved(s, of, at=2)
    await correcting.reissued(s, of, done)
    await printing.printed(s, made[0].issuance_id)
    await keeping.record(s, [Pair(made[1].number, "GJ-1", "张三")], actor=make.OPERATOR)
    await drained(s)
    other = await issuing.cohort(s, names=("买买提·吐尔逊", "欧阳慧敏"))
    await issuing.prepared(s, other)
    await issuing.pending(s, await issuing.cohort(s, names=("古丽", "林知夏")))
    await officers.invite(s.clock, s.keys, of.school.id, "李敏", make.mobile(), actor=make.ADMIN)
    for name in ("li.hua", "wang.min"):
        await staff.create(s.clock, s.password_hasher, name, "operator", name=name, actor=SYSTEM)
    for name, refused in (("成绩.xlsx", 0), ("考生信息.xlsx", 3)):
        await ImportRun.create(
            kind="scores", file_name=name, file_sha256=name.encode(), file_key="x", state="done", is_dry_run=True,
            rows_total=9, rows_taken=9 - refused, rows_refused=refused,
        )  # fmt: skip
    await make.plan("2026年11月15日考试计划", release_at=s.clock.now() + timedelta(days=3))
    await waiting_for_another(s, await a_busy_till(s, of.school))
    await campaigning.submitted(s, of.plan)
    await going_back_by_bank(s, of.school)
    return of
