"""Spreadsheets in: hand one in, watch it, fetch the annotated workbook."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain import imports
from server.domain.people.roles import Verb
from server.doors.console import answers
from server.doors.console.documents import page_of, thing
from server.doors.console.entry import Call
from server.doors.console.fields import Choice, Flag, Text, Whole
from server.doors.console.routes import OpenRoute, Route
from server.errors import FieldError, Invalid

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = ("candidates", "scores", "practice", "portal")
FORM = {
    "kind": Choice(
        values=KINDS, help="candidates 考生信息 · scores 成绩 · practice 实践学时 · portal 门户证书编号"
    ),
    "dry_run": Flag(required=False, help="只检查，不写入"),
    "all_or_nothing": Flag(required=False, help="有一行错误就整份不写入"),
}
PAGING = {
    "cursor": Text(longest=40, required=False, help="上一页的 next_cursor"),
    "limit": Whole(least=1, most=answers.MOST, required=False, help="每页行数，默认50"),
}
RUN = {
    "type": "object",
    "required": ["id", "kind", "state"],
    "properties": {
        "id": {"type": "integer"},
        "kind": {"type": "string"},
        "state": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object"},
            "description": "row、column、code、detail",
        },
    },
}


async def submit(call: Call) -> HTTPResponse:
    file = call.request.files.get("file") if call.request.files else None
    if file is None:
        raise Invalid(errors=[FieldError("/file", "missing", "请选择要导入的文件。")])
    run = await imports.submit(
        call.s,
        call.body["kind"],
        file.name or "",
        file.body,
        dry_run=bool(call.body["dry_run"]),
        all_or_nothing=bool(call.body["all_or_nothing"]),
        actor=call.actor,
    )
    return answers.json({"id": run.id}, status=202)


async def listing(call: Call) -> HTTPResponse:
    cursor = answers.after(call.query["cursor"]) or None
    found = await imports.listing(call.s, cursor=cursor, limit=call.query["limit"] or answers.PAGE)
    following = found["next_cursor"]
    return answers.json({**found, "next_cursor": str(following) if following else None})


async def show(call: Call) -> HTTPResponse:
    return answers.json(await imports.view(call.s, call.path["import_id"]))


async def report(call: Call) -> HTTPResponse:
    import_id = call.path["import_id"]
    data = await imports.report(call.s, import_id)
    name = (await imports.view(call.s, import_id))["file_name"]
    return answers.download(data, XLSX, imports.report_name(name))


ROUTES: list[Route | OpenRoute] = [
    Route(
        method="POST",
        path="/imports",
        handler=submit,
        verb=Verb.IMPORT,
        summary="导入一份表格",
        form=FORM,
        gives=thing(id="integer"),
        status=202,
        creates=True,
    ),
    Route(
        method="GET",
        path="/imports",
        handler=listing,
        verb=Verb.SEE_IMPORTS,
        summary="导入记录",
        query=PAGING,
        gives=page_of(RUN),
    ),
    Route(
        method="GET",
        path="/imports/<import_id:int>",
        handler=show,
        verb=Verb.SEE_IMPORTS,
        summary="一次导入：进度、计数与全部错误",
        gives=RUN,
    ),
    Route(
        method="GET",
        path="/imports/<import_id:int>/report.xlsx",
        handler=report,
        verb=Verb.SEE_IMPORTS,
        summary="标注了错误的表格",
        content=XLSX,
    ),
]
