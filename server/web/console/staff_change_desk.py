"""账号变更: one administrator asks, another approves; and the page of one account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain.auth import session_list
from server.domain.lookups import worklist
from server.domain.paging import COUNTED
from server.domain.people import staff, staff_changes
from server.domain.people.staff_change_states import StaffAct, StaffChangeState
from server.domain.people.staff_changes import StaffChangeView, WantedChange
from server.domain.roles import Role, Verb
from server.web.console import accounts, page_base, session_desk
from server.web.console import listing as listing_parts
from server.web.console.answers import Decided, Page
from server.web.console.auth import Call
from server.web.console.erasure_desk import may_of
from server.web.console.paging import Turning, page_of
from server.web.routes import Route
from server.web.schema import Answer, Input, OneOf, Whole

bp = Blueprint("console_staff_changes", url_prefix="/console")
State = Annotated[str | None, OneOf(StaffChangeState)]


class StaffChange(Answer):
    id: int
    state: str
    state_label: str
    act: str
    act_label: str
    staff_id: int
    username: str
    name: str
    was_role: str | None
    role: str | None
    school: str | None
    reason: str
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    may_decide: bool
    may_approve: bool
    may_withdraw: bool


class ApprovedChange(Answer):
    state: str
    one_time_password: str | None


class NewChange(Input):
    act: Annotated[str, OneOf(StaffAct)]
    reason: str = Field(min_length=1, max_length=300, description="缘由，例如本人何时、怎样提出的")
    role: Annotated[str | None, OneOf(Role)] = Field(default=None, description="只用于 set_role")
    school_id: Whole | None = Field(default=None, description="只用于改为院校账号")


class AskedChange(Answer):
    id: int


class ChangeQuery(Turning):
    state: State = None
    sort: Annotated[str | None, OneOf(staff_changes.SORTS)] = None


class RefusedChange(Input):
    note: str = Field(min_length=1, max_length=300)


async def listing(call: Call, query: ChangeQuery) -> Page[StaffChange]:
    page = await staff_changes.listing(
        state=query.state, turn=query.turn(staff_changes.SORTS), actor=call.actor
    )
    return page_of(StaffChange, [_answer(one) for one in page.items], page.next_cursor, page.before)


def _answer(one: StaffChangeView) -> StaffChange:
    return StaffChange(
        id=one.id,
        state=one.state.value,
        state_label=one.state.label,
        act=one.act.value,
        act_label=one.act.label,
        staff_id=one.staff_id,
        username=one.username,
        name=one.name,
        was_role=one.was_role.label if one.was_role else None,
        role=one.role.label if one.role else None,
        school=one.school,
        reason=one.reason,
        asked_by=one.asked_by,
        asked_at=one.asked_at,
        decided_by=one.decided_by,
        decided_at=one.decided_at,
        note=one.note,
        may_decide=one.may_decide,
        may_approve=one.may_approve,
        may_withdraw=one.may_withdraw,
    )


async def ask(call: Call, body: NewChange, staff_id: int) -> AskedChange:
    wanted = WantedChange(act=body.act, reason=body.reason, role=body.role or "", school_id=body.school_id)
    return AskedChange(id=await staff_changes.ask(call.s.clock, staff_id, wanted, actor=call.actor))


async def approve(call: Call, staff_change_id: int) -> ApprovedChange:
    call.browser_session()
    done = await staff_changes.approve(
        call.s.clock, call.s.password_hasher, staff_change_id, actor=call.actor
    )
    return ApprovedChange(state=done.state.value, one_time_password=done.one_time_password)


async def refuse(call: Call, body: RefusedChange, staff_change_id: int) -> Decided:
    state = await staff_changes.refuse(call.s.clock, staff_change_id, body.note, actor=call.actor)
    return Decided(state=state.value)


async def withdraw(call: Call, staff_change_id: int) -> Decided:
    return Decided(
        state=(await staff_changes.withdraw(call.s.clock, staff_change_id, actor=call.actor)).value
    )


async def changes_page(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, ChangeQuery, without=("limit",))
    found = await staff_changes.listing(
        state=wanted.state, turn=wanted.turn(staff_changes.SORTS), actor=call.actor
    )
    count = await staff_changes.count(state=wanted.state, actor=call.actor)
    return await page_base.render(
        call,
        "staff_changes.html",
        title="账号变更",
        nav="/console/accounts",
        items=[_answer(one) for one in found.items],
        of=listing_parts.around(
            "account-changes",
            wanted,
            found,
            total=listing_parts.about(count, COUNTED, "项变更"),
            words={},
            sorts=staff_changes.SORTS,
            export=listing_parts.Export("staff-changes"),
        ),
        states=list(StaffChangeState),
        state=wanted.state,
    )


async def one_account(call: Call, staff_id: int) -> HTTPResponse:
    account = await staff.one(staff_id, actor=call.actor)
    [shown] = await accounts.shown([account])
    return await page_base.render(
        call,
        "one_account.html",
        title=account.name,
        nav="/console/accounts",
        one=shown,
        log_ins=[
            session_desk.shown(one, call)
            for one in await session_list.of_another(call.s.clock, staff_id, actor=call.actor)
        ],
        roles=list(Role),
        schools=await worklist.schools(call.actor),
        **may_of(call),
    )


page_base.mount(bp, "/account-changes", changes_page, Verb.MANAGE_STAFF)
page_base.mount(bp, "/accounts/<staff_id:int>", one_account, Verb.MANAGE_STAFF)

_ONE = "/staff-changes/<staff_change_id:int>"
ROUTES = [
    Route("GET", "/staff-changes", listing, "账号变更：重置密码、清除第二重验证、调整角色",
          takes=ChangeQuery, gives=Page[StaffChange], verb=Verb.MANAGE_STAFF),
    Route("POST", "/staff/<staff_id:int>/changes", ask, "提出一项账号变更；由另一位管理员批准后生效",
          takes=NewChange, gives=AskedChange, status=201, creates=True, verb=Verb.MANAGE_STAFF),
    Route("POST", f"{_ONE}/approve", approve, "批准：立即生效，结束其全部登录；重置密码的一次性密码只显示一次",
          gives=ApprovedChange, verb=Verb.APPROVE_STAFF_CHANGE),
    Route("POST", f"{_ONE}/refuse", refuse, "不批准，并写明原因", takes=RefusedChange, gives=Decided, verb=Verb.APPROVE_STAFF_CHANGE),
    Route("POST", f"{_ONE}/withdraw", withdraw, "撤回自己提出的账号变更", gives=Decided, verb=Verb.MANAGE_STAFF),
]  # fmt: skip
