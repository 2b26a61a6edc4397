"""What an import answers: its counts and every error, and the annotated workbook. Files in the vault are sealed."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

from server.domain import beijing
from server.domain.imports import examination
from server.domain.imports.annotated import annotate
from server.domain.imports.drafts import RowError, find_table
from server.domain.ports import Services
from server.errors import Conflict, NotFound
from server.records import ImportRun

ABOUT_FILE = "import_run.file"
ABOUT_REPORT = "import_run.report"
_STATES = {"queued": "排队中", "running": "处理中", "done": "已完成", "unreadable": "无法读取"}


@dataclass(frozen=True, slots=True)
class Summary:
    """How an import ended, for the command line."""

    import_id: int
    rows_total: int
    rows_taken: int
    rows_unchanged: int
    rows_refused: int
    refusal_code: str
    refusal: str
    notes: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all rows taken, 3 some refused, 2 the file could not be read."""
        if self.refusal_code:
            return 2
        return 3 if self.rows_refused else 0


async def _row(import_id: int) -> ImportRun:
    found = await ImportRun.get_or_none(id=import_id)
    if found is None:
        raise NotFound("import_unknown", "没有这次导入，请刷新列表后重试。")
    return found


async def summary(import_id: int) -> Summary:
    row = await _row(import_id)
    return Summary(
        row.id,
        row.rows_total,
        row.rows_taken,
        row.rows_unchanged,
        row.rows_refused,
        row.refusal_code,
        row.refusal,
        row.notes,
        row.errors,
    )


async def view(s: Services, import_id: int) -> dict[str, Any]:
    """One import as staff see it: state, counts, progress, and every error with row, column, code and advice.

    Raises:
        NotFound: import_unknown.
    """
    row = await _row(import_id)
    return {**_short(row), "errors": row.errors}


async def listing(s: Services, *, cursor: int | None = None, limit: int = 20) -> dict[str, Any]:
    """Imports, newest first, without their errors: `{items, next_cursor}`."""
    query = ImportRun.all() if cursor is None else ImportRun.filter(id__lt=cursor)
    found = await query.order_by("-id").limit(limit + 1)
    items = [_short(row) for row in found[:limit]]
    return {"items": items, "next_cursor": found[limit - 1].id if len(found) > limit else None}


def _short(row: ImportRun) -> dict[str, Any]:
    refusal = {"code": row.refusal_code, "detail": row.refusal} if row.refusal_code else None
    return {
        "id": row.id,
        "kind": row.kind,
        "kind_label": examination.topic_of(row.kind).TITLE,
        "file_name": row.file_name,
        "dry_run": row.is_dry_run,
        "all_or_nothing": row.all_or_nothing,
        "state": row.state,
        "state_label": _STATES[row.state],
        "refusal": refusal,
        "progress": {"done": row.rows_done, "total": row.rows_total},
        "rows_total": row.rows_total,
        "rows_taken": row.rows_taken,
        "rows_unchanged": row.rows_unchanged,
        "rows_refused": row.rows_refused,
        "notes": row.notes,
        "created_by": row.actor.get("name", ""),
        "created_at": beijing.local(row.created_at),
        "finished_at": beijing.local(row.finished_at) if row.finished_at else None,
    }


async def file_of(s: Services, row: ImportRun) -> bytes:
    """The file as it was handed in.

    Raises:
        NotFound: import_file_cleared.
    """
    if not row.file_key:
        raise NotFound("import_file_cleared", "原文件已按规定清理，请重新导入以得到标注表。")
    sealed = await s.vault.get(row.file_key)
    return b64decode(s.keys.decrypt(sealed, about=ABOUT_FILE))


async def report(s: Services, import_id: int) -> bytes:
    """The annotated workbook (.xlsx).

    Raises:
        NotFound: import_unknown, import_file_cleared.
        Conflict: import_running, import_unreadable.
    """
    row = await _row(import_id)
    if row.state == "unreadable":
        raise Conflict("import_unreadable", f"这个文件没有读出内容，没有标注表。{row.refusal}")
    if row.state != "done":
        raise Conflict("import_running", "导入还在进行，请等完成后再下载标注表。")
    if not (row.report_key and await s.vault.exists(row.report_key)):
        return await make(s, import_id)
    return b64decode(s.keys.decrypt(await s.vault.get(row.report_key), about=ABOUT_REPORT))


async def make(s: Services, import_id: int) -> bytes:
    """Write the annotated workbook of a finished import and keep it."""
    row = await _row(import_id)
    topic = examination.topic_of(row.kind)
    table = await asyncio.to_thread(find_table, await file_of(s, row), topic.COLUMNS, {})
    errors = [RowError(**error) for error in row.errors]  # type: ignore[arg-type]  # written from RowErrors
    held_back = row.all_or_nothing and bool(errors)
    taken = "未导入：其他行有错误" if held_back else ("可以导入" if row.is_dry_run else "已导入")
    book = await asyncio.to_thread(annotate, table, errors, taken=taken)
    key = f"imports/{row.id}-report"
    await s.vault.put(key, s.keys.encrypt(b64encode(book).decode(), about=ABOUT_REPORT))
    await ImportRun.filter(id=import_id).update(report_key=key)
    return book


def report_name(file_name: str) -> str:
    """`成绩.xls` → `成绩-导入结果.xlsx`"""
    return f"{PurePath(file_name).stem or '表格'}-导入结果.xlsx"


async def clear_old(s: Services, before: datetime) -> None:
    """Delete the files of imports that ended before that moment; the counts and errors stay."""
    for row in await ImportRun.filter(finished_at__lt=before).exclude(file_key=""):
        if row.report_key:
            await s.vault.delete(row.report_key)
        if not await ImportRun.filter(file_key=row.file_key).exclude(id=row.id).exists():
            await s.vault.delete(row.file_key)
        await ImportRun.filter(id=row.id).update(file_key="", report_key="")
