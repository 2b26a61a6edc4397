"""/s/{token}: what an officer's phone opens from the QR. It asks, confirms with the PIN, or returns with a reason."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain.issuance import mini_link, scan_tickets
from server.domain.issuance.scan_summary import ScanView
from server.errors import Invalid, Refused
from server.web import problems, site_files, templating
from server.web.h5 import forms
from server.web.h5.login import identity
from server.web.request import caller, client_address, services, wants_page

bp = Blueprint("scan")

# These are said on the form itself, so that the officer can try again.
ON_THE_FORM = frozenset({"pin_wrong", "pin_locked", "invalid"})
_PATH = "/s/<token:str>"


async def ask(request: Request, token: str) -> HTTPResponse:
    """GET /s/{token}: who is asked to sign what; or the receipt, once this officer has decided."""
    if token.endswith(".txt"):
        return await site_files.show(request, "/s/", token)
    who = await identity(request)
    try:
        view = await scan_tickets.look(services(request), token, identity=who)
    except Refused as refusal:
        return await _refused(request, refusal)
    if view.receipt is not None:
        return await _done(request, view, view.receipt)
    return await _ask_page(request, token, view)


async def confirm(request: Request, token: str) -> HTTPResponse:
    """POST /s/{token}/confirm (pin): sign for the school, then show the receipt."""
    forms.require_own(request)
    who = await identity(request)
    try:
        await scan_tickets.confirm(
            services(request),
            token,
            forms.field(request, "pin", 20),
            identity=who,
            caller=caller(request),
        )
    except Refused as refusal:
        return await _again(request, token, refusal, "confirm")
    return redirect(f"/s/{token}", status=303)


async def return_batch(request: Request, token: str) -> HTTPResponse:
    """POST /s/{token}/return (pin, reason): send the batch back to the organisation."""
    forms.require_own(request)
    who = await identity(request)
    try:
        await scan_tickets.return_batch(
            services(request),
            token,
            forms.field(request, "pin", 20),
            forms.field(request, "reason", 1000),
            identity=who,
            caller=caller(request),
        )
    except Refused as refusal:
        return await _again(request, token, refusal, "return")
    return redirect(f"/s/{token}", status=303)


async def to_mini_program(request: Request, token: str) -> HTTPResponse:
    """POST /s/{token}/mini-program: the way into the mini-program, for a browser that is not WeChat's or by choice.

    Answered with a page, not with a redirect: our policy lets no form lead to another site.
    """
    forms.require_own(request)
    try:
        link = await mini_link.to_mini_program(services(request), token, address=client_address(request))
    except Refused as refusal:
        return await _refused(request, refusal)
    return await templating.render(request, "scan/mini_program.html", title="在小程序中打开", link=link)


def _status(refusal: Refused) -> int:
    return next(status for kind, status, _ in problems.STATUS if isinstance(refusal, kind))


async def _again(request: Request, token: str, refusal: Refused, form: str) -> HTTPResponse:
    """The form once more with what was wrong in it; any other refusal is a page of its own."""
    if refusal.code not in ON_THE_FORM or not wants_page(request):
        return await _refused(request, refusal)
    try:
        view = await scan_tickets.look(services(request), token, identity=await identity(request))
    except Refused as other:
        return await _refused(request, other)
    reason = forms.field(request, "reason", 1000)
    return await _ask_page(request, token, view, refusal=refusal, form=form, reason=reason)


async def _ask_page(
    request: Request,
    token: str,
    view: ScanView,
    *,
    refusal: Refused | None = None,
    form: str = "",
    reason: str = "",
) -> HTTPResponse:
    problems: dict[str, Any] = {}
    if isinstance(refusal, Invalid):
        problems = {error.pointer.lstrip("/"): error.detail for error in refusal.errors}
    elif refusal is not None:
        problems = {"pin": refusal.message}
    s = services(request)
    return await templating.render(
        request,
        "scan/ask.html",
        status=200 if refusal is None else _status(refusal),
        title="签发确认",
        token=token,
        view=view,
        seconds=max(0, int((view.expires_at - s.clock.now()).total_seconds())),
        said=problems,
        form=form,
        reason=reason,
    )


async def _done(request: Request, view: ScanView, receipt: bytes) -> HTTPResponse:
    content = json.loads(receipt)
    return await templating.render(
        request,
        "scan/done.html",
        title="已签发" if view.spent_as == "confirm_scan" else "已退回",
        view=view,
        said=content,
        at=datetime.fromisoformat(content["at"]),
    )


async def _refused(request: Request, refusal: Refused) -> HTTPResponse:
    """One clear sentence, and nothing of any list."""
    if not wants_page(request):
        return await problems.refused(request, refusal)
    status, title = next(
        (status, title) for kind, status, title in problems.STATUS if isinstance(refusal, kind)
    )
    return await templating.render(
        request,
        "scan/refused.html",
        status=status,
        title=TITLES.get(refusal.code, title),
        code=refusal.code,
        message=refusal.message,
    )


TITLES = {
    "scan_malformed": "二维码不完整",
    "scan_forged": "二维码无法识别",
    "scan_expired": "二维码已过期",
    "scan_replaced": "二维码已更新",
    "scan_spent": "二维码已使用",
    "scan_clock": "时间不一致",
    "revision_moved": "批次已更新",
    "list_changed": "名单有变化",
    "not_site_pending": "现在不能签发",
    "other_school": "不是本校的批次",
    "officer_suspended": "签发权限已停用",
    "not_an_officer": "您还不是签发负责人",
    "snapshot_user": "请使用完整服务",
    "pin_locked": "签发密码已锁定",
    "pin_missing": "还没有签发密码",
    "mini_link_refused": "没有打开小程序",
}

bp.add_route(ask, _PATH, methods=["GET"], name="ask")
bp.add_route(confirm, f"{_PATH}/confirm", methods=["POST"], name="confirm")
bp.add_route(return_batch, f"{_PATH}/return", methods=["POST"], name="return")
bp.add_route(to_mini_program, f"{_PATH}/mini-program", methods=["POST"], name="to_mini_program")
