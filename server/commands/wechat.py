"""`xcert wechat menu …` and `xcert wechat quota`: what is kept at WeChat, shown before it is changed."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from server.adapters.wechat.errcode_help import NAMES, advice
from server.adapters.wechat.errcodes import rid
from server.commands.with_services import with_services
from server.domain.beijing import BEIJING
from server.domain.campaigns import upkeep
from server.domain.notices import sender
from server.domain.ports import Services
from server.domain.wechat_chat import menu
from server.errors import OutsideFailure, WeChatRefused
from server.settings import Settings

Answer = TypeVar("Answer")

_SAME = "与微信上的菜单一致，无需更新。"
_LATER = "手机上已打开过公众号的人，最多五分钟后重新进入才会看到新菜单。"


def show(_: argparse.Namespace, settings: Settings) -> int:
    """The menu that WeChat has."""
    current = _ask(settings, lambda s: s.wechat_console.current_menu())
    return _say(*menu.lines(current))


def diff(_: argparse.Namespace, settings: Settings) -> int:
    """What `apply` would change; returns 1 if anything."""

    async def compare(s: Services) -> list[str]:
        return menu.differences(await s.wechat_console.current_menu(), menu.official(s.settings.public_url))

    differences = _ask(settings, compare)
    if not differences:
        return _say(_SAME)
    _say(*differences)
    return 1


def apply(args: argparse.Namespace, settings: Settings) -> int:
    """Show what differs, ask, and put the menu; nothing is sent when nothing differs."""

    async def renew(s: Services) -> int:
        official: Mapping[str, Any] = menu.official(s.settings.public_url)
        differences = menu.differences(await s.wechat_console.current_menu(), official)
        if not differences:
            return _say(_SAME)
        _say(*differences)
        if not args.yes and not _agreed("更新公众号菜单？"):
            _say("没有更新。")
            return 1
        await menu.apply(s.settings, s.wechat_console, official)
        return _say("已更新。" + _LATER)

    return _ask(settings, renew)


def quota(args: argparse.Namespace, settings: Settings) -> int:
    """Today's calls as we count them beside WeChat's own figures; `--clear` begins WeChat's anew."""

    async def look(s: Services) -> int:
        accounts = [args.account] if args.account else ["oa", "mp"]
        for account in accounts:
            await _show_quota(s, account)
        return await _clear(s, accounts, args) if args.clear else 0

    return _ask(settings, look)


async def _show_quota(s: Services, account: str) -> None:
    _say(f"{NAMES[account]} {s.settings.oa_appid if account == 'oa' else s.settings.mp_appid}")
    lines = await s.wechat_quota.usage(account)
    for line in lines:
        until = f"　停用至 {line.closed_until.astimezone(BEIJING):%m-%d %H:%M}" if line.closed_until else ""
        if line.official is None:
            theirs = f"微信未提供（{line.why_not}）"
        else:
            theirs = f"微信计 {line.official.used}，上限 {line.official.limit}，剩余 {line.official.remain}"
        _say(f"  {line.path}　本服务今日 {line.ours} 次；{theirs}{until}")
    if not lines:
        _say("  今日还没有调用。")


async def _clear(s: Services, accounts: list[str], args: argparse.Namespace) -> int:
    names = "、".join(NAMES[account] for account in accounts)
    if not args.yes and not _agreed(f"清零{names}今日全部接口的计数（每个账号每月只能 10 次）？"):
        _say("没有清零。")
        return 1
    for account in accounts:
        try:
            await s.wechat_quota.clear(account)
        except WeChatRefused as refusal:
            raise _refused(refusal, account) from None
        count = await sender.quota_is_back(s.clock, s.queue, account)
        await upkeep.quota_is_back(s.queue)
        now = f"等候额度的 {count} 条通知现在发送。" if count else ""
        _say(f"{NAMES[account]}已清零，停用的接口已恢复。{now}")
    return 0


def _ask(settings: Settings, work: Callable[[Services], Awaitable[Answer]]) -> Answer:
    """Do it; a refusal of WeChat's is told with what to do about it."""

    logging.getLogger("xcert").addHandler(logging.NullHandler())  # the words below say it to the person

    async def work_or_advise(s: Services) -> Answer:
        try:
            return await work(s)
        except WeChatRefused as refusal:
            raise _refused(refusal, "oa") from None

    return with_services(settings, work_or_advise)


def _refused(refusal: WeChatRefused, kind: str) -> OutsideFailure:
    """What WeChat said to this account (oa, mp), with what to do about it."""
    request = f"，rid {rid(refusal.errmsg)}" if rid(refusal.errmsg) else ""
    sentence = advice(refusal.errcode, "", refusal.errmsg, kind)
    return OutsideFailure(f"微信没有接受（错误 {refusal.errcode}{request}）：{sentence}。")


def _agreed(question: str) -> bool:
    try:
        return input(f"{question}[y/N] ").strip().lower() in ("y", "yes", "是")
    except EOFError:
        return False


def _say(*lines: str) -> int:
    print("\n".join(lines), flush=True)
    return 0
