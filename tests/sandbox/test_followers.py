"""Tags, remarks and asking about many followers at once (wechat.md §6.4)."""

from __future__ import annotations

from typing import Any

from tests.sandbox.conftest import MP, WeChat


async def make(wechat: WeChat, name: str) -> dict[str, Any]:
    return await wechat.call("/cgi-bin/tags/create", {"tag": {"name": name}})


async def test_tags_are_made_worn_listed_and_removed(wechat: WeChat) -> None:
    wechat.follows(1)
    wechat.follows(2)
    made = (await make(wechat, "甲"))["tag"]
    assert made == {"id": 100, "name": "甲"}
    both = {"openid_list": [wechat.openid(1), wechat.openid(2)], "tagid": 100}
    assert (await wechat.call("/cgi-bin/tags/members/batchtagging", both))["errcode"] == 0
    token = await wechat.token()
    assert (await wechat.get("/cgi-bin/tags/get", access_token=token))["tags"] == [
        {"id": 2, "name": "星标组", "count": 0},
        {"id": 100, "name": "甲", "count": 2},
    ]
    one = {"openid_list": [wechat.openid(1)], "tagid": 100}
    assert (await wechat.call("/cgi-bin/tags/members/batchuntagging", one))["errcode"] == 0
    assert await wechat.call("/cgi-bin/user/tag/get", {"tagid": 100}) == {
        "count": 1,
        "next_openid": wechat.openid(2),
        "data": {"openid": [wechat.openid(2)]},
    }
    assert await wechat.call("/cgi-bin/tags/getidlist", {"openid": wechat.openid(2)}) == {"tagid_list": [100]}
    renamed = {"tag": {"id": 100, "name": "乙"}}
    assert (await wechat.call("/cgi-bin/tags/update", renamed))["errcode"] == 0
    remark = {"openid": wechat.openid(2), "remark": "负责人"}
    assert (await wechat.call("/cgi-bin/user/info/updateremark", remark))["errcode"] == 0
    info = await wechat.get("/cgi-bin/user/info", access_token=token, openid=wechat.openid(2))
    assert (info["tagid_list"], info["groupid"], info["remark"]) == ([100], 100, "负责人")
    assert (await wechat.call("/cgi-bin/tags/delete", {"tag": {"id": 100}}))["errcode"] == 0
    info = await wechat.get("/cgi-bin/user/info", access_token=token, openid=wechat.openid(2))
    assert (info["tagid_list"], info["groupid"]) == ([], 0)


async def test_what_tags_do_not_allow(wechat: WeChat) -> None:
    wechat.follows(1)
    wechat.follows(3)
    one = {"openid_list": [wechat.openid(1)]}
    numbers = [(await make(wechat, f"标签{number}"))["tag"]["id"] for number in range(100)]
    put_on = [
        (await wechat.call("/cgi-bin/tags/members/batchtagging", {**one, "tagid": number}))["errcode"]
        for number in numbers[:21]
    ]
    assert put_on == [0] * 20 + [45059]
    for path, body, errcode in (
        ("create", {"tag": {"name": "第一百零一个"}}, 45056),
        ("create", {"tag": {"name": "标签1"}}, 45157),
        ("create", {"tag": {"name": "长" * 31}}, 45158),
        ("update", {"tag": {"id": 2, "name": "新"}}, 45058),
        ("delete", {"tag": {"id": 2}}, 45058),
        ("delete", {"tag": {"id": 7}}, 45159),
        ("members/batchtagging", {**one, "tagid": 7}, 45159),
        ("members/batchtagging", {"openid_list": [], "tagid": numbers[0]}, 40032),
        ("members/batchtagging", {"openid_list": ["o"] * 51, "tagid": numbers[0]}, 40032),
        ("members/batchtagging", {"openid_list": [wechat.openid(1, MP)], "tagid": numbers[0]}, 40003),
        ("members/batchtagging", {"openid_list": [wechat.openid(2)], "tagid": numbers[0]}, 49003),
    ):
        assert (await wechat.call(f"/cgi-bin/tags/{path}", body))["errcode"] == errcode, (path, body)


async def test_a_hundred_at_once(wechat: WeChat) -> None:
    wechat.follows(1)
    asked = [{"openid": wechat.openid(number)} for number in (1, 2)]
    told = await wechat.call("/cgi-bin/user/info/batchget", {"user_list": asked})
    assert [one["subscribe"] for one in told["user_info_list"]] == [1, 0]
    too_many = await wechat.call("/cgi-bin/user/info/batchget", {"user_list": asked * 51})
    assert too_many["errcode"] == 40097
