"""减免: a fee that need not be paid, asked for by one of finance and decided by another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from server.domain.payments import waiver_queries, waivers
from server.domain.payments.waiver_queries import WaiverView
from server.domain.payments.waiver_states import WaiverState
from server.domain.roles import Verb
from server.web.console import money_answers as a
from server.web.console.answers import Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.routes import Route
from server.web.schema import Input, OneOf, Whole


class WaiverQuery(Turning):
    state: Annotated[str | None, OneOf(WaiverState)] = None
    plan_id: Whole | None = None
    school: str | None = Field(default=None, max_length=100, description="缴费院校的名称或其中几个字")
    sort: Annotated[str | None, OneOf(waiver_queries.SORTS)] = None


class NewWaiver(Input):
    reason: str = Field(
        min_length=waivers.SHORTEST_REASON,
        max_length=waivers.LONGEST_REASON,
        description="财务和审计会看到；不写姓名",
    )


async def ask(call: Call, body: NewWaiver, fee_id: int) -> Id:
    asked = await waivers.ask(call.s.clock, fee_id, body.reason, actor=call.actor)
    return Id(id=asked.id)


async def listing(call: Call, query: WaiverQuery) -> Page[a.Waiver]:
    found = await waiver_queries.waivers_page(
        state=query.state,
        plan_id=query.plan_id,
        school=query.school,
        actor=call.actor,
        turn=query.turn(waiver_queries.SORTS),
    )
    return page_of(a.Waiver, [_waiver(one) for one in found.items], found.next_cursor, found.before)


async def approve(call: Call, waiver_id: int) -> None:
    await waivers.approve(call.s.clock, call.s.queue, call.s.faults, waiver_id, actor=call.actor)


async def decline(call: Call, waiver_id: int) -> None:
    await waivers.decline(call.s.clock, waiver_id, actor=call.actor)


async def withdraw(call: Call, waiver_id: int) -> None:
    await waivers.withdraw(call.s.clock, waiver_id, actor=call.actor)


def _waiver(one: WaiverView) -> a.Waiver:
    return a.Waiver(
        id=one.id,
        fee_id=one.fee_id,
        amount_fen=one.amount_fen,
        plan=one.subject.plan,
        level=one.subject.level and one.subject.level.value,
        level_label=one.subject.level and one.subject.level.label,
        admission_number=one.subject.admission_number,
        candidate=one.subject.person,
        course=one.subject.course,
        school=one.school,
        reason=one.reason,
        state=one.state.value,
        state_label=one.state.label,
        asked_by_name=one.asked_by_name,
        asked_at=one.asked_at,
        decided_by_name=one.decided_by_name,
        decided_at=one.decided_at,
    )


_ONE = "/waivers/<waiver_id:int>"
ROUTES = [
    Route("POST", "/fees/<fee_id:int>/waive", ask, "提出减免一项应缴费用；由另一位财务批准", takes=NewWaiver, gives=Id, status=201, creates=True, verb=Verb.WAIVE),
    Route("GET", "/waivers", listing, "减免", takes=WaiverQuery, gives=Page[a.Waiver], verb=Verb.SEE_WAIVERS),
    Route("POST", f"{_ONE}/approve", approve, "批准减免；费用不用再付", status=204, verb=Verb.APPROVE_WAIVER),
    Route("POST", f"{_ONE}/decline", decline, "不批准减免", status=204, verb=Verb.APPROVE_WAIVER),
    Route("POST", f"{_ONE}/withdraw", withdraw, "提出人撤回减免", status=204, verb=Verb.WAIVE),
]  # fmt: skip
