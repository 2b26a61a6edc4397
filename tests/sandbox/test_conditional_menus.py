"""Menus for some of the followers: who sees which, and what WeChat refuses (wechat.md §6.1)."""

from __future__ import annotations

from typing import Any

import pytest

from server.sandbox import agents, menu_taps
from tests.sandbox.conftest import MP, OA, WeChat, without_rid

ALL = {"type": "click", "name": "全部", "key": "ALL"}
TAGGED = {"type": "click", "name": "院校", "key": "SCHOOL"}
IOS = {"type": "click", "name": "苹果", "key": "IOS"}
OK = {"errcode": 0, "errmsg": "ok"}


async def add(wechat: WeChat, button: Any, **rule: str) -> dict[str, Any]:
    return await wechat.call("/cgi-bin/menu/addconditional", {"button": [button], "matchrule": rule})


async def seen(wechat: WeChat, number: int = 1) -> str:
    """The key of the only button: what the phone shows and what trymatch says are the same."""
    told = await wechat.call("/cgi-bin/menu/trymatch", {"user_id": wechat.openid(number)})
    shown = menu_taps.buttons_on_phone(wechat.platform, OA, wechat.person(number))
    assert [one["key"] for one in told["button"]] == [one["key"] for one in shown]
    return str(told["button"][0]["key"])


async def tagged(wechat: WeChat, number: int) -> str:
    tag = (await wechat.call("/cgi-bin/tags/create", {"tag": {"name": "负责人"}}))["tag"]["id"]
    people = {"tagid": tag, "openid_list": [wechat.openid(number)]}
    assert (await wechat.call("/cgi-bin/tags/members/batchtagging", people))["errcode"] == 0
    return str(tag)


async def test_by_tag_and_client_and_the_newest_goes_first(wechat: WeChat) -> None:
    for number in (1, 2):
        wechat.follows(number)
    await wechat.call("/cgi-bin/menu/create", {"button": [ALL]})
    assert await seen(wechat) == "ALL"
    tag = await tagged(wechat, 1)
    first = await add(wechat, TAGGED, tag_id=tag)
    assert set(first) == {"menuid"}
    assert (await seen(wechat, 1), await seen(wechat, 2)) == ("SCHOOL", "ALL")
    second = await add(wechat, IOS, client_platform_type="1")
    assert (await seen(wechat, 1), await seen(wechat, 2)) == ("SCHOOL", "ALL")
    for number in (1, 2):
        agents.choose(wechat.platform, wechat.person(number), "ios")
    assert (await seen(wechat, 1), await seen(wechat, 2)) == ("IOS", "IOS")
    told = await wechat.get("/cgi-bin/menu/get", access_token=await wechat.token())
    assert [one["menuid"] for one in told["conditionalmenu"]] == [int(second["menuid"]), int(first["menuid"])]
    assert told["conditionalmenu"][1]["matchrule"] == {"tag_id": tag}
    assert await wechat.call("/cgi-bin/menu/delconditional", second) == OK
    assert (await seen(wechat, 1), await seen(wechat, 2)) == ("SCHOOL", "ALL")
    assert (await wechat.get("/cgi-bin/menu/delete", access_token=await wechat.token()))["errcode"] == 0
    assert menu_taps.buttons_on_phone(wechat.platform, OA, wechat.person(1)) == []
    told = await wechat.call("/cgi-bin/menu/trymatch", {"user_id": wechat.openid(1)})
    assert without_rid(told)["errcode"] == 46003


async def test_refusals(wechat: WeChat) -> None:
    assert (await add(wechat, ALL, client_platform_type="1"))["errcode"] == 65303
    await wechat.call("/cgi-bin/menu/create", {"button": [ALL]})
    for button, rule, errcode in (
        (ALL, {}, 65304),
        (ALL, {"sex": "1"}, 65304),
        (ALL, {"client_platform_type": "4"}, 65304),
        (ALL, {"tag_id": "999"}, 45159),
        ({**ALL, "name": "一二三四五六"}, {"client_platform_type": "1"}, 40018),
    ):
        assert (await add(wechat, button, **rule))["errcode"] == errcode, rule
    empty = await wechat.call(
        "/cgi-bin/menu/addconditional", {"button": [], "matchrule": {"client_platform_type": "1"}}
    )
    assert empty["errcode"] == 65307
    for wrong, errcode in (({"menuid": "1"}, 65301), ({}, 44002)):
        told = await wechat.call("/cgi-bin/menu/delconditional", wrong)
        assert told["errcode"] in (errcode, 65301)
    told = await wechat.call("/cgi-bin/menu/trymatch", {"user_id": wechat.openid(3)})
    assert without_rid(told) == {"errcode": 65302, "errmsg": "no match user"}


@pytest.mark.parametrize("path", ["addconditional", "delconditional", "trymatch"])
async def test_a_mini_program_has_no_menu(wechat: WeChat, path: str) -> None:
    told = await wechat.call(f"/cgi-bin/menu/{path}", {"menuid": "1"}, account=MP)
    assert told["errcode"] == 48001
