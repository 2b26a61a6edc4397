"""Spreadsheets in: hand one in, watch it, fetch the annotated workbook."""

from __future__ import annotations

from sanic import HTTPResponse

from server.domain import imports
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.web.console import responses
from server.web.console.auth import Call
from server.web.console.openapi import page_of, thing
from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Choice, Flag, Lists, Text, Whole

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = ("candidates", "scores", "practice", "portal")
NAMES = Lists(
    kinds={kind: f"{label}的名称" for kind, label in imports.LABELS.items()},
    required=False,
    help='确认新建的名称，如 {"plans": ["…"]}；不在这里的未知名称，所在的行不会写入',
)
FORM = {
    "kind": Choice(
        values=KINDS, help="candidates 考生信息 · scores 成绩 · practice 实践学时 · portal 门户证书编号"
    ),
    "dry_run": Flag(required=False, help="只检查，不写入"),
    "all_or_nothing": Flag(required=False, help="有一行错误就整份不写入"),
    "create": NAMES,
}
PAGING = {
    "cursor": Text(longest=40, required=False, help="上一页的 next_cursor"),
    "limit": Whole(least=1, most=responses.MOST, required=False, help="每页行数，默认50"),
}
LISTING = {**PAGING, "open_only": Flag(required=False, help="不列出已写入、已重新检查或已清理的检查")}
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
            "description": "row、column、code、detail、value（证件号码和手机号已遮掩）",
        },
        **{
            name: {"type": "integer"}
            for name in (
                "rows_total",
                "rows_taken",
                "rows_new",
                "rows_changed",
                "rows_unchanged",
                "rows_refused",
                "rows_skipped",
            )
        },
        "differences": {
            "type": "array",
            "items": {"type": "object"},
            "description": "改动的行（至多 2000 行）：row、who、changes: [{what, was, became}]、is_grave（不再通过）",
        },
        "asked": {
            "type": "object",
            "description": "要确认的未知名称，按 plans、schools、sites：[{name, rows, first_row, like}]",
        },
        "can_take": {"type": "boolean", "description": "这次检查可以用 POST …/take 写入"},
        "taken_by": {"type": "integer", "nullable": True, "description": "由哪一次导入写入了"},
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
        wish=imports.Wish(
            dry_run=bool(call.body["dry_run"]),
            all_or_nothing=bool(call.body["all_or_nothing"]),
            creating=imports.Names.of(call.body["create"]),
        ),
        actor=call.actor,
    )
    return responses.json({"id": run.id}, status=202)


async def listing(call: Call) -> HTTPResponse:
    cursor = responses.after(call.query["cursor"]) or None
    found = await imports.listing(
        call.s,
        cursor=cursor,
        limit=call.query["limit"] or responses.PAGE,
        open_only=bool(call.query["open_only"]),
        actor=call.actor,
    )
    following = found["next_cursor"]
    return responses.json({**found, "next_cursor": str(following) if following else None})


async def show(call: Call) -> HTTPResponse:
    return responses.json(await imports.view(call.s, call.path["import_id"], actor=call.actor))


async def take_in(call: Call) -> HTTPResponse:
    run = await imports.take_in(call.s, call.path["import_id"], actor=call.actor)
    return responses.json({"id": run.id}, status=202)


async def check_again(call: Call) -> HTTPResponse:
    names = imports.Names.of(call.body["create"])
    run = await imports.check_again(call.s, call.path["import_id"], names, actor=call.actor)
    return responses.json({"id": run.id}, status=202)


async def report(call: Call) -> HTTPResponse:
    import_id = call.path["import_id"]
    data = await imports.report(call.s, import_id, actor=call.actor)
    name = (await imports.view(call.s, import_id, actor=call.actor))["file_name"]
    return responses.download(data, XLSX, imports.report_name(name))


async def template(call: Call) -> HTTPResponse:
    kind = call.query["kind"]
    return responses.download(
        await imports.template(call.s.workbook_writer, kind), XLSX, imports.template_name(kind)
    )


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
        query=LISTING,
        gives=page_of(RUN),
    ),
    Route(
        method="GET",
        path="/imports/template.xlsx",
        handler=template,
        verb=Verb.SEE_IMPORTS,
        summary="空白模板和填写说明",
        query={"kind": FORM["kind"]},
        content=XLSX,
    ),
    Route(
        method="GET",
        path="/imports/<import_id:int>",
        handler=show,
        verb=Verb.SEE_IMPORTS,
        summary="一次导入：进度、计数、全部错误、改动与要确认的名称",
        gives=RUN,
    ),
    Route(
        method="POST",
        path="/imports/<import_id:int>/take",
        handler=take_in,
        verb=Verb.IMPORT,
        summary="按检查时的设置写入一次检查；重复请求得到同一次导入",
        gives=thing(id="integer"),
        status=202,
    ),
    Route(
        method="POST",
        path="/imports/<import_id:int>/check",
        handler=check_again,
        verb=Verb.IMPORT,
        summary="确认新建所列的名称，并重新检查同一文件",
        body={"create": NAMES},
        gives=thing(id="integer"),
        status=202,
        creates=True,
    ),
    Route(
        method="GET",
        path="/imports/<import_id:int>/report.xlsx",
        handler=report,
        verb=Verb.IMPORT,
        summary="有错误的行、改动和计数；下载记入审计",
        content=XLSX,
    ),
]
