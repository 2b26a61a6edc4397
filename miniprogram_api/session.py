"""/session: wx.login's code becomes a bearer token, and its end; `identity(request)` reads the token back."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from multidict import istr
from sanic import Request

from miniprogram_api import answers, bodies
from server.domain import addresses
from server.domain.auth import mini_login
from server.domain.beijing import BEIJING
from server.domain.people import ended_sessions
from server.domain.ports import WeChatIdentity
from server.errors import TooMany, Unverified
from server.web import schema
from server.web.request import Asked, services

_AUTHORIZATION = istr("authorization")

TRIES, TRIES_WINDOW = 600, 60  # log-ins from one address, seconds; a whole school shares one


async def identity(request: Request) -> WeChatIdentity:
    """Who holds the Bearer token of this request.

    Raises:
        Unverified: token_missing, or as `sessions.open` says.
    """
    scheme, _, token = request.headers.get(_AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unverified("token_missing", "请先登录小程序。")
    return mini_login.identity_of(services(request), token.strip())


async def key_owner(asked: Asked) -> str:
    """Whose an Idempotency-Key is: the holder of the token; no row shows who that is."""
    return f"mp:{sha256((await identity(asked.request)).openid.encode()).hexdigest()[:40]}"


async def create(asked: Asked) -> answers.Session:
    """POST /session {code} → {token, expires_at, bound, roles}. The limit comes before the body is looked at."""
    s = asked.s
    if await s.rate_limiter.hit(f"mp-login:{addresses.counted(asked.address)}", window=TRIES_WINDOW) > TRIES:
        raise TooMany("too_many_logins", "登录太频繁，请一分钟后再试。", retry_after=TRIES_WINDOW)
    entry = await mini_login.log_in(s, schema.read_json(asked.request, bodies.LogIn).code)
    return answers.Session(
        token=entry.token,
        expires_at=datetime.fromtimestamp(entry.expires_at, BEIJING),
        bound=entry.is_bound,
        roles=list(entry.roles),
    )


async def end(asked: Asked) -> None:
    """DELETE /session: every token that this person has is over; what is over already is no error."""
    try:
        who = await identity(asked.request)
    except Unverified as refusal:
        if refusal.code not in ("session_expired", "session_ended"):
            raise
    else:
        await ended_sessions.end(asked.s, who)
