"""The rows of the exam notice (S25): plan, date, time, level, subject."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from server import demo_cohort
from server.domain.beijing import BEIJING
from server.domain.exams import timetable
from server.domain.exams.queries import PlanView, plans_listing
from server.domain.exams.timetable import Slot
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Forbidden, Invalid, NotFound
from server.models import AuditEntry, Plan
from tests.kit import importing, make

pytestmark = pytest.mark.rule("S25")
PEOPLE = demo_cohort.people(20)
SUBJECT = demo_cohort.SUBJECT


@pytest.fixture
async def plan(services: Services) -> Plan:
    """The first plan of the cohort, as its score sheet brought it."""
    for kind, book in (
        ("candidates", demo_cohort.people_book(PEOPLE)),
        ("scores", demo_cohort.score_book(PEOPLE)),
    ):
        await importing.take(services, kind, "x.xlsx", book)
    return await Plan.get(name=demo_cohort.PLANS[0][0])


def slot(level: Level, starts: datetime | None = None, ends: datetime | None = None) -> Slot:
    return Slot(level, SUBJECT, starts, ends)


async def listed(s: Services, plan: Plan) -> PlanView:
    return next(one for one in await plans_listing(s.clock) if one.id == plan.id)


async def set_time(s: Services, plan_id: int, **changed: Any) -> Slot:
    said: dict[str, Any] = {
        "level": "primary",
        "subject": SUBJECT,
        "starts": "9:00",
        "ends": "11:00",
        "actor": make.OPERATOR,
    }
    return await timetable.set_time(s.clock, plan_id, **said | changed)


async def test_a_score_sheet_brings_name_date_level_and_subject(services: Services, plan: Plan) -> None:
    shown = await listed(services, plan)
    assert (shown.name, shown.exam_date) == (
        "2023年9月22日社会心理服务证书考试计划",
        date(2023, 9, 22),
    )
    assert shown.slots == [slot(Level.PRIMARY), slot(Level.INTERMEDIATE)]


async def test_staff_say_the_time_on_the_plans_day_in_beijing(services: Services, plan: Plan) -> None:
    begin, end = (datetime(2023, 9, 22, hour, tzinfo=BEIJING) for hour in (9, 11))
    assert await set_time(services, plan.id) == slot(Level.PRIMARY, begin, end)
    assert (await listed(services, plan)).slots[0] == slot(Level.PRIMARY, begin, end)
    entry = await AuditEntry.get(action="plan.set_time")
    assert (entry.subject_id, entry.actor_name) == (str(plan.id), make.OPERATOR.name)
    assert (entry.was or {})["starts_at"] is None
    assert entry.became == {
        "level": "primary",
        "subject": SUBJECT,
        "starts_at": "2023-09-22T09:00:00+08:00",
        "ends_at": "2023-09-22T11:00:00+08:00",
    }
    await set_time(services, plan.id, starts="09：00")
    assert await AuditEntry.filter(action="plan.set_time").count() == 1, "the same again changes nothing"


async def test_what_is_no_time_is_refused(services: Services, plan: Plan) -> None:
    for changed, pointer, code in (
        ({"starts": "九点"}, "/starts", "time_form"),
        ({"ends": "24:00"}, "/ends", "time_form"),
        ({"ends": "9:00"}, "/ends", "time_order"),
    ):
        with pytest.raises(Invalid) as refused:
            await set_time(services, plan.id, **changed)
        assert [(e.pointer, e.code) for e in refused.value.errors] == [(pointer, code)]
    for plan_id, changed, code in (
        (plan.id, {"level": "advanced"}, "slot_unknown"),
        (plan.id, {"subject": "实操"}, "slot_unknown"),
        (404, {}, "plan_unknown"),
    ):
        with pytest.raises(NotFound) as missing:
            await set_time(services, plan_id, **changed)
        assert missing.value.code == code
    with pytest.raises(Forbidden):
        await set_time(services, plan.id, actor=make.ISSUER_STAFF)
    assert not await AuditEntry.filter(action="plan.set_time").exists()
