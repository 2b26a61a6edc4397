"""成绩变更: asked for by one member of staff, decided by another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles, score_changes
from server.domain.exams.results import Status, say
from server.domain.paging import COUNTED
from server.domain.roles import Verb
from server.domain.score_changes import ScoreChangeView
from server.domain.score_changes.states import ScoreChangeState
from server.web.console import listing as listing_parts
from server.web.console import page_base
from server.web.console.answers import Decided, Page, ScoreChange
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.routes import Route
from server.web.schema import Input, OneOf

bp = Blueprint("console_score_changes", url_prefix="/console")
State = Annotated[str | None, OneOf(ScoreChangeState)]


class ScoreChangeQuery(Turning):
    state: State = None
    sort: Annotated[str | None, OneOf(score_changes.SORTS)] = None


class NewScoreChange(Input):
    admission_number: str = Field(min_length=1, max_length=40, description="准考证号")
    subject: str | None = Field(default=None, max_length=60, description="考试科目；只有一个科目时可以不填")
    status: Annotated[str, OneOf(Status)] = Field(description="scored 有分数，其余为缺考等")
    score: str | None = Field(
        default=None, max_length=10, description="0 到 100，最多一位小数；status 不是 scored 时不填"
    )
    reason: str = Field(
        min_length=score_changes.SHORTEST_REASON,
        max_length=300,
        description="变更的依据，例如复核记录的日期和编号",
    )


class Refusal(Input):
    note: str = Field(min_length=1, max_length=300)


async def listing(call: Call, query: ScoreChangeQuery) -> Page[ScoreChange]:
    page = await score_changes.listing(
        call.s.keys, state=query.state, turn=query.turn(score_changes.SORTS), actor=call.actor
    )
    return page_of(ScoreChange, [_answer(one) for one in page.items], page.next_cursor, page.before)


async def request(call: Call, body: NewScoreChange) -> ScoreChange:
    change_id = await score_changes.request(call.s.clock, **body.model_dump(), actor=call.actor)
    page = await score_changes.listing(call.s.keys, change_id=change_id, actor=call.actor)
    return _answer(page.items[0])


async def approve(call: Call, change_id: int) -> Decided:
    return _decided(await score_changes.approve(call.s, change_id, actor=call.actor))


async def refuse(call: Call, body: Refusal, change_id: int) -> Decided:
    return _decided(await score_changes.refuse(call.s.clock, change_id, body.note, actor=call.actor))


async def withdraw(call: Call, change_id: int) -> Decided:
    return _decided(await score_changes.withdraw(call.s.clock, change_id, actor=call.actor))


def _answer(one: ScoreChangeView) -> ScoreChange:
    return ScoreChange(
        id=one.id,
        state=one.state.value,
        state_label=one.state.label,
        name=one.name,
        id_masked=one.id_masked,
        admission_number=one.admission_number,
        plan=one.plan,
        level=one.level.value,
        level_label=one.level.label,
        school=one.school,
        subject=one.subject,
        was=say(one.was),
        becomes=say(one.becomes),
        outcome=one.outcome.label,
        outcome_becomes=one.outcome_becomes.label if one.outcome_becomes else None,
        reason=one.reason,
        requested_by=one.requested_by,
        requested_at=one.requested_at,
        decided_by=one.decided_by,
        decided_at=one.decided_at,
        note=one.note,
        may_decide=one.may_decide,
        may_withdraw=one.may_withdraw,
    )


def _decided(state: ScoreChangeState) -> Decided:
    return Decided(state=state.value)


async def page(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, ScoreChangeQuery, without=("limit",))
    found = await score_changes.listing(
        call.s.keys, state=wanted.state, turn=wanted.turn(score_changes.SORTS), actor=call.actor
    )
    count = await score_changes.count(state=wanted.state, actor=call.actor)
    return await page_base.render(
        call,
        "score_changes.html",
        title="成绩变更",
        nav="/console/score-changes",
        items=[_answer(one) for one in found.items],
        of=listing_parts.around(
            "score-changes",
            wanted,
            found,
            total=listing_parts.about(count, COUNTED, "项变更"),
            words={},
            sorts=score_changes.SORTS,
        ),
        states=list(ScoreChangeState),
        state=wanted.state,
        statuses=list(Status),
        may_approve=roles.may(call.actor, Verb.APPROVE_SCORES),
        may_request=roles.may(call.actor, Verb.IMPORT),
        shortest=score_changes.SHORTEST_REASON,
    )


page_base.mount(bp, "/score-changes", page, Verb.SEE_IMPORTS)

_ONE = "/score-changes/<change_id:int>"
ROUTES = [
    Route("GET", "/score-changes", listing, "成绩变更", takes=ScoreChangeQuery, gives=Page[ScoreChange], verb=Verb.SEE_IMPORTS),
    Route("POST", "/score-changes", request, "提出变更一项已公布的成绩；由另一位同事批准后生效",
          takes=NewScoreChange, gives=ScoreChange, status=201, creates=True, verb=Verb.IMPORT),
    Route("POST", f"{_ONE}/approve", approve, "批准：成绩立即变更并通知考生", gives=Decided, verb=Verb.APPROVE_SCORES),
    Route("POST", f"{_ONE}/refuse", refuse, "不批准，并写明原因", takes=Refusal, gives=Decided, verb=Verb.APPROVE_SCORES),
    Route("POST", f"{_ONE}/withdraw", withdraw, "撤回自己提出的变更", gives=Decided, verb=Verb.IMPORT),
]  # fmt: skip
