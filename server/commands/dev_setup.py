"""What a fresh machine needs before the first page, and the words that greet the person who started it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server import composition, demo, demo_cohort
from server.adapters import keys
from server.commands import sandbox_world
from server.demo import FirstLogins
from server.domain.notices.wanted_templates import wanted
from server.models import database
from server.settings import Settings

EXAMPLES = "examples"


@dataclass(frozen=True, slots=True)
class Ready:
    """All is prepared; `greet` prints the greeting once the service answers."""

    settings: Settings
    greet: Callable[[], None]


def make_keys(settings: Settings) -> None:
    """Development keys for every purpose that has none."""
    keys.create(settings.keys_dir, development=True, organisation=settings.issuer)


async def bury_workers(url: str) -> None:
    """Forget job workers of a former start: the database was down, so none of them lives, and their jobs are free."""
    link = await database.line(url)
    try:
        await link.execute("DELETE FROM procrastinate_workers")
    finally:
        await link.close()


def load(settings: Settings) -> Ready:
    """Load the invented cohort on the first start; the greeting then holds the first log-ins, and never again."""
    first = asyncio.run(_load(settings))
    if settings.uses_sandbox:
        register_templates(settings)
        _register(settings, "roles.json", sandbox_world.ROLES)
        if first is not None:
            register_people(settings, first)
    _lay_out_examples(settings)
    return Ready(settings, lambda: print("\n".join(greeting(settings, first)), flush=True))


async def _load(settings: Settings) -> FirstLogins | None:
    async with composition.running(settings) as s:
        if settings.uses_sandbox:
            await s.queue.put("wechat.menu", once="wechat.menu")
        return await demo.load_first(s)


def register_templates(settings: Settings) -> None:
    """Tell the sandbox of our message templates, as somebody would choose them in WeChat's consoles."""
    entries = [
        {
            "account": one.account,
            "id": one.template,
            "title": one.title,
            "use": "once" if one.is_subscription else "message",
            "fields": dict(one.keywords),
        }
        for one in wanted(settings)
        if one.template
    ]
    _register(settings, "templates.json", entries)


def register_people(settings: Settings, first: FirstLogins) -> None:
    """Tell the sandbox who is who, so that its phone names the people of the greeting."""
    officers = [
        {"name": one.name, "mobile": one.mobile, "role": f"{sandbox_world.OFFICER} · {one.school}"}
        for one in first.invitations
    ]
    candidates = [
        {"name": one.name, "mobile": one.mobile, "role": f"{sandbox_world.CANDIDATE} · {one.school}"}
        for one in first.candidates
    ]
    _register(settings, "people.json", [*officers, *candidates, sandbox_world.STAFF_PERSON])


def _register(settings: Settings, name: str, entries: list[dict[str, Any]]) -> None:
    file = settings.data_dir / "sandbox" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(".new")
    scratch.write_text(json.dumps(entries, ensure_ascii=False, indent=1), "utf-8")
    scratch.replace(file)


def _lay_out_examples(settings: Settings) -> None:
    """Spreadsheets of further invented people, so that the import can be tried at once."""
    folder = settings.data_dir / EXAMPLES
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in demo_cohort.examples(beside=demo.CANDIDATES).items():
        if not (folder / name).exists():
            (folder / name).write_bytes(data)


def greeting(settings: Settings, first: FirstLogins | None) -> list[str]:
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
        lines.append(
            f"  微信沙箱    {settings.open_url}/　（代替真实微信：选考生、院校签发负责人或工作人员）"
        )
    lines += [f"  示例表格    {settings.data_dir / EXAMPLES}　（另外四十名虚构考生，可用来试导入）", ""]
    lines += _first_words(first) if first is not None else [_LATER]
    return [*lines, "", f"运行日志：{settings.data_dir / 'service.log'}", "按 Ctrl-C 停止"]


_LATER = "账号和密码在首次启动时已显示；忘记了请运行 .venv/bin/xcert staff reset 用户名"


def _first_words(first: FirstLogins) -> list[str]:
    lines = ["首次启动，已载入虚构的考生和成绩，并建立以下账号（密码只显示这一次，登录后需修改）："]
    lines += [f"  {one.title}：用户名 {one.username}　密码 {one.password}" for one in first.logins]
    lines += ["", "院校签发负责人的邀请链接（在微信沙箱里打开，设置签发密码）："]
    lines += [
        f"  {one.school} {one.name}（手机号后四位 {one.phone_last4}）：{one.url}" for one in first.invitations
    ]
    tour = first.candidates[0]
    lines += [
        "",
        f"照 README“走一遍”用的批次：{tour.plan}　{tour.school}　{tour.level}",
        "其中的考生（均为虚构）：",
    ]
    lines += [
        f"  {one.name}　{one.id_number}　手机号后四位 {one.mobile[-4:]}　{one.score:g} 分"
        for one in first.candidates
    ]
    return lines
