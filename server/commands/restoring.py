"""`xcert restore`: a backup becomes the whole state again. The service must not run meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import asyncpg

from server.commands import Impossible
from server.commands.backup import (
    DUMP,
    FILES,
    FORMAT,
    MANIFEST,
    copy_files,
    digest,
    digests,
    key_files,
    run_program,
)
from server.commands.hosting import hosts
from server.machinery import cache
from server.records import database
from server.settings import Settings


def restore(given: argparse.Namespace, settings: Settings) -> int:
    """Check the backup, then put back keys, files and database, in this order; may be run again after a kill."""
    folder: Path = given.folder.resolve()
    manifest = _checked(folder)
    source = given.keys.resolve() if given.keys is not None else settings.keys_dir
    _check_keys(source, manifest["keys"])
    with hosts(settings, join=False) as found:
        url = found.settings.database_url
        asyncio.run(_check_target(url, replace=given.replace))
        _put_keys(source, settings.keys_dir, replace=given.replace)
        copy_files(folder / FILES, found.settings.data_dir)
        asyncio.run(_empty(url))
        arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        run_program("pg_restore", [*arguments, f"--dbname={_name(url)}", str(folder / DUMP)], url)
        asyncio.run(database.migrate(url))
        asyncio.run(_forget_workers(url))
        asyncio.run(cache.forget(found.settings.redis_url))  # answers of a time that is gone
    print(f"恢复完成，数据来自 {manifest['made_at']} 的备份。")
    return 0


def _checked(folder: Path) -> dict[str, Any]:
    """The manifest, after every file was found whole."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        raise Impossible(f"{folder} 里没有完整的备份（缺 {MANIFEST}），请换一份。") from None
    if manifest.get("format") != FORMAT:
        raise Impossible("这份备份的格式与当前版本不符，请用当时的版本恢复。")
    found = digests(folder)
    broken = sorted(name for name, value in manifest["sha256"].items() if found.get(name) != value)
    if broken:
        raise Impossible(f"备份里有 {len(broken)} 个文件缺失或损坏（如 {broken[0]}），请换一份备份。")
    return manifest


def _check_keys(folder: Path, expected: dict[str, str]) -> None:
    """The keys of that time must be there: without them the data cannot be read."""
    for name, value in expected.items():
        path = folder / name
        if not path.is_file() or digest(path) != value:
            raise Impossible(
                f"{folder} 里缺少这份备份当时的密钥 {name}（或内容不同）。"
                "请用 --keys 目录 指出另外保管的密钥，再恢复。"
            )


async def _check_target(url: str, *, replace: bool) -> None:
    link = await asyncpg.connect(url)
    try:
        others = await link.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if others:
            raise Impossible("还有程序连接着这个数据库，请先停止网页服务和后台任务，再恢复。")
        has_tables = await link.fetchval("SELECT to_regclass('audit_entry') IS NOT NULL")
        if has_tables and not replace and await link.fetchval("SELECT EXISTS (SELECT 1 FROM audit_entry)"):
            raise Impossible("数据库里已有数据。确认要用备份覆盖时，请加 --replace。")
    finally:
        await link.close()


def _put_keys(source: Path, target: Path, *, replace: bool) -> None:
    """Make `target` hold the keys of the backup; others are never overwritten without being told."""
    if source == target.resolve():
        return
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine = {path.name: digest(path) for path in key_files(source)}
    others = [path for path in key_files(target) if mine.get(path.name) != digest(path)]
    if others and not replace:
        raise Impossible(
            f"{target} 里已有别的密钥（如 {others[0].name}）。确认要换成备份的密钥时，请加 --replace。"
        )
    for path in others:
        path.unlink()  # another set's epochs would be taken for the newest
    for name in mine:
        shutil.copy2(source / name, target / name)


async def _empty(url: str) -> None:
    link = await asyncpg.connect(url)
    try:
        async with link.transaction():
            await link.execute("DROP SCHEMA public CASCADE")
            await link.execute("CREATE SCHEMA public")
    finally:
        await link.close()


async def _forget_workers(url: str) -> None:
    link = await asyncpg.connect(url)
    try:
        await link.execute("DELETE FROM procrastinate_workers")
    finally:
        await link.close()


def _name(url: str) -> str:
    return url.rsplit("/", 1)[1].split("?")[0]
