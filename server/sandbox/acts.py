"""What a person does on the phone, and the pushes that follow from it."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any
from urllib.parse import quote, unquote

from server.sandbox import agents, chat, codes, crypto, limits, media, ordinary_links, pushes
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

Outcome = dict[str, Any]


class CannotDo(Exception):
    """The phone says why; `code` is the errCode that a page's script would get."""

    def __init__(self, why: str, *, code: int | None = None) -> None:
        super().__init__(why)
        self.code = code


def the_account(platform: Platform, kind: str) -> Account:
    """The service account (`oa`) or the mini-program (`mp`)."""
    return _oa(platform) if kind == "oa" else _mp(platform)


def _oa(platform: Platform) -> Account:
    account = platform.account("oa")
    if account is None:
        raise CannotDo("这个沙箱没有配置服务号。")
    return account


def _mp(platform: Platform) -> Account:
    account = platform.account("mp")
    if account is None:
        raise CannotDo("这个沙箱没有配置小程序。")
    return account


def push(platform: Platform, account: Account, person: Person, fields: dict[str, Any]) -> None:
    """Push without making the phone wait."""
    platform.background(pushes.send(platform, account, person, fields))


def follow(platform: Platform, person: Person, *, scene: str = "", ticket: str = "") -> None:
    """Follow the service account; by a parametric QR the event carries its scene."""
    account = _oa(platform)
    if platform.people.following(account, person) is not None:
        raise CannotDo("已经关注了。")
    how = "ADD_SCENE_QR_CODE" if ticket else "ADD_SCENE_SEARCH"
    platform.people.follow(account, person, platform.clock.unix(), how, scene)
    chat.say(platform, account, person, "system", "text", text=f"你已关注{account.name}")
    more = {"EventKey": f"qrscene_{scene}", "Ticket": ticket} if ticket else {"EventKey": ""}
    push(platform, account, person, pushes.event(platform, account, person, "subscribe", **more))


def unfollow(platform: Platform, person: Person) -> None:
    """Stop following; nothing reaches the person any more."""
    account = _oa(platform)
    if platform.people.following(account, person) is None:
        raise CannotDo("还没有关注。")
    platform.people.unfollow(account, person)
    fields = pushes.event(platform, account, person, "unsubscribe", EventKey="")
    push(platform, account, person, fields)


def chatting(platform: Platform, person: Person) -> Account:
    """The service account, which the person has to follow to write to it."""
    account = _oa(platform)
    if platform.people.following(account, person) is None:
        raise CannotDo("请先关注服务号。")
    return account


def write(platform: Platform, person: Person, text: str, *, choice: str = "") -> None:
    """Send a text message; `choice` is the id of an item tapped in a message menu, or of a bizmsgmenu link."""
    account = chatting(platform, person)
    if not text.strip():
        raise CannotDo("不能发送空白消息。")
    chat.say(platform, account, person, "person", "text", text=text)
    more = {"bizmsgmenuid": choice} if choice else {}
    fields = pushes.message(platform, account, person, "text", Content=text, **more)
    push(platform, account, person, fields)


def send_other(platform: Platform, person: Person, kind: str) -> None:
    """Send a message that is not text, with invented contents."""
    account = chatting(platform, person)
    if kind not in ("image", "voice", "video", "shortvideo", "location", "link"):
        raise CannotDo("没有这种消息。")
    content = message_content(platform, account, person, kind)
    if kind == "image":
        chat.say(
            platform, account, person, "person", "image", text=chat.NAMES[kind], picture=content["PicUrl"]
        )
    else:
        chat.say(platform, account, person, "person", "other", text=chat.NAMES[kind])
    push(platform, account, person, pushes.message(platform, account, person, kind, **content))


def message_content(platform: Platform, account: Account, person: Person, kind: str) -> dict[str, Any]:
    """The fields of a message of this kind; its files can be fetched by media/get for three days."""
    if kind == "location":
        return {"Location_X": 39.9087, "Location_Y": 116.3975, "Scale": 15, "Label": "北京市东城区"}
    if kind == "link":
        return {"Title": "一个网页", "Description": "网页的说明", "Url": "https://example.com/"}
    media_id = media.by_person(platform, account, person, "video" if kind == "shortvideo" else kind)
    if kind == "image":
        return {"PicUrl": media.shown_at(platform, media_id), "MediaId": media_id}
    if kind == "voice":
        return {"MediaId": media_id, "Format": "amr", "Recognition": "你好"}
    return {"MediaId": media_id, "ThumbMediaId": media.by_person(platform, account, person, "thumb")}


def block(platform: Platform, person: Person, *, on: bool) -> None:
    """Switch the account's messages off (or on again): template messages then end in `failed:user block`."""
    key = f"{chatting(platform, person).appid} {person.id}"
    if on:
        platform.store.put("blocked", key, {"at": platform.clock.unix()})
    else:
        platform.store.drop("blocked", key)


def enter_program_chat(platform: Platform, person: Person) -> None:
    """Open the mini-program's customer-service chat."""
    account = _mp(platform)
    fields = pushes.event(platform, account, person, "user_enter_tempsession", SessionFrom="sandbox")
    push(platform, account, person, fields)


def write_to_program(platform: Platform, person: Person, text: str) -> None:
    """A message in the mini-program's customer-service chat."""
    account = _mp(platform)
    if not text.strip():
        raise CannotDo("不能发送空白消息。")
    chat.say(platform, account, person, "person", "text", text=text)
    push(platform, account, person, pushes.message(platform, account, person, "text", Content=text))


def scan(platform: Platform, person: Person, text: str, *, outside: bool = False) -> Outcome:
    """What the scanner does with the text of a QR; `outside`: a link opened in a browser instead."""
    text = text.strip()
    if match := re.fullmatch(r"http://weixin\.qq\.com/q/([\w-]+)", text):
        return _scan_parametric(platform, person, match[1])
    if match := re.fullmatch(r"https?://[^/]+/wxa-code/([\w-]+)", text):
        return _scan_program_code(platform, match[1])
    if match := re.fullmatch(
        r"(?:https://wxaurl\.cn/|weixin://dl/business/\?t=)(\w+)(?:[?&]cq=([^&#]*))?", text
    ):
        return _open_program_link(platform, match[1], unquote(match[2] or ""), outside=outside)
    jumps = agents.of(platform, person).jumps and not outside
    if jumps and (arrival := ordinary_links.arrival(platform, text)) is not None:
        return arrival
    if re.match(r"https?://", text):
        return {"open": "web", "url": text}
    if text.startswith("weixin://wxpay/"):
        return {"open": "pay", "text": text}
    if text.startswith("weixin://"):
        raise CannotDo("这个链接沙箱里的手机还不会打开。")
    return {"open": "text", "text": text}


def _scan_parametric(platform: Platform, person: Person, name: str) -> Outcome:
    """A QR made by qrcode/create: SCAN for a follower, the follow page for others."""
    account = _oa(platform)
    ticket = str((platform.store.get("qrcode.link", name) or {}).get("ticket", ""))
    code = platform.store.get("qrcode", ticket)
    if code is None or (code["expires_at"] is not None and code["expires_at"] <= platform.clock.now()):
        raise CannotDo("二维码已过期。")
    if platform.people.following(account, person) is None:
        return {"open": "follow", "scene": code["scene"], "ticket": ticket}
    fields = pushes.event(platform, account, person, "SCAN", EventKey=str(code["scene"]), Ticket=ticket)
    push(platform, account, person, fields)
    return {"open": "chat"}


def _scan_program_code(platform: Platform, name: str) -> Outcome:
    """A code made by getwxacodeunlimit: the scene arrives percent-encoded, as onLoad sees it."""
    code = platform.store.get("program.code", name)
    if code is None:
        raise CannotDo("小程序码无效。")
    page, scene = code["page"] or "pages/index/index", quote(code["scene"], safe="")
    query = code.get("query") or (f"scene={scene}" if scene else "")
    return {"open": "miniprogram", "page": page, "query": query, "scene": 1047}


def _open_program_link(platform: Platform, name: str, extra: str, *, outside: bool) -> Outcome:
    """A URL link or scheme, while it lives; `?cq=` adds to its query (wechat.md §4.3)."""
    link = platform.store.get("program.link", name)
    if link is None or link["until"] <= platform.clock.now() or not platform.switchboard.now.published:
        raise CannotDo("链接已失效。")
    if len(extra) > limits.LINK_EXTRA_LENGTH:
        raise CannotDo(f"cq 超过 {limits.LINK_EXTRA_LENGTH} 个字符。")
    opened = platform.store.count("links.opened", f"{_mp(platform).appid} {platform.clock.day()}")
    if opened > platform.switchboard.now.link_opens_a_day:
        raise CannotDo("今天打开的次数已用完。")
    page = link["page"] or "pages/index/index"
    query = "&".join(part for part in (link["query"], extra) if part)
    return {"open": "miniprogram", "page": page, "query": query, "scene": 1194 if outside else 1167}


def login_code(platform: Platform, person: Person) -> str:
    """wx.login."""
    return codes.issue(platform, "login", _mp(platform), person)


def phone_code(platform: Platform, person: Person) -> str:
    """The button of open-type getPhoneNumber; fails when the paid-for numbers are used up (wechat.md §4.2)."""
    used = platform.store.get("counter.phone.numbers", _mp(platform).appid) or {"n": 0}
    if used["n"] >= platform.switchboard.now.phone_numbers:
        raise CannotDo("getPhoneNumber:fail 手机号快速验证组件的次数已用完", code=1400001)
    return codes.issue(platform, "phone", _mp(platform), person)


def user_data(platform: Platform, person: Person) -> Outcome:
    """wx.getUserInfo: rawData with its signature, and the same sealed under the session key (wechat.md §4.1)."""
    account = _mp(platform)
    openid = platform.openid(account, person)
    session = platform.store.get("session", f"{account.appid} {openid}")
    if session is None:
        raise CannotDo("请先 wx.login，并由服务换取 session_key。")
    profile: dict[str, Any] = {"nickName": person.name, "gender": 0, "language": "zh_CN", "city": ""}
    raw = json.dumps(profile, ensure_ascii=False, separators=(",", ":"))
    mark = {"timestamp": platform.clock.unix(), "appid": account.appid}
    iv = base64.b64encode(os.urandom(16)).decode()
    plain = json.dumps({"openId": openid, **profile, "watermark": mark}, ensure_ascii=False)
    return {
        "rawData": raw,
        "signature": crypto.raw_data_signature(raw, session["session_key"]),
        "encryptedData": crypto.seal_user_data(session["session_key"], iv, plain),
        "iv": iv,
    }
