"""The files of an import, sealed in the file store: what was handed in, and the annotated workbook."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import PurePath

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.imports import validation
from server.domain.imports.annotated_workbook import annotated
from server.domain.imports.parsed_rows import RowError, find_table
from server.domain.imports.queries import row_of
from server.domain.imports.states import ImportState
from server.domain.ports import FileStore, Keys, Services
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import ImportRun

ABOUT_FILE = "import_run.file"
ABOUT_REPORT = "import_run.report"
_CLEARED = "原文件已按规定清理，请重新导入以得到标注表。"


async def file_of(keys: Keys, file_store: FileStore, row: ImportRun) -> bytes:
    """The file as it was handed in.

    Raises:
        NotFound: import_file_cleared.
    """
    if not row.file_key:
        raise NotFound("import_file_cleared", _CLEARED)
    sealed = await file_store.get(row.file_key)
    return b64decode(keys.decrypt(sealed, about=ABOUT_FILE))


async def report(s: Services, import_id: int, *, actor: Actor) -> bytes:
    """The annotated workbook (.xlsx): refused rows whole, so that they can be put right; kept in the audit trail.

    Raises:
        Forbidden: role_not_allowed; it holds full identity numbers, which only those see who may import.
        NotFound: import_unknown, import_file_cleared.
        Conflict: import_running, import_unreadable.
    """
    if actor.kind != "system":  # the command line is whoever may log in to the machine
        roles.require(actor, Verb.IMPORT)
    row = await row_of(import_id)
    if row.state == ImportState.UNREADABLE.value:
        raise Conflict("import_unreadable", f"这个文件没有读出内容，没有标注表。{row.refusal}")
    if row.state != ImportState.DONE.value:
        raise Conflict("import_running", "导入还在进行，请等完成后再下载标注表。")
    if not row.file_key:
        raise NotFound("import_file_cleared", _CLEARED)
    is_stored = bool(row.report_key) and await s.file_store.exists(row.report_key)
    book = (
        b64decode(s.keys.decrypt(await s.file_store.get(row.report_key), about=ABOUT_REPORT))
        if is_stored
        else await make(s, import_id)
    )
    became = {"kind": row.kind, "rows_refused": row.rows_refused}
    await audit_log.record(s.clock, actor, "import.download_report", "import", import_id, became=became)
    return book


async def make(s: Services, import_id: int) -> bytes:
    """Write the annotated workbook of a finished import and keep it."""
    row = await row_of(import_id)
    topic = validation.topic_of(row.kind)
    data = await file_of(s.keys, s.file_store, row)
    table = await asyncio.to_thread(lambda: find_table(s.table_reader.read(data), topic.COLUMNS, {}))
    sheets = annotated(table, [RowError(**error) for error in row.errors], row)
    book = await asyncio.to_thread(s.workbook_writer.write, sheets)
    key = f"imports/{row.id}-report"
    await s.file_store.put(key, s.keys.encrypt(b64encode(book).decode(), about=ABOUT_REPORT))
    await ImportRun.filter(id=import_id).update(report_key=key)
    return book


def report_name(file_name: str) -> str:
    """`成绩.xls` → `成绩-导入结果.xlsx`"""
    return f"{PurePath(file_name).stem or '表格'}-导入结果.xlsx"


async def clear_old(file_store: FileStore, *, checks: datetime, imports: datetime) -> None:
    """Delete the files of checks and of imports that ended before these moments; the counts and errors stay."""
    old = await ImportRun.filter(
        Q(is_dry_run=True, finished_at__lt=checks) | Q(is_dry_run=False, finished_at__lt=imports)
    ).exclude(file_key="")
    for row in old:
        if row.report_key:
            await file_store.delete(row.report_key)
        async with in_transaction():
            await row_of(row.id, lock=True)  # nobody begins to write it meanwhile
            await ImportRun.filter(id=row.id).update(file_key="", report_key="")
            is_needed = await ImportRun.filter(file_key=row.file_key).exists()
        if not is_needed:
            await file_store.delete(row.file_key)
