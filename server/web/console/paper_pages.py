"""The pages of 印制与寄送: what waits to be printed, the runs, one run with its sheets and parcel, and the slip."""

from __future__ import annotations

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.paging import COUNTED
from server.domain.paper import paper_views, parcels, print_file
from server.domain.paper.states import AT_HOME, STEPS, PaperState
from server.domain.paper.stock import MOST
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.web import templating
from server.web.console import listing, page_base
from server.web.console.auth import Call
from server.web.console.paper_desk import PaperRunQuery, in_full, sheet, shown
from server.web.schema import Input, Whole

bp = Blueprint("console_paper", url_prefix="/console")
NAV = "/console/paper"
SHEETS = 100
TONES = {
    "printing": "now",
    "printed": "wait",
    "handed": "wait",
    "sent": "now",
    "received": "good",
    "cancelled": "later",
}


class PaperRunPage(Input):
    cursor: Whole | None = None
    slip: str | None = Field(default=None, max_length=40)


class NewPaperPage(Input):
    issuance_id: Whole | None = None


async def paper_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, PaperRunQuery, without=("limit",))
    which = {"state": wanted.state, "school": wanted.school}
    found = await paper_views.listing(
        call.s.clock, **which, turn=wanted.turn(paper_views.SORTS), actor=call.actor
    )
    count = await paper_views.count(**which, actor=call.actor)
    may_handle = roles.may(call.actor, Verb.HANDLE_PAPER)
    return await page_base.render(
        call,
        "paper.html",
        title="印制与寄送",
        nav=NAV,
        items=[shown(one) for one in found.items],
        of=listing.around(
            "paper",
            wanted,
            found,
            total=listing.about(count, COUNTED, "次印制"),
            words={"school": ("院校", None)},
            sorts=paper_views.SORTS,
            export=listing.Export("paper-runs"),
        ),
        waiting=await paper_views.waiting(call.s.clock, actor=call.actor) if may_handle else [],
        waiting_shown=paper_views.WAITING_SHOWN,
        states=list(PaperState),
        state=wanted.state,
        wanted=wanted,
        tones=TONES,
        own=is_school(call.actor),
        may_handle=may_handle,
    )


async def paper_new(call: Call) -> HTTPResponse:
    """The form that gives a range of blank sheets to a batch."""
    wanted = page_base.read(call, NewPaperPage)
    return await page_base.render(
        call, "paper_new.html", title="开始印制", nav=NAV, issuance_id=wanted.issuance_id, most=MOST
    )


async def paper_run(call: Call, paper_run_id: int) -> HTTPResponse:
    """One run: what may be done now, the sheets, the parcel's way."""
    wanted = page_base.read(call, PaperRunPage)
    found = await paper_views.view(call.s.clock, paper_run_id, actor=call.actor)
    page = await paper_views.sheets(paper_run_id, cursor=wanted.cursor, limit=SHEETS, actor=call.actor)
    state, may_handle = found.run.state, roles.may(call.actor, Verb.HANDLE_PAPER)
    may_receive = roles.may(call.actor, Verb.RECEIVE_PAPER)
    steps = {name for name, step in STEPS.items() if state in step.sources}
    return await page_base.render(
        call,
        "paper_run.html",
        title=f"印制第 {paper_run_id} 次",
        nav=NAV,
        it=in_full(found),
        sheets=[sheet(one) for one in page.items],
        next_cursor=page.next_cursor,
        more_base=f"{NAV}/{paper_run_id}?",
        steps={one for one in steps if (may_receive if one == "receive" else may_handle)},
        at_home=may_handle and state in AT_HOME,
        parts=print_file.parts_of(found.run),
        at_once=print_file.AT_ONCE,
        couriers=parcels.COURIERS,
        slip=wanted.slip or "",
        tones=TONES,
        own=is_school(call.actor),
    )


async def paper_slip(call: Call, paper_run_id: int) -> HTTPResponse:
    """The slip to print and put into the parcel: whoever takes it scans it."""
    code = await print_file.slip_code(paper_run_id, actor=call.actor)
    found = await paper_views.view(call.s.clock, paper_run_id, actor=call.actor)
    return await templating.render(
        call.request,
        "console/paper_slip.html",
        title=f"交接单-第{paper_run_id}次印制",
        it=in_full(found),
        code=f"{code[:5]}-{code[5:]}",
    )


page_base.mount(bp, "/paper", paper_list, Verb.SEE_PAPER)
page_base.mount(bp, "/paper/new", paper_new, Verb.HANDLE_PAPER)
page_base.mount(bp, "/paper/<paper_run_id:int>", paper_run, Verb.SEE_PAPER)
page_base.mount(bp, "/paper/<paper_run_id:int>/slip", paper_slip, Verb.HANDLE_PAPER)
