"""WeChat's errcodes and what to do about each (wechat.md §2–§6); the tables of its newer pages fill the gaps.

Codes that only a phone ever sees (10003 … 20005, 1400001) never reach a server and are not here.
"""

from __future__ import annotations

import re

from server.errors import (
    Forbidden,
    Misconfigured,
    Refused,
    Remedy,
    TooMany,
    Unverified,
    WeChatRefused,
    XcertError,
)

TOKEN_ERRORS = frozenset({40001, 40014, 42001})
STABLE_TOKEN = "/cgi-bin/stable_token"  # noqa: S105 -- a path

_BY_REMEDY: dict[Remedy, tuple[int, ...]] = {
    Remedy.RENEW: tuple(TOKEN_ERRORS),
    Remedy.WAIT: (-1, 45011, 44990, 43108),
    Remedy.TOMORROW: (45009, 45109, 85400),
    Remedy.MEND: (40002, 40013, 40125, 40243, 40164, 61004, 89503, 48001, 48004, 40036, 40037),
    Remedy.ALARM: (
        *(48006, 61024, 43107, 43116, 45168, 41030, 47003),
        *(65319, 85069, 85074, 85075, 85079, 886000),
    ),
    Remedy.BUG: (
        *(41001, 41002, 41004, 41009, 43001, 43002, 44002, 44004, 47001, 65318, 40008, 40035, 40053, 40097),
        *(40016, 40017, 40018, 40019, 40020, 40023, 40024, 40025, 40026, 40027, 40054, 40055),
        *(40129, 40169, 45002, 45008, 40202, 40203, 76003, 76021, 76022, 85401, 87009, 9410010),
    ),
    Remedy.PERSON: (
        *(40003, 43117, 50002, 45015, 45047),
        *(40029, 40163, 41008, 40226, 40030, 42002),
    ),
    Remedy.FOLLOW: (43004,),
    Remedy.CONSENT: (43101,),  # one code for "refused" and for "none left"
    Remedy.ABSENT: (40201, 46003, 76001, 9410011, 9410012),
}
REMEDIES: dict[int, Remedy] = {code: what for what, codes in _BY_REMEDY.items() for code in codes}
CALL_SOMEBODY = frozenset({Remedy.MEND, Remedy.ALARM, Remedy.BUG})

# Why a person was not answered, for those who look at the row (wechat.md §6.5).
_WHY = {
    45015: "已过时限或对方已取消关注",
    45047: "已达条数上限",
    43004: "对方没有关注",
    45009: "当日额度已用完",
    -1: "微信系统繁忙",
    40003: "收件人不属于这个账号",
    40037: "模板编号不正确或不属于这个账号",
    41028: "小程序表单编号不正确或已过期",
    41029: "小程序表单编号已经用过",
    41030: "要打开的小程序页面不存在",
    43101: "对方没有授权或已拒收这类消息",
    43116: "模板因违规被微信收回",
    43117: "发给这个人太频繁",
    45109: "当日额度已用完",
    45168: "内容含有微信禁止的词",
    47003: "内容不符合模板的要求",
}

# Counted by the minute: 45009 there means this minute, not this day (wechat.md §2, §3.1, §4.3).
_BY_THE_MINUTE = ("/wxa/getwxacodeunlimit", STABLE_TOKEN, "/sns/")

_RID = re.compile(r"rid: ([0-9a-f-]{8,40})")
_FIELD = re.compile(r"data\.(\w+)")
_ADDRESS = re.compile(r"invalid ip (?:::ffff:)?([0-9a-fA-F.:]{3,45})")


def remedy(errcode: int, path: str = "") -> Remedy:
    """Unknown codes call somebody. 40001 from the token call itself means a wrong secret (wechat.md §2)."""
    if errcode in TOKEN_ERRORS and path == STABLE_TOKEN:
        return Remedy.MEND
    return REMEDIES.get(errcode, Remedy.ALARM)


def refusal_of(errcode: int, errmsg: str, path: str = "") -> WeChatRefused:
    """The error for what WeChat said, with what helps.

    Args:
        path: of the call, below the API's host.
    """
    return WeChatRefused(errcode, errmsg, remedy=remedy(errcode, path), why=_WHY.get(errcode, ""))


def is_counted_by_the_minute(path: str) -> bool:
    """Whether 45009 at this path ends with the minute instead of the day."""
    return path.startswith(_BY_THE_MINUTE)


def rid(errmsg: str) -> str:
    """WeChat's request id in an errmsg: what its support asks for."""
    match = _RID.search(errmsg)
    return match[1] if match else ""


def field_at_fault(errmsg: str) -> str:
    """The keyword that a 47003 names, e.g. `thing1`; "" when it names none."""
    match = _FIELD.search(errmsg)
    return match[1] if match else ""


def address_refused(errmsg: str) -> str:
    """The address of ours that a 40164 names; "" when it names none."""
    match = _ADDRESS.search(errmsg)
    return match[1] if match else ""


def login_refusal(refusal: WeChatRefused) -> Refused | None:
    """The refusal that a person is shown when their log-in code was not taken; None for other failures."""
    match refusal.errcode:
        case 40163:
            return Unverified("code_used", "这次登录已经用过了，请重新进入。")
        case 40029 | 41008:
            return Unverified("code_invalid", "微信登录已失效，请重新进入。")
        case 40226:
            return Forbidden("risky_user", "微信限制了这个账号登录，请联系微信客服。")
        case 50002:
            return Forbidden(
                "user_limited", "您的微信账号目前受限，这是账号本身的状态，请在微信中查看并解除后再登录。"
            )
        case 45011:
            return TooMany("too_many_logins", "登录太频繁，请一分钟后再试。", retry_after=60)
        case _:
            return None


def login_failure(refusal: WeChatRefused) -> XcertError:
    """What a failed exchange of a log-in code comes to: the person's, the operator's, or WeChat's own for a while."""
    if refusal.errcode in (40013, 40125, 40164):
        return Misconfigured("微信登录的设置有误")
    return login_refusal(refusal) or refusal


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
