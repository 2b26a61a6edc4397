"""The pages before and around the work: log-in, log-out, first password, one's own account."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain import addresses, roles
from server.domain.auth import (
    api_tokens,
    login_limits,
    logins,
    passkeys,
    scan_login,
    second_factor,
    session_list,
)
from server.errors import Forbidden, Refused, TooMany, Unverified
from server.web import templating
from server.web.console import auth, page_base, session_desk
from server.web.console.auth import Call
from server.web.console.device_words import device_words
from server.web.request import caller, client_address, form_text, request_id, services

bp = Blueprint("console_gate", url_prefix="/console")


def _refuse_other_sites(request: Request) -> None:
    auth.refuse_strangers(request)
    origin = request.headers.get("origin")
    if origin and origin != "null" and addresses.split_url(origin).netloc != request.host:
        raise Forbidden("cross_site", "请求来自其他网站，已拒绝；请在后台页面上操作。")


async def _form(
    request: Request,
    wanted: str,
    *,
    username: str = "",
    refused: Refused | None = None,
    expired: str = "",
    status: int = 200,
) -> HTTPResponse:
    """The log-in page, empty or as it was filled in, with why it was refused and what is asked for besides."""
    why = refused.code if refused is not None else ""
    number, image = "", ""
    if why in ("captcha_required", "captcha_wrong"):
        number, png = await login_limits.draw(services(request), client_address(request))
        image = b64encode(png).decode()
    return await templating.render(
        request,
        "console/login.html",
        status=status,
        title="登录",
        next=wanted,
        username=username,
        refusal=refused.message if refused is not None else "",
        asks_otp=why in ("otp_required", "passkey_required", "otp_wrong"),
        passkey_origin=services(request).passkeys.origin,
        expired=expired,
        captcha_id=number,
        image=image,
    )


@bp.get("/login")
async def login_page(request: Request) -> HTTPResponse:
    wanted = page_base.local(request.args.get("next") or "/console/")
    try:
        await auth.who(request)
    except Refused:
        expired = request.args.get("expired") or ""
        return await _form(request, wanted, expired=expired if expired in ("1", "kept") else "")
    return redirect(wanted, status=303)


@bp.post("/login")
async def log_in(request: Request) -> HTTPResponse:
    """The same as POST /session, for a browser without JavaScript."""
    _refuse_other_sites(request)
    wanted = page_base.local(form_text(request, "next", 500) or "/console/")
    username = form_text(request, "username", 60)
    try:
        token, session = await logins.log_in(
            services(request),
            username,
            form_text(request, "password", 200),
            form_text(request, "otp", 20),
            came=login_limits.From(
                address=client_address(request),
                request_id=request_id(request),
                device=request.cookies.get(auth.DEVICE) or "",
                picture=form_text(request, "captcha_id", 40),
                answer=form_text(request, "captcha", 20),
                agent=device_words(request.headers.get("user-agent", "")),
            ),
        )
    except Refused as refused:
        return await _form(
            request,
            wanted,
            username=username,
            refused=refused,
            status=429 if isinstance(refused, TooMany) else 401,
        )
    response = redirect("/console/password" if session.staff.must_change_password else wanted, status=303)
    auth.give_cookie(request, response, token)
    auth.give_device(request, response, session.staff)
    return response


@bp.post("/logout")
async def log_out(request: Request) -> HTTPResponse:
    _refuse_other_sites(request)
    response = redirect("/console/login", status=303)
    s = services(request)
    try:
        session = await logins.open_session(s, auth.session_token(request))
    except Unverified:
        auth.forget_cookie(request, response)
        return response
    if not hmac.compare_digest(form_text(request, "csrf", 100).encode(), session.csrf.encode()):
        raise Forbidden("csrf", "页面已过期，请刷新页面后重试。")
    actor = session.actor.called_by(caller(request))
    await logins.log_out(s.clock, session, actor=actor)
    auth.forget_cookie(request, response)
    return response


@bp.get("/password")
async def password_page(request: Request) -> HTTPResponse:
    try:
        call = await auth.who(request)
    except Unverified:
        return page_base.to_login(request)
    if not call.account.must_change_password:
        return redirect("/console/account", status=303)
    return await _step(call, "password.html", "设置您的密码", must_have=_must_have(call))


def _must_have(call: Call) -> bool:
    """Whether this role has to have a second factor here."""
    return call.s.settings.requires_second_factor and call.account.role in second_factor.REQUIRED


async def _step(call: Call, template: str, title: str, **more: Any) -> HTTPResponse:
    """A page of the way of a first log-in, without the console's frame."""
    return await templating.render(
        call.request,
        f"console/{template}",
        title=title,
        csrf=call.browser_session().csrf,
        account=call.account,
        passkey_origin=call.s.passkeys.origin,
        **more,
    )


@bp.get("/second-factor")
async def second_factor_page(request: Request) -> HTTPResponse:
    """Where somebody goes whose role must have a second factor, before anything else."""
    try:
        call = await auth.who(request)
    except Unverified:
        return page_base.to_login(request)
    if call.account.must_change_password or not second_factor.is_due(call.s.settings, call.account):
        return redirect("/console/account", status=303)
    return await _step(call, "second_factor.html", "设置第二重验证")


async def all_set(call: Call) -> HTTPResponse:
    """The end of the way of a first log-in."""
    ways = ["动态码"] if await second_factor.has_otp(call.account.id) else []
    ways += [f"通行密钥“{one.label}”" for one in await passkeys.listing(call.account.id)]
    return await _step(
        call,
        "all_set.html",
        "都设好了",
        ways=ways or ["没有启用"],
        codes_left=await second_factor.codes_left(call.account.id),
    )


async def account(call: Call) -> HTTPResponse:
    tokens = await api_tokens.listing(call.account.id)
    mine = roles.PERMISSIONS[call.account.role]
    labels = {name: label for name, (label, _) in roles.SCOPES.items()}
    return await page_base.render(
        call,
        "account.html",
        title="我的账号",
        tokens=tokens,
        labels=labels,
        offered=[name for name, (_, verbs) in roles.SCOPES.items() if verbs & mine],
        codes_left=await second_factor.codes_left(call.account.id),
        wechat_bound_at=await scan_login.bound_at(call.account.id),
        passkeys=await passkeys.listing(call.account.id),
        passkey_origin=call.s.passkeys.origin,
        has_otp=await second_factor.has_otp(call.account.id),
        few=second_factor.FEW_CODES,
        log_ins=[
            session_desk.shown(one, call) for one in await session_list.own(call.s.clock, call.account.id)
        ],
        before=await session_list.before(
            call.s.clock, call.account.id, call.session.id if call.session else ""
        ),
        is_required=_must_have(call),
    )


page_base.mount(bp, "/account", account)
page_base.mount(bp, "/all-set", all_set)
