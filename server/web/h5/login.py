"""Who opens our pages inside WeChat: `identity(request)`, the way through WeChat's authorize page, and back."""

from __future__ import annotations

import re
from typing import Any

from sanic import Blueprint, Request, Sanic
from sanic.response import HTTPResponse, redirect

from server.domain import addresses
from server.domain.auth import web_login
from server.domain.people import ended_sessions
from server.domain.ports import Services, WeChatIdentity
from server.errors import Forbidden, Misconfigured, OutsideFailure, Refused, TooMany, Unverified
from server.web import problems, templating
from server.web.h5 import forms
from server.web.request import client_address, drop_cookie, services, set_cookie, wants_page

bp = Blueprint("h5_login")

SESSION_COOKIE = "xcert_h5"
BROWSER_COOKIE = "xcert_browser"
FIRST_PAGE = "/h5/results"
CALLBACK = "/h5/oauth"
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]{0,1000}")


class LoginNeeded(Unverified):
    """Nobody is logged in; answered with a redirect to WeChat, or with 401 to a program."""

    def __init__(self) -> None:
        super().__init__("login_needed", "请先在微信中登录。")


async def identity(request: Request) -> WeChatIdentity:
    """Who opens this page in the official account.

    Raises:
        LoginNeeded: nobody yet; the error handler sends the browser to WeChat and back to this page.
    """
    try:
        return web_login.identity_of(services(request), request.cookies.get(SESSION_COOKIE) or "")
    except Unverified:
        raise LoginNeeded from None


def is_wechat(request: Request) -> bool:
    """WeChat's own browser (wechat.md §8); 企业微信 cannot log in to an official account."""
    agent = request.headers.get("user-agent", "")
    return "MicroMessenger/" in agent and "wxwork/" not in agent


async def go_to_wechat(request: Request, wanted: str) -> HTTPResponse:
    """Send this browser to WeChat's authorize page; one that is not WeChat's is told how to go there."""
    s = services(request)
    if not is_wechat(request) and not s.settings.uses_sandbox:
        return await templating.render(
            request,
            "h5/open_in_wechat.html",
            status=403,
            title="请在微信中打开",
            page=s.settings.public_url + local_page(wanted),
            scan=wanted if wanted.startswith("/s/") and s.settings.mp_appid else "",
        )
    browser = request.cookies.get(BROWSER_COOKIE) or web_login.new_browser()
    address = await web_login.begin(
        s,
        wanted=local_page(wanted),
        callback=s.settings.public_url + CALLBACK,
        browser=browser,
        address=client_address(request),
    )
    response = redirect(address, status=303)
    set_cookie(request, response, BROWSER_COOKIE, browser, seconds=2 * web_login.STATE_SECONDS)
    response.headers["cache-control"] = "no-store"
    return response


def local_page(wanted: str) -> str:
    """The wanted page when it is a path of this service; the first page otherwise (no open redirect)."""
    if not _LOCAL.fullmatch(wanted) or "\\" in wanted or wanted.startswith((CALLBACK, "/h5/login")):
        return FIRST_PAGE
    return wanted


async def login_needed(request: Request, refusal: LoginNeeded) -> HTTPResponse:
    """Error handler of `LoginNeeded`, for every door: a page goes to WeChat, a program is told 401."""
    if not wants_page(request):
        return await problems.refused(request, refusal)
    try:
        return await go_to_wechat(request, _wanted(request))
    except TooMany as paused:
        return await problems.refused(request, paused)


def _wanted(request: Request) -> str:
    """This page; for a form, the page it was on."""
    if request.method in ("GET", "HEAD"):
        return request.path + (f"?{request.query_string}" if request.query_string else "")
    referer = addresses.split_url(request.headers.get("referer", ""))
    if f"{referer.scheme}://{referer.netloc}" == services(request).settings.public_url:
        return referer.path + (f"?{referer.query}" if referer.query else "")
    return FIRST_PAGE


async def login(request: Request) -> HTTPResponse:
    """GET /h5/login?next=…: log in (again), then go to that local page."""
    return await go_to_wechat(request, request.args.get("next") or FIRST_PAGE)


async def log_out(request: Request) -> HTTPResponse:
    """POST /h5/logout: end every session of this person in the official account, on whatever phone."""
    forms.require_own(request)
    try:
        who = web_login.identity_of(services(request), request.cookies.get(SESSION_COOKIE) or "")
    except Unverified:
        pass  # over already
    else:
        await ended_sessions.end(services(request), who)
    response = redirect("/h5/logged-out", status=303)
    drop_cookie(request, response, SESSION_COOKIE)
    return response


async def logged_out(request: Request) -> HTTPResponse:
    """GET /h5/logged-out: that it is done; for whoever comes."""
    return await templating.render(request, "h5/logged_out.html", title="已退出登录")


async def callback(request: Request) -> HTTPResponse:
    """GET /h5/oauth?code=…&state=…: WeChat sends the browser back here; it leaves without the code."""
    s = services(request)
    state = request.args.get("state") or ""
    try:
        arrival = await web_login.finish(
            s,
            code=request.args.get("code") or "",
            state=state,
            browser=request.cookies.get(BROWSER_COOKIE) or "",
            session=request.cookies.get(SESSION_COOKIE) or "",
            address=client_address(request),
        )
    except (Refused, OutsideFailure) as failure:
        return await _not_in(request, failure, await _wanted_by(s, state))
    response = redirect(arrival.page or FIRST_PAGE, status=303)
    set_cookie(request, response, SESSION_COOKIE, arrival.token, seconds=web_login.SESSION_SECONDS)
    response.headers["cache-control"] = "no-store"
    response.headers["referrer-policy"] = "no-referrer"
    return response


async def _wanted_by(s: Services, state: str) -> str:
    """Where the log-in was to lead; the first page while nobody can tell."""
    try:
        return await web_login.wanted_by(s.cache, state) or FIRST_PAGE
    except OutsideFailure:
        return FIRST_PAGE


async def _not_in(request: Request, failure: Refused | OutsideFailure, page: str) -> HTTPResponse:
    """Why not, and a way on: a link that begins the log-in again, for the code in this address is used."""
    status, code, message = _status_code_sentence(failure)
    template = "h5/snapshot.html" if code == "snapshot_user" else "h5/login_failed.html"
    response = await templating.render(
        request, template, status=status, title="没有登录成功", message=message, code=code, page=page
    )
    if isinstance(failure, TooMany):
        response.headers["retry-after"] = str(failure.retry_after)
    elif isinstance(failure, OutsideFailure):
        problems.tell(request, failure)
        response.headers["retry-after"] = str(problems.RETRY_SECONDS)
    return response


def _status_code_sentence(failure: Refused | OutsideFailure) -> tuple[int, str, str]:
    """Status, code and sentence."""
    if isinstance(failure, Misconfigured):
        return 503, "misconfigured", "系统的微信登录设置有误，请联系评价组织；修正之前重试不会成功。"
    if isinstance(failure, OutsideFailure):
        return 503, "try_again", "微信暂时没有响应，请稍后点“重新进入”。"
    if isinstance(failure, TooMany):
        return 429, failure.code, failure.message
    return 403 if isinstance(failure, Forbidden) else 401, failure.code, failure.message


def install(app: Sanic[Any, Any]) -> None:
    """Every door may ask `identity(request)`, so its refusal is answered for the whole app."""
    app.error_handler.add(LoginNeeded, login_needed)


bp.add_route(login, "/h5/login", methods=["GET"], name="login")
bp.add_route(log_out, "/h5/logout", methods=["POST"], name="log_out")
bp.add_route(logged_out, "/h5/logged-out", methods=["GET"], name="logged_out")
bp.add_route(callback, CALLBACK, methods=["GET"], name="callback")
