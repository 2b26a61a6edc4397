"""导出账目: the books between two days as a workbook."""

from __future__ import annotations

from pydantic import Field
from sanic import HTTPResponse

from server.domain.payments import accounts_export
from server.domain.payments.accounts_export import ExportDesk
from server.domain.roles import Verb
from server.web.console.auth import Call
from server.web.console.imports import XLSX
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Day, Input


class ExportQuery(Input):
    from_on: Day = Field(description="从哪天（北京）")
    to_on: Day = Field(description="到哪天，含当天")


async def export(call: Call, query: ExportQuery) -> HTTPResponse:
    s = call.s
    desk = ExportDesk(s.clock, s.workbook_writer, s.settings.issuer)
    data = await accounts_export.workbook(desk, query.from_on, query.to_on, actor=call.actor)
    return download(data, XLSX, f"账目-{query.from_on.isoformat()}-{query.to_on.isoformat()}.xlsx")


ROUTES = [
    Route("GET", "/accounts-export", export, "导出账目（表格），给会计", takes=ExportQuery, gives=XLSX, verb=Verb.RECONCILE),
]  # fmt: skip
