"""POST /session: wx.login's code becomes a bearer token; `identity(request)` reads it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from multidict import istr
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, json

from server.domain import addresses
from server.domain.auth import mini_login
from server.domain.beijing import BEIJING
from server.domain.people import ended_sessions
from server.domain.ports import Services, WeChatIdentity
from server.errors import FieldError, Invalid, TooMany, Unverified

bp = Blueprint("mp_session")
_AUTHORIZATION = istr("authorization")

TRIES, TRIES_WINDOW = 600, 60  # log-ins from one address, seconds; a whole school shares one


def _services(request: Request) -> Services:
    found: Services = request.app.ctx.services
    return found


async def identity(request: Request) -> WeChatIdentity:
    """Who holds the Bearer token of this request.

    Raises:
        Unverified: token_missing, or as `sessions.open` says.
    """
    scheme, _, token = request.headers.get(_AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unverified("token_missing", "请先登录小程序。")
    return mini_login.identity_of(_services(request), token.strip())


async def create(request: Request) -> HTTPResponse:
    """POST /session {code} → {token, expires_at, bound, roles}."""
    s = _services(request)
    if (
        await s.rate_limiter.hit(f"mp-login:{addresses.counted(_address(request))}", window=TRIES_WINDOW)
        > TRIES
    ):
        raise TooMany("too_many_logins", "登录太频繁，请一分钟后再试。", retry_after=TRIES_WINDOW)
    entry = await mini_login.log_in(s, _code(request))
    return json(
        {
            "token": entry.token,
            "expires_at": datetime.fromtimestamp(entry.expires_at, BEIJING).isoformat(),
            "bound": entry.is_bound,
            "roles": list(entry.roles),
        },
        headers={"cache-control": "no-store"},
    )


async def end(request: Request) -> HTTPResponse:
    """DELETE /session: every token that this person has is over; what is over already is no error."""
    try:
        who = await identity(request)
    except Unverified as refusal:
        if refusal.code not in ("session_expired", "session_ended"):
            raise
    else:
        await ended_sessions.end(_services(request), who)
    return HTTPResponse(status=204)


def _address(request: Request) -> str:
    forwarded = request.headers.getall("x-forwarded-for", [])
    return addresses.caller(str(request.ip), forwarded, _services(request).settings.proxies)


def _code(request: Request) -> str:
    body: Any = request.json
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(code, str) or not 1 <= len(code) <= 200:
        raise Invalid(
            errors=[FieldError("/code", "code_missing", "缺少 wx.login 得到的 code，请重新打开小程序。")]
        )
    return code


bp.add_route(create, "/session", methods=["POST"], name="create")
bp.add_route(end, "/session", methods=["DELETE"], name="end")
