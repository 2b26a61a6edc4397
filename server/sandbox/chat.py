"""What a person sees in the chat with an account, and in 服务通知."""

from __future__ import annotations

from typing import Any

from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

UNAVAILABLE = "该公众号暂时无法提供服务，请稍后再试"
PROGRAM_UNAVAILABLE = "该小程序客服暂时无法提供服务，请稍后再试"
NOTICES = "notices"
NAMES = {
    "image": "［图片］",
    "voice": "［语音］",
    "video": "［视频］",
    "shortvideo": "［小视频］",
    "music": "［音乐］",
    "location": "［位置］",
    "link": "［链接］",
    "mpnewsarticle": "［图文］",
    "wxcard": "［卡券］",
    "transfer_customer_service": "［已转接人工客服］",
}
"""What stands for a message that the chat does not show."""


def _stream(where: str, person: Person) -> str:
    return f"chat {where} {person.id}"


def say(platform: Platform, account: Account, person: Person, sender: str, kind: str, **content: Any) -> None:
    """Put a line into the chat; `sender` is person, account or system."""
    line = {"at": platform.clock.unix(), "from": sender, "kind": kind, **content}
    platform.store.log(_stream(account.appid, person), line)


def notify(platform: Platform, person: Person, **card: Any) -> None:
    """Put a card into 服务通知."""
    platform.store.log(_stream(NOTICES, person), {"at": platform.clock.unix(), "kind": "card", **card})


def lines(platform: Platform, account: Account, person: Person, last: int = 100) -> list[dict[str, Any]]:
    return platform.store.lines(_stream(account.appid, person), last=last)


def notices(platform: Platform, person: Person, last: int = 100) -> list[dict[str, Any]]:
    return platform.store.lines(_stream(NOTICES, person), last=last)


def from_reply(reply: dict[str, Any]) -> dict[str, Any]:
    """A passive reply as a chat line; the `picture` of an image is its media_id."""
    kind = reply["MsgType"]
    if kind == "text":
        return {"kind": "text", "text": reply["Content"]}
    if kind == "news":
        items = reply["Articles"]["item"]
        items = items if isinstance(items, list) else [items]
        return {
            "kind": "news",
            "articles": [
                {
                    "title": item.get("Title", ""),
                    "description": item.get("Description", ""),
                    "url": item.get("Url", ""),
                    "picture": item.get("PicUrl", ""),
                }
                for item in items
            ],
        }
    if kind == "image":
        return {"kind": "image", "text": NAMES[kind], "picture": reply["Image"]["MediaId"]}
    return {"kind": "other", "text": NAMES.get(kind, "")}


def from_custom(body: dict[str, Any]) -> dict[str, Any]:
    """A customer-service message as a chat line; the `picture` of an image is its media_id."""
    kind = body["msgtype"]
    if kind == "text":
        return {"kind": "text", "text": body["text"]["content"]}
    if kind == "news":
        return {
            "kind": "news",
            "articles": [
                {
                    "title": item.get("title", ""),
                    "description": item.get("description", ""),
                    "url": item.get("url", ""),
                    "picture": item.get("picurl", ""),
                }
                for item in body["news"]["articles"]
            ],
        }
    if kind == "msgmenu":
        return {"kind": "menu", **body["msgmenu"]}
    if kind == "miniprogrampage":
        return {"kind": "miniprogram", **body["miniprogrampage"]}
    if kind == "image":
        return {"kind": "image", "text": NAMES[kind], "picture": body["image"]["media_id"]}
    if kind == "link":
        link = body["link"]
        article = {"title": link["title"], "description": link["description"], "url": link["url"]}
        return {"kind": "news", "articles": [{**article, "picture": link["thumb_url"]}]}
    return {"kind": "other", "text": NAMES.get(kind, f"［{kind}］")}
