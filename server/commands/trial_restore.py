"""`xcert restore DIR --trial`: a backup is loaded into a database made for it alone, looked at, and thrown away.

A backup that nobody ever restored is a hope. Nothing of ours changes, and the service may run meanwhile. Each trial has a
database of its own name and holds an advisory lock on that name as long as it runs: trials side by side leave each other
alone, and what a killed one left behind, whose lock nobody holds any more, the next one clears away. A SIGTERM is no kill:
the database is dropped before the command ends.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from server.adapters import postgres_programs
from server.adapters.clock import SystemClock
from server.adapters.keys import KeyFolder
from server.commands import Impossible
from server.commands.backup import DUMP, FILES, VAULT
from server.commands.datastores import hosts
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.people.candidates import ABOUT_ID
from server.errors import Unverified
from server.models import database
from server.settings import Settings

PREFIX = "xcert_trial_"
FAILED = 3  # exit code: what was restored is not what it should be
_SAMPLE = 200  # identity numbers read with the keys, from either end
# Of trials from beside this database: locks of another one are not seen here, and neither are its trials touched.
_MINE = "SELECT $1 || left(md5(current_database()), 8) || '_' AS prefix"
_LEFT = """
SELECT datname FROM pg_database d WHERE starts_with(datname, $1)
    AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname)
"""
_TRY = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_LET_GO = "SELECT pg_advisory_unlock(hashtextextended($1, 0))"


@dataclass(slots=True)
class Looked:
    """What was found in the restored database, and what is wrong with it: sentences."""

    candidates: int = 0
    certificates: int = 0
    entries: int = 0
    wrong: list[str] = field(default_factory=list)


def trial(folder: Path, manifest: Mapping[str, Any], keys_dir: Path, settings: Settings) -> int:
    """Restore into a database of its own. The backup's files and keys were checked before.

    Args:
        keys_dir: the keys that belong to the backup.

    Returns: 0; 3 when something is missing or cannot be read. Raises Impossible.
    """
    with hosts(settings, join=True) as stores, _ended_by_sigterm(), asyncio.Runner() as runner:
        url = stores.settings.session_url
        link = runner.run(database.line(url))  # holds the lock until the end
        name = runner.run(_named(link))
        there = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        try:
            version = runner.run(_make(link, name))
            postgres_programs.load(
                there,
                folder / DUMP,
                server_version=version,
                before="DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;",
                after="",
            )
            looked = runner.run(_look(there, manifest, KeyFolder(keys_dir, production=False)))
        except postgres_programs.ProgramFailed as failed:
            raise Impossible(f"{failed}\n这份备份恢复不出来，请换一份，并查明原因。") from None
        finally:
            asyncio.run(_drop(url, name))  # in a loop of its own: the other may have been broken off
        runner.run(link.close())
        asyncio.run(_record(url, str(manifest["made_at"]), is_good=not looked.wrong))
    return _tell(looked, str(manifest["made_at"]))


def _tell(looked: Looked, made_at: str) -> int:
    for one in looked.wrong:
        print(f"✗ {one}")
    if looked.wrong:
        print("这份备份恢复出来是不完整的，请换一份，并查明原因。现有的数据没有改动。")
        return FAILED
    print(
        f"✓ {made_at} 的备份可以恢复：考生 {looked.candidates} 人，证书 {looked.certificates} 份，审计 {looked.entries} 条；"
        "证书的文件都在，证件号码用这些密钥读得出。临时的数据库已经删除，现有的数据没有改动。"
    )
    return 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A SIGTERM ends the trial as Ctrl-C does, so that its database goes with it."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _named(link: Any) -> str:
    """A name that nobody else has, locked as long as the connection lives."""
    prefix = await link.fetchval(_MINE, PREFIX)
    name = f"{prefix}{secrets.token_hex(6)}"
    await link.fetchval(_TRY, name)
    return name


async def _make(link: Any, name: str) -> int:
    """A new database; returns the server's version. Those which killed trials left are dropped."""
    try:
        for row in await link.fetch(_LEFT, await link.fetchval(_MINE, PREFIX)):
            if await link.fetchval(_TRY, row["datname"]):  # nobody's any more
                await link.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}"')
                await link.fetchval(_LET_GO, row["datname"])
        await link.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return int(await link.fetchval("SHOW server_version_num")) // 10000
    except asyncpg.InsufficientPrivilegeError:
        raise Impossible(
            "数据库账号没有建库的权限，不能试恢复：请用有 CREATEDB 权限的账号运行，"
            "或在另一台机器上用一个空的数据库运行 xcert restore。"
        ) from None


async def _drop(url: str, name: str) -> None:
    link = await database.line(url)
    try:
        await link.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await link.close()


async def _look(url: str, manifest: Mapping[str, Any], keys: KeyFolder) -> Looked:
    link = await database.line(url)
    try:
        looked = Looked(
            await link.fetchval("SELECT count(*) FROM candidate"),
            await link.fetchval("SELECT count(*) FROM certificate"),
            await link.fetchval("SELECT count(*) FROM audit_entry"),
        )
        last = manifest.get("last_audit")
        if last is not None and not await link.fetchval(
            "SELECT EXISTS (SELECT 1 FROM audit_entry WHERE id = $1 AND at = $2)",
            last["id"],
            datetime.fromisoformat(last["at"]),
        ):
            looked.wrong.append("备份时最后一条审计记录不在恢复出来的数据库里。")
        looked.wrong += await files_missing(link, manifest["sha256"])
        looked.wrong += await _unreadable(link, keys)
        return looked
    finally:
        await link.close()


async def files_missing(link: Any, sums: Mapping[str, str]) -> list[str]:
    """Certificates whose PDF is not in the backup, or another."""
    found = await link.fetch(
        "SELECT number, pdf_key, encode(pdf_sha256, 'hex') AS sha256 FROM certificate WHERE pdf_key <> ''"
    )
    absent = [
        row["number"] for row in found if sums.get(f"{FILES}/{VAULT}/{row['pdf_key']}") != row["sha256"]
    ]
    return [f"{len(absent)} 份证书的 PDF 不在备份里，或内容不符（如 {absent[0]}）。"] if absent else []


async def _unreadable(link: Any, keys: KeyFolder) -> list[str]:
    """Of the oldest and the newest candidates, those whose number the keys do not read."""
    query = "(SELECT id, id_sealed FROM candidate ORDER BY id {0} LIMIT $1)"
    found = await link.fetch(f"{query.format('')} UNION {query.format('DESC')}", _SAMPLE)
    bad = 0
    for row in found:
        try:
            keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)
        except Unverified:
            bad += 1
    return [f"抽查 {len(found)} 位考生，{bad} 位的证件号码用这些密钥读不出。"] if bad else []


async def _record(url: str, made_at: str, *, is_good: bool) -> None:
    await database.connect(url, pool=1)
    try:
        became = {"made_at": made_at, "outcome": "可以恢复" if is_good else "不完整"}
        await audit_log.record(SystemClock(), SYSTEM, "backup.try", "backup", made_at[:40], became=became)
    finally:
        await database.close()
