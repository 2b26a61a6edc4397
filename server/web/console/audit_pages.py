"""The pages of those who watch over it: the audit trail, the accounts, and the characters that cannot be printed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain.audit import audit_query
from server.domain.audit.audit_query import Wanted
from server.domain.beijing import BEIJING
from server.domain.certificates import rare_characters
from server.domain.lookups import worklist
from server.domain.people import staff, staff_changes
from server.domain.roles import Role, Verb
from server.web.console import accounts, audit_words, page_base
from server.web.console.audit import ACTORS, shown
from server.web.console.auth import Call
from server.web.console.paging import PAGE, cut
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_oversight", url_prefix="/console")


class Cursor(Input):
    cursor: Whole | None = None


class AuditPage(Cursor):
    action: str | None = Field(default=None, max_length=40)
    actor_kind: Annotated[str | None, OneOf(ACTORS)] = None
    actor_name: str | None = Field(default=None, max_length=100)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _midnight(day: date | None, days: int = 0) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING) + timedelta(days=days) if day else None


async def audit_trail(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, AuditPage)
    args = call.request.args
    first, last = _day(args.get("from")), _day(args.get("to"))
    days = {"from": first and first.isoformat(), "to": last and last.isoformat()}
    rows = await audit_query.listing(
        Wanted(
            **wanted.model_dump(exclude={"cursor"}), since=_midnight(first), until=_midnight(last, days=1)
        ),
        after=wanted.cursor or 0,
        limit=PAGE + 1,
        actor=call.actor,
    )
    page, next_cursor = cut(rows, PAGE)
    return await page_base.render(
        call,
        "audit.html",
        title="审计",
        nav="/console/audit",
        wanted=wanted,
        day_from=days["from"] or "",
        day_to=days["to"] or "",
        items=[shown(one) for one in page],
        next_cursor=next_cursor,
        more_base=page_base.address("/console/audit", [*wanted, *days.items()]),
        actions=audit_words.ACTIONS,
        kinds=audit_words.ACTORS,
        subjects=audit_words.SUBJECTS,
        changes=audit_words.changes,
    )


async def account_list(call: Call) -> HTTPResponse:
    after = page_base.read(call, Cursor).cursor or 0
    page, next_cursor = cut(await staff.listing(after, PAGE + 1), PAGE)
    return await page_base.render(
        call,
        "accounts.html",
        title="账号",
        nav="/console/accounts",
        items=await accounts.shown(page),
        next_cursor=next_cursor,
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
page_base.mount(bp, "/accounts", account_list, Verb.MANAGE_STAFF)
