"""院校签发负责人: who there is, invitations, suspension."""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import Field

from server.domain.beijing import rfc3339
from server.domain.lookups import worklist
from server.domain.people import invitation_lists, officer_changes, officer_list, officers, school_contacts
from server.domain.people.officer_list import OfficerView
from server.domain.people.officer_states import OfficerState
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.web.console.answers import Invitation, InvitedLine, InvitedList, Named, Officer, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.h5.officer import invitation_url
from server.web.routes import Route
from server.web.schema import Day, Input, OneOf, Whole


class OfficerQuery(Turning):
    school_id: Whole | None = None
    state: Annotated[str | None, OneOf(OfficerState)] = None
    name: str | None = Field(default=None, max_length=60, description="负责人或院校名称的一部分")
    sort: Annotated[str | None, OneOf(officer_list.SORTS)] = None

    @property
    def wanted(self) -> officer_list.Wanted:
        return officer_list.Wanted(**self.model_dump(exclude={"cursor", "before", "limit", "sort"}))


class NewOfficer(Input):
    school_id: Whole | None = Field(default=None, description="院校账号可不填")
    name: str = Field(min_length=1, max_length=100)
    mobile: str | None = Field(default=None, max_length=30, description="必填：接受邀请时核对后四位")
    until: Day | None = Field(
        default=None, description="代理签发的最后一天（含当天，北京时间）；不填：不定期限"
    )


class NewOfficers(Input):
    list: str = Field(
        min_length=1, max_length=60_000, description="每行一人：院校、姓名、手机号，用制表符或逗号分开"
    )


async def listing(call: Call, query: OfficerQuery) -> Page[Officer]:
    page = await officer_list.listing(
        call.s.clock, call.s.keys, query.wanted, turn=query.turn(officer_list.SORTS), actor=call.actor
    )
    return page_of(Officer, [shown(one) for one in page.items], page.next_cursor, page.before)


def shown(one: OfficerView) -> Officer:
    """The officer as the API answers it, and the page shows it."""
    return Officer(
        id=one.id,
        name=one.name,
        mobile_masked=one.mobile_masked,
        school=Named(id=one.school_id, name=one.school),
        state=one.state.value,
        state_label=one.state.label,
        has_official_account=one.has_official_account,
        has_mini_program=one.has_mini_program,
        has_pin=one.has_pin,
        is_pin_locked=one.is_pin_locked,
        invitation_expires_at=rfc3339(one.invitation_expires_at),
        created_at=rfc3339(one.created_at),
        suspended_at=rfc3339(one.suspended_at),
        until=one.until.isoformat() if one.until else None,
        is_erased=one.is_erased,
    )


async def invite_list(call: Call, body: NewOfficers) -> InvitedList:
    lines = await invitation_lists.invite_all(call.s.clock, call.s.keys, body.list, actor=call.actor)
    refused = sum(not one.token for one in lines)
    items = [_line(call, one) for one in lines]
    return InvitedList(items=items, done=len(lines) - refused, refused=refused)


def _line(call: Call, one: invitation_lists.Line) -> InvitedLine:
    return InvitedLine(
        row=one.row,
        school=one.school,
        name=one.name,
        url=invitation_url(call.s.settings.public_url, one.token) if one.token else "",
        expires_at=one.expires_at,
        code=one.code,
        detail=one.detail,
    )


async def invite(call: Call, body: NewOfficer) -> Invitation:
    school_id = body.school_id or call.actor.school_id
    if school_id is None:
        raise Invalid(errors=[FieldError("/school_id", "missing", "请选择负责人所在的院校。")])
    return _invited(
        call,
        await officers.invite(
            call.s.clock,
            call.s.keys,
            school_id,
            body.name,
            body.mobile or "",
            until=body.until,
            actor=call.actor,
        ),
    )


def _invited(call: Call, invitation: officers.Invitation) -> Invitation:
    """The link, which is shown this once, and its QR."""
    url = invitation_url(call.s.settings.public_url, invitation.token)
    png = base64.b64encode(call.s.pdf_renderer.qr_png(url)).decode()
    return Invitation(
        id=invitation.officer_id,
        url=url,
        png=f"data:image/png;base64,{png}",
        expires_at=invitation.expires_at,
    )


async def resend(call: Call, officer_id: int) -> Invitation:
    return _invited(call, await officers.resend(call.s.clock, officer_id, actor=call.actor))


async def reset_pin(call: Call, officer_id: int) -> Invitation:
    return _invited(call, await officers.reset_pin(call.s.clock, officer_id, actor=call.actor))


async def withdraw(call: Call, officer_id: int) -> None:
    await officers.withdraw(call.s.clock, officer_id, actor=call.actor)


async def confirm(call: Call, officer_id: int) -> None:
    await officers.confirm(call.s.clock, call.s.queue, officer_id, actor=call.actor)


async def resume(call: Call, officer_id: int) -> None:
    await officers.resume(call.s.clock, call.s.queue, officer_id, actor=call.actor)


async def suspend(call: Call, officer_id: int) -> None:
    await officers.suspend(call.s.clock, call.s.event_bus, officer_id, actor=call.actor)


class ChangedOfficer(Input):
    name: str = Field(min_length=1, max_length=100)
    mobile: str | None = Field(default=None, max_length=30, description="不填：不变")
    until: Day | None = Field(default=None, description="代理签发的最后一天；不填：不定期限")
    reason: str = Field(min_length=1, max_length=300, description="缘由，记入审计")


async def change(call: Call, body: ChangedOfficer, officer_id: int) -> None:
    to = officer_changes.Particulars(**body.model_dump(exclude={"reason"}))
    s = call.s
    await officer_changes.change(s.clock, s.keys, officer_id, to, body.reason, actor=call.actor)


class Contact(Input):
    contact: str | None = Field(
        default=None,
        max_length=100,
        description="考生怎样联系学校办理考试的部门，例如“教务处 010-12345678”；空：没有",
    )


async def set_contact(call: Call, body: Contact, school_id: int) -> None:
    await school_contacts.set_contact(call.s.clock, school_id, body.contact or "", actor=call.actor)


async def schools(call: Call) -> Page[Named]:
    return page_of(Named, await worklist.schools(call.actor))


_ONE = "/officers/<officer_id:int>"
ROUTES = [
    Route("GET", "/officers", listing, "院校签发负责人", takes=OfficerQuery, gives=Page[Officer], verb=Verb.SEE_OFFICERS),
    Route("POST", "/officers", invite, "邀请一位负责人（邀请链接只显示一次）",
          takes=NewOfficer, gives=Invitation, status=201, creates=True, verb=Verb.INVITE),
    Route("POST", "/officers/invitations", invite_list, "按名单邀请多位负责人，逐行给出结果（邀请链接只显示一次）",
          takes=NewOfficers, gives=InvitedList, status=201, creates=True, verb=Verb.INVITE),
    Route("POST", f"{_ONE}/resend", resend, "重发邀请：旧链接失效，新链接只显示一次", gives=Invitation, status=201, verb=Verb.INVITE),
    Route("POST", f"{_ONE}/change", change, "修改负责人的姓名、手机号和代理期限，写明缘由", takes=ChangedOfficer, status=204, verb=Verb.INVITE),
    Route("POST", f"{_ONE}/withdraw", withdraw, "撤回还没有被接受的邀请", status=204, verb=Verb.SUSPEND),
    Route("POST", f"{_ONE}/confirm", confirm, "确认一位负责人，之后才能签发", status=204, verb=Verb.CONFIRM),
    Route("POST", f"{_ONE}/reset-pin", reset_pin, "重置签发密码：给出只有本人微信能用的新链接", gives=Invitation, status=201, verb=Verb.INVITE),
    Route("POST", f"{_ONE}/resume", resume, "恢复一位已停用的负责人，需再次确认", status=204, verb=Verb.INVITE),
    Route("POST", f"{_ONE}/suspend", suspend, "停用一位负责人，立即生效", status=204, verb=Verb.SUSPEND),
    Route("POST", "/schools/<school_id:int>/contact", set_contact, "填写院校的联系方式，考生在手机上看得到",
          takes=Contact, status=204, verb=Verb.INVITE),
    Route("GET", "/schools", schools, "可选择的院校", gives=Page[Named], verb=Verb.SEE_OFFICERS),
]  # fmt: skip
