"""The menu's limits, and what tapping it pushes (wechat.md §6.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import MP, OA, Service, WeChat, without_rid

CLICK = {"type": "click", "name": "查询", "key": "LOOK"}
VIEW = {"type": "view", "name": "网页", "url": "https://example.com/a"}
PROGRAM = {
    "type": "miniprogram",
    "name": "小程序",
    "url": "https://example.com/",
    "appid": MP.appid,
    "pagepath": "pages/a?x=1",
}
MENU = {"button": [CLICK, {"name": "更多", "sub_button": [VIEW, PROGRAM]}]}


async def create(wechat: WeChat, menu: Any) -> dict[str, Any]:
    return await wechat.call("/cgi-bin/menu/create", menu)


async def raw(wechat: WeChat, body: bytes) -> dict[str, Any]:
    url = f"{wechat.url}/cgi-bin/menu/create"
    async with wechat.http.post(url, params={"access_token": await wechat.token()}, data=body) as answer:
        return dict(await answer.json(content_type=None))


async def test_making_reading_and_deleting(wechat: WeChat) -> None:
    body = json.dumps(MENU, ensure_ascii=False).encode()
    assert await raw(wechat, body) == {"errcode": 0, "errmsg": "ok"}
    token = await wechat.token()
    told = await wechat.get("/cgi-bin/menu/get", access_token=token)
    assert told == {
        "menu": {
            "button": [
                {**CLICK, "sub_button": []},
                {"name": "更多", "sub_button": [{**VIEW, "sub_button": []}, {**PROGRAM, "sub_button": []}]},
            ]
        }
    }
    assert (await wechat.get("/cgi-bin/menu/delete", access_token=token))["errcode"] == 0
    told = await wechat.get("/cgi-bin/menu/get", access_token=token)
    assert without_rid(told) == {"errcode": 46003, "errmsg": "menu no exist"}


@pytest.mark.parametrize(
    ("menu", "errcode"),
    [
        ({}, 40016),
        ({"button": []}, 40016),
        ({"button": [CLICK] * 4}, 40016),
        ({"button": [{**CLICK, "name": "一二三四五六"}]}, 40018),
        ({"button": [{**CLICK, "name": ""}]}, 40018),
        ({"button": [{**CLICK, "type": "tap"}]}, 40017),
        ({"button": [{**CLICK, "key": "k" * 129}]}, 40019),
        ({"button": [{**VIEW, "url": "https://e/" + "x" * 1024}]}, 40020),
        ({"button": [{**VIEW, "url": "example.com"}]}, 40055),
        ({"button": [{**PROGRAM, "appid": OA.appid}]}, 40013),
        ({"button": [{"name": "多", "sub_button": [CLICK] * 6}]}, 40023),
        ({"button": [{"name": "多", "sub_button": [{**CLICK, "name": "字" * 21}]}]}, 40025),
        ({"button": [{"name": "多", "sub_button": [{**CLICK, "type": ""}]}]}, 40024),
        ({"button": [{"name": "多", "sub_button": [{**VIEW, "url": "ftp://a/b"}]}]}, 40054),
    ],
)
async def test_refusals(wechat: WeChat, menu: dict[str, Any], errcode: int) -> None:
    assert (await create(wechat, menu))["errcode"] == errcode


async def test_escaped_chinese_shows_as_escapes(wechat: WeChat) -> None:
    await raw(wechat, json.dumps({"button": [CLICK]}).encode())
    state = await wechat.get("/phone/api/feed/p1")
    assert state["oa"]["menu"][0]["name"] == "\\u67e5\\u8be2"


async def test_a_body_that_is_not_utf8(wechat: WeChat) -> None:
    body = json.dumps(MENU, ensure_ascii=False).encode("gb18030")
    assert (await raw(wechat, body))["errcode"] == 65318


async def test_tapping(wechat: WeChat, service: Service) -> None:
    await raw(wechat, json.dumps(MENU, ensure_ascii=False).encode())
    wechat.follows()
    outcomes = [
        await wechat.post("/phone/api/act/p1/menu", {"path": path}, wait="1") for path in ("0", "1.0", "1.1")
    ]
    assert outcomes == [
        {},
        {"open": "web", "url": VIEW["url"]},
        {"open": "miniprogram", "page": "pages/a", "query": "x=1", "scene": 1035},
    ]
    told = [(m["Event"], m["EventKey"], "MsgId" in m) for m in (a.opened() for a in service.arrivals)]
    assert told == [
        ("CLICK", "LOOK", False),
        ("VIEW", VIEW["url"], False),
        ("view_miniprogram", "pages/a?x=1", False),
    ]
    assert ["MenuId" in arrival.opened() for arrival in service.arrivals] == [False, True, True]


BUTTONS = [
    {"type": "scancode_push", "name": "扫码", "key": "S1"},
    {"type": "scancode_waitmsg", "name": "扫码等", "key": "S2"},
    {"name": "发", "sub_button": [
        {"type": "pic_sysphoto", "name": "拍照", "key": "P"},
        {"type": "location_select", "name": "位置", "key": "L"},
    ]},
]  # fmt: skip


async def test_buttons_that_scan_and_send(wechat: WeChat, service: Service) -> None:
    await raw(wechat, json.dumps({"button": BUTTONS}, ensure_ascii=False).encode())
    wechat.follows()

    async def tap(path: str, act: str = "menu", **more: str) -> dict[str, Any]:
        return await wechat.post(f"/phone/api/act/p1/{act}", {"path": path, **more}, wait="1")

    assert await tap("0") == {"open": "scanner", "path": "0"}
    assert service.arrivals == []
    assert await tap("0", "scancode", text="https://a.cn/x") == {"open": "web", "url": "https://a.cn/x"}
    assert await tap("1", "scancode", text="https://a.cn/x") == {"open": "chat"}
    await tap("2.0")
    await tap("2.1")
    told = [arrival.opened() for arrival in service.arrivals]
    events = [(one["Event"], one["EventKey"]) for one in told if one["MsgType"] == "event"]
    assert events == [
        ("scancode_push", "S1"),
        ("scancode_waitmsg", "S2"),
        ("pic_sysphoto", "P"),
        ("location_select", "L"),
    ]
    assert told[0]["ScanCodeInfo"] == {"ScanType": "qrcode", "ScanResult": "https://a.cn/x"}
    by_kind = {one.get("Event", one["MsgType"]): one for one in told}
    assert by_kind["pic_sysphoto"]["SendPicsInfo"]["Count"] == "1"
    assert by_kind["location_select"]["SendLocationInfo"]["Label"] == by_kind["location"]["Label"]
    assert "MediaId" in by_kind["image"]


async def test_a_phone_keeps_its_copy_of_the_menu(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"menu_seconds": 300})

    async def shown() -> list[str]:
        return [button["name"] for button in (await wechat.get("/phone/api/feed/p1"))["oa"]["menu"]]

    async def make(name: str) -> None:
        await raw(wechat, json.dumps({"button": [{**CLICK, "name": name}]}, ensure_ascii=False).encode())

    await make("旧")
    assert await shown() == ["旧"]
    await make("新")
    wechat.platform.clock.forward(299)
    assert await shown() == ["旧"]
    wechat.platform.clock.forward(1)
    assert await shown() == ["新"]
