"""Codes that work once, for five minutes, in one account: OAuth, wx.login and the phone button."""

from __future__ import annotations

import secrets
from typing import Any

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person


def issue(platform: Platform, purpose: str, account: Account, person: Person, **more: Any) -> str:
    """A code of 32 characters for one purpose."""
    code = f"0{secrets.token_urlsafe(32)}"[:32]
    platform.store.put(
        "code",
        code,
        {
            "purpose": purpose,
            "appid": account.appid,
            "person": person.id,
            "expires_at": platform.clock.now() + limits.CODE_SECONDS,
            "used": False,
            **more,
        },
    )
    return code


def spend(platform: Platform, purpose: str, account: Account, code: str) -> tuple[Person, dict[str, Any]]:
    """Use a code up.

    Raises:
        WeChatError: 40029 unknown, expired or of another purpose or account; 40163 the second time;
            40013 for a phone code of another account.
    """
    body = platform.store.get("code", code)
    if body is None or body["purpose"] != purpose:
        raise WeChatError(40029, verdict="没有这个 code，或它是别的用途的")
    if body["appid"] != account.appid:
        raise WeChatError(40013 if purpose == "phone" else 40029, verdict="code 属于另一个账号")
    if body["used"]:
        raise WeChatError(40163, verdict="code 只能用一次")
    if body["expires_at"] <= platform.clock.now():
        raise WeChatError(40029, verdict="code 已过 5 分钟")
    person = platform.people.get(body["person"])
    if person is None:
        raise WeChatError(40029)
    platform.store.put("code", code, {**body, "used": True})
    return person, body
