"""Exam plans: the list, and the release of results."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from server.domain import beijing
from server.domain.exams import plan_list, plans, queries, release_requests, timetable
from server.domain.levels import Level
from server.domain.roles import Verb
from server.web.console.answers import AskedRelease, ChangedPlan, Page, Plan, Slot
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.routes import Route
from server.web.schema import Input, Moment, OneOf


class PlanQuery(Turning):
    name: str | None = Field(default=None, max_length=100, description="名称，或其中几个字")
    year: int | None = Field(default=None, ge=1900, le=9999, description="考试在哪一年")
    sort: Annotated[str | None, OneOf(plan_list.SORTS)] = None

    @property
    def wanted(self) -> plan_list.Wanted:
        return plan_list.Wanted(name=self.name, year=self.year)


class Release(Input):
    at: Moment | None = Field(default=None, description="不填表示批准后立即")


class Note(Input):
    note: str = Field(min_length=1, max_length=400)


class Practice(Input):
    requires_practice: bool


class Times(Input):
    level: Annotated[str, OneOf(Level)]
    subject: str = Field(min_length=1, max_length=60)
    starts: str = Field(min_length=1, max_length=8, description="北京时间，如 9:00")
    ends: str = Field(min_length=1, max_length=8, description="北京时间，如 11:00")


def _slot(one: timetable.Slot) -> Slot:
    return Slot(
        level=one.level.value,
        level_label=one.level.label,
        subject=one.subject,
        starts_at=None if one.starts_at is None else beijing.local(one.starts_at),
        ends_at=None if one.ends_at is None else beijing.local(one.ends_at),
    )


def shown(plan: queries.PlanView) -> Plan:
    """The plan as the console shows and answers it."""
    return Plan(
        id=plan.id,
        name=plan.name,
        exam_date=plan.exam_date,
        certificate=plan.certificate,
        release_at=plan.release_at,
        requires_practice=plan.requires_practice,
        registered=plan.registered,
        passed=plan.passed,
        pending=plan.pending,
        sites=plan.sites,
        state=plan.state,
        slots=[_slot(one) for one in plan.slots],
    )


async def listing(call: Call, query: PlanQuery) -> Page[Plan]:
    page = await plan_list.listing(call.s.clock, query.wanted, query.turn(plan_list.SORTS), actor=call.actor)
    return page_of(Plan, [shown(plan) for plan in page.items], page.next_cursor, page.before)


async def release(call: Call, body: Release, plan_id: int) -> AskedRelease:
    asked = await release_requests.ask(call.s.clock, plan_id, at=body.at, actor=call.actor)
    return AskedRelease(release_request=asked)


async def approve(call: Call, release_id: int) -> ChangedPlan:
    return ChangedPlan.model_validate(await release_requests.approve(call.s, release_id, actor=call.actor))


async def refuse(call: Call, body: Note, release_id: int) -> None:
    await release_requests.refuse(call.s.clock, release_id, body.note, actor=call.actor)


async def withdraw(call: Call, release_id: int) -> None:
    await release_requests.withdraw(call.s.clock, release_id, actor=call.actor)


async def cancel_release(call: Call, plan_id: int) -> ChangedPlan:
    return ChangedPlan.model_validate(await plans.cancel_release(call.s.clock, plan_id, actor=call.actor))


async def set_practice(call: Call, body: Practice, plan_id: int) -> ChangedPlan:
    on = body.requires_practice
    return ChangedPlan.model_validate(
        await plans.set_requires_practice(call.s.clock, plan_id, on, actor=call.actor)
    )


async def set_time(call: Call, body: Times, plan_id: int) -> Slot:
    return _slot(await timetable.set_time(call.s.clock, plan_id, **body.model_dump(), actor=call.actor))


_ONE = "/plans/<plan_id:int>"
_RELEASE = "/releases/<release_id:int>"
ROUTES = [
    Route("GET", "/plans", listing, "考试计划", takes=PlanQuery, gives=Page[Plan], verb=Verb.SEE_PLANS),
    Route("POST", f"{_ONE}/release", release, "提出公布成绩：批准后立即，或从某一分钟起；另一位同事批准以后才生效",
          takes=Release, gives=AskedRelease, verb=Verb.RELEASE),
    Route("POST", f"{_RELEASE}/approve", approve, "批准公布成绩", gives=ChangedPlan, verb=Verb.APPROVE_RELEASE),
    Route("POST", f"{_RELEASE}/refuse", refuse, "不批准公布成绩，写明原因", takes=Note, status=204, verb=Verb.APPROVE_RELEASE),
    Route("POST", f"{_RELEASE}/withdraw", withdraw, "撤回自己提出的公布", status=204, verb=Verb.RELEASE),
    Route("POST", f"{_ONE}/cancel-release", cancel_release, "取消尚未到时间的公布", gives=ChangedPlan, verb=Verb.RELEASE),
    Route("POST", f"{_ONE}/practice", set_practice, "是否要求实践与督导学时", takes=Practice, gives=ChangedPlan, verb=Verb.RELEASE),
    Route("POST", f"{_ONE}/times", set_time, "登记一个科目的考试时间", takes=Times, gives=Slot, verb=Verb.RELEASE),
]  # fmt: skip
