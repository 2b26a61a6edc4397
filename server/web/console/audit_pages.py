"""The pages of those who watch over it: the audit trail, the accounts, and the characters that cannot be printed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sanic import Blueprint, HTTPResponse

from server.domain.audit import audit_query
from server.domain.audit.audit_query import Wanted
from server.domain.beijing import BEIJING
from server.domain.certificates import rare_characters
from server.domain.lookups import worklist
from server.domain.people import staff
from server.domain.roles import Role, Verb
from server.web.console import audit, page_base, responses, wording
from server.web.console.auth import Call
from server.web.console.schema import Text, Whole

bp = Blueprint("console_oversight", url_prefix="/console")


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2200 else None


def _midnight(day: date | None, days: int = 0) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING) + timedelta(days=days) if day else None


async def audit_trail(call: Call) -> HTTPResponse:
    shape = {name: audit.FILTERS[name] for name in ("action", "actor_kind", "actor_name")}
    wanted = page_base.read(call, {**shape, "from": Text(longest=10), "to": Text(longest=10)})
    first, last = _day(wanted["from"]), _day(wanted["to"])
    after = page_base.read(call, {"cursor": Whole()})["cursor"] or 0
    rows = await audit_query.listing(
        Wanted(
            action=wanted["action"],
            actor_kind=wanted["actor_kind"],
            actor_name=wanted["actor_name"],
            since=_midnight(first),
            until=_midnight(last, days=1),
        ),
        after=after,
        limit=responses.PAGE + 1,
        actor=call.actor,
    )
    shown = responses.page(rows, responses.PAGE)
    return await page_base.render(
        call,
        "audit.html",
        title="审计",
        nav="/console/audit",
        wanted=wanted,
        day_from=first.isoformat() if first else "",
        day_to=last.isoformat() if last else "",
        items=shown["items"],
        next_cursor=shown["next_cursor"],
        more_base=page_base.address("/console/audit", wanted),
        actions=audit_query.LABELS,
        kinds=wording.ACTORS,
        subjects=wording.SUBJECTS,
        changes=wording.changes,
    )


async def accounts(call: Call) -> HTTPResponse:
    after = page_base.read(call, {"cursor": Whole()})["cursor"] or 0
    shown = responses.page(await staff.listing(after, responses.PAGE + 1), responses.PAGE)
    return await page_base.render(
        call,
        "accounts.html",
        title="账号",
        nav="/console/accounts",
        items=shown["items"],
        next_cursor=shown["next_cursor"],
        roles=list(Role),
        schools=await worklist.schools(call.actor),
    )


async def rare(call: Call) -> HTTPResponse:
    return await page_base.render(
        call,
        "rare_characters.html",
        title="生僻字",
        nav="/console/rare-characters",
        items=await rare_characters.listing(call.s, actor=call.actor),
    )


page_base.mount(bp, "/rare-characters", rare, Verb.IMPORT)
page_base.mount(bp, "/audit", audit_trail, Verb.SEE_AUDIT)
page_base.mount(bp, "/accounts", accounts, Verb.MANAGE_STAFF)
