"""What a person sees in the chat with an account, and in 服务通知."""

from __future__ import annotations

from typing import Any

from server.sandbox.config import Account
from server.sandbox.people import Person
from server.sandbox.platform import Platform

UNAVAILABLE = "该公众号暂时无法提供服务，请稍后再试"
NOTICES = "notices"


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
    """A passive reply as a chat line."""
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
    return {
        "kind": "other",
        "text": {"image": "［图片］", "voice": "［语音］", "video": "［视频］"}.get(kind, ""),
    }


def from_custom(body: dict[str, Any]) -> dict[str, Any]:
    """A customer-service message as a chat line."""
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
    return {"kind": "other", "text": f"［{kind}］"}
