"""Customer-service messages, inside their windows only (wechat.md §6.5)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import chat, limits, media, windows
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
    "link": ("title", "description", "url", "thumb_url"),
}
TYPES = {
    "oa": tuple(kind for kind in NEEDED if kind != "link"),
    "mp": ("text", "image", "link", "miniprogrampage"),
}
"""Which of them an account of each kind may send (DOC 《发送客服消息》 of the service account and of the mini-program)."""
THUMBS = ("thumb", "image")


def check(call: Call) -> dict[str, Any]:
    """The shape of a message; gives its content.

    Raises:
        WeChatError: 40008 no such type here, 44004 empty text, 47001 parts missing, 45002 too long,
            45008 more than one article, 40007 no such media, 40013 not our mini-program.
    """
    kind = str(call.body.get("msgtype"))
    if kind not in TYPES[call.account.kind]:
        raise WeChatError(40008, verdict=f"msgtype 应为 {'、'.join(TYPES[call.account.kind])}")
    content = call.body.get(kind)
    if not isinstance(content, dict):
        raise WeChatError(47001, verdict=f"缺少 {kind}")
    for name in NEEDED[kind]:
        if not content.get(name):
            raise WeChatError(44004 if name == "content" else 47001, verdict=f"缺少 {kind}.{name}")
    _check_sizes(kind, content)
    if "media_id" in content:
        media.demand(call, content["media_id"], kind)
    if "thumb_media_id" in content:
        media.demand(call, content["thumb_media_id"], *THUMBS)
    if kind == "miniprogrampage" and call.account.kind == "oa":
        program = call.platform.by_appid(str(content.get("appid", "")))
        if program is None or program.kind != "mp":
            raise WeChatError(40013, verdict="miniprogrampage.appid 不是关联的小程序")
    return content


def _check_sizes(kind: str, content: dict[str, Any]) -> None:
    if kind == "text" and len(str(content["content"]).encode()) > limits.REPLY_TEXT_BYTES:
        raise WeChatError(45002, verdict=f"文本超过 {limits.REPLY_TEXT_BYTES} 字节")
    if kind == "news" and (not isinstance(content["articles"], list) or len(content["articles"]) != 1):
        raise WeChatError(45008, verdict="图文只能有 1 条")
    if kind == "msgmenu":
        items = content["list"]
        good = isinstance(items, list) and len(items) <= limits.MESSAGE_MENU_ITEMS
        if not good or not all(
            isinstance(one, dict) and one.get("id") and one.get("content") for one in items
        ):
            raise WeChatError(47001, verdict="msgmenu.list 的每一项都要有 id 和 content")


@api(bp, Door("/cgi-bin/message/custom/send"))
async def send(call: Call) -> Answer:
    person = call.person(call.body.get("touser"))
    check(call)
    if not call.platform.people_may_read(call.account, person):
        raise WeChatError(45015, verdict=f"{person.name} 没有关注")
    windows.use(call.platform, call.account, person)
    line = chat.from_custom(call.body)
    if line["kind"] == "image":
        line["picture"] = media.shown_at(call.platform, line["picture"])
    chat.say(call.platform, call.account, person, "account", **line)
    return {"errcode": 0, "errmsg": "ok"}


@api(bp, Door("/cgi-bin/message/custom/typing"))
async def typing(call: Call) -> Answer:
    """ "Typing …" in the chat; needs an open window, takes no message out of it.

    Raises:
        WeChatError: 45072 no such command, 45080 no window open (DOC 《客服输入状态》).
    """
    person = call.person(call.body.get("touser"))
    if call.body.get("command") not in ("Typing", "CancelTyping"):
        raise WeChatError(45072)
    if not windows.live(call.platform, call.account, person):
        raise WeChatError(45080)
    return {"errcode": 0, "errmsg": "ok"}
