"""纸质证书 (S91): print runs, their numbered sheets and the parcel's way to the school."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field
from sanic import HTTPResponse

from server.domain.paper import paper_views, parcels, print_file, print_runs
from server.domain.paper.paper_views import RunInFull, RunView
from server.domain.paper.states import PaperState
from server.domain.roles import Verb
from server.web.console.answers import Decided, Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Paging, Turning, page_of
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Answer, Input, OneOf, Whole, plain


class PaperRun(Answer):
    id: int
    issuance_id: int
    state: str
    state_label: str
    school: str
    plan: str
    level: str
    level_label: str
    first: str = Field(description="首张纸张编号")
    last: str = Field(description="末张纸张编号")
    sheets: int = Field(description="这一段的张数，等于 used、spoiled、left 之和")
    used: int
    spoiled: int
    left: int
    left_out: int = Field(description="开始印制时已撤销或已更正换发、没有印的证书")
    holder: str
    courier: str
    tracking_number: str
    created_by: str
    created_at: datetime
    due_on: date = Field(description="最晚寄出的一天：发放后第 5 个工作日")
    is_late: bool
    sent_at: datetime | None
    received_at: datetime | None
    received_count: int | None
    difference_note: str
    cancel_reason: str


class PaperHand(Answer):
    label: str
    from_name: str
    to_name: str
    at: datetime


class PaperLeftOut(Answer):
    number: str
    state: str
    state_label: str


class PaperRunInFull(PaperRun):
    hands: list[PaperHand]
    not_printed: list[PaperLeftOut] = Field(description="没有印的证书，最多 50 份")


class PaperSheet(Answer):
    serial: str
    state: str
    state_label: str
    certificate: str
    certificate_state: str
    certificate_state_label: str
    spoiled_reason: str
    spoiled_by: str
    spoiled_at: datetime | None


class Respoiled(Answer):
    in_its_place: str | None = Field(description="换用的下一张；证书已不是有效的，不换，为 null")


class PaperRunQuery(Turning):
    state: Annotated[str | None, OneOf(PaperState)] = None
    school: str | None = Field(default=None, max_length=100, description="院校名称或其中几个字")
    sort: Annotated[str | None, OneOf(paper_views.SORTS)] = None


class NewPaperRun(Input):
    issuance_id: Whole
    first: str = Field(min_length=1, max_length=40, description="首张空白纸张的编号")
    last: str = Field(min_length=1, max_length=40, description="末张空白纸张的编号，含备用的")


class MoreSheets(Input):
    last: str = Field(min_length=1, max_length=40, description="新的末张纸张编号")


class SpoiledSheet(Input):
    serial: str = Field(min_length=1, max_length=40, description="作废的纸张编号")
    reason: str = Field(min_length=1, max_length=300)


class PaperCancel(Input):
    reason: str = Field(min_length=1, max_length=300)


class SlipRead(Input):
    slip: str = Field(min_length=1, max_length=40, description="交接单上的交接码")


class Sent(Input):
    courier: str = Field(min_length=1, max_length=20, description="快递公司，如顺丰速运、EMS")
    tracking_number: str = Field(min_length=1, max_length=60, description="快递单号")


class Received(Input):
    slip: str = Field(min_length=1, max_length=40, description="包裹里交接单上的交接码")
    count: int = Field(ge=0, le=99_999, description="清点到的张数")
    note: str = Field(default="", max_length=300, description="与寄出的张数不同时必填")


class PrintQuery(Input):
    part: int = Field(default=1, ge=1, le=200, description="第几份文件，每份最多 50 张")
    serial: str | None = Field(default=None, max_length=40, description="只要这一张")


async def listing(call: Call, query: PaperRunQuery) -> Page[PaperRun]:
    page = await paper_views.listing(
        call.s.clock,
        state=query.state,
        school=query.school,
        turn=query.turn(paper_views.SORTS),
        actor=call.actor,
    )
    return page_of(PaperRun, [shown(one) for one in page.items], page.next_cursor, page.before)


async def begin(call: Call, body: NewPaperRun) -> Id:
    return Id(id=await print_runs.begin(call.s, body.issuance_id, body.first, body.last, actor=call.actor))


async def one(call: Call, paper_run_id: int) -> PaperRunInFull:
    return in_full(await paper_views.view(call.s.clock, paper_run_id, actor=call.actor))


async def sheets(call: Call, query: Paging, paper_run_id: int) -> Page[PaperSheet]:
    page = await paper_views.sheets(
        paper_run_id, cursor=query.after or None, limit=query.size, actor=call.actor
    )
    return page_of(PaperSheet, [sheet(one) for one in page.items], page.next_cursor, page.before)


async def print_pdf(call: Call, query: PrintQuery, paper_run_id: int) -> HTTPResponse:
    data = await print_file.sheets_pdf(
        call.s, paper_run_id, part=query.part, serial=query.serial or "", actor=call.actor
    )
    which = query.serial or f"第{query.part}部分"
    return download(data, "application/pdf", f"印制-{paper_run_id}-{which}.pdf")


async def slip(call: Call, paper_run_id: int) -> HTTPResponse:
    data = await print_file.slip_qr(call.s, paper_run_id, actor=call.actor)
    return HTTPResponse(data, content_type="image/png", headers={"cache-control": "no-store"})


async def extend(call: Call, body: MoreSheets, paper_run_id: int) -> None:
    await print_runs.extend(call.s, paper_run_id, body.last, actor=call.actor)


async def spoil(call: Call, body: SpoiledSheet, paper_run_id: int) -> Respoiled:
    anew = await print_runs.spoil(call.s, paper_run_id, body.serial, body.reason, actor=call.actor)
    return Respoiled(in_its_place=anew)


async def finish(call: Call, paper_run_id: int) -> Decided:
    return Decided(state=(await print_runs.finish(call.s, paper_run_id, actor=call.actor)).value)


async def cancel(call: Call, body: PaperCancel, paper_run_id: int) -> Decided:
    state = await print_runs.cancel(call.s, paper_run_id, body.reason, actor=call.actor)
    return Decided(state=state.value)


async def hand_over(call: Call, body: SlipRead, paper_run_id: int) -> Decided:
    return Decided(state=(await parcels.hand_over(call.s, paper_run_id, body.slip, actor=call.actor)).value)


async def send(call: Call, body: Sent, paper_run_id: int) -> Decided:
    state = await parcels.send(call.s, paper_run_id, body.courier, body.tracking_number, actor=call.actor)
    return Decided(state=state.value)


async def receive(call: Call, body: Received, paper_run_id: int) -> Decided:
    state = await parcels.receive(call.s, paper_run_id, body.slip, body.count, body.note, actor=call.actor)
    return Decided(state=state.value)


def shown(of: RunView) -> PaperRun:
    """A run as the API answers it, and the pages show it."""
    return PaperRun(**plain(of))


def in_full(of: RunInFull) -> PaperRunInFull:
    """One run with its parcel's way."""
    return PaperRunInFull(
        **plain(of.run),
        hands=[PaperHand(**plain(each)) for each in of.hands],
        not_printed=[PaperLeftOut(**plain(each)) for each in of.left_out],
    )


def sheet(of: paper_views.SheetView) -> PaperSheet:
    return PaperSheet(**plain(of))


_ONE = "/paper-runs/<paper_run_id:int>"
ROUTES = [
    Route("GET", "/paper-runs", listing, "纸质证书的印制与寄送", takes=PaperRunQuery, gives=Page[PaperRun], verb=Verb.SEE_PAPER),
    Route("POST", "/paper-runs", begin, "开始印制：已发放批次的有效证书按编号顺序各用一张纸", takes=NewPaperRun, gives=Id, status=201, creates=True, verb=Verb.HANDLE_PAPER),
    Route("GET", _ONE, one, "一次印制和它的包裹", gives=PaperRunInFull, verb=Verb.SEE_PAPER),
    Route("GET", f"{_ONE}/sheets", sheets, "纸张编号与证书编号", takes=Paging, gives=Page[PaperSheet], verb=Verb.SEE_PAPER),
    Route("GET", f"{_ONE}/sheets.pdf", print_pdf, "印刷文件：按纸张顺序，每页一份证书；每次下载都记入审计", takes=PrintQuery, gives="application/pdf", verb=Verb.HANDLE_PAPER),
    Route("GET", f"{_ONE}/slip.png", slip, "交接单上的二维码", gives="image/png", verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/extend", extend, "增加纸张：接着原来的一段", takes=MoreSheets, status=204, verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/spoil", spoil, "登记作废纸张，证书改用下一张", takes=SpoiledSheet, gives=Respoiled, verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/finish", finish, "印制完成", gives=Decided, verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/cancel", cancel, "取消还没有印的印制", takes=PaperCancel, gives=Decided, verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/hand-over", hand_over, "接收包裹：凭交接单上的交接码", takes=SlipRead, gives=Decided, verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/send", send, "寄出：快递公司和单号", takes=Sent, gives=Decided, verb=Verb.HANDLE_PAPER),
    Route("POST", f"{_ONE}/receive", receive, "院校确认签收和清点的张数", takes=Received, gives=Decided, verb=Verb.RECEIVE_PAPER),
]  # fmt: skip
