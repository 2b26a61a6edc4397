"""Menus for some of the followers: by tag and by client (wechat.md §6.1, DOC 《个性化菜单接口》)."""

from __future__ import annotations

from typing import Any

from sanic import Blueprint

from server.sandbox import agents, limits, menus, tags
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

bp = Blueprint("conditional_menus")

CLIENTS = {"ios": "1", "android": "2", "old": "2", "wxwork": "2"}
OTHERS = "3"
FIRST_NUMBER = 208_379_000
RULES = ("tag_id", "client_platform_type")
"""Sex, place and language are gone from the rules, as people's profiles are (DOC 《个性化菜单接口》)."""


@api(bp, Door("/cgi-bin/menu/addconditional", accounts=("oa",)))
async def add(call: Call) -> Answer:
    """One more, which goes before those that are there."""
    platform, account = call.platform, call.account
    if platform.store.get("menu", account.appid) is None:
        raise WeChatError(65303)
    rule = call.body.get("matchrule")
    chosen = {name: str(rule[name]) for name in RULES if rule.get(name)} if isinstance(rule, dict) else {}
    if not chosen:
        raise WeChatError(65304, verdict=f"matchrule 至少要有 {'、'.join(RULES)} 之一")
    if not call.body.get("button"):
        raise WeChatError(65307)
    if chosen.get("client_platform_type", OTHERS) not in ("1", "2", "3"):
        raise WeChatError(65304, verdict="client_platform_type 应为 1（iOS）、2（Android）或 3（其他）")
    if "tag_id" in chosen and not tags.is_there(platform, account, chosen["tag_id"]):
        raise WeChatError(45159, verdict="没有这个标签")
    if len(menus.conditional(platform, account)) >= limits.CONDITIONAL_MENUS:
        raise WeChatError(65305)
    programs = tuple(one.appid for one in platform.config.accounts if one.kind == "mp")
    buttons = menus.check(call.body, programs)
    number = FIRST_NUMBER + platform.store.count("conditional", account.appid)
    body = {"button": buttons, "matchrule": chosen}
    platform.store.put(menus.CONDITIONAL, f"{account.appid} {number}", body)
    return {"menuid": str(number)}


@api(bp, Door("/cgi-bin/menu/delconditional", accounts=("oa",)))
async def remove(call: Call) -> Answer:
    key = f"{call.account.appid} {call.body.get('menuid', '')}"
    if call.platform.store.get(menus.CONDITIONAL, key) is None:
        raise WeChatError(65301)
    call.platform.store.drop(menus.CONDITIONAL, key)
    return menus.OK


@api(bp, Door("/cgi-bin/menu/trymatch", accounts=("oa",)))
async def try_match(call: Call) -> Answer:
    """The menu that this follower sees."""
    platform, account = call.platform, call.account
    person = platform.people.by_openid(account.appid, str(call.body.get("user_id", "")))
    if person is None or platform.people.following(account, person) is None:
        raise WeChatError(65302)
    menu = of_person(platform, account, person)
    if menu is None:
        raise WeChatError(46003)
    return {"button": menus.filled(menu)}


def of_person(platform: Platform, account: Account, person: Person) -> list[dict[str, Any]] | None:
    """The buttons for this person: of the newest menu whose rule fits, else of the menu for all; None: there is none."""
    default = platform.store.get("menu", account.appid)
    if default is None:
        return None
    client = CLIENTS.get(agents.of(platform, person).kind, OTHERS)
    mine = {str(number) for number in tags.of(platform, account, person)}
    for body in reversed(menus.conditional(platform, account).values()):
        rule = body["matchrule"]
        if rule.get("client_platform_type", client) == client and (
            "tag_id" not in rule or rule["tag_id"] in mine
        ):
            return list(body["button"])
    return list(default["button"])
