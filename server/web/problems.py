"""How a refusal is told: RFC 9457 for programs, one calm page for people; never a stack trace."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter
from pydantic import Field
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException

from server import errors
from server.domain import health
from server.domain.audit import incidents
from server.web import languages, problem_pages
from server.web.languages import Speaker
from server.web.request import client_address, request_id, services, wants_page
from server.web.responses import encoded
from server.web.schema import Answer

log = logging.getLogger("xcert.problems")
DAMAGED = Counter("xcert_damaged_files_total", "Downloads refused: the file is gone or was changed", ["code"])
for _code in ("certificate_file_missing", "certificate_file_changed"):
    DAMAGED.labels(_code)  # stands at 0 from the start: the first one is seen as an increase, too
RETRY_SECONDS = 5  # when to come again after a 503
_TOLD_SECONDS = 10.0  # one line for each cause in so long, however many ask

STATUS: tuple[tuple[type[errors.XcertError], int, str], ...] = (
    (errors.Invalid, 422, "内容有误"),
    (errors.Unverified, 401, "无法确认身份"),
    (errors.Forbidden, 403, "没有权限"),
    (errors.NotFound, 404, "没有找到"),
    (errors.Conflict, 409, "状态已变化"),
    (errors.Gone, 410, "已失效"),
    (errors.TooMany, 429, "操作太频繁"),
    (errors.Damaged, 503, "文件有问题"),
    (errors.Refused, 422, "无法办理"),
    (errors.OutsideFailure, 503, "服务暂时繁忙"),
)
REFUSALS = {  # what a status means, for the documents
    400: "请求无法理解",
    401: "未登录或登录已失效",
    403: "没有权限",
    404: "没有找到",
    409: "状态已变化",
    410: "已失效",
    413: "内容太大",
    415: "格式不支持",
    422: "内容有误，逐项列出",
    429: "操作太频繁",
    503: "服务暂时繁忙",
}
FRAMEWORK = {
    400: ("bad_request", "请求无法理解", "请求的格式有误，请检查后重试。"),
    401: ("unauthenticated", "请先登录", "请先登录后再操作。"),
    403: ("forbidden", "没有权限", "您没有权限进行此操作。"),
    404: ("not_found", "没有找到", "没有这个页面，请检查网址。"),
    405: ("method_not_allowed", "方法不支持", "这个网址不支持此操作。"),
    408: ("timeout", "请求超时", "请求超时，请检查网络后重试。"),
    413: ("too_large", "内容太大", "提交的内容太大，请缩小后重试。"),
    415: ("unsupported_media_type", "格式不支持", "不支持这种内容格式，请按接口说明提交。"),
    417: ("bad_request", "请求无法理解", "请求的格式有误，请检查后重试。"),
    429: ("too_many", "操作太频繁", "操作太频繁，请稍后再试。"),
    503: ("unavailable", "服务暂时繁忙", "服务暂时繁忙，请稍后再试。"),
}


class FieldProblem(Answer):
    """One refused field."""

    pointer: str
    code: str
    detail: str


class Problem(Answer):
    """RFC 9457, as every refusal is told to programs."""

    type: str = ""
    title: str
    status: int
    code: str = Field(description="稳定的英文代码")
    detail: str = Field(description="中文说明与下一步")
    request_id: str
    errors: list[FieldProblem] = Field(default=[])


def install(app: Sanic[Any, Any], console_frame: problem_pages.Frame) -> None:
    """Every refusal and every surprise of this app is told here; those within the console in its frame."""
    app.ctx.causes = Causes()
    app.ctx.console_frame = console_frame
    app.error_handler.add(errors.Refused, refused)
    app.error_handler.add(errors.OutsideFailure, outside)
    app.error_handler.add(SanicException, framework)
    app.error_handler.add(Exception, surprise)


async def refused(request: Request, exc: errors.Refused) -> HTTPResponse:
    status, title = next((status, title) for kind, status, title in STATUS if isinstance(exc, kind))
    more: dict[str, Any] = {}
    if isinstance(exc, errors.Forbidden):
        await _noted(request, exc)
    if isinstance(exc, errors.Damaged):
        await alarm(request, exc)
    if isinstance(exc, errors.Invalid):
        more["errors"] = [FieldProblem(pointer=e.pointer, code=e.code, detail=e.detail) for e in exc.errors]
    response = await _answer(request, status, exc.code, exc.title or title, exc.message, more)
    if isinstance(exc, errors.TooMany):
        response.headers["retry-after"] = str(exc.retry_after)
    if isinstance(exc, errors.Unverified):
        response.headers["www-authenticate"] = 'Bearer realm="xcert"'
    return response


class Causes:
    """What is away, in the log: one line for each cause in ten seconds, with how many more there were since the last."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._reports: dict[str, tuple[float, int]] = {}  # cause → when it was told, how often it came since

    def tell(self, cause: str, route: str) -> None:
        now = self._monotonic()
        at, more = self._reports.get(cause, (-_TOLD_SECONDS, 0))
        if now - at < _TOLD_SECONDS:
            self._reports[cause] = (at, more + 1)
            return
        if len(self._reports) > 100:
            self._reports.clear()
        self._reports[cause] = (now, 0)
        log.warning("not now: %s", cause, extra={"path": route, "more_before": more})


async def outside(request: Request, exc: errors.OutsideFailure) -> HTTPResponse:
    if isinstance(exc, errors.Misconfigured):
        return await away(request, str(exc), "系统的微信设置有误，请联系评价组织；修正之前重试不会成功。")
    return await away(request, str(exc), "微信或存储暂时没有响应，请稍后再试。")


def tell(request: Request, exc: errors.OutsideFailure) -> None:
    """One log line for an answer of 503 that a door gives itself."""
    causes: Causes = request.app.ctx.causes
    causes.tell(str(exc), _route(request))


async def away(request: Request, cause: str, detail: str) -> HTTPResponse:
    """503: a part that this answer needs is away. A calm page, a time to come again, and a line without traceback."""
    causes: Causes = request.app.ctx.causes
    causes.tell(cause, _route(request))
    response = await _answer(request, 503, "try_again", "服务暂时繁忙", detail, {})
    response.headers["retry-after"] = str(RETRY_SECONDS)
    return response


async def framework(request: Request, exc: SanicException) -> HTTPResponse:
    code, title, detail = FRAMEWORK.get(exc.status_code, FRAMEWORK[400])
    if exc.status_code >= 500 and exc.status_code != 503:
        return await surprise(request, exc)
    response = await _answer(request, exc.status_code, code, title, detail, {})
    response.headers.update(exc.headers or {})
    if exc.status_code == 503:
        response.headers.setdefault("retry-after", str(RETRY_SECONDS))
    return response


async def surprise(request: Request, exc: Exception) -> HTTPResponse:
    cause = health.cause_of(exc)
    if cause is not None:
        return await away(request, cause, "数据库暂时没有响应，请稍后再试。")
    log.error("unexpected: %s", type(exc).__name__, exc_info=exc, extra={"path": _route(request)})
    return await _answer(
        request,
        500,
        "internal",
        "出了点问题",
        "系统遇到意外问题，已记录。请稍后再试；若仍不行，请把编号告诉工作人员。",
        {},
    )


async def alarm(request: Request, exc: errors.Damaged) -> None:
    """A file on record is damaged: a line for operators, a number that grows, and an entry of the trail."""
    log.error("damaged file: %s", exc.code, extra={"subject": exc.subject, "path": _route(request)})
    DAMAGED.labels(exc.code).inc()
    place = (client_address(request), request_id(request))
    actor = getattr(request.ctx, "actor", None) or incidents.stranger(*place)
    became = {"code": exc.code}
    await incidents.note(services(request), actor, "file.damaged", "certificate", exc.subject, became=became)


async def _noted(request: Request, exc: errors.Forbidden) -> None:
    """A refused access leaves a trace: who, from where, at which door."""
    place = (client_address(request), request_id(request))
    actor = getattr(request.ctx, "actor", None) or incidents.stranger(*place)
    await incidents.note(
        services(request),
        actor,
        "access.refused",
        "route",
        exc.code[:40],
        became={"route": _route(request)},
    )


def _route(request: Request) -> str:
    """The route's pattern, never the path itself: paths may hold tokens."""
    return request.route.path if request.route is not None else ""


def _speaker(request: Request) -> Speaker:
    """A page's own script is answered in the language of its page; every other program in Chinese."""
    is_script = (
        request.headers.get("sec-fetch-site") == "same-origin" and "authorization" not in request.headers
    )
    return languages.speaker(request) if is_script else languages.SPEAKERS[languages.CHINESE]


async def _answer(
    request: Request, status: int, code: str, title: str, detail: str, more: dict[str, Any]
) -> HTTPResponse:
    own_id = request_id(request)
    if wants_page(request):
        return await problem_pages.show(
            request,
            status=status,
            title=title,
            detail=detail,
            code=code,
            request_id=own_id,
            **more,
        )
    speaker = _speaker(request)
    title, detail = speaker.tell(title), speaker.tell(detail)
    if "errors" in more:  # their fields are frozen
        more["errors"] = [
            one.model_copy(update={"detail": speaker.tell(one.detail)}) for one in more["errors"]
        ]
    problem = Problem(
        type="about:blank",
        title=title,
        status=status,
        code=code,
        detail=detail,
        request_id=own_id,
        **more,
    )
    return HTTPResponse(
        encoded(problem),
        status=status,
        content_type="application/problem+json",
        headers={"cache-control": "no-store"},
    )
