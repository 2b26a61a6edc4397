"""`xcert notices …`: whether notices are kept back after a restore, and letting them go."""

from __future__ import annotations

import argparse

from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.beijing import say_minute
from server.domain.notices import hold
from server.domain.notices.queries import Hold
from server.domain.ports import Services
from server.settings import Settings


def show(args: argparse.Namespace, settings: Settings) -> int:
    """Say whether notices are kept back, since when, and how many wait."""

    async def look(_: Services) -> Hold | None:
        return await hold.current()

    current = with_services(settings, look)
    if current is None:
        print("通知正常发送。")
    else:
        print(f"通知自 {say_minute(current.since)}（北京时间）起暂停发送：{current.reason}")
        print(
            f"有 {current.waiting} 条在等待。核对后运行 xcert notices release 发出，或加 --discard 不再发出。"
        )
    return 0


def release(args: argparse.Namespace, settings: Settings) -> int:
    """End the hold; what waits is sent, or given up."""

    async def let_go(s: Services) -> tuple[bool, int]:
        was_on_hold = await hold.current() is not None
        return was_on_hold, await hold.end(s.clock, s.queue, discard=args.discard, actor=SYSTEM)

    was_on_hold, waiting = with_services(settings, let_go)
    if not was_on_hold:
        print("通知没有暂停，无须恢复。")
    elif args.discard:
        print(f"通知已恢复发送；等待中的 {waiting} 条不再发出（记为“未知”）。")
    else:
        print(f"通知已恢复发送；等待中的 {waiting} 条将陆续发出。")
    return 0
