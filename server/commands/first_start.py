"""What a fresh machine needs before the first page, and the words that greet the person who started it."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from server import app
from server.machinery import keys
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Ready:
    """All is prepared; `told` prints the greeting once the service answers."""

    settings: Settings
    told: Callable[[], None]


def make_keys(settings: Settings) -> None:
    """Development keys for every purpose that has none."""
    keys.create(settings.keys_dir, development=True, organisation=settings.issuer)


async def bury_workers(url: str) -> None:
    """Forget job workers of a former start: the database was down, so none of them lives, and their jobs are free."""
    link = await asyncpg.connect(url)
    try:
        await link.execute("DELETE FROM procrastinate_workers")
    finally:
        await link.close()


def load(settings: Settings) -> Ready:
    """Load the invented cohort on the first start; the greeting then holds the first log-ins, and never again."""
    first = asyncio.run(_load(settings))
    return Ready(settings, lambda: print("\n".join(greeting(settings, first)), flush=True))


async def _load(settings: Settings) -> list[Any]:
    if importlib.util.find_spec("server.demo") is None:
        return []
    demo = importlib.import_module("server.demo")
    async with app.running(settings) as s:
        return list(await demo.load_first(s) or [])


def greeting(settings: Settings, first: list[Any]) -> list[str]:
    """What to open, who can log in, and where more is said."""
    base = settings.public_url
    lines = [
        "",
        "社会心理服务证书系统已就绪",
        f"  工作台      {base}/console/",
        f"  证书核验    {base}/v",
        f"  接口说明    {base}/docs",
    ]
    if settings.uses_sandbox:
        lines.append(f"  微信沙箱    {settings.open_url}/   （扮演考生和院校签发负责人，代替真实微信）")
    lines.append("")
    if first:
        lines.append("首次启动，已建立以下账号（密码只显示这一次，登录后需修改）：")
        lines += [f"  {one.title}：用户名 {one.username}　密码 {one.password}" for one in first]
    else:
        lines.append("账号和密码在首次启动时已显示；忘记了请运行 .venv/bin/xcert staff reset 用户名")
    lines += ["", f"运行日志：{settings.data_dir / 'service.log'}。按 Ctrl-C 停止。", ""]
    return lines
