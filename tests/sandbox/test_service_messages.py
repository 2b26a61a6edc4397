"""Customer-service messages of every type, their windows, and the media in them (wechat.md §6.5, DOC 《临时素材》)."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest
from PIL import Image

from server.sandbox import limits, windows
from tests.sandbox.conftest import MP, OA, Service, WeChat


def picture(kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, kind)
    return out.getvalue()


async def upload(wechat: WeChat, type_: str, data: bytes | None, account: Any = OA) -> dict[str, Any]:
    form = aiohttp.FormData({"other": "x"})
    if data is not None:
        form.add_field("media", io.BytesIO(data), filename="a.bin", content_type="application/octet-stream")
    url, query = (
        f"{wechat.url}/cgi-bin/media/upload",
        {"access_token": await wechat.token(account), "type": type_},
    )
    async with wechat.http.post(url, params=query, data=form) as answer:
        return dict(await answer.json(content_type=None))


async def custom(wechat: WeChat, account: Any = OA, **more: Any) -> dict[str, Any]:
    body = {"touser": wechat.openid(1, account), "msgtype": "text", "text": {"content": "回答"}, **more}
    return await wechat.call("/cgi-bin/message/custom/send", body, account)


async def test_media_live_for_three_days(wechat: WeChat) -> None:
    made = await upload(wechat, "image", picture())
    assert (made["type"], made["created_at"]) == ("image", wechat.platform.clock.unix())
    query = {"access_token": await wechat.token(), "media_id": made["media_id"]}
    async with wechat.http.get(f"{wechat.url}/cgi-bin/media/get", params=query) as answer:
        assert (answer.content_type, await answer.read()) == ("image/jpeg", picture())
        assert answer.headers["Content-Disposition"].endswith('.jpg"')
    others = {"access_token": await wechat.token(MP), "media_id": made["media_id"]}
    assert (await wechat.get("/cgi-bin/media/get", **others))["errcode"] == 40007
    wechat.platform.clock.forward(3 * 86400)
    late = {"access_token": await wechat.token(), "media_id": made["media_id"]}
    assert (await wechat.get("/cgi-bin/media/get", **late))["errcode"] == 40007


@pytest.mark.parametrize(
    ("type_", "data", "errcode"),
    [
        ("music", picture(), 40004),
        ("image", None, 41005),
        ("image", b"", 41005),
        ("image", b"%PDF-1.7", 40005),
        ("thumb", picture("PNG"), 40005),
        ("thumb", picture() + b"0" * limits.MEDIA_BYTES["thumb"], 40006),
        ("image", picture() + b"0" * limits.MEDIA_BYTES["image"], 40006),
        ("voice", b"#!AMR" + b"0" * limits.MEDIA_BYTES["voice"], 40006),
        ("video", b"xxxx", 40005),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else str(value),
)
async def test_media_that_are_refused(wechat: WeChat, type_: str, data: bytes | None, errcode: int) -> None:
    assert (await upload(wechat, type_, data))["errcode"] == errcode


async def test_every_type_reaches_the_chat(wechat: WeChat) -> None:
    wechat.follows()
    windows.payment_completed(wechat.platform, OA, wechat.person())
    image = (await upload(wechat, "image", picture()))["media_id"]
    voice = (await upload(wechat, "voice", b"#!AMR\n"))["media_id"]
    video = (await upload(wechat, "video", b"\x00\x00\x00\x18ftypmp42"))["media_id"]
    thumb = (await upload(wechat, "thumb", picture()))["media_id"]
    article = {"title": "题", "description": "说明", "url": "https://a.cn/", "picurl": "https://a.cn/x.png"}
    choices = [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}]
    page = {"title": "卡", "appid": MP.appid, "pagepath": "pages/a", "thumb_media_id": thumb}
    contents: dict[str, dict[str, Any]] = {
        "text": {"content": "回答"},
        "image": {"media_id": image},
        "voice": {"media_id": voice},
        "video": {"media_id": video, "thumb_media_id": thumb},
        "music": {"musicurl": "https://a.cn/m", "hqmusicurl": "https://a.cn/h", "thumb_media_id": thumb},
        "news": {"articles": [article]},
        "mpnewsarticle": {"article_id": "a1"},
        "msgmenu": {"head_content": "您满意吗", "list": choices, "tail_content": "谢谢"},
        "miniprogrampage": page,
        "wxcard": {"card_id": "c1"},
    }
    for kind, content in contents.items():
        assert (await custom(wechat, msgtype=kind, **{kind: content}))["errcode"] == 0, kind
    lines = (await wechat.get("/phone/api/feed/p1"))["oa"]["lines"]
    assert [line["kind"] for line in lines] == [
        "text", "image", "other", "other", "other", "news", "other", "menu", "miniprogram", "other",
    ]  # fmt: skip
    assert [line["text"] for line in lines if line["kind"] in ("other", "image")] == [
        "［图片］", "［语音］", "［视频］", "［音乐］", "［图文］", "［卡券］",
    ]  # fmt: skip
    async with wechat.http.get(lines[1]["picture"]) as answer:
        assert await answer.read() == picture()
    query = {"access_token": await wechat.token(), "media_id": video}
    assert list(await wechat.get("/cgi-bin/media/get", **query)) == ["video_url"]


async def test_an_item_of_a_message_menu_is_answered_with_its_id(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    await wechat.post("/phone/api/act/p1/write", {"text": "满意", "choice": "101"}, wait="1")
    told = service.arrivals[0].opened()
    assert (told["MsgType"], told["Content"], told["bizmsgmenuid"]) == ("text", "满意", "101")


@pytest.mark.parametrize(
    ("account", "kind", "content", "errcode"),
    [
        (OA, "link", {"title": "a", "description": "b", "url": "c", "thumb_url": "d"}, 40008),
        (MP, "voice", {"media_id": "x"}, 40008),
        (MP, "msgmenu", {"list": [{"id": "1", "content": "a"}]}, 40008),
        (OA, "image", {"media_id": "x"}, 40007),
        (OA, "video", {"media_id": "x", "thumb_media_id": "y"}, 40007),
        (OA, "msgmenu", {"list": [{"id": "1"}]}, 47001),
        (OA, "msgmenu", {"list": [{"id": "1", "content": "a"}] * 51}, 47001),
    ],
)
async def test_what_is_refused(
    wechat: WeChat, account: Any, kind: str, content: dict[str, Any], errcode: int
) -> None:
    wechat.follows()
    assert (await custom(wechat, account, msgtype=kind, **{kind: content}))["errcode"] == errcode


async def test_the_mini_program_has_windows_of_its_own(wechat: WeChat) -> None:
    """48 hours and 5 after a message, one minute and 2 after entering the chat (wechat.md §6.5)."""
    await wechat.post("/phone/api/act/p1/enter_program_chat", {}, wait="1")
    assert [(await custom(wechat, MP))["errcode"] for _ in range(3)] == [0, 0, 45047]
    wechat.platform.clock.forward(60)
    assert (await custom(wechat, MP))["errcode"] == 45015
    await wechat.post("/phone/api/act/p1/write_to_program", {"text": "问"}, wait="1")
    assert [(await custom(wechat, MP))["errcode"] for _ in range(6)] == [0] * 5 + [45047]
    assert (await custom(wechat))["errcode"] == 45015  # the service account's are other ones
    lines = (await wechat.get("/phone/api/feed/p1"))["mp"]["lines"]
    assert [line["from"] for line in lines].count("account") == 7


async def test_a_payment_opens_two_days_and_any_number(wechat: WeChat) -> None:
    wechat.follows()
    windows.payment_completed(wechat.platform, OA, wechat.person())
    assert [(await custom(wechat))["errcode"] for _ in range(12)] == [0] * 12
    told = await wechat.get("/sandbox/api/windows", account="oa", person="p1")
    until = wechat.platform.clock.now() + 48 * 3600
    assert told == {"windows": {"payment": {"until": until, "left": None}}}
    wechat.platform.clock.forward(48 * 3600)
    assert (await custom(wechat))["errcode"] == 45015


async def test_windows_are_used_up_from_the_one_that_closes_first(wechat: WeChat) -> None:
    await wechat.post("/phone/api/act/p1/follow", {}, wait="1")
    await wechat.post("/phone/api/act/p1/write", {"text": "问"}, wait="1")
    for _ in range(4):
        assert (await custom(wechat))["errcode"] == 0
    told = (await wechat.get("/sandbox/api/windows", account="oa", person="p1"))["windows"]
    assert {name: window["left"] for name, window in told.items()} == {"tap": 0, "message": 4}


@pytest.mark.parametrize(
    ("event", "opens"),
    [
        ({"Event": "CLICK", "EventKey": "K"}, True),
        ({"Event": "SCAN", "EventKey": "s"}, True),
        ({"Event": "scancode_push", "EventKey": "K"}, True),
        ({"Event": "scancode_waitmsg", "EventKey": "K"}, True),
        ({"Event": "VIEW", "EventKey": "https://a.cn/"}, False),
        ({"Event": "view_miniprogram", "EventKey": "pages/a"}, False),
        ({"Event": "TEMPLATESENDJOBFINISH", "MsgID": 1, "Status": "success"}, False),
    ],
)
async def test_which_events_open_a_window(wechat: WeChat, event: dict[str, Any], opens: bool) -> None:
    wechat.follows()
    await wechat.post("/sandbox/api/push", {"account": "oa", "person": "p1", "fields": event})
    assert (await custom(wechat))["errcode"] == (0 if opens else 45015)


async def test_typing_needs_a_window(wechat: WeChat) -> None:
    wechat.follows()
    body = {"touser": wechat.openid(), "command": "Typing"}
    path = "/cgi-bin/message/custom/typing"
    assert (await wechat.call(path, body))["errcode"] == 45080
    await wechat.post("/phone/api/act/p1/write", {"text": "问"}, wait="1")
    assert (await wechat.call(path, body))["errcode"] == 0
    assert (await wechat.call(path, {**body, "command": "Sing"}))["errcode"] == 45072


async def test_what_a_person_sends_can_be_fetched(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    for kind in ("image", "voice", "video", "shortvideo", "location", "link"):
        await wechat.post("/phone/api/act/p1/send", {"kind": kind}, wait="1")
    told = {one["MsgType"]: one for one in (arrival.opened() for arrival in service.arrivals)}
    assert list(told) == ["image", "voice", "video", "shortvideo", "location", "link"]
    query = {"access_token": await wechat.token(), "media_id": told["image"]["MediaId"]}
    async with wechat.http.get(f"{wechat.url}/cgi-bin/media/get", params=query) as answer:
        data = await answer.read()
    async with wechat.http.get(told["image"]["PicUrl"]) as answer:
        assert (answer.content_type, await answer.read()) == ("image/jpeg", data)
    assert told["voice"]["Recognition"] == "你好"
    assert (told["location"]["Scale"], told["link"]["Url"]) == ("15", "https://example.com/")
