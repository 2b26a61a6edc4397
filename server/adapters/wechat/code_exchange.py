"""Who WeChat says somebody is: web OAuth, wx.login and the phone button (wechat.md §3.1, §4.1, §4.2)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from server.adapters.wechat.account import Account
from server.adapters.wechat.errcodes import login_failure, phone_refusal
from server.domain.ports import Cache, WeChatIdentity, session_keys
from server.errors import Forbidden, OutsideFailure, WeChatRefused

BUSY = -1
_CHINA = "86"

log = logging.getLogger("xcert.wechat")
Seal = Callable[[str], bytes]  # encrypts what is kept


def authorize_url(account: Account, open_url: str, redirect_uri: str, state: str) -> str:
    """Where a page inside WeChat sends its visitor to be recognised; WeChat wants the parameters in this order.

    Args:
        account: the service account.
        open_url: WeChat's host for people.
        redirect_uri: where the visitor comes back to.
        state: comes back too; letters and digits, at most 128.
    """
    return (
        f"{open_url.rstrip('/')}/connect/oauth2/authorize?appid={account.appid}"
        f"&redirect_uri={quote(redirect_uri, safe='')}&response_type=code&scope=snsapi_base"
        f"&state={state}#wechat_redirect"
    )


async def oauth_identity(account: Account, code: str) -> WeChatIdentity:
    """Exchange a code of web OAuth, once. Raises Unverified, Forbidden snapshot_user, OutsideFailure."""
    params = {
        "appid": account.appid,
        "secret": account.secret,
        "code": code,
        "grant_type": "authorization_code",
    }
    answer = await _answer_of(
        lambda: account.transport.call("GET", "/sns/oauth2/access_token", params=params)
    )
    if not answer.get("openid") or not answer.get("access_token"):
        raise OutsideFailure("微信没有给出登录身份")
    if answer.get("is_snapshotuser") in (1, "1"):
        raise Forbidden(
            "snapshot_user",
            "您正在用“快照页”浏览，微信没有给出您的真实身份。请点页面上的“使用完整服务”后重试。",
        )
    return WeChatIdentity("oa", str(answer["openid"]), answer.get("unionid") or None)


async def _answer_of(ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """The answer to an exchange; a passing -1 is asked about once more, for it leaves the code as it was.

    Raises: as `login_failure` says.
    """
    try:
        try:
            return await ask()
        except WeChatRefused as refusal:
            if refusal.errcode != BUSY:
                raise
            return await ask()
    except WeChatRefused as refusal:
        raise login_failure(refusal) from None


async def login_identity(account: Account, cache: Cache, code: str, *, seal: Seal | None) -> WeChatIdentity:
    """Exchange a code of wx.login, once. Raises Unverified, OutsideFailure.

    Args:
        cache: where the session key stays, for as long as a log-in may live.
        seal: how it is kept there; without one it is not kept.
    """
    params = {
        "appid": account.appid,
        "secret": account.secret,
        "js_code": code,
        "grant_type": "authorization_code",
    }
    answer = await _answer_of(lambda: account.transport.call("GET", "/sns/jscode2session", params=params))
    if not answer.get("openid") or not answer.get("session_key"):
        raise OutsideFailure("微信没有给出登录身份")
    who = WeChatIdentity("mp", str(answer["openid"]), answer.get("unionid") or None)
    if seal is not None:
        name, session_key = session_keys.name_of(who.openid), seal(str(answer["session_key"]))
        try:
            await cache.set(name, session_key, seconds=session_keys.SECONDS)
        except OutsideFailure:
            log.warning("a session key could not be kept; the log-in stands")
    return who


async def phone_number(account: Account, code: str) -> str:
    """The number behind a code of the phone button; each answer is paid for, so it is never asked for twice.

    Raises:
        Unverified: code_used, code_invalid.
        OutsideFailure: no answer, or one that was not meant for this mini-program.
    """
    try:
        answer = await account.post("/wxa/business/getuserphonenumber", {"code": code})
    except WeChatRefused as refusal:
        raise phone_refusal(refusal) or refusal from None
    info = answer.get("phone_info")
    if not isinstance(info, dict) or not info.get("purePhoneNumber"):
        raise OutsideFailure("微信没有给出手机号")
    mark = info.get("watermark")
    if not isinstance(mark, dict) or mark.get("appid") != account.appid:
        raise OutsideFailure("微信给出的手机号不是给本小程序的")
    number, country = str(info["purePhoneNumber"]), str(info.get("countryCode") or _CHINA)
    return number if country == _CHINA else f"+{country}{number}"
