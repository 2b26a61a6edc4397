"""`xcert erasures …`: the register of erasures against the database, and doing again what a backup brought back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import asyncpg

from server import composition
from server.commands import unfinished_restore
from server.commands.with_services import with_services
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_register, redoing
from server.domain.privacy.erasure_register import Entry
from server.domain.privacy.redoing import Redone
from server.errors import OutsideFailure
from server.settings import Settings

LEFT = 3  # exit code: somebody is back who was erased, or a place of the register lacks an entry


def check(args: argparse.Namespace, settings: Settings) -> int:
    """Compare and change nothing. Returns 0 when all agrees, else 3."""

    async def look(s: Services) -> list[str]:
        problems = []
        wanted = {one.key for one in await erasure_register.approved()}
        for place, name in zip(erasure_register.places(s), ("文件存储", "另一处"), strict=False):
            there = {key async for key in erasure_register.keys_in(place)}
            unread = [key for key in sorted(there) if await erasure_register.got(s.keys, place, key) is None]
            back = await redoing.outstanding(there)
            problems += [f"{name}：{len(back)} 位已删除的人又在数据库里"] if back else []
            problems += [f"{name}：少 {len(wanted - there)} 条登记"] if wanted - there else []
            problems += (
                [f"{name}：{len(unread)} 条登记读不出，或不是本系统写的（如 {unread[0]}）"] if unread else []
            )
        print(f"数据库里批准的删除 {len(wanted)} 项。")
        return problems

    problems = with_services(settings, look)
    for one in problems:
        print(f"✗ {one}")
    if problems:
        print("运行 xcert erasures redo 重做并补上。")
        return LEFT
    print("✓ 删除登记与数据库一致。")
    return 0


def redo(args: argparse.Namespace, settings: Settings) -> int:
    """Do again what is on the register and not in the database, and complete the register. 3: something is left."""
    try:
        done = with_services(settings, lambda s: _and_end(s, args.folder))
    except redoing.Unfinished as unfinished:
        if unfinished.done:
            tell(unfinished.done)
        for one in unfinished.left:
            print(f"✗ {one}。")
        return LEFT
    tell(done)
    return 0


async def _and_end(s: Services, folders: Iterable[Path]) -> list[Redone]:
    """Also of a restore that died over it: the service may start afterwards. Raises redoing.Unfinished."""
    done = await _again(s, folders)
    try:
        again = await unfinished_restore.end(s.settings.session_url)
    except asyncpg.InsufficientPrivilegeError:
        again = (
            "同样的命令，以数据表的所有者（XCERT_DATABASE_URL 和 XCERT_DATABASE_SESSION_URL 都换成所有者的）"
        )
    if again is not None:
        raise redoing.Unfinished(done, [f"恢复备份还没有做完，请先运行 {again}"])
    return done


async def after_restore(settings: Settings, folders: Sequence[Path]) -> list[Redone]:
    """The same for a database that was put back just now: nobody is connected yet. Raises redoing.Unfinished."""
    async with composition.running(settings) as s:
        return await _again(s, folders)


async def _again(s: Services, folders: Iterable[Path]) -> list[Redone]:
    """Raises redoing.Unfinished."""
    entries, unread = entries_in(s, folders)
    left: list[str] = []
    try:
        done = await redoing.bring_up(s, entries, unread=unread)
    except redoing.Unfinished as unfinished:
        done, left = unfinished.done, unfinished.left
    try:
        await erasing.sweep(s)
    except OutsideFailure as failure:
        left.append(str(failure))
    if left:
        raise redoing.Unfinished(done, list(dict.fromkeys(left)))
    return done


def entries_in(s: Services, folders: Iterable[Path]) -> tuple[list[Entry], set[str]]:
    """The entries in backups, each a folder that `xcert backup` made, or in copies of the register.

    Returns: those that are ours, and the keys of those that cannot be read.
    """
    found, unread = dict[str, Entry](), set[str]()
    for folder in folders:
        for path in sorted(
            {
                *folder.glob(f"files/vault/{erasure_register.FOLDER}*.json"),
                *folder.glob(f"{erasure_register.FOLDER}*.json"),
            }
        ):
            try:
                entry = erasure_register.read(s.keys, path.read_bytes())
            except (ValueError, OSError):
                unread.add(f"{erasure_register.FOLDER}{path.name}")
            else:
                found[entry.key] = entry
    return list(found.values()), unread


def tell(done: Sequence[Redone]) -> None:
    """What was done again, by number alone."""
    print(f"按删除登记重做了 {len(done)} 项删除。" if done else "没有要重做的删除。")
    for one in done:
        if one.open:
            print(
                f"  {one.who.of.label}记录 {one.who.id} 在备份里还有没办完的，不再有身份，请按编号收尾：{'；'.join(one.open)}。"
            )
