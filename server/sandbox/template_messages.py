"""Template messages of the service account, and what becomes of them (wechat.md §5)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import chat, keywords, limits, pushes
from server.sandbox.config import Account, Template
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.published import check_page
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

bp = Blueprint("template_messages")

DROPPED = ("first", "remark")


def message_number(platform: Platform) -> int:
    """A new msgid, too long for 32 bits as the real ones are."""
    return 3_900_000_000_000_000_000 + platform.store.count("message", "msgid")


@api(bp, Door("/cgi-bin/message/template/send", accounts=("oa",)))
async def send(call: Call) -> Answer:
    body, platform = call.body, call.platform
    person = call.person(body.get("touser"))
    template = platform.template(call.account, str(body.get("template_id", "")), "message")
    if template is None:
        raise WeChatError(40037)
    if platform.people.following(call.account, person) is None:
        raise WeChatError(43004, verdict=f"{person.name} 没有关注")
    if template.id in platform.switchboard.now.withdrawn_templates:
        raise WeChatError(43116, verdict="模板因滥用被收回（开关）")
    values = keywords.check(body.get("data"), template, strict=False)
    keywords.refuse_words(platform, values)
    target = linked(platform, body)
    keywords.learn(platform, template, values)
    once = str(body.get("client_msg_id") or "")
    key = f"{call.account.appid} {person.id} {once}"
    earlier = platform.store.get("client_msg", key) if once else None
    if earlier is not None and earlier["until"] > platform.clock.now():
        return {"errcode": 0, "errmsg": "ok", "msgid": earlier["msgid"]}
    _count_for(platform, call.account, person)
    msgid = message_number(platform)
    if once:
        until = platform.clock.now() + limits.CLIENT_MSG_SECONDS
        platform.store.put("client_msg", key, {"msgid": msgid, "until": until})
    platform.background(_finish(platform, call.account, person, template, values, target, msgid))
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid}


def _count_for(platform: Platform, account: Account, person: Person) -> None:
    """So many template messages to one person a day, if the switch sets a number.

    Raises:
        WeChatError: 43117.
    """
    most = platform.switchboard.now.template_person_a_day
    day = f"{account.appid} {person.id} {platform.clock.day()}"
    if platform.store.count("template.person", day) > most > 0:
        raise WeChatError(43117, verdict=f"今天发给 {person.name} 的模板消息太多（开关）")


def linked(platform: Platform, body: dict[str, Any]) -> dict[str, str]:
    """What a tap opens: the mini-program before the URL, nothing if neither is given."""
    program = body.get("miniprogram")
    if isinstance(program, dict) and program.get("appid"):
        account = platform.by_appid(str(program["appid"]))
        if account is None or account.kind != "mp":
            raise WeChatError(40013, verdict="miniprogram.appid 不是关联的小程序")
        check_page(platform, str(program.get("pagepath", "")).partition("?")[0])
        return {"miniprogram": str(program.get("pagepath", ""))}
    url = body.get("url")
    if url is not None and not isinstance(url, str):
        raise WeChatError(47001, verdict="url 应为字符串")
    return {"url": url} if url else {}


async def _finish(
    platform: Platform,
    account: Account,
    person: Person,
    template: Template,
    values: dict[str, str],
    target: dict[str, str],
    msgid: int,
) -> None:
    """Deliver, then tell the service what became of it."""
    blocked = platform.store.get("blocked", f"{account.appid} {person.id}") is not None
    status = platform.switchboard.now.template_status
    if blocked or platform.people.following(account, person) is None:
        status = "failed:user block"
    reached = status == "success"
    if reached:
        values_shown = {
            name: value[: limits.TEMPLATE_VALUE_SHOWN]
            for name, value in values.items()
            if name not in DROPPED
        }
        card = {
            "title": template.title,
            "fields": keywords.rows(values_shown, template),
            "by": account.name,
            "scene": limits.SCENE_TEMPLATE_MESSAGE,
            **target,
        }
        chat.say(platform, account, person, "account", "card", **card)
        chat.notify(platform, person, **card)
    fields = pushes.event(platform, account, person, "TEMPLATESENDJOBFINISH", MsgID=msgid, Status=status)
    await pushes.send(platform, account, person, fields)


@api(bp, Door("/cgi-bin/message/wxopen/template/uniform_send", accounts=("mp",)))
async def uniform_send(call: Call) -> Answer:
    """Takes no category templates, and there are no others any more (wechat.md §5)."""
    raise WeChatError(40037, verdict="统一服务消息不接受类目模板，并且已停止维护")
