"""Subscription messages of both accounts, against the ledger of grants (wechat.md §4.5, §5)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import acts, chat, keywords, pushes
from server.sandbox.config import Account, Template
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.people import Person
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.template_messages import message_number

bp = Blueprint("subscriptions")

STATES = ("developer", "trial", "formal")
LANGUAGES = ("zh_CN", "en_US", "zh_HK", "zh_TW")


@api(bp, Door("/cgi-bin/message/subscribe/send", accounts=("mp",)))
async def send(call: Call) -> Answer:
    if call.body.get("miniprogram_state", "formal") not in STATES:
        raise WeChatError(40097, verdict="miniprogram_state 应为 developer、trial 或 formal")
    if call.body.get("lang", "zh_CN") not in LANGUAGES:
        raise WeChatError(40097, verdict="lang 不对")
    msgid = await _send(call)
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid}


@api(bp, Door("/cgi-bin/message/subscribe/bizsend", accounts=("oa",)))
async def bizsend(call: Call) -> Answer:
    await _send(call)
    return {"errcode": 0, "errmsg": "ok"}


async def _send(call: Call) -> int:
    """Check, take one grant, deliver into 服务通知, and report by event."""
    body, platform = call.body, call.platform
    person = call.person(body.get("touser"))
    template = platform.template(call.account, str(body.get("template_id", "")), "once", "long")
    if template is None:
        raise WeChatError(40037)
    found = keywords.check(body.get("data"), template, strict=True)
    page = str(body.get("page") or "")
    if call.account.kind == "mp":
        check_page(platform, page.partition("?")[0])
    _use_grant(platform, call.account, person, template)
    keywords.learn(platform, template, found)
    msgid = message_number(platform)
    target = {"miniprogram": page} if page and call.account.kind == "mp" else {"url": page} if page else {}
    card = {
        "title": template.title,
        "fields": keywords.shown(found, template),
        "by": call.account.name,
        **target,
    }
    chat.notify(platform, person, **card)
    sent = {
        "TemplateId": template.id,
        "MsgID": str(msgid),
        "ErrorCode": "0",
        "ErrorStatus": "success",
    }
    platform.background(_report(platform, call.account, person, sent))
    return msgid


def check_page(platform: Platform, page: str) -> None:
    """A page of the published mini-program; without leading slash.

    Raises:
        WeChatError: 41030.
    """
    published = platform.switchboard.now.published_pages
    if page and (page.startswith("/") or (published and page not in published)):
        raise WeChatError(41030, verdict=f"已发布的小程序里没有页面 {page}")


def _use_grant(platform: Platform, account: Account, person: Person, template: Template) -> None:
    key = f"{account.appid} {person.id} {template.id}"
    kept = platform.store.get("grant", key) or {"left": 0}
    if kept["left"] < 1:
        raise WeChatError(43101, verdict=f"{person.name} 没有授权，或授权已用完")
    platform.store.put("grant", key, {"left": kept["left"] - 1})


async def _report(platform: Platform, account: Account, person: Person, sent: dict[str, Any]) -> None:
    is_json = account.kind == "mp" and platform.switchboard.now.mp_push_format == "json"
    more: dict[str, Any] = {"List": sent} if is_json else {"SubscribeMsgSentEvent": {"List": sent}}
    fields = pushes.event(platform, account, person, "subscribe_msg_sent_event", **more)
    await pushes.send(platform, account, person, fields)


def revoke(platform: Platform, person: Person, template_id: str) -> None:
    """The person switches a template off in the settings page: no grants left, and the account is told."""
    account = platform.account("mp")
    if account is None or platform.template(account, template_id) is None:
        raise acts.CannotDo("没有这个订阅消息模板。")
    platform.store.drop("grant", f"{account.appid} {person.id} {template_id}")
    listed = {"TemplateId": template_id, "SubscribeStatusString": "reject"}
    is_json = platform.switchboard.now.mp_push_format == "json"
    more: dict[str, Any] = {"List": listed} if is_json else {"SubscribeMsgChangeEvent": {"List": [listed]}}
    fields = pushes.event(platform, account, person, "subscribe_msg_change_event", **more)
    platform.background(pushes.send(platform, account, person, fields))
