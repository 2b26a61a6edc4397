"""/h5/desk/{ticket}: what a member of staff's phone opens from the QR of the log-in page: who, from where, yes or no."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain.auth import scan_login
from server.errors import Refused
from server.web import problems, templating
from server.web.h5 import forms
from server.web.h5.login import identity
from server.web.request import caller, services, wants_page

bp = Blueprint("h5_desk")
PAGE = "/h5/desk"
_PATH = f"{PAGE}/<ticket:str>"


def page_of_ticket(public_url: str, ticket: str) -> str:
    """What the QR holds."""
    return f"{public_url}{PAGE}/{ticket}"


async def ask(request: Request, ticket: str) -> HTTPResponse:
    """GET: which account, from where and when."""
    who = await identity(request)
    try:
        question = await scan_login.look(services(request), ticket, who=who)
    except Refused as refusal:
        return await _refused(request, refusal)
    return await templating.render(
        request,
        "h5/desk.html",
        title="绑定工作台账号" if question.is_binding else "登录工作台",
        it=question,
        ticket=ticket,
    )


async def confirm(request: Request, ticket: str) -> HTTPResponse:
    """POST …/confirm (number)."""
    forms.require_own(request)
    who = await identity(request)
    number = forms.field(request, "number", 10)
    try:
        await scan_login.confirm(services(request), ticket, number, who=who, caller=caller(request))
    except Refused as refusal:
        return await _refused(request, refusal)
    return redirect(f"{PAGE}?done=yes", status=303)


async def refuse(request: Request, ticket: str) -> HTTPResponse:
    """POST …/refuse."""
    forms.require_own(request)
    who = await identity(request)
    try:
        await scan_login.refuse(services(request), ticket, who=who, caller=caller(request))
    except Refused as refusal:
        return await _refused(request, refusal)
    return redirect(f"{PAGE}?done=no", status=303)


async def done(request: Request) -> HTTPResponse:
    """GET /h5/desk: nothing more to do on the phone. The address holds no ticket any more."""
    is_in = request.args.get("done") == "yes"
    return await templating.render(
        request, "h5/desk_done.html", title="已确认" if is_in else "已取消", is_in=is_in
    )


async def _refused(request: Request, refusal: Refused) -> HTTPResponse:
    if not wants_page(request):
        return await problems.refused(request, refusal)
    status = next(status for kind, status, _ in problems.STATUS if isinstance(refusal, kind))
    return await templating.render(
        request,
        "h5/desk_refused.html",
        status=status,
        title="没有完成",
        code=refusal.code,
        message=refusal.message,
    )


bp.add_route(ask, _PATH, methods=["GET"], name="ask")
bp.add_route(confirm, f"{_PATH}/confirm", methods=["POST"], name="confirm")
bp.add_route(refuse, f"{_PATH}/refuse", methods=["POST"], name="refuse")
bp.add_route(done, PAGE, methods=["GET"], name="done")
