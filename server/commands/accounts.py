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


def create(args: argparse.Namespace, settings: Settings) -> int:
    """Make an account and print its one-time password."""

    async def make(s: Services) -> str:
        school = await _school(args.school) if args.school else None
        return await staff.create(
            s.clock,
            s.password_hasher,
            args.username,
            args.role,
            name=args.name,
            school=school,
            actor=SYSTEM,
        )

    _print(args.username, with_services(settings, make))
    return 0


def reset(args: argparse.Namespace, settings: Settings) -> int:
    """A new one-time password for an account; its sessions end."""

    async def renew(s: Services) -> str:
        return await staff.reset_password(
            s.clock, s.password_hasher, (await _account(args.username)).id, actor=SYSTEM
        )

    _print(args.username, with_services(settings, renew))
    return 0


def unlock(args: argparse.Namespace, settings: Settings) -> int:
    """Forget the wrong tries counted against an account."""

    async def work(s: Services) -> None:
        await staff.unlock(s.clock, (await _account(args.username)).id, actor=SYSTEM)

    with_services(settings, work)
    print(f"账号 {args.username} 的登录限制已解除。")
    return 0


def deactivate(args: argparse.Namespace, settings: Settings) -> int:
    """Close an account; its sessions and API tokens end."""
    return _switch(args.username, settings, on=False)


def activate(args: argparse.Namespace, settings: Settings) -> int:
    """Open a closed account again."""
    return _switch(args.username, settings, on=True)


def _switch(username: str, settings: Settings, *, on: bool) -> int:
    async def work(s: Services) -> None:
        await staff.set_active(s.clock, (await _account(username)).id, on, actor=SYSTEM)

    with_services(settings, work)
    print(f"账号 {username} 已{'启用' if on else '停用'}。")
    return 0


def listing(args: argparse.Namespace, settings: Settings) -> int:
    """Every account, one a line: user name, role, name, school, state."""

    async def work(s: Services) -> list[staff.Account]:
        accounts: list[staff.Account] = []
        while page := await staff.listing(accounts[-1].id if accounts else 0, PAGE):
            accounts += page
        return accounts

    for one in with_services(settings, work):
        state = "正常" if one.is_active else "已停用"
        if one.is_active and one.must_change_password:
            state = "尚未首次登录"
        second = "有第二重验证" if one.has_second_factor else "无第二重验证"
        print("\t".join((one.username, one.role.label, one.name, one.school or "–", state, second)))
    return 0


async def _account(username: str) -> Staff:
    account = await Staff.filter(username=username.strip().lower()).first()
    if account is None:
        raise NotFound("staff_not_found", f"没有用户名为“{username}”的账号，请核对。")
    return account


async def _school(name: str) -> School:
    school = await School.filter(name=name.strip()).first()
    if school is None:
        raise NotFound("school_not_found", f"没有名为“{name}”的院校，请先导入考生信息，或核对全称。")
    return school


def _print(username: str, password: str) -> None:
    print(f"用户名：{username}\n一次性密码：{password}\n（只显示这一次，首次登录后需修改）")
