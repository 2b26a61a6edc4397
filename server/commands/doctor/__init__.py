"""`xcert doctor`: says what is missing before WeChat does; one line for each thing, exit 1 if one is.

First this machine, then the accounts at WeChat, our own address as WeChat reaches it, WeChat Pay and the books. Nothing at
WeChat is changed, and no secret is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

from server import composition
from server.adapters.embedded import EmbeddedError
from server.commands.datastores import hosts
from server.commands.doctor import (
    address,
    book_checks,
    local,
    log_checks,
    notice_checks,
    pay_checks,
    stamp_checks,
    wechat_checks,
)
from server.commands.doctor.findings import Finding, Level, bad
from server.domain.ports import Services
from server.settings import Settings


def doctor(args: argparse.Namespace, settings: Settings) -> int:
    """Check everything; returns 1 if anything is missing."""
    logging.getLogger("xcert").addHandler(logging.NullHandler())  # the findings say it to the person
    try:
        with hosts(settings, join=True, waits=False) as stores:
            return asyncio.run(
                _run(stores.settings, with_wechat=not args.local, say=_as_json if args.json else _say)
            )
    except EmbeddedError as error:
        (_as_json if args.json else _say)(bad("数据库", str(error)))
        return 1


def _say(one: Finding | str) -> None:
    print(one, flush=True)


def _as_json(one: Finding | str) -> None:
    """For a program: the findings alone, one a line."""
    if isinstance(one, Finding):
        print(json.dumps({"level": one.level.name.lower(), "title": one.title, "text": one.text}), flush=True)


async def _run(settings: Settings, *, with_wechat: bool, say: Callable[[Finding | str], None]) -> int:
    def told(findings: list[Finding]) -> int:
        """Say them; how many need somebody."""
        for finding in findings:
            say(finding)
        return sum(finding.level is Level.BAD for finding in findings)

    here = await local.check(settings)
    wrong = told(here)
    if with_wechat:
        unusable = [
            one.title for one in here if one.level is Level.BAD and one.title in local.NEEDED_FOR_MORE
        ]
        if unusable:
            say(f"（先解决{'、'.join(unusable)}，再检查微信）")
        else:
            async with composition.running(settings) as s:
                async for finding in look_at_wechat(s):
                    wrong += told([finding])
    say("一切就绪。" if not wrong else f"有 {wrong} 项需要处理。")
    return 1 if wrong else 0


async def look_at_wechat(s: Services) -> AsyncIterator[Finding]:
    """Everything that is not on this machine, as it is found."""
    async for finding in wechat_checks.check(s):
        yield finding
    async for finding in address.check(s):
        yield finding
    async for finding in pay_checks.check(s):
        yield finding
    yield await stamp_checks.check(s.settings)
    for finding in await book_checks.check(s):
        yield finding
    for finding in await notice_checks.check(s):
        yield finding
    for finding in await log_checks.check(s):
        yield finding
    async for finding in wechat_checks.history(s):
        yield finding
