"""`xcert staff …`: accounts of the console, made at the terminal."""

from __future__ import annotations

import argparse

from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.people import staff
from server.domain.ports import Services
from server.errors import NotFound
from server.models import School, Staff
from server.settings import Settings

PAGE = 200


def create(given: argparse.Namespace, settings: Settings) -> int:
    """Make an account and print its one-time password."""

    async def make(s: Services) -> str:
        school = await _school(given.school) if given.school else None
        return await staff.create(
            s.clock,
            s.password_hasher,
            given.username,
            given.role,
            name=given.name,
            school=school,
            actor=SYSTEM,
        )

    _print(given.username, with_services(settings, make))
    return 0


def reset(given: argparse.Namespace, settings: Settings) -> int:
    """A new one-time password for an account; its sessions end."""

    async def renew(s: Services) -> str:
        return await staff.reset_password(
            s.clock, s.password_hasher, (await _account(given.username)).id, actor=SYSTEM
        )

    _print(given.username, with_services(settings, renew))
    return 0


def unlock(given: argparse.Namespace, settings: Settings) -> int:
    """Forget the wrong tries counted against an account."""

    async def work(s: Services) -> None:
        await staff.unlock(s.clock, (await _account(given.username)).id, actor=SYSTEM)

    with_services(settings, work)
    print(f"账号 {given.username} 的登录限制已解除。")
    return 0


def deactivate(given: argparse.Namespace, settings: Settings) -> int:
    """Close an account; its sessions and API tokens end."""
    return _switch(given.username, settings, on=False)


def activate(given: argparse.Namespace, settings: Settings) -> int:
    """Open a closed account again."""
    return _switch(given.username, settings, on=True)


def _switch(username: str, settings: Settings, *, on: bool) -> int:
    async def work(s: Services) -> None:
        await staff.set_active(s.clock, (await _account(username)).id, on, actor=SYSTEM)

    with_services(settings, work)
    print(f"账号 {username} 已{'启用' if on else '停用'}。")
    return 0


def listing(given: argparse.Namespace, settings: Settings) -> int:
    """Every account, one a line: user name, role, name, school, state."""

    async def work(s: Services) -> list[staff.Account]:
        found: list[staff.Account] = []
        while page := await staff.listing(found[-1].id if found else 0, PAGE):
            found += page
        return found

    for one in with_services(settings, work):
        state = "正常" if one.is_active else "已停用"
        if one.is_active and one.must_change_password:
            state = "尚未首次登录"
        second = "有动态码" if one.has_second_factor else "无动态码"
        print("\t".join((one.username, one.role.label, one.name, one.school or "–", state, second)))
    return 0


async def _account(username: str) -> Staff:
    account = await Staff.filter(username=username.strip().lower()).first()
    if account is None:
        raise NotFound("staff_not_found", f"没有用户名为“{username}”的账号，请核对。")
    return account


async def _school(name: str) -> School:
    found = await School.filter(name=name.strip()).first()
    if found is None:
        raise NotFound("school_not_found", f"没有名为“{name}”的院校，请先导入考生信息，或核对全称。")
    return found


def _print(username: str, password: str) -> None:
    print(f"用户名：{username}\n一次性密码：{password}\n（只显示这一次，首次登录后需修改）")
