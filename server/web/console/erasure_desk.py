"""删除个人信息: asked for from a candidate's page, decided by somebody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.paging import COUNTED
from server.domain.privacy import erasing, erasure_views
from server.domain.privacy.erasure_views import ErasureView
from server.domain.privacy.personal_copy import Asked
from server.domain.privacy.states import ErasureState
from server.domain.privacy.subjects import KINDS, Subject
from server.domain.roles import Verb
from server.web.console import listing as listing_parts
from server.web.console import page_base
from server.web.console.answers import Decided, Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.routes import Route
from server.web.schema import Answer, Day, Input, OneOf, WrittenDay

PLACES = {
    "officer": "officers",
    "staff": "staff",
    "enrolment": "enrolments",
}  # in the API, besides candidates
bp = Blueprint("console_erasures", url_prefix="/console")
NAV, PATH = "/console/people", "/console/erasures"
TONES = {"requested": "wait", "under_way": "now", "done": "good", "refused": "bad", "withdrawn": "later"}
State = Annotated[str | None, OneOf(ErasureState)]


class Erasure(Answer):
    id: int
    kind: str = Field(description="candidate 考生、officer 签发负责人、staff 账号、enrolment 培训学员")
    kind_label: str
    subject_id: int
    candidate_id: int | None
    name: str
    id_masked: str
    asked_on: WrittenDay
    reason: str
    state: str
    state_label: str
    requested_by: str
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    done_at: datetime | None
    may_decide: bool
    may_withdraw: bool


class ErasureAsked(Input):
    asked_on: Day = Field(description="本人书面申请的日期")
    reason: str = Field(min_length=1, max_length=400, description="依据；会留在记录里，不写姓名和证件号码")


class ErasureQuery(Turning):
    state: State = None
    sort: Annotated[str | None, OneOf(erasure_views.SORTS)] = None


class RefusedErasure(Input):
    note: str = Field(min_length=1, max_length=300)


def _answer(one: ErasureView) -> Erasure:
    values = {name: getattr(one, name) for name in Erasure.model_fields if name != "state_label"}
    return Erasure(
        **{
            **values,
            "asked_on": one.asked_on.isoformat(),
            "state": one.state.value,
            "state_label": one.state.label,
        }
    )


async def listing(call: Call, query: ErasureQuery) -> Page[Erasure]:
    page = await erasure_views.listing(
        call.s, state=query.state, turn=query.turn(erasure_views.SORTS), actor=call.actor
    )
    return page_of(Erasure, [_answer(one) for one in page.items], page.next_cursor, page.before)


async def ask(call: Call, body: ErasureAsked, candidate_id: int) -> Id:
    asked = Asked(body.asked_on, body.reason)
    return Id(id=await erasing.ask(call.s, candidate_id, asked, actor=call.actor))


def _of(kind: str) -> Callable[..., Awaitable[Id]]:
    async def ask_of(call: Call, body: ErasureAsked, person_id: int) -> Id:
        asked = Asked(body.asked_on, body.reason)
        return Id(id=await erasing.ask(call.s, Subject(kind, person_id), asked, actor=call.actor))

    ask_of.__name__ = f"ask_{kind}"  # a route is called by its function's name
    return ask_of


def may_of(call: Call) -> dict[str, Any]:
    """What the pages of officers, accounts and courses show of a person's rights (`console/person_rights.html`)."""
    return {
        "may_export": roles.may(call.actor, Verb.EXPORT_PERSON),
        "may_erase": roles.may(call.actor, Verb.ASK_ERASURE),
        "asked_most": beijing.day(call.s.clock.now()),
    }


async def approve(call: Call, erasure_id: int) -> Decided:
    call.browser_session()
    return Decided(state=(await erasing.approve(call.s, erasure_id, actor=call.actor)).value)


async def refuse(call: Call, body: RefusedErasure, erasure_id: int) -> Decided:
    return Decided(state=(await erasing.refuse(call.s, erasure_id, body.note, actor=call.actor)).value)


async def withdraw(call: Call, erasure_id: int) -> Decided:
    return Decided(state=(await erasing.withdraw(call.s, erasure_id, actor=call.actor)).value)


async def erasures(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, ErasureQuery, without=("limit",))
    found = await erasure_views.listing(
        call.s, state=wanted.state, turn=wanted.turn(erasure_views.SORTS), actor=call.actor
    )
    count = await erasure_views.count(state=wanted.state, actor=call.actor)
    return await page_base.render(
        call,
        "erasures.html",
        title="删除个人信息",
        nav=NAV,
        items=[_answer(one) for one in found.items],
        of=listing_parts.around(
            "erasures",
            wanted,
            found,
            total=listing_parts.about(count, COUNTED, "项"),
            words={},
            sorts=erasure_views.SORTS,
        ),
        states=list(ErasureState),
        state=wanted.state,
        tones=TONES,
    )


page_base.mount(bp, "/erasures", erasures, Verb.ASK_ERASURE)

_ONE = "/erasures/<erasure_id:int>"
ROUTES = [
    Route("GET", "/erasures", listing, "删除个人信息的申请", takes=ErasureQuery, gives=Page[Erasure], verb=Verb.ASK_ERASURE),
    Route("POST", "/people/<candidate_id:int>/erasure", ask, "按本人书面申请，提出删除个人信息；由另一个人批准", takes=ErasureAsked, gives=Id, status=201, creates=True, verb=Verb.ASK_ERASURE),
    *(Route("POST", f"/{place}/<person_id:int>/erasure", _of(kind), f"按本人书面申请，提出删除{KINDS[kind].label}的个人信息；由另一个人批准", takes=ErasureAsked, gives=Id, status=201, creates=True, verb=KINDS[kind].also or Verb.ASK_ERASURE) for kind, place in PLACES.items()),
    Route("POST", f"{_ONE}/approve", approve, "批准：立即删除，不能恢复", gives=Decided, verb=Verb.APPROVE_ERASURE),
    Route("POST", f"{_ONE}/refuse", refuse, "不批准，并写明原因", takes=RefusedErasure, gives=Decided, verb=Verb.APPROVE_ERASURE),
    Route("POST", f"{_ONE}/withdraw", withdraw, "撤回自己提出的删除", gives=Decided, verb=Verb.ASK_ERASURE),
]  # fmt: skip
