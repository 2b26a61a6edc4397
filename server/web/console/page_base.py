"""The frame of the console's pages: who may see one, the navigation, and how times are shown."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain import roles
from server.domain.actor import Actor
from server.domain.auth import second_factor
from server.domain.people import schools
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.errors import Invalid, Unverified
from server.web import templating
from server.web.console import auth, help_jobs
from server.web.console.auth import Call
from server.web.schema import Taken

log = logging.getLogger("xcert.problems")
_OF_A_PAGE = ("cursor", "before")
Screen = Callable[..., Awaitable[HTTPResponse]]
Mounted = Callable[..., Coroutine[Any, Any, HTTPResponse]]

NAV: tuple[tuple[str, str, Verb | None], ...] = (
    ("/console/", "首页", None),
    ("/console/imports", "导入", Verb.SEE_IMPORTS),
    ("/console/plans", "考试计划", Verb.SEE_PLANS),
    ("/console/score-changes", "成绩变更", Verb.SEE_IMPORTS),
    ("/console/issuances", "签发批次", Verb.SEE_ISSUANCES),
    ("/console/certificates", "证书", Verb.SEE_CERTIFICATES),
    ("/console/portal-differences", "门户核对", Verb.SETTLE_PORTAL),
    ("/console/paper", "印制与寄送", Verb.SEE_PAPER),
    ("/console/corrections", "更正", Verb.SEE_CORRECTIONS),
    ("/console/schools", "院校", Verb.SEE_OFFICERS),
    ("/console/officers", "签发负责人", Verb.SEE_OFFICERS),
    ("/console/people", "考生管理", Verb.SEE_PEOPLE),
    ("/console/campaigns", "群发", Verb.SEE_CAMPAIGNS),
    ("/console/deliveries", "通知记录", Verb.SEE_CAMPAIGNS),
    ("/console/courses", "培训", Verb.SEE_COURSES),
    ("/console/prices", "价格", Verb.SEE_MONEY),
    ("/console/fees", "缴费", Verb.SEE_MONEY),
    ("/console/orders", "订单", Verb.SEE_MONEY),
    ("/console/transfers", "对公转账", Verb.SEE_TRANSFERS),
    ("/console/waivers", "减免", Verb.SEE_WAIVERS),
    ("/console/refunds", "退款", Verb.APPROVE_REFUND),
    ("/console/finance-alarms", "缴费提醒", Verb.SETTLE_ALARMS),
    ("/console/reconciliation", "对账", Verb.RECONCILE),
    ("/console/rare-characters", "生僻字", Verb.IMPORT),
    ("/console/audit", "审计", Verb.SEE_AUDIT),
    ("/console/accounts", "账号", Verb.MANAGE_STAFF),
    ("/console/rights", "角色与权限", Verb.MANAGE_STAFF),
    ("/console/go-live", "上线清单", Verb.CHECK_UP),
    ("/console/operations", "运行状况", Verb.CHECK_UP),
    ("/console/help", "帮助", None),
)


# A school's own account has the rooms in the order of its menu (S58); those that are not built are not there.
SCHOOL_ORDER = (
    "/console/",
    "/console/people",
    "/console/schools",
    "/console/fees",
    "/console/orders",
    "/console/transfers",
    "/console/prices",
    "/console/issuances",
    "/console/certificates",
    "/console/paper",
    "/console/corrections",
)


def navigation(actor: Actor) -> list[tuple[str, str]]:
    """Address and label of every room that this person may enter, in his order."""
    rooms = [(href, label) for href, label, verb in NAV if verb is None or roles.may(actor, verb)]
    if not is_school(actor):
        return rooms
    places = {href: place for place, href in enumerate(SCHOOL_ORDER)}
    return sorted(rooms, key=lambda room: places.get(room[0], len(places)))


def mount(bp: Blueprint, path: str, handler: Screen, verb: Verb | None = None) -> None:
    """Put a page on the blueprint; who is not logged in goes to the log-in and comes back."""

    async def seen(request: Request, **values: Any) -> HTTPResponse:
        try:
            call = await auth.who(request)
        except Unverified:
            return to_login(request)
        if call.account.must_change_password:
            return redirect("/console/password", status=303)
        if second_factor.is_due(call.s.settings, call.account):
            return redirect("/console/second-factor", status=303)
        if verb is not None:
            roles.require(call.actor, verb)
        return await handler(call, **values)

    bp.add_route(seen, path, methods=["GET"], name=handler.__name__, error_format="json")


def to_login(request: Request) -> HTTPResponse:
    wanted = request.path + (f"?{request.query_string}" if request.query_string else "")
    was_in = "expired=1&" if auth.session_token(request) else ""
    response = redirect(f"/console/login?{was_in}next={quote(local(wanted))}", status=303)
    response.headers["cache-control"] = "no-store"
    return response


def local(wanted: str) -> str:
    """A page of the console to go to, and never anywhere else."""
    fits = wanted.startswith("/console/") and not wanted.startswith("/console/api/")
    good = fits and len(wanted) <= 500 and wanted.isprintable() and "\\" not in wanted
    return wanted if good else "/console/"


def read(call: Call, model: type[Taken], *, without: tuple[str, ...] = ()) -> Taken:
    """What a page's address asks for; what makes no sense there is not asked for, and the page says so.

    Args:
        without: fields of the model that this page does not take.
    """
    names = [name for name in model.model_fields if name not in without]
    texts = {name: [text] for name in names if (text := (call.request.args.get(name) or "").strip())}
    try:
        return model.take_texts(texts)
    except Invalid as refused:
        for name in dict.fromkeys(one.pointer.split("/")[1] for one in refused.errors):
            [text] = texts.pop(name)
            call.ignored.append(f"{name}={text[:40]}")
    return model.take_texts(texts)


def address(path: str, wanted: Iterable[tuple[str, Any]]) -> str:
    """The page's address with its filters, ready for a cursor behind it."""
    filters = {name: value for name, value in wanted if value is not None and name not in _OF_A_PAGE}
    return f"{path}?{urlencode(filters)}&" if filters else f"{path}?"


async def render(call: Call, template: str, *, title: str, nav: str = "", **context: Any) -> HTTPResponse:
    """A page in the console's frame. `nav` is the address of its entry in the navigation."""
    now = call.s.clock.now()
    items = [{"href": href, "label": label, "current": href == nav} for href, label in navigation(call.actor)]
    return await templating.render(
        call.request,
        f"console/{template}",
        title=title,
        csrf=call.session.csrf if call.session else "",
        account=call.account,
        role_label=call.account.role.label,
        school_name=await schools.name_of(call.account.school_id),
        nav=items,
        help_here=help_jobs.of_page(nav, call.actor),
        ignored=call.ignored,
        ago=lambda moment: ago(moment, now),
        **context,
    )


async def problem(request: Request, status: int, facts: dict[str, Any]) -> HTTPResponse | None:
    """A refusal with navigation and log-out, for who is logged in; None when that cannot be told."""
    try:
        call = await auth.who(request)
        if call.session is None or call.account.must_change_password:
            return None
        response = await render(call, "problem.html", **facts)
    except Exception as exc:
        log.info("a refusal is shown without the frame: %s", type(exc).__name__)
        return None
    response.status = status
    return response


def ago(moment: datetime, now: datetime) -> str:
    """How long something has waited, in the largest unit that says it."""
    minutes = max(0, int((now - moment).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} 分钟" if minutes else "不到 1 分钟"
    hours = minutes // 60
    return f"{hours} 小时" if hours < 48 else f"{hours // 24} 天"
