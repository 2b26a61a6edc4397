"""门户核对: the national portal's list beside our certificates (S22, S92, S94), over the API and as a page to settle."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.certificates.claims import AUTHORITY
from server.domain.portal_lists import differences_workbook, portal_differences
from server.domain.portal_lists.portal_differences import KINDS, WHAT, PortalDifferenceView, Wanted
from server.domain.roles import Verb
from server.web.console import page_base
from server.web.console.answers import Page
from server.web.console.auth import Call
from server.web.console.imports import XLSX
from server.web.console.paging import Paging
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Answer, Input, OneOf, Whole

bp = Blueprint("console_portal", url_prefix="/console")
NAV = "/console/portal-differences"
PAGE = 50


class PortalQuery(Input):
    kind: Annotated[str | None, OneOf(KINDS)] = Field(default=None, description="哪一种差异")
    plan_id: Whole | None = Field(default=None, description="哪一个考试计划")
    all: bool | None = Field(default=None, description="也要已经处理的")

    @property
    def wanted(self) -> Wanted:
        return Wanted(kind=self.kind, plan_id=self.plan_id, only_open=not self.all)


class PortalListing(Paging, PortalQuery):
    pass


class PortalPage(PortalQuery):
    cursor: Whole | None = None


class PortalNote(Input):
    note: str = Field(
        min_length=portal_differences.SHORTEST_NOTE,
        max_length=portal_differences.LONGEST_NOTE,
        description="怎样处理的",
    )


class PortalField(Answer):
    what: Annotated[str, OneOf(WHAT)]
    label: str
    ours: str = Field(description="本系统的；证件号码只说不同，不显示")
    theirs: str = Field(description="门户的，以它为准")


class PortalDifference(Answer):
    id: int
    kind: Annotated[str, OneOf(KINDS)]
    kind_label: str
    plan_id: int | None
    plan: str
    number: str
    portal_number: str
    fields: list[PortalField]
    found_at: datetime
    settled_at: datetime | None
    settled_by_name: str
    note: str


async def listing(call: Call, query: PortalListing) -> Page[PortalDifference]:
    found = await portal_differences.listing(
        query.wanted, after=query.after, size=query.size, actor=call.actor
    )
    items = [_difference(one) for one in found.items]
    return Page[PortalDifference](items=items, next_cursor=found.next_cursor, before=None)


async def settle(call: Call, body: PortalNote, difference_id: int) -> None:
    await portal_differences.settle(call.s.clock, call.s.faults, difference_id, body.note, actor=call.actor)


async def compare_again(call: Call) -> None:
    await portal_differences.compare_again(call.s.queue, actor=call.actor)


async def export(call: Call, query: PortalQuery) -> HTTPResponse:
    data = await differences_workbook.workbook(
        call.s.clock, call.s.workbook_writer, query.wanted, actor=call.actor
    )
    return download(data, XLSX, "与国家门户的差异.xlsx")


def _difference(one: PortalDifferenceView) -> PortalDifference:
    return PortalDifference(
        id=one.id,
        kind=one.kind,
        kind_label=KINDS[one.kind],
        plan_id=one.plan_id,
        plan=one.plan,
        number=one.number,
        portal_number=one.portal_number,
        fields=[
            PortalField(what=each.what, label=each.label, ours=each.ours, theirs=each.theirs)
            for each in one.fields
        ],
        found_at=one.found_at,
        settled_at=one.settled_at,
        settled_by_name=one.settled_by_name,
        note=one.note,
    )


async def differences_page(call: Call) -> HTTPResponse:
    """What the last list came to, and each difference with what to do."""
    wanted = page_base.read(call, PortalPage)
    found = await portal_differences.listing(
        wanted.wanted, after=wanted.cursor or 0, size=PAGE, actor=call.actor
    )
    chosen = {"kind": wanted.kind, "plan_id": wanted.plan_id, "all": "1" if wanted.all else None}
    return await page_base.render(
        call,
        "portal_differences.html",
        title="门户核对",
        nav=NAV,
        authority=AUTHORITY,
        of=await portal_differences.sums(actor=call.actor),
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address(NAV, chosen.items()),
        export=page_base.address("/console/api/v1/portal-differences/export.xlsx", chosen.items()).rstrip(
            "?&"
        ),
        kinds=KINDS,
        plans=await portal_differences.plans(actor=call.actor),
        wanted=wanted,
        may_bring=roles.may(call.actor, Verb.IMPORT),
        shortest=portal_differences.SHORTEST_NOTE,
        longest=portal_differences.LONGEST_NOTE,
    )


ROUTES = [
    Route("GET", "/portal-differences", listing, "与国家门户的差异", takes=PortalListing, gives=Page[PortalDifference], verb=Verb.SETTLE_PORTAL),
    Route("GET", "/portal-differences/export.xlsx", export, "与国家门户的差异，作为表格；导出记入审计", takes=PortalQuery, gives=XLSX, verb=Verb.SETTLE_PORTAL),
    Route("POST", "/portal-differences/compare", compare_again, "用今天的证书再核对一次，很快完成", status=204, verb=Verb.SETTLE_PORTAL),
    Route("POST", "/portal-differences/<difference_id:int>/settle", settle, "写明一项差异怎样处理", takes=PortalNote, status=204, verb=Verb.SETTLE_PORTAL),
]  # fmt: skip
page_base.mount(bp, "/portal-differences", differences_page, Verb.SETTLE_PORTAL)
