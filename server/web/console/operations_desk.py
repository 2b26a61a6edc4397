"""运行状况: the page on which an administrator sees how the service stands, and lets a failed job be done once more."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain.operations import failed_jobs, process_beats
from server.domain.ports import ProcessBeat
from server.domain.roles import Verb
from server.errors import OutsideFailure
from server.web.console import operations_words, page_base
from server.web.console.auth import Call
from server.web.routes import Route

bp = Blueprint("console_operations", url_prefix="/console")
KINDS = {"web": "网页", "jobs": "后台任务"}


async def retry(call: Call, job_id: int) -> None:
    await failed_jobs.retry(call.s, job_id, actor=call.actor)


async def operations_page(call: Call) -> HTTPResponse:
    living: list[ProcessBeat] | None
    try:
        living = await process_beats.living(call.s)
    except OutsideFailure:
        living = None
    return await page_base.render(
        call,
        "operations.html",
        title="运行状况",
        nav="/console/operations",
        cards=await operations_words.cards(call.s),
        marks=operations_words.MARKS,
        failed=await failed_jobs.newest(call.s, actor=call.actor),
        living=living,
        kinds=KINDS,
    )


page_base.mount(bp, "/operations", operations_page, Verb.CHECK_UP)

ROUTES = [
    Route("POST", "/jobs/<job_id:int>/retry", retry, "重试一个失败的后台任务", status=204, verb=Verb.CHECK_UP),
]  # fmt: skip
