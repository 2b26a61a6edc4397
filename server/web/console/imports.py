"""Spreadsheets in: hand one in, watch it, fetch the annotated workbook."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from sanic import HTTPResponse

from server.domain import imports
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.web.console import import_answers
from server.web.console.answers import Id, ImportRun, ImportSummary, Page
from server.web.console.auth import Call
from server.web.console.paging import Paging, page_of
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Input, OneOf

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = ("candidates", "scores", "practice", "portal")
_KIND = "candidates 考生信息 · scores 成绩 · practice 实践学时 · portal 门户证书编号"
_CREATE = '确认新建的名称，如 {"plans": ["…"]}；不在这里的未知名称，所在的行不会写入'
_MOST_NAMES = 5000
Kind = Annotated[str, OneOf(KINDS)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Names(Input):
    """Names that are confirmed to be new, by kind. In a form they are written as JSON."""

    told_as: ClassVar = (
        "not_lists",
        f"这里应为对象，只能有这些项：{'、'.join(imports.LABELS)}；每一项是文字的列表，最多{_MOST_NAMES}个。",
    )
    plans: list[Name] | None = Field(default=None, max_length=_MOST_NAMES, description="考试计划的名称")
    schools: list[Name] | None = Field(default=None, max_length=_MOST_NAMES, description="院校的名称")
    sites: list[Name] | None = Field(default=None, max_length=_MOST_NAMES, description="考核站点的名称")


class Again(Input):
    create: Names | None = Field(default=None, description=_CREATE)

    @property
    def names(self) -> imports.Names:
        return imports.Names.of(self.create.model_dump(exclude_none=True) if self.create else None)


class NewImport(Again):
    kind: Kind = Field(description=_KIND)
    dry_run: bool | None = Field(default=None, description="只检查，不写入")
    all_or_nothing: bool | None = Field(default=None, description="有一行错误就整份不写入")


class ImportQuery(Paging):
    open_only: bool | None = Field(default=None, description="不列出已写入、已重新检查或已清理的检查")


class TemplateQuery(Input):
    kind: Kind = Field(description=_KIND)


async def submit(call: Call, form: NewImport) -> Id:
    file = call.request.files.get("file") if call.request.files else None
    if file is None:
        raise Invalid(errors=[FieldError("/file", "missing", "请选择要导入的文件。")])
    import_id = await imports.submit(
        call.s,
        form.kind,
        file.name or "",
        file.body,
        wish=imports.Wish(
            dry_run=bool(form.dry_run), all_or_nothing=bool(form.all_or_nothing), creating=form.names
        ),
        actor=call.actor,
    )
    return Id(id=import_id)


async def listing(call: Call, query: ImportQuery) -> Page[ImportSummary]:
    page = await imports.listing(
        cursor=query.after or None, limit=query.size, open_only=bool(query.open_only), actor=call.actor
    )
    return page_of(
        ImportSummary, [import_answers.summary(one) for one in page.items], page.next_cursor, page.before
    )


async def show(call: Call, import_id: int) -> ImportRun:
    return import_answers.whole(await imports.view(import_id, actor=call.actor))


async def take_in(call: Call, import_id: int) -> Id:
    return Id(id=await imports.take_in(call.s.clock, call.s.queue, import_id, actor=call.actor))


async def check_again(call: Call, body: Again, import_id: int) -> Id:
    return Id(
        id=await imports.check_again(call.s.clock, call.s.queue, import_id, body.names, actor=call.actor)
    )


async def report(call: Call, import_id: int) -> HTTPResponse:
    data = await imports.report(call.s, import_id, actor=call.actor)
    run = await imports.view(import_id, actor=call.actor)
    return download(data, XLSX, imports.report_name(run.file_name))


async def template(call: Call, query: TemplateQuery) -> HTTPResponse:
    book = await imports.template(call.s.workbook_writer, query.kind)
    return download(book, XLSX, imports.template_name(query.kind))


_ONE = "/imports/<import_id:int>"
ROUTES = [
    Route("POST", "/imports", submit, "导入一份表格", takes=NewImport, gives=Id, status=202, creates=True, file=True, verb=Verb.IMPORT),
    Route("GET", "/imports", listing, "导入记录", takes=ImportQuery, gives=Page[ImportSummary], verb=Verb.SEE_IMPORTS),
    Route("GET", "/imports/template.xlsx", template, "空白模板和填写说明", takes=TemplateQuery, gives=XLSX, verb=Verb.SEE_IMPORTS),
    Route("GET", _ONE, show, "一次导入：进度、计数、全部错误、改动与要确认的名称", gives=ImportRun, verb=Verb.SEE_IMPORTS),
    Route("POST", f"{_ONE}/take", take_in, "按检查时的设置写入一次检查；重复请求得到同一次导入", gives=Id, status=202, verb=Verb.IMPORT),
    Route("POST", f"{_ONE}/check", check_again, "确认新建所列的名称，并重新检查同一文件",
          takes=Again, gives=Id, status=202, creates=True, verb=Verb.IMPORT),
    Route("GET", f"{_ONE}/report.xlsx", report, "有错误的行、改动和计数；下载记入审计", gives=XLSX, verb=Verb.IMPORT),
]  # fmt: skip
