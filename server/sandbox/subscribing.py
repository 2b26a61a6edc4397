"""What a person allows: requestSubscribeMessage, the open tag of a page, the settings page (wechat.md §4.5, §5)."""

from __future__ import annotations

from typing import Any

from server.sandbox import pushes
from server.sandbox.acts import CannotDo, push, the_account
from server.sandbox.config import Account, Template
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

SAID = {
    10001: "TmplIds can't be empty",
    20001: "No template data return, verify the template id exist",
    20002: "Templates type must be same",
    20003: "Templates count out of max bounds",
    20004: "The main switch is switched off",
    20005: "This mini program was banned from subscribing messages",
}
"""DOC 《wx.requestSubscribeMessage》."""
USES = ("once", "long")
POPUP_SCENES = {"mp": "0", "oa": "1"}


def _fail(code: int) -> CannotDo:
    return CannotDo(f"requestSubscribeMessage:fail {SAID[code]}", code=code)


def _key(account: Account, person: Person, *more: str) -> str:
    return " ".join((account.appid, person.id, *more))


def _templates(platform: Platform, account: Account, person: Person, ids: list[str]) -> list[Template]:
    """The templates asked for.

    Raises:
        CannotDo: with the errCode that the page would get.
    """
    now = platform.switchboard.now
    if not ids:
        raise _fail(10001)
    if now.subscribe_banned:
        raise _fail(20005)
    if len(ids) > now.subscribe_ids:
        raise _fail(20003)
    candidates = [platform.template(account, one, *USES) for one in ids]
    templates = [one for one in candidates if one is not None]
    if len(templates) < len(ids):
        raise _fail(20001)
    if len({one.purpose for one in templates}) > 1:
        raise _fail(20002)
    if platform.store.get("subscribe.off", _key(account, person)) is not None:
        raise _fail(20004)
    return templates


def ask(
    platform: Platform, person: Person, answers: dict[str, str], *, kind: str = "mp", always: bool = False
) -> dict[str, str]:
    """A pop-up with some templates: each accept of a one-time one is one message more; the account is told.

    Args:
        answers: `accept` or `reject` by template id; one that was kept goes before it.
        kind: `mp` for wx.requestSubscribeMessage, `oa` for wx-open-subscribe in a page.
        always: keep these answers (总是保持以上选择): later pop-ups do not ask, and still grant one message each.

    Returns:
        accept, reject, ban or filter by template id.
    """
    account = the_account(platform, kind)
    templates = _templates(platform, account, person, list(answers))
    if any(answer not in ("accept", "reject") for answer in answers.values()):
        raise CannotDo("回答只能是 accept 或 reject。")
    outcomes: dict[str, str] = {}
    titles: set[str] = set()
    for template in templates:
        outcomes[template.id] = _answer(platform, account, person, template, answers[template.id], titles)
        titles.add(template.title)
        if outcomes[template.id] == "accept":
            grant(platform, account, person, template.id)
        if always and outcomes[template.id] in ("accept", "reject"):
            always_body = {"answer": outcomes[template.id]}
            platform.store.put("subscribe.kept", _key(account, person, template.id), always_body)
    scene = POPUP_SCENES[kind]
    entries = [
        {"TemplateId": one, "SubscribeStatusString": answer, "PopupScene": scene}
        for one, answer in outcomes.items()
        if answer in ("accept", "reject")
    ]
    if entries:
        push(platform, account, person, _event(platform, account, person, "popup", entries))
    return outcomes


def _answer(
    platform: Platform, account: Account, person: Person, template: Template, answer: str, titles: set[str]
) -> str:
    if template.id in platform.switchboard.now.withdrawn_templates:
        return "ban"
    if template.title in titles:
        return "filter"  # the second one of the same title is taken out by the platform
    always = platform.store.get("subscribe.kept", _key(account, person, template.id))
    return str(always["answer"]) if always else answer


def _event(
    platform: Platform, account: Account, person: Person, name: str, entries: list[dict[str, str]]
) -> dict[str, Any]:
    """subscribe_msg_*_event; in JSON one element stands without brackets (wechat.md §1.3)."""
    tag = f"SubscribeMsg{name.title()}Event"
    more: dict[str, Any] = {tag: {"List": entries}}
    if account.kind == "mp" and platform.switchboard.now.mp_push_format == "json":
        more = {"List": entries if len(entries) > 1 else entries[0]}
    return pushes.event(platform, account, person, f"subscribe_msg_{name}_event", **more)


def grant(platform: Platform, account: Account, person: Person, template_id: str) -> None:
    """One more message of this template may be sent, grants stack; of a long-term one any number."""
    template = platform.template(account, template_id, *USES)
    if template is None:
        raise CannotDo("没有这个订阅消息模板。")
    grants = platform.store.get("grant", _key(account, person, template_id)) or {"left": 0}
    left = grants["left"] if template.purpose == "long" else grants["left"] + 1
    body = {"left": left, "long": template.purpose == "long"}
    platform.store.put("grant", _key(account, person, template_id), body)


def messages_left(platform: Platform, account: Account, person: Person, template_id: str) -> int | None:
    """How many messages a person still allows; None for any number."""
    grants = platform.store.get("grant", _key(account, person, template_id)) or {"left": 0}
    return None if grants.get("long") else int(grants["left"])


def use_grant(platform: Platform, account: Account, person: Person, template: Template) -> None:
    """Take one message out of the grants.

    Raises:
        WeChatError: 43101 none given or none left, or the person has switched subscriptions off.
    """
    some = messages_left(platform, account, person, template.id)
    if platform.store.get("subscribe.off", _key(account, person)) is not None:
        raise WeChatError(43101, verdict=f"{person.name} 关闭了订阅消息")
    if some is None:
        return
    if some < 1:
        raise WeChatError(43101, verdict=f"{person.name} 没有授权，或授权已用完")
    body = {"left": some - 1, "long": False}
    platform.store.put("grant", _key(account, person, template.id), body)


def revoke(platform: Platform, person: Person, template_id: str, *, kind: str = "mp") -> None:
    """The person switches a template off in the settings page: no grants left, and the account is told."""
    account = the_account(platform, kind)
    if platform.template(account, template_id, *USES) is None:
        raise CannotDo("没有这个订阅消息模板。")
    platform.store.drop("grant", _key(account, person, template_id))
    platform.store.drop("subscribe.kept", _key(account, person, template_id))
    entries = [{"TemplateId": template_id, "SubscribeStatusString": "reject"}]
    push(platform, account, person, _event(platform, account, person, "change", entries))


def main_switch(platform: Platform, person: Person, *, on: bool, kind: str = "mp") -> None:
    """The person's switch for all subscription messages of an account; no event tells of it."""
    account = the_account(platform, kind)
    if on:
        platform.store.drop("subscribe.off", _key(account, person))
    else:
        platform.store.put("subscribe.off", _key(account, person), {"at": platform.clock.unix()})


async def report(
    platform: Platform, account: Account, person: Person, template: Template, msgid: int
) -> None:
    """Tell the account that a message has arrived."""
    arrival = {
        "TemplateId": template.id,
        "MsgID": str(msgid),
        "ErrorCode": "0",
        "ErrorStatus": "success",
    }
    await pushes.send(platform, account, person, _event(platform, account, person, "sent", [arrival]))
