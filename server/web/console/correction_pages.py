"""The pages of 更正: the list, the form with the letter, and one case on which somebody else decides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.corrections import case_views, requesting
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.states import CorrectionState
from server.domain.exams.results import Status
from server.domain.levels import Level
from server.domain.lookups import worklist
from server.domain.paging import COUNTED
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.domain.sealed_files import CONTENT_TYPES, LARGEST
from server.web.console import listing, page_base
from server.web.console.auth import Call
from server.web.console.correction_desk import CorrectionQuery, shown
from server.web.schema import Input, OneOf

bp = Blueprint("console_corrections", url_prefix="/console")
NAV = "/console/corrections"
TONES = {"requested": "wait", "under_way": "now", "done": "good", "refused": "bad", "withdrawn": "later"}


class NewCorrectionPage(Input):
    about: str | None = Field(default=None, max_length=40)
    kind: Annotated[str | None, OneOf(CorrectionKind)] = None


async def correction_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, CorrectionQuery, without=("limit",))
    which = {"state": wanted.state, "kind": wanted.kind}
    found = await case_views.listing(
        call.s.keys, **which, turn=wanted.turn(case_views.SORTS), actor=call.actor
    )
    count = await case_views.count(**which, actor=call.actor)
    return await page_base.render(
        call,
        "corrections.html",
        title="更正",
        nav=NAV,
        items=[shown(one) for one in found.items],
        of=listing.around(
            "corrections",
            wanted,
            found,
            total=listing.about(count, COUNTED, "件更正"),
            words={"kind": ("更正什么", {one.value: one.label for one in CorrectionKind})},
            sorts=case_views.SORTS,
        ),
        states=list(CorrectionState),
        wanted=wanted,
        kinds=list(CorrectionKind),
        tones=TONES,
        own=is_school(call.actor),
        may_ask=roles.may(call.actor, Verb.ASK_CORRECTION),
    )


async def new_correction(call: Call) -> HTTPResponse:
    """The form: whom it is about, what is wrong, what is right, and the letter."""
    wanted = page_base.read(call, NewCorrectionPage)
    return await page_base.render(
        call,
        "correction_new.html",
        title="提出更正",
        nav=NAV,
        wanted=wanted,
        kinds=list(CorrectionKind),
        levels=list(Level),
        statuses=list(Status),
        plans=await worklist.plans(call.s.clock, call.actor),
        shortest=requesting.SHORTEST_REASON,
        longest=requesting.LONGEST_REASON,
        accepted=",".join(CONTENT_TYPES.values()),
        largest=LARGEST,
    )


async def correction_page(call: Call, correction_id: int) -> HTTPResponse:
    """What was and what will be, the letter, the certificates that follow, and what may be done by whom."""
    found = await case_views.view(call.s.keys, correction_id, actor=call.actor)
    may_decide = found.state is CorrectionState.REQUESTED and roles.may(call.actor, Verb.APPROVE_CORRECTION)
    return await page_base.render(
        call,
        "correction.html",
        title=f"更正第 {correction_id} 件",
        nav=NAV,
        it=shown(found),
        is_open=found.state is CorrectionState.REQUESTED,
        by_another=may_decide and not found.may_decide,
        tones=TONES,
    )


page_base.mount(bp, "/corrections", correction_list, Verb.SEE_CORRECTIONS)
page_base.mount(bp, "/corrections/new", new_correction, Verb.ASK_CORRECTION)
page_base.mount(bp, "/corrections/<correction_id:int>", correction_page, Verb.SEE_CORRECTIONS)
