"""Logging in to the mini-program: wx.login's code against a bearer token (wechat.md §4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain.auth import sessions
from server.domain.people.officer_states import OfficerState
from server.domain.ports import Services, WeChatIdentity
from server.models import Binding, Officer

SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Entry:
    """What the mini-program is told: `expires_at` in Unix seconds; roles are candidate and officer."""

    token: str
    expires_at: int
    is_bound: bool
    roles: tuple[str, ...]


async def log_in(s: Services, code: str) -> Entry:
    """Exchange the code, once.

    Raises:
        Unverified: code_used, code_invalid. OutsideFailure: WeChat did not answer.
    """
    who = await s.wechat_logins.exchange_login_code(code)
    token = sessions.mint(s, "mp", who.openid, SESSION_SECONDS, unionid=who.unionid)
    is_bound = await Binding.filter(account="mp", openid=who.openid, unbound_at=None).exists()
    is_officer = await Officer.filter(mp_openid=who.openid, state=OfficerState.ACTIVE.value).exists()
    roles = tuple(role for role, is_held in (("candidate", is_bound), ("officer", is_officer)) if is_held)
    return Entry(token, sessions.open(s, "mp", token).expires_at, is_bound, roles)


def identity_of(s: Services, token: str) -> WeChatIdentity:
    """Who a token speaks of. Raises Unverified as `sessions.open` does."""
    claims = sessions.open(s, "mp", token)
    return WeChatIdentity("mp", claims.subject, claims.more.get("unionid"))
