"""Every errcode of WeChat's has one remedy, and every alarm says what to do and where (wechat.md §2–§6)."""

from __future__ import annotations

import pytest

from server.adapters.wechat.errcode_help import advice
from server.adapters.wechat.errors import (
    REMEDIES,
    STABLE_TOKEN,
    TOKEN_ERRORS,
    Remedy,
    address_refused,
    field_at_fault,
    remedy,
    rid,
)
from server.domain.notices import sender
from server.domain.wechat_chat import late_answers

# Every errcode that wechat.md names for a call by a server, as its tables say what to do.
KNOWN = {
    Remedy.RENEW: (40001, 40014, 42001),
    Remedy.WAIT: (-1, 45011, 44990),
    Remedy.TOMORROW: (45009, 45109, 85400),
    Remedy.ALARM: (
        *(40002, 40013, 40125, 40243, 40164, 61004, 89503, 48001, 48004, 48006, 40036, 40037, 43116, 45168),
        *(41030, 47003, 65319, 85069, 85074, 85075, 85079, 886000),
    ),
    Remedy.BUG: (
        *(41001, 41002, 41004, 43002, 44002, 47001, 40016, 40017, 40018, 40019, 40054, 40055, 65318),
        *(40129, 40169, 87009, 9410010),
    ),
    Remedy.PERSON: (40003, 43004, 43101, 43117, 50002, 45015, 45047, 40029, 40163, 40226, 40030, 42002),
    Remedy.ABSENT: (9410011, 9410012),
}
CASES = [(errcode, what) for what, errcodes in KNOWN.items() for errcode in errcodes]


@pytest.mark.parametrize(("errcode", "what"), CASES)
def test_what_helps(errcode: int, what: Remedy) -> None:
    assert remedy(errcode, "/cgi-bin/message/template/send") is what


def test_no_errcode_has_two_remedies_and_unknown_ones_call_somebody() -> None:
    assert {errcode for errcode, what in REMEDIES.items() if what is Remedy.RENEW} == TOKEN_ERRORS
    assert len([errcode for errcode, _ in CASES]) == len({errcode for errcode, _ in CASES})
    assert remedy(123456) is Remedy.ALARM


@pytest.mark.parametrize("errcode", sorted(TOKEN_ERRORS))
def test_the_token_call_itself_cannot_be_helped_by_a_token(errcode: int) -> None:
    assert remedy(errcode, STABLE_TOKEN) is Remedy.ALARM
    assert "WECHAT_OA_SECRET" in advice(errcode, STABLE_TOKEN, "", "oa")


@pytest.mark.parametrize("kind", ["oa", "mp"])
@pytest.mark.parametrize("errcode", [c for c, what in REMEDIES.items() if what in (Remedy.ALARM, Remedy.BUG)])
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


def test_the_ledger_of_deliveries_agrees() -> None:
    """Domain and machinery may not share the table; they must not contradict each other either."""
    assert all(remedy(errcode) is Remedy.PERSON for errcode in sender.PERSON_SAYS_NO)
    assert all(
        remedy(errcode) in (Remedy.WAIT, Remedy.RENEW, Remedy.TOMORROW) for errcode in sender.COME_BACK
    )
    assert all(remedy(errcode) is Remedy.TOMORROW for errcode in sender.QUOTA_USED_UP)
    assert all(remedy(errcode) is Remedy.ALARM for errcode in sender.TO_MEND)
    assert all(remedy(errcode) in (Remedy.WAIT, Remedy.RENEW) for errcode in late_answers.COME_BACK)
