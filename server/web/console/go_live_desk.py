"""上线清单: the page that ticks itself off, the doctor that is asked from it, and what people confirm."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain.go_live import checklist, doctor_runs
from server.domain.go_live.checklist import Mark
from server.domain.go_live.lines import LINES
from server.domain.roles import Verb
from server.web.console import page_base
from server.web.console.auth import Call
from server.web.routes import Route
from server.web.schema import Answer, Input

bp = Blueprint("console_go_live", url_prefix="/console")
MARKS = {
    Mark.DONE: ("good", "已好"),
    Mark.CONFIRM: ("wait", "请确认"),
    Mark.UNKNOWN: ("later", "还没有查"),
    Mark.OPEN: ("bad", "要处理"),
}
LEVELS = {"ok": "ok", "look": "look", "bad": "warn"}


class AskedRun(Answer):
    id: int


class DoctorLine(Answer):
    level: str = Field(description="ok 没有问题，look 须自己核对，bad 要处理")
    title: str
    text: str


class DoctorReport(Answer):
    is_running: bool
    asked_at: datetime | None
    ended_at: datetime | None
    trouble: str
    findings: list[DoctorLine]


class Confirmed(Input):
    note: str = Field(default="", max_length=200, description="例如不收费、备案号")


async def ask(call: Call) -> AskedRun:
    return AskedRun(id=await doctor_runs.ask(call.s, actor=call.actor))


async def report(call: Call) -> DoctorReport:
    good, newer = await doctor_runs.latest()
    run = good or newer
    return DoctorReport(
        is_running=newer is not None and newer.ended_at is None,
        asked_at=run.asked_at if run else None,
        ended_at=run.ended_at if run else None,
        trouble=newer.trouble if newer else "",
        findings=[DoctorLine(**one) for one in good.findings] if good else [],
    )


async def confirm(call: Call, body: Confirmed, line: str) -> None:
    await checklist.confirm(call.s.clock, line, body.note, actor=call.actor)


async def take_back(call: Call, line: str) -> None:
    await checklist.take_back(call.s.clock, line, actor=call.actor)


async def go_live_page(call: Call) -> HTTPResponse:
    it = await checklist.checklist(call.s.clock, actor=call.actor)
    return await page_base.render(
        call,
        "go_live.html",
        title="上线清单",
        nav="/console/go-live",
        it=it,
        total=len(LINES),
        marks=MARKS,
        levels=LEVELS,
        is_running=it.newer is not None and it.newer.ended_at is None,
    )


page_base.mount(bp, "/go-live", go_live_page, Verb.CHECK_UP)

ROUTES = [
    Route("POST", "/doctor-runs", ask, "请求一次体检；在后台进行，结果用 GET 取",
          gives=AskedRun, status=202, verb=Verb.CHECK_UP),
    Route("GET", "/doctor-runs/latest", report, "最近一次体检的结果", gives=DoctorReport, verb=Verb.CHECK_UP),
    Route("POST", "/go-live/<line:str>/confirm", confirm, "确认上线清单里的一项，写下是谁、什么时候",
          takes=Confirmed, status=204, verb=Verb.CHECK_UP),
    Route("POST", "/go-live/<line:str>/take-back", take_back, "收回一项确认", status=204, verb=Verb.CHECK_UP),
]  # fmt: skip
