"""The pages of those who watch over it: the audit trail, the accounts, and the characters that cannot be printed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.audit import audit_query
from server.domain.audit.audit_query import AuditRecord
from server.domain.beijing import BEIJING
from server.domain.certificates import rare_characters
from server.domain.dossiers import audit_subjects
from server.domain.lookups import worklist
from server.domain.paging import COUNTED, Page
from server.domain.people import account_list, staff_changes
from server.domain.roles import Role, Verb
from server.errors import Invalid
from server.web.console import accounts, audit_words, listing, page_base
from server.web.console.audit import ACTORS, AuditQuery, shown, wanted_by
from server.web.console.auth import Call
from server.web.schema import Day, Input, OneOf, Whole

bp = Blueprint("console_oversight", url_prefix="/console")


class Cursor(Input):
    cursor: Whole | None = None


class AuditPage(Input):
    cursor: str | None = Field(default=None, max_length=40)
    before: str | None = Field(default=None, max_length=40)
    action: str | None = Field(default=None, max_length=40)
    actor_kind: Annotated[str | None, OneOf(ACTORS)] = None
    actor_name: str | None = Field(default=None, max_length=100)
    number: str | None = Field(default=None, max_length=40)
    subject_kind: str | None = Field(default=None, max_length=20)
    subject_id: str | None = Field(default=None, max_length=40)
    day_from: Day | None = None
    day_to: Day | None = None


WORDS: listing.Words = {
    "action": ("操作", audit_words.ACTIONS),
    "actor_kind": ("身份", audit_words.ACTORS),
    "actor_name": ("姓名", None),
    "number": ("编号", None),
    "subject_kind": ("对象", audit_words.SUBJECTS),
    "subject_id": ("对象编号", None),
    "day_from": ("起", None),
    "day_to": ("止", None),
}
# Where the page of a subject is, and who may open it.
PATHS = {
    "plan": ("/console/plans/", Verb.SEE_PLANS),
    "candidate": ("/console/people/", Verb.SEE_PEOPLE),
    "issuance": ("/console/issuances/", Verb.SEE_ISSUANCES),
    "certificate": ("/console/certificates/", Verb.SEE_CERTIFICATES),
    "import": ("/console/imports/", Verb.SEE_IMPORTS),
    "campaign": ("/console/campaigns/", Verb.SEE_CAMPAIGNS),
    "fee_order": ("/console/orders/", Verb.SEE_MONEY),
    "correction": ("/console/corrections/", Verb.SEE_CORRECTIONS),
}


def _midnight(day: date | None, days: int = 0) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING) + timedelta(days=days) if day else None


async def audit_trail(call: Call) -> HTTPResponse:
    asked = page_base.read(call, AuditPage)
    own = asked.model_dump(exclude={"day_from", "day_to"})
    days = {"since": _midnight(asked.day_from), "until": _midnight(asked.day_to, days=1)}
    query = AuditQuery.model_construct(None, **own, **days, limit=None, actor_id=None)
    problem, total = "", 0
    page: Page[AuditRecord] = Page()
    try:
        wanted = await wanted_by(call, query)
        page = await audit_query.listing(wanted, cursor=query.cursor, before=query.before, actor=call.actor)
        total = await audit_query.total(wanted, actor=call.actor)
    except Invalid as refused:
        problem = refused.errors[0].detail
    names = await audit_subjects.named(
        [(one.subject_kind, one.subject_id) for one in page.items], actor=call.actor
    )
    return await page_base.render(
        call,
        "audit.html",
        title="审计",
        nav="/console/audit",
        wanted=asked,
        problem=problem,
        items=[shown(one) for one in page.items],
        of=listing.around(
            "audit",
            asked,
            page,
            total=listing.about(total, audit_query.COUNTED, "条"),
            words=WORDS,
            export=listing.Export(
                asked={
                    name: value.isoformat() if isinstance(value, datetime) else value
                    for name, value in {**own, **days}.items()
                    if name not in listing.TURNING
                }
            ),
        ),
        actions=audit_words.ACTIONS,
        kinds=audit_words.ACTORS,
        subjects=audit_words.SUBJECTS,
        names=names,
        paths={kind: path for kind, (path, verb) in PATHS.items() if roles.may(call.actor, verb)},
        changes=audit_words.changes,
    )


async def accounts_page(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, accounts.AccountQuery, without=("limit",))
    page = await account_list.page(wanted.wanted, turn=wanted.turn(account_list.SORTS), actor=call.actor)
    count = await account_list.count(wanted.wanted, actor=call.actor)
    return await page_base.render(
        call,
        "accounts.html",
        title="账号",
        nav="/console/accounts",
        items=await accounts.shown(page.items),
        wanted=wanted,
        of=listing.around(
            "accounts",
            wanted,
            page,
            total=listing.about(count, COUNTED, "个账号"),
            words={
                "role": ("角色", {one.value: one.label for one in Role}),
                "active": ("状态", {True: "正常", False: "已停用"}),
                "q": ("用户名、姓名或院校", None),
            },
            sorts=account_list.SORTS,
            export=listing.Export("staff"),
        ),
        waiting=await staff_changes.waiting(call.actor),
        roles=list(Role),
        schools=await worklist.schools(call.actor),
    )


async def rare(call: Call) -> HTTPResponse:
    return await page_base.render(
        call,
        "rare_characters.html",
        title="生僻字",
        nav="/console/rare-characters",
        items=await rare_characters.listing(call.s.pdf_renderer, actor=call.actor),
    )


page_base.mount(bp, "/rare-characters", rare, Verb.IMPORT)
page_base.mount(bp, "/audit", audit_trail, Verb.SEE_AUDIT)
page_base.mount(bp, "/accounts", accounts_page, Verb.MANAGE_STAFF)
