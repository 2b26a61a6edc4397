"""`xcert staff …`: accounts of the console, made at the terminal."""

from __future__ import annotations

import argparse

from server.commands.at_work import with_services
from server.domain.audit import SYSTEM
from server.domain.people import staff
from server.domain.ports import Services
from server.errors import NotFound
from server.records import School, Staff
from server.settings import Settings


def create(given: argparse.Namespace, settings: Settings) -> int:
    """Make an account and print its one-time password."""

    async def make(s: Services) -> str:
        school = await _school(given.school) if given.school else None
        return await staff.create(s, given.username, given.role, name=given.name, school=school, actor=SYSTEM)

    _print(given.username, with_services(settings, make))
    return 0


def reset(given: argparse.Namespace, settings: Settings) -> int:
    """A new one-time password for an account; its sessions end."""

    async def renew(s: Services) -> str:
        account = await Staff.filter(username=given.username.strip().lower()).first()
        if account is None:
            raise NotFound("staff_not_found", f"没有用户名为“{given.username}”的账号，请核对。")
        return await staff.reset_password(s, account.id, actor=SYSTEM)

    _print(given.username, with_services(settings, renew))
    return 0


async def _school(name: str) -> School:
    found = await School.filter(name=name.strip()).first()
    if found is None:
        raise NotFound("school_not_found", f"没有名为“{name}”的院校，请先导入考生信息，或核对全称。")
    return found


def _print(username: str, password: str) -> None:
    print(f"用户名：{username}\n一次性密码：{password}\n（只显示这一次，首次登录后需修改）")
