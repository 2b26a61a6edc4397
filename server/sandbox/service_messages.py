"""Customer-service messages, inside their windows only (wechat.md §6.5)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import chat, limits, windows
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.refusals import WeChatError

bp = Blueprint("service_messages")

NEEDED = {
    "text": ("content",),
    "image": ("media_id",),
    "voice": ("media_id",),
    "video": ("media_id", "thumb_media_id"),
    "music": ("musicurl", "hqmusicurl", "thumb_media_id"),
    "news": ("articles",),
    "mpnewsarticle": ("article_id",),
    "msgmenu": ("list",),
    "miniprogrampage": ("title", "pagepath", "thumb_media_id"),
    "wxcard": ("card_id",),
    "link": ("title", "url"),
}


def check(body: dict[str, Any]) -> None:
    """The shape of a message.

    Raises:
        WeChatError: 40008 no such type, 44004 empty text, 47001 parts missing, 45002-like sizes as 47001.
    """
    kind = body.get("msgtype")
    if kind not in NEEDED:
        raise WeChatError(40008)
    content = body.get(kind)
    if not isinstance(content, dict):
        raise WeChatError(47001, verdict=f"缺少 {kind}")
    for name in NEEDED[kind]:
        if not content.get(name):
            raise WeChatError(44004 if name == "content" else 47001, verdict=f"缺少 {kind}.{name}")
    if kind == "text" and len(str(content["content"]).encode()) > limits.REPLY_TEXT_BYTES:
        raise WeChatError(45002, verdict=f"文本超过 {limits.REPLY_TEXT_BYTES} 字节")
    if kind == "news" and len(content["articles"]) != 1:
        raise WeChatError(45008, verdict="图文只能有 1 条")


@api(bp, Door("/cgi-bin/message/custom/send"))
async def send(call: Call) -> Answer:
    person = call.person(call.body.get("touser"))
    check(call.body)
    if not call.platform.people_may_read(call.account, person):
        raise WeChatError(45015, verdict=f"{person.name} 没有关注")
    windows.use(call.platform, call.account, person)
    chat.say(call.platform, call.account, person, "account", **chat.from_custom(call.body))
    return {"errcode": 0, "errmsg": "ok"}


@api(bp, Door("/cgi-bin/message/custom/typing"))
async def typing(call: Call) -> Answer:
    call.person(call.body.get("touser"))
    if call.body.get("command") not in ("Typing", "CancelTyping"):
        raise WeChatError(40097)
    return {"errcode": 0, "errmsg": "ok"}
