"""WeChat's errcodes and what to do about each (wechat.md §2, §3.1, §4, §5)."""

from __future__ import annotations

import re
from enum import Enum

from server.errors import Forbidden, Refused, TooMany, Unverified, WeChatRefused


class Remedy(Enum):
    """What helps: renew the token, wait, call somebody, mend the code, or accept that this person says no."""

    RENEW = "renew"
    WAIT = "wait"
    ALARM = "alarm"
    BUG = "bug"
    PERSON = "person"


TOKEN_ERRORS = frozenset({40001, 40014, 42001})

REMEDIES: dict[int, Remedy] = {
    -1: Remedy.WAIT,
    **dict.fromkeys(TOKEN_ERRORS, Remedy.RENEW),
    **dict.fromkeys((40002, 40013, 40125, 40243, 40164, 61004, 89503, 48001, 48004), Remedy.ALARM),
    **dict.fromkeys((40036, 40037, 43116, 45168, 41030), Remedy.ALARM),
    **dict.fromkeys((41001, 41002, 41004, 43002, 44002, 47001, 47003), Remedy.BUG),
    **dict.fromkeys((40016, 40017, 40018, 40019, 40054, 40055, 40129, 40169, 65318), Remedy.BUG),
    **dict.fromkeys((45009, 45011, 45109, 44990), Remedy.WAIT),
    **dict.fromkeys((40003, 43004, 43101, 43117, 50002, 45015, 45047), Remedy.PERSON),
    **dict.fromkeys((40029, 40163, 41008, 40226), Remedy.PERSON),
}

_RID = re.compile(r"rid: ([0-9a-f-]{8,40})")


def remedy(errcode: int) -> Remedy:
    """Unknown codes call somebody."""
    return REMEDIES.get(errcode, Remedy.ALARM)


def rid(errmsg: str) -> str:
    """WeChat's request id in an errmsg: what its support asks for."""
    found = _RID.search(errmsg)
    return found[1] if found else ""


def login_refusal(refusal: WeChatRefused) -> Refused | None:
    """The refusal that a person is shown when their log-in code was not taken; None for other failures."""
    match refusal.errcode:
        case 40163:
            return Unverified("code_used", "这个登录链接已经用过了，请重新进入。")
        case 40029 | 41008:
            return Unverified("code_invalid", "微信登录已失效，请重新进入。")
        case 40226:
            return Forbidden("risky_user", "微信限制了这个帐号登录，请联系微信客服。")
        case 45011:
            return TooMany("too_many_logins", "登录太频繁，请一分钟后再试。", retry_after=60)
        case _:
            return None


def phone_refusal(refusal: WeChatRefused) -> Refused | None:
    """The refusal that a person is shown when the code of the phone button was not taken."""
    match refusal.errcode:
        case 40163:
            return Unverified("code_used", "这次手机号授权已经用过了，请重新点击获取手机号。")
        case 40029:
            return Unverified("code_invalid", "手机号授权已失效，请重新点击获取手机号。")
        case 45011:
            return TooMany("too_many_phones", "操作太频繁，请一分钟后再试。", retry_after=60)
        case _:
            return None
