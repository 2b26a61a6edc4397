"""What goes wrong on purpose around every door of the platform: slow, lost before it acts, cut after it has acted.

The switches say when (`switches.py`). A door asks `loses` first and, if so, returns `cut`; when it has acted it
calls `after` and, if that says so, returns `cut` instead of its answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

from sanic import HTTPResponse, Request

from server.sandbox.platform import Platform

LOST = "开关：没有执行，连接被切断"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an answer: whether it is dropped, and the remarks for the timeline."""

    dropped: bool
    remarks: str


def loses(platform: Platform, path: str) -> bool:
    """Whether this call is to be lost before anything is done."""
    return platform.switchboard.loses_call(path)


async def after(platform: Platform, path: str, *, ok: bool) -> Fate:
    """Wait if answers are slow, and say whether this one, of a call that was carried out, is dropped."""
    now, remarks = platform.switchboard.now, ""
    if now.slow_seconds and now.slow_path in ("*", path):
        await asyncio.sleep(now.slow_seconds)
        remarks += f"（开关：延迟 {now.slow_seconds:g} 秒）"
    dropped = ok and platform.switchboard.drops_answer(path)
    return Fate(dropped, remarks + ("（开关：已执行，但回答被丢弃）" if dropped else ""))


async def cut(platform: Platform, request: Request) -> HTTPResponse:
    """Hang as long as the switch says, then cut the connection; gives what a handler has to return, to nobody."""
    await asyncio.sleep(platform.switchboard.now.drop_after_seconds)
    cast(asyncio.Transport, request.transport).abort()
    return HTTPResponse("", 500)
