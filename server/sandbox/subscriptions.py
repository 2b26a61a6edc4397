"""Subscription messages of both accounts, against the ledger of grants (wechat.md §4.5, §5)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import chat, keywords, limits, subscribing
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.published import check_page
from server.sandbox.refusals import WeChatError
from server.sandbox.template_messages import linked, message_number

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
    if template is None or template.id in platform.switchboard.now.withdrawn_templates:
        raise WeChatError(40037)
    values = keywords.check(body.get("data"), template, strict=True)
    keywords.refuse_words(platform, values)
    target = _target(platform, call.account, body)
    subscribing.use_grant(platform, call.account, person, template)
    keywords.learn(platform, template, values)
    msgid = message_number(platform)
    card = {
        "title": template.title,
        "fields": keywords.rows(values, template),
        "by": call.account.name,
        "scene": limits.SCENE_SUBSCRIPTION,
        **target,
    }
    chat.notify(platform, person, **card)
    platform.background(subscribing.report(platform, call.account, person, template, msgid))
    return msgid


def _target(platform: Platform, account: Account, body: dict[str, Any]) -> dict[str, str]:
    """What a tap opens: a page of the mini-program, or a web page of the service account."""
    page = body.get("page") or ""
    if not isinstance(page, str):
        raise WeChatError(47001, verdict="page 应为字符串")
    if account.kind == "oa":
        return linked(platform, {"url": page, "miniprogram": body.get("miniprogram")})
    check_page(platform, page.partition("?")[0])
    return {"miniprogram": page} if page else {}
