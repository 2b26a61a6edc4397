"""Who knocks at the console: a browser with its session cookie, or a machine with an API token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sanic import HTTPResponse, Request

from server.domain import roles
from server.domain.actor import Actor
from server.domain.auth import api_tokens, login_limits, logins, second_factor
from server.domain.auth.logins import Session
from server.domain.auth.signed_in import SignedIn
from server.errors import Forbidden, Unverified
from server.web.mounting import SAFE
from server.web.request import (
    Asked,
    caller,
    drop_cookie,
    is_secure,
    services,
    set_cookie,
)
from server.web.routes import Route

COOKIE = "xcert_console"
SECURE_COOKIE = (
    "__Secure-xcert_console"  # by https: a browser takes it from no page without TLS (RFC 6265bis §4.1.3)
)
DEVICE = "xcert_device"
PATH = "/console"


@dataclass(slots=True)
class Call(Asked):
    """One request of somebody known."""

    account: SignedIn
    actor: Actor
    session: Session | None  # None: by API token
    ignored: list[str] = field(default_factory=list)  # what a page's address asks for and nobody understands

    def browser_session(self) -> Session:
        """The session, where only a person will do. Raises Forbidden("session_only")."""
        if self.session is None:
            raise Forbidden("session_only", "这项操作不能使用 API 令牌，请登录后在页面上办理。")
        return self.session


def refuse_strangers(request: Request) -> None:
    """A browser says when another site sent it here. Raises Forbidden("cross_site")."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("cross_site", "请求来自其他网站，已拒绝；请在后台页面上操作。")


async def who(request: Request) -> Call:
    """Who asks, by cookie or token; a change by cookie needs the page's secret.

    Raises:
        Unverified: login_needed, or why the session or token is no good.
        Forbidden: csrf, cross_site.
    """
    s = services(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        account, actor = await api_tokens.account_of(
            s.clock, token.strip() if scheme.lower() == "bearer" else ""
        )
        call = Call(request, account, _here(request, actor), None)
        request.ctx.actor = call.actor
        return call
    cookie = session_token(request)
    if not cookie:
        raise Unverified("login_needed", "请先登录后再操作。")
    session = await logins.open_session(s, cookie)
    request.ctx.actor = _here(request, session.actor)
    if request.method not in SAFE:
        refuse_strangers(request)
        secret = request.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), session.csrf.encode()):
            raise Forbidden("csrf", "页面已过期，请刷新页面后重试。")
    return Call(request, session.staff, request.ctx.actor, session)


async def enter(request: Request, route: Route) -> Asked:
    """Who asks, if they may; before anything that they say is read. Raises Unverified, Forbidden."""
    if route.is_open:
        refuse_strangers(request)
        return Asked(request)
    call = await who(request)
    if not route.first_password_too:
        refuse_first_password(call)
    if not (route.first_password_too or route.second_factor_too):
        refuse_without_second_factor(call)
    if route.verb is not None:
        roles.require(call.actor, route.verb)
    return call


async def key_owner(call: Call) -> str:
    """Whose an Idempotency-Key is."""
    return f"staff:{call.account.id}"


def _here(request: Request, actor: Actor) -> Actor:
    return actor.called_by(caller(request))


def refuse_first_password(call: Call) -> None:
    """Nothing else before the one-time password is changed. Raises Forbidden("password_must_change")."""
    if call.account.must_change_password:
        raise Forbidden("password_must_change", "首次登录请先修改一次性密码，然后再继续。")


def refuse_without_second_factor(call: Call) -> None:
    """Nothing else before a second factor is set up, where it has to be. Raises Forbidden("second_factor_due")."""
    if second_factor.is_due(call.s.settings, call.account):
        raise Forbidden("second_factor_due", "您的角色必须启用第二重验证；请先在页面上完成设置，然后再继续。")


def _cookie(request: Request) -> str:
    return SECURE_COOKIE if is_secure(request) else COOKIE


def session_token(request: Request) -> str:
    """The session's cookie; empty when there is none."""
    return request.cookies.get(_cookie(request)) or ""


def give_cookie(request: Request, response: HTTPResponse, token: str) -> None:
    name, seconds = _cookie(request), logins.SESSION_SECONDS
    set_cookie(request, response, name, token, seconds=seconds, strict=True, path=PATH)


def give_device(request: Request, response: HTTPResponse, account: SignedIn) -> None:
    """Remember that this account logged in from this browser: nobody else's wrong tries keep it out."""
    token = login_limits.device_token(services(request), account.id, request.cookies.get(DEVICE) or "")
    seconds = login_limits.DEVICE_SECONDS
    set_cookie(request, response, DEVICE, token, seconds=seconds, strict=True, path=PATH)


def forget_cookie(request: Request, response: HTTPResponse) -> None:
    drop_cookie(request, response, _cookie(request), path=PATH)
