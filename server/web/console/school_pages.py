"""The pages of 院校: the schools, and one with its people, its batches and what is late."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.dossiers import school_dossier
from server.domain.paging import COUNTED
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.web.console import listing, page_base
from server.web.console.auth import Call
from server.web.console.paging import Turning
from server.web.schema import OneOf

bp = Blueprint("console_schools", url_prefix="/console")
NAV = "/console/schools"


class SchoolsPage(Turning):
    q: str | None = Field(default=None, max_length=100, description="院校名称或其中几个字")
    sort: Annotated[str | None, OneOf(school_dossier.SORTS)] = None


async def school_list(call: Call) -> HTTPResponse:
    """All of them; for a school's own account its own page."""
    if is_school(call.actor):
        return await school_page(call, call.actor.school_id or 0)
    wanted = page_base.read(call, SchoolsPage, without=("limit",))
    page = await school_dossier.listing(wanted.q, turn=wanted.turn(school_dossier.SORTS), actor=call.actor)
    count = await school_dossier.count(wanted.q, actor=call.actor)
    return await page_base.render(
        call,
        "schools.html",
        title="院校",
        nav=NAV,
        q=wanted.q or "",
        items=page.items,
        wanted=wanted,
        of=listing.around(
            "schools",
            wanted,
            page,
            total=listing.about(count, COUNTED, "所院校"),
            words={"q": ("院校名称", None)},
            sorts=school_dossier.SORTS,
        ),
    )


async def school_page(call: Call, school_id: int) -> HTTPResponse:
    it = await school_dossier.view(call.s.clock, call.s.keys, school_id, actor=call.actor)
    return await page_base.render(
        call,
        "school.html",
        title=it.name,
        nav=NAV,
        it=it,
        own=is_school(call.actor),
        may_invite=roles.may(call.actor, Verb.INVITE),
        may_see_plans=roles.may(call.actor, Verb.SEE_PLANS),
    )


page_base.mount(bp, "/schools", school_list, Verb.SEE_OFFICERS)
page_base.mount(bp, "/schools/<school_id:int>", school_page, Verb.SEE_OFFICERS)
