"""WeRoBot, which nobody here wrote and we do not use, speaks with the sandbox in both directions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from PIL import Image
from werobot import WeRoBot
from werobot.client import Client, ClientException
from werobot.replies import Article, ImageReply

from tests.sandbox.conftest import CONFIG, OA, TEMPLATE, WeChat, running


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


class SandboxClient(Client):  # type: ignore[misc]
    """WeRoBot's client with the one address that it cannot be told."""

    origin = ""

    def request(self, method: str, url: str, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.weixin.qq.com", self.origin), **more)

    def get_menu_or_nothing(self) -> Any:
        try:
            return self.get_menu()
        except ClientException as refused:
            return int(str(refused).partition(":")[0])


VIEW = {"type": "view", "name": "b", "url": "https://a.cn/"}


def robot(seen: list[tuple[Any, ...]]) -> WeRoBot:
    """A service of a few lines, as WeRoBot's documents show it."""
    made = WeRoBot(
        config={
            "TOKEN": OA.token,
            "APP_ID": OA.appid,
            "APP_SECRET": OA.secret,
            "ENCODING_AES_KEY": OA.aes_key,
            "SESSION_STORAGE": False,
        }
    )

    @made.text
    def text(message: Any) -> str:
        seen.append(("text", message.content, message.message_id))
        return f"收到{message.content}"

    @made.subscribe
    def subscribe(message: Any) -> str:
        seen.append(("subscribe", message.key))
        return "欢迎"

    @made.scan
    def scan(message: Any) -> str:
        seen.append(("scan", message.key))
        return ""

    @made.click
    def click(message: Any) -> list[list[str]]:
        seen.append(("click", message.key))
        return [["标题", "说明", "https://a.cn/x.png", "https://a.cn/"]]

    @made.unsubscribe
    def unsubscribe(message: Any) -> str:
        seen.append(("unsubscribe", message.source))
        return ""

    @made.view
    def view(message: Any) -> str:
        seen.append(("view", message.key))
        return "没有人看到"

    @made.scancode_waitmsg
    def scancode(message: Any) -> str:
        seen.append(("scancode", message.key, message.scan_result))
        return f"扫到{message.scan_result}"

    @made.image
    def image(message: Any) -> ImageReply:
        seen.append(("image", message.img))
        return ImageReply(message=message, media_id=message.MediaId)

    @made.location
    def location(message: Any) -> str:
        seen.append(("location", message.label))
        return ""

    @made.templatesendjobfinish_event
    def finished(message: Any) -> str:
        seen.append(("finished", message.status))
        return ""

    return made


@pytest.fixture
def seen() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
async def werobot(seen: list[tuple[Any, ...]]) -> AsyncIterator[WeChat]:
    """The sandbox, with WeRoBot as the service behind it."""
    server: WSGIServer = make_server("127.0.0.1", 0, robot(seen).wsgi, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    async for one in running(replace(CONFIG, service_url=f"http://127.0.0.1:{server.server_port}")):
        yield one
    await asyncio.to_thread(server.shutdown)
    server.server_close()
    thread.join()


def client(wechat: WeChat) -> SandboxClient:
    made = SandboxClient({"APP_ID": OA.appid, "APP_SECRET": OA.secret})
    made.origin = wechat.url
    return made


async def act(wechat: WeChat, name: str, **body: Any) -> dict[str, Any]:
    return await wechat.post(f"/phone/api/act/p1/{name}", body, wait="1")


async def test_it_takes_our_pushes_and_we_take_its_replies(
    werobot: WeChat, seen: list[tuple[Any, ...]]
) -> None:
    menu = {
        "button": [
            {"type": "click", "name": "a", "key": "K"},
            {"type": "view", "name": "b", "url": "https://a.cn/"},
            {"type": "scancode_waitmsg", "name": "c", "key": "S"},
        ]
    }
    await asyncio.to_thread(client(werobot).create_menu, menu)
    assert (await werobot.post("/sandbox/api/verify"))["oa"] == "通过"
    await act(werobot, "follow")
    await act(werobot, "write", text="你好")
    await act(werobot, "menu", path="0")
    assert seen == [("subscribe", None), ("text", "你好", 24_000_000_000_000_001), ("click", "K")]
    lines = (await werobot.get("/phone/api/feed/p1"))["oa"]["lines"]
    said = [line.get("text") or line["articles"][0]["title"] for line in lines if line["from"] == "account"]
    assert said == ["欢迎", "收到你好", "标题"]
    refused = [row["what"] for row in werobot.platform.timeline.rows() if row["ok"] is False]
    assert refused == [f"GET {werobot.platform.service_url}/wechat/mp"]  # it was told of one account only


async def test_its_client_reads_our_answers(werobot: WeChat, seen: list[tuple[Any, ...]]) -> None:
    calls, openid = client(werobot), werobot.openid()
    await act(werobot, "follow")
    scene = {"scene": {"scene_str": "s1"}}
    made = await asyncio.to_thread(
        calls.create_qrcode, {"expire_seconds": 60, "action_name": "QR_STR_SCENE", "action_info": scene}
    )
    await act(werobot, "scan", text=made["url"])
    assert (await asyncio.to_thread(calls.get_user_info, openid))["subscribe"] == 1
    assert (await asyncio.to_thread(calls.get_followers))["data"] == {"openid": [openid]}
    await asyncio.to_thread(calls.send_text_message, openid, "客服消息")
    data = {"thing1": {"value": "期末考试"}, "time2": {"value": "10:00"}}
    await asyncio.to_thread(calls.send_template_message, openid, TEMPLATE.id, data)
    await werobot.platform.settle()
    assert seen == [("subscribe", None), ("scan", "s1"), ("finished", "success")]
    with pytest.raises(ClientException, match="40003: invalid openid rid: "):
        await asyncio.to_thread(calls.send_text_message, "o0", "x")


@pytest.mark.parametrize("mode", ["safe", "compat"])
async def test_events_of_every_kind_sealed(werobot: WeChat, seen: list[tuple[Any, ...]], mode: str) -> None:
    """It opens what the sandbox seals, and the sandbox opens what it seals, for events and media too."""
    werobot.platform.switchboard.turn({"push_mode": mode})
    menu = {"button": [{"type": "scancode_waitmsg", "name": "c", "key": "S"}, VIEW]}
    await asyncio.to_thread(client(werobot).create_menu, menu)
    await act(werobot, "follow")
    await act(werobot, "menu", path="1")
    await act(werobot, "scancode", path="0", text="X1")
    await act(werobot, "send", kind="image")
    await act(werobot, "send", kind="location")
    picture = seen[-2][1]
    await act(werobot, "unfollow")
    listed = {"SubscribeMsgChangeEvent": {"List": [{"TemplateId": "a"}, {"TemplateId": "b"}]}}
    event = {"Event": "subscribe_msg_change_event", **listed, "Unheard": "of"}
    told = await werobot.post("/sandbox/api/push", {"person": "p2", "fields": event})
    assert seen == [
        ("subscribe", None),
        ("view", "https://a.cn/"),
        ("scancode", "S", "X1"),
        ("image", picture),
        ("location", "北京市东城区"),
        ("unsubscribe", werobot.openid()),
    ]
    lines = (await werobot.get("/phone/api/feed/p1"))["oa"]["lines"]
    assert [(line["kind"], line["text"]) for line in lines if line["from"] == "account"] == [
        ("text", "欢迎"),
        ("text", "扫到X1"),
        ("image", "［图片］"),
    ]
    assert told == {"verdict": "通过"}
    assert [row["what"] for row in werobot.platform.timeline.rows() if row["ok"] is False] == []


async def test_its_client_handles_media_tags_and_remarks(werobot: WeChat, tmp_path: Path) -> None:
    calls, openid = client(werobot), werobot.openid()
    await act(werobot, "follow")
    await act(werobot, "write", text="你好")
    file = tmp_path / "a.png"
    Image.new("RGB", (2, 2)).save(file)

    def everything() -> tuple[Any, ...]:
        with file.open("rb") as opened:
            media_id = calls.upload_media("image", opened)["media_id"]
        calls.send_image_message(openid, media_id)
        calls.send_article_message(openid, [Article("题", "说明", "https://a.cn/x.png", "https://a.cn/")])
        tag = calls.create_tag("甲")["tag"]["id"]
        calls.tag_users(tag, [openid])
        calls.remark_user(openid, "负责人")
        told = calls.get_users_info([openid])["user_info_list"][0]
        return calls.get_tags_by_user(openid), told["remark"], calls.get_menu_or_nothing()

    assert await asyncio.to_thread(everything) == ({"tagid_list": [100]}, "负责人", 46003)
    lines = (await werobot.get("/phone/api/feed/p1"))["oa"]["lines"]
    assert [line["kind"] for line in lines if line["from"] == "account"] == ["text", "text", "image", "news"]
