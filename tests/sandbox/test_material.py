"""Permanent material, and what WeChat has retired (wechat.md §5, §6.5)."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.sandbox.conftest import MP, OA, WeChat, without_rid

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
MP4 = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 40
OK = {"errcode": 0, "errmsg": "ok"}


async def add(wechat: WeChat, kind: str, data: bytes, name: str = "a.png", **more: str) -> dict[str, Any]:
    form = aiohttp.FormData()
    form.add_field("media", data, filename=name)
    for field, value in more.items():
        form.add_field(field, value)
    url = f"{wechat.url}/cgi-bin/material/add_material"
    query = {"access_token": await wechat.token(), "type": kind}
    async with wechat.http.post(url, params=query, data=form) as answer:
        return dict(await answer.json(content_type=None))


async def counts(wechat: WeChat) -> dict[str, int]:
    return await wechat.get("/cgi-bin/material/get_materialcount", access_token=await wechat.token())


async def test_a_picture_stays_until_it_is_deleted(wechat: WeChat) -> None:
    made = await add(wechat, "image", PNG)
    assert made["url"].endswith(made["media_id"])
    wechat.platform.clock.forward(40 * 86400)
    async with wechat.http.get(made["url"]) as shown:
        assert (shown.status, await shown.read()) == (200, PNG)
    url = f"{wechat.url}/cgi-bin/material/get_material"
    query = {"access_token": await wechat.token()}
    async with wechat.http.post(url, params=query, json={"media_id": made["media_id"]}) as answer:
        assert await answer.read() == PNG
    assert await counts(wechat) == {"image_count": 1, "video_count": 0, "voice_count": 0, "news_count": 0}
    assert await wechat.call("/cgi-bin/material/del_material", {"media_id": made["media_id"]}) == OK
    for path in ("get_material", "del_material"):
        gone = await wechat.call(f"/cgi-bin/material/{path}", {"media_id": made["media_id"]})
        assert without_rid(gone)["errcode"] == 40007
    async with wechat.http.get(made["url"]) as shown:
        assert shown.status == 404
    assert (await counts(wechat))["image_count"] == 0


async def test_a_video_needs_a_title(wechat: WeChat) -> None:
    for wrong in ({}, {"description": "no JSON"}, {"description": "{}"}):
        assert (await add(wechat, "video", MP4, "a.mp4", **wrong))["errcode"] == 47001
    told = json.dumps({"title": "怎样查成绩", "introduction": "一分钟"})
    made = await add(wechat, "video", MP4, "a.mp4", description=told)
    assert set(made) == {"media_id"}
    found = await wechat.call("/cgi-bin/material/get_material", made)
    assert (found["title"], found["description"]) == ("怎样查成绩", "一分钟")
    async with wechat.http.get(found["down_url"]) as file:
        assert await file.read() == MP4


async def test_a_page_of_a_list_is_the_newest_first(wechat: WeChat) -> None:
    made = [(await add(wechat, "image", PNG, f"{number}.png"))["media_id"] for number in range(3)]
    ask = {"type": "image", "offset": 0, "count": 2}
    page = await wechat.call("/cgi-bin/material/batchget_material", ask)
    assert (page["total_count"], page["item_count"]) == (3, 2)
    assert [one["media_id"] for one in page["item"]] == [made[2], made[1]]
    assert [one["name"] for one in page["item"]] == ["2.png", "1.png"]
    rest = await wechat.call("/cgi-bin/material/batchget_material", {**ask, "offset": 2})
    assert [one["media_id"] for one in rest["item"]] == [made[0]]
    for wrong, errcode in (({"type": "thumb"}, 40004), ({"offset": -1}, 40097), ({"count": 21}, 40097)):
        refused = await wechat.call("/cgi-bin/material/batchget_material", {**ask, **wrong})
        assert refused["errcode"] == errcode


@pytest.mark.parametrize(
    ("kind", "data", "errcode"),
    [("image", b"text", 40005), ("image", b"", 41005), ("film", PNG, 40004), ("thumb", PNG, 40005)],
)
async def test_what_is_no_such_file_is_refused(wechat: WeChat, kind: str, data: bytes, errcode: int) -> None:
    assert (await add(wechat, kind, data))["errcode"] == errcode
    assert (await counts(wechat))["image_count"] == 0


async def test_a_mini_program_has_no_material(wechat: WeChat) -> None:
    told = await wechat.call("/cgi-bin/material/get_material", {"media_id": "x"}, account=MP)
    assert told["errcode"] == 48001


async def test_the_retired_one_time_message_of_h5_is_refused(wechat: WeChat) -> None:
    wechat.follows()
    body = {"touser": wechat.openid(), "template_id": "T" * 43, "scene": "1", "title": "提醒", "data": {}}
    told = await wechat.call("/cgi-bin/message/template/subscribe", body)
    assert without_rid(told) == {"errcode": 48001, "errmsg": "api unauthorized"}
    query = {
        "action": "get_confirm",
        "appid": OA.appid,
        "scene": "1",
        "template_id": "T" * 43,
        "reserved": "x",
    }
    url = f"{wechat.url}/mp/subscribemsg"
    async with wechat.http.get(
        url, params={**query, "redirect_url": "https://example.com/"}, allow_redirects=False
    ) as page:
        text = await page.text()
        assert (page.status, "没有这项能力" in text, "location" in page.headers) == (200, True, False)
