"""The file store: whether it keeps what was written first, and whether certificates on record have their files."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from pathlib import Path
from typing import Any

import asyncpg

from server.adapters.file_stores import file_store_of
from server.commands.doctor.findings import Finding, bad, ok
from server.commands.preflight import TROUBLES
from server.domain.ports import FileStore
from server.errors import NotFound, OutsideFailure
from server.models import database
from server.settings import Settings

TITLE = "证书文件"
SAMPLE = 200  # certificates whose files are read and compared
_AT_ONCE = 8
_SHOWN = 5
_ALL = "SELECT number, pdf_key FROM certificate WHERE pdf_key <> '' ORDER BY number"
_COUNT = "SELECT count(*) FROM certificate WHERE pdf_key <> ''"
_SOME = """
SELECT number, pdf_key, pdf_sha256 FROM certificate WHERE pdf_key <> '' ORDER BY random() LIMIT $1
"""


async def check(settings: Settings) -> Finding:
    """One finding about all of it."""
    place = settings.files_place
    store = file_store_of(settings)
    try:
        link = await database.line(settings.session_url)
    except TROUBLES:
        return bad(TITLE, "无法查看，请先解决数据库连接")
    try:
        if place.folder is None and not await _keeps_the_first(store):
            return bad(
                TITLE,
                f"{place} 不支持“已有就不写”（If-None-Match），两个进程同时盖章时文件可能与记录不符，请换用支持的对象存储",
            )
        if place.folder is not None and (lost := await _lost(link, place.folder)):
            return _gone(lost, str(place))
        rows = await link.fetch(_SOME, SAMPLE)
        damaged = await _compared(store, rows)
        count = int(await link.fetchval(_COUNT))
    except asyncpg.UndefinedTableError:
        return bad(TITLE, "数据库表尚未建立，请运行 xcert migrate")
    except OutsideFailure as failure:
        return bad(TITLE, f"{place}：{failure}")
    finally:
        await link.close()
    if damaged:
        return _gone(damaged, str(place))
    all_there = "的 PDF 都在，" if place.folder is not None else "，"
    return ok(TITLE, f"{place}，{count} 份已发证书{all_there}抽查 {len(rows)} 份，内容与记录相符")


def _gone(numbers: list[str], place: str) -> Finding:
    examples = "、".join(numbers[:_SHOWN]) + (" 等" if len(numbers) > _SHOWN else "")
    return bad(
        TITLE,
        f"{len(numbers)} 份已发证书的 PDF 不在 {place}，或内容与记录不符：{examples}。"
        "运行 xcert files check 查明全部，再从备份找回",
    )


async def _lost(link: Any, folder: Path) -> list[str]:
    """Of all certificates: whose file is not in the folder."""
    rows = await link.fetch(_ALL)
    return await asyncio.to_thread(
        lambda: [row["number"] for row in rows if not (folder / row["pdf_key"]).is_file()]
    )


async def _compared(store: FileStore, rows: list[Any]) -> list[str]:
    """The numbers of those whose file is gone or is another one."""

    async def is_whole(row: Any) -> bool:
        try:
            digest = hashlib.sha256(await store.get(row["pdf_key"])).digest()
        except NotFound:
            return False
        return digest == bytes(row["pdf_sha256"])

    found = []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        whole = await asyncio.gather(*(is_whole(row) for row in some))
        found += [row["number"] for row, well in zip(some, whole, strict=True) if not well]
    return sorted(found)


async def _keeps_the_first(store: FileStore) -> bool:
    """Whether a second writer of one key is told that it is taken. Raises OutsideFailure."""
    key = f"doctor/{secrets.token_hex(12)}"
    try:
        await store.put_once(key, b"first")
        return await store.put_once(key, b"second") == await store.get(key) == b"first"
    finally:
        await store.delete(key)
