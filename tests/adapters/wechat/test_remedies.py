"""Every errcode of WeChat's has one remedy, and every alarm says what to do and where (wechat.md §2–§6)."""

from __future__ import annotations

import pytest

from server.adapters.wechat.errcode_help import advice
from server.adapters.wechat.errcodes import (
    CALL_SOMEBODY,
    REMEDIES,
    STABLE_TOKEN,
    TOKEN_ERRORS,
    address_refused,
    field_at_fault,
    rid,
)
from server.adapters.wechat.transport import checked
from server.errors import Remedy, WeChatRefused

SEND = "/cgi-bin/message/template/send"


def refusal(errcode: int, path: str = SEND) -> WeChatRefused:
    """What a caller gets for an answer of WeChat's."""
    with pytest.raises(WeChatRefused) as found:
        checked({"errcode": errcode, "errmsg": "no rid: 6a1b2c3d-0"}, path)
    assert (found.value.errcode, found.value.errmsg) == (errcode, "no rid: 6a1b2c3d-0")
    return found.value


@pytest.mark.parametrize(
    ("errcode", "what", "why"),
    [
        (42001, Remedy.RENEW, ""),
        (-1, Remedy.WAIT, "微信系统繁忙"),
        (45009, Remedy.TOMORROW, "当日额度已用完"),
        (40164, Remedy.MEND, ""),
        (47003, Remedy.ALARM, "内容不符合模板的要求"),
        (41001, Remedy.BUG, ""),
        (45015, Remedy.PERSON, "已过时限或对方已取消关注"),
        (43004, Remedy.FOLLOW, "对方没有关注"),
        (43101, Remedy.CONSENT, "对方没有授权或已拒收这类消息"),
        (9410012, Remedy.ABSENT, ""),
        (123456, Remedy.ALARM, ""),
    ],
)
def test_a_refusal_says_what_helps_and_why(errcode: int, what: Remedy, why: str) -> None:
    """What each errcode leads to, the tests of notices and late answers say; an unknown one calls somebody."""
    found = refusal(errcode)
    assert (found.remedy, found.why, str(found)) == (what, why, f"微信返回错误 {errcode}")


@pytest.mark.parametrize("errcode", sorted(TOKEN_ERRORS))
def test_the_token_call_itself_cannot_be_helped_by_a_token(errcode: int) -> None:
    assert (refusal(errcode).remedy, refusal(errcode, STABLE_TOKEN).remedy) == (Remedy.RENEW, Remedy.MEND)
    assert "WECHAT_OA_SECRET" in advice(errcode, STABLE_TOKEN, "", "oa")


@pytest.mark.parametrize("kind", ["oa", "mp"])
@pytest.mark.parametrize("errcode", [c for c, what in REMEDIES.items() if what in CALL_SOMEBODY])
def test_every_alarm_says_what_to_do(errcode: int, kind: str) -> None:
    said = advice(errcode, "/x", "rid: 6a1b2c3d-00112233-44556677", kind)
    assert any("\u4e00" <= character <= "\u9fff" for character in said)
    assert "{" not in said and "6a1b2c3d" not in said
    assert any(word in said for word in ("请", "须", "核对", "加入", "等到", "不能使用", "需要先")), said


@pytest.mark.parametrize(
    ("errcode", "errmsg", "kind", "parts"),
    [
        (40125, "", "oa", ("WECHAT_OA_SECRET", "微信开发者平台", "开发密钥")),
        (40125, "", "mp", ("WECHAT_MP_SECRET", "小程序后台", "开发设置")),
        (
            40164,
            "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 6a1b2c3d-0",
            "oa",
            ("203.0.113.9", "API IP 白名单"),
        ),
        (89503, "", "oa", ("公众平台安全助手", "一小时")),
        (48001, "", "mp", ("小程序没有这个接口的权限", "开发管理 → 接口设置")),
        (40037, "", "mp", ("小程序后台", "我的模板")),
        (47003, "argument invalid! data.thing1.value invalid rid: a", "oa", ("thing1", "xcert doctor")),
        (41001, "", "oa", ("rid", "开发者")),
        (999999, "", "oa", ("rid",)),
    ],
)
def test_the_advice_names_place_and_thing(
    errcode: int, errmsg: str, kind: str, parts: tuple[str, ...]
) -> None:
    said = advice(errcode, "/cgi-bin/x", errmsg, kind)
    assert all(part in said for part in parts), said


def test_what_is_read_from_an_errmsg() -> None:
    assert rid("invalid credential rid: 6a1b2c3d-00112233-44556677") == "6a1b2c3d-00112233-44556677"
    assert rid("invalid credential") == ""
    assert field_at_fault("argument invalid! data.date2.value invalid") == "date2"
    assert address_refused("invalid ip ::ffff:198.51.100.7, not in whitelist") == "198.51.100.7"
    assert (field_at_fault("x"), address_refused("x")) == ("", "")
