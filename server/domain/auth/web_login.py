"""Logging in through WeChat's web OAuth: who a browser is in the official account (wechat.md §3.1).

A login begins with a random state, kept for ten minutes and bound to one browser. The first callback claims it and
exchanges the code, once; the same browser may load the callback again (WebViews do) and gets the same session.
The code and the wanted page never travel further than the callback.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass

from server.domain.addresses import counted
from server.domain.auth import sessions
from server.domain.ports import Cache, RateLimiter, Services, WeChatIdentity, WeChatLogins
from server.errors import Forbidden, Refused, TooMany, Unverified, XcertError

SESSION_SECONDS = 12 * 3600
STATE_SECONDS = 600
TRIES, TRIES_WINDOW = (
    600,
    60,
)  # of one address each way, seconds; each leaves at most three keys for STATE_SECONDS
_STATE = re.compile(r"[0-9a-f]{32}")
_FAILED = b"failed"
_WAITS, _WAIT_SECONDS = 40, 0.1  # a second load of the callback waits for the first one this long


@dataclass(frozen=True, slots=True)
class Arrival:
    """A browser that is logged in: its session token and the page it wanted, None where that is not known any more."""

    token: str
    page: str | None


def new_browser() -> str:
    """A fresh name for a browser, to be kept in its cookie while it logs in."""
    return secrets.token_urlsafe(18)


def session_for(s: Services, who: WeChatIdentity) -> str:
    """The session token of a person in the official account."""
    return sessions.mint(s, "h5", who.openid, SESSION_SECONDS, unionid=who.unionid)


def identity_of(s: Services, token: str) -> WeChatIdentity:
    """Who a session token speaks of. Raises Unverified as `sessions.open` does."""
    claims = sessions.open(s, "h5", token)
    return WeChatIdentity("oa", claims.subject, claims.more.get("unionid"))


async def _pace(rate_limiter: RateLimiter, way: str, address: str) -> None:
    """A whole school shares an address; nobody else comes near this."""
    if await rate_limiter.hit(f"h5-{way}:{counted(address)}", window=TRIES_WINDOW) > TRIES:
        raise TooMany("too_many_logins", "登录太频繁，请一分钟后再试。", retry_after=TRIES_WINDOW)


async def begin(s: Services, *, wanted: str, callback: str, browser: str, address: str) -> str:
    """The address of WeChat's authorize page for this browser.

    Args:
        wanted: the page to come back to, one of ours: whoever is logged in is sent there.
        callback: the whole address that WeChat is to send the browser to.
        browser: the value of the browser's login cookie.
        address: the caller's.

    Raises:
        TooMany("too_many_logins"), before anything is kept.
    """
    await _pace(s.rate_limiter, "login", address)
    state = secrets.token_hex(16)
    entry = {"page": wanted, "browser": _digest(browser)}
    await s.cache.set(f"oauth:{state}", json.dumps(entry).encode(), seconds=STATE_SECONDS)
    return s.wechat_logins.authorize_url(callback, state)


async def wanted_by(cache: Cache, state: str) -> str | None:
    """The page a login began for, as long as it is known."""
    entry = await cache.get(f"oauth:{state}") if _STATE.fullmatch(state) else None
    return str(json.loads(entry)["page"]) if entry else None


async def finish(s: Services, *, code: str, state: str, browser: str, session: str, address: str) -> Arrival:
    """Take the callback.

    Args:
        code: from WeChat; empty when the person refused.
        state: as `begin` made it.
        browser: the value of the login cookie of the browser that calls.
        session: its session cookie, if it has one already (a reload after the login).
        address: the caller's.

    Raises:
        TooMany("too_many_logins"), before WeChat is asked.
        Unverified: state_invalid (unknown, expired, or of another browser), code_used, code_invalid.
        Refused: consent_refused. Forbidden: snapshot_user. OutsideFailure: WeChat did not answer.
    """
    await _pace(s.rate_limiter, "oauth", address)
    page = await _checked_state(s, state, browser, session)
    if isinstance(page, Arrival):
        return page
    if not await s.cache.add(f"oauth:claim:{state}", b"1", seconds=STATE_SECONDS):
        return await _second_load(s, state, page, session)
    try:
        arrival = Arrival(session_for(s, await _exchange(s.wechat_logins, code)), page)
    except XcertError as refusal:
        await s.cache.set(f"oauth:done:{state}", _FAILED, seconds=STATE_SECONDS)
        if isinstance(refusal, Refused) and refusal.code == "code_used" and _is_open(s, session):
            return Arrival(session, page)
        raise
    await s.cache.set(f"oauth:done:{state}", arrival.token.encode(), seconds=STATE_SECONDS)
    return arrival


async def _exchange(wechat_logins: WeChatLogins, code: str) -> WeChatIdentity:
    if code in ("", "authdeny"):  # WeChat sends either when the person refused
        raise Refused(
            "consent_refused", "您没有同意授权，暂时无法确认您的身份。需要查询时请重新进入并点“同意”。"
        )
    who = await wechat_logins.exchange_oauth_code(code)
    if who.is_snapshot:
        raise Forbidden(
            "snapshot_user",
            "您正在用“快照页”浏览，微信没有给出您的真实身份。请点页面上的“使用完整服务”后重试。",
        )
    return who


async def _checked_state(s: Services, state: str, browser: str, session: str) -> str | Arrival:
    """The wanted page; or at once an arrival, for an old callback loaded again by somebody logged in."""
    raw = await s.cache.get(f"oauth:{state}") if _STATE.fullmatch(state) else None
    if raw is None:
        if _is_open(s, session):
            return Arrival(session, None)
        raise Unverified("state_invalid", "这次登录已经过期，请重新进入。")
    entry = json.loads(raw)
    if not hmac.compare_digest(entry["browser"], _digest(browser)):
        raise Unverified("state_invalid", "这个登录链接不是在本机打开的，请重新进入。")
    return str(entry["page"])


async def _second_load(s: Services, state: str, page: str, session: str) -> Arrival:
    """The same callback again, perhaps while the first is still at work."""
    if _is_open(s, session):
        return Arrival(session, page)
    for _ in range(_WAITS):
        outcome = await s.cache.get(f"oauth:done:{state}")
        if outcome == _FAILED:
            break
        if outcome is not None and _is_open(s, outcome.decode()):
            return Arrival(outcome.decode(), page)
        await asyncio.sleep(_WAIT_SECONDS)
    raise Unverified("code_used", "这个登录链接已经用过了，请重新进入。")


def _is_open(s: Services, session: str) -> bool:
    try:
        return bool(session) and bool(sessions.open(s, "h5", session))
    except Unverified:
        return False


def _digest(browser: str) -> str:
    return hashlib.sha256(b"browser:" + browser.encode()).hexdigest()
