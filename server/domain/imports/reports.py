"""What an import answers: its counts and every error, and the annotated workbook. Files in the file store are sealed."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.imports import validation
from server.domain.imports.annotated_workbook import annotated
from server.domain.imports.parsed_rows import RowError, find_table
from server.domain.imports.states import ImportState
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import ImportRun
from server.models.database import rows

ABOUT_FILE = "import_run.file"
ABOUT_REPORT = "import_run.report"
_CLEARED = "原文件已按规定清理，请重新导入以得到标注表。"


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
    rows_new: int = 0
    rows_changed: int = 0
    rows_skipped: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 all rows taken, 3 some refused, 2 the file could not be read."""
        if self.refusal_code:
            return 2
        return 3 if self.rows_refused else 0


async def row_of(import_id: int, *, lock: bool = False) -> ImportRun:
    """The import's row. Raises NotFound: import_unknown."""
    query = ImportRun.filter(id=import_id)
    found = await (query.select_for_update() if lock else query).first()
    if found is None:
        raise NotFound("import_unknown", "没有这次导入，请刷新列表后重试。")
    return found


async def summary(import_id: int) -> Summary:
    row = await row_of(import_id)
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
        row.rows_new,
        row.rows_changed,
        row.rows_skipped,
        row.differences or [],
        row.asked or {},
    )


async def view(s: Services, import_id: int, *, actor: Actor) -> dict[str, Any]:
    """One import as staff see it: state, counts, progress, every error, what changes, and which names are asked for.

    `differences` are the first changed rows, old → new, identity numbers masked. `asked` holds unknown names by kind.
    `can_take`: the check can be written now; `taken_by`: the import that wrote it.

    Raises:
        Forbidden: role_not_allowed. NotFound: import_unknown.
    """
    roles.require(actor, Verb.SEE_IMPORTS)
    row = await row_of(import_id)
    after = await ImportRun.filter(check_id=row.id).order_by("-id") if row.is_dry_run else []
    taken_by = next(
        (one.id for one in after if not one.is_dry_run and one.state != ImportState.UNREADABLE.value), None
    )
    open_check = (
        row.is_dry_run and row.state == ImportState.DONE.value and bool(row.file_key) and taken_by is None
    )
    return {
        **_short(row),
        "errors": row.errors,
        "differences": row.differences or [],
        "asked": row.asked or {},
        "creating": row.creating or {},
        "check_id": row.check_id,
        "can_check_again": row.is_dry_run and bool(row.file_key),
        "can_take": open_check and row.rows_taken > 0,
        "taken_by": taken_by,
        "has_report": row.state == ImportState.DONE.value and bool(row.file_key),
    }


# A check that was written, repeated or cleared away has nothing more to say.
_LISTED = """
SELECT r.id FROM import_run r
WHERE ($1::bigint IS NULL OR r.id < $1) AND (NOT $2 OR NOT r.is_dry_run OR r.state IN ('queued', 'running')
  OR r.file_key <> '' AND NOT EXISTS (SELECT 1 FROM import_run x WHERE x.check_id = r.id AND x.state <> 'unreadable'))
ORDER BY r.id DESC LIMIT $3
"""


async def listing(
    s: Services, *, cursor: int | None = None, limit: int = 20, open_only: bool = False, actor: Actor
) -> dict[str, Any]:
    """Imports, newest first, without their errors: `{items, next_cursor}`.

    Args:
        open_only: leave out checks that were written, repeated or cleared away.

    Raises:
        Forbidden: role_not_allowed.
    """
    roles.require(actor, Verb.SEE_IMPORTS)
    listed = [row["id"] for row in await rows(_LISTED, cursor, open_only, limit + 1)]
    found = await ImportRun.filter(id__in=listed).order_by("-id")
    items = [_short(row) for row in found[:limit]]
    return {"items": items, "next_cursor": found[limit - 1].id if len(found) > limit else None}


def _short(row: ImportRun) -> dict[str, Any]:
    refusal = {"code": row.refusal_code, "detail": row.refusal} if row.refusal_code else None
    return {
        "id": row.id,
        "kind": row.kind,
        "kind_label": validation.topic_of(row.kind).TITLE,
        "file_name": row.file_name,
        "dry_run": row.is_dry_run,
        "all_or_nothing": row.all_or_nothing,
        "state": row.state,
        "state_label": _label(row),
        "refusal": refusal,
        "progress": {"done": row.rows_done, "total": row.rows_total},
        "rows_total": row.rows_total,
        "rows_taken": row.rows_taken,
        "rows_new": row.rows_new,
        "rows_changed": row.rows_changed,
        "rows_unchanged": row.rows_unchanged,
        "rows_refused": row.rows_refused,
        "rows_skipped": row.rows_skipped,
        "notes": row.notes,
        "created_by": row.actor.get("name", ""),
        "created_at": beijing.local(row.created_at),
        "finished_at": beijing.local(row.finished_at) if row.finished_at else None,
    }


def _label(row: ImportRun) -> str:
    return "没有写入" if row.refusal_code == "moved_since_check" else ImportState(row.state).label


async def file_of(s: Services, row: ImportRun) -> bytes:
    """The file as it was handed in.

    Raises:
        NotFound: import_file_cleared.
    """
    if not row.file_key:
        raise NotFound("import_file_cleared", _CLEARED)
    sealed = await s.file_store.get(row.file_key)
    return b64decode(s.keys.decrypt(sealed, about=ABOUT_FILE))


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
    kept = bool(row.report_key) and await s.file_store.exists(row.report_key)
    book = (
        b64decode(s.keys.decrypt(await s.file_store.get(row.report_key), about=ABOUT_REPORT))
        if kept
        else await make(s, import_id)
    )
    became = {"kind": row.kind, "rows_refused": row.rows_refused}
    await audit_log.record(s.clock, actor, "import.download_report", "import", import_id, became=became)
    return book


async def make(s: Services, import_id: int) -> bytes:
    """Write the annotated workbook of a finished import and keep it."""
    row = await row_of(import_id)
    topic = validation.topic_of(row.kind)
    data = await file_of(s, row)
    table = await asyncio.to_thread(lambda: find_table(s.table_reader.read(data), topic.COLUMNS, {}))
    errors = [RowError(**error) for error in row.errors]  # type: ignore[arg-type]  # written from RowErrors
    sheets = annotated(table, errors, _short(row), row.differences or [])
    book = await asyncio.to_thread(s.workbook_writer.write, sheets)
    key = f"imports/{row.id}-report"
    await s.file_store.put(key, s.keys.encrypt(b64encode(book).decode(), about=ABOUT_REPORT))
    await ImportRun.filter(id=import_id).update(report_key=key)
    return book


def report_name(file_name: str) -> str:
    """`成绩.xls` → `成绩-导入结果.xlsx`"""
    return f"{PurePath(file_name).stem or '表格'}-导入结果.xlsx"


async def clear_old(s: Services, *, checks: datetime, imports: datetime) -> None:
    """Delete the files of checks and of imports that ended before these moments; the counts and errors stay."""
    old = await ImportRun.filter(
        Q(is_dry_run=True, finished_at__lt=checks) | Q(is_dry_run=False, finished_at__lt=imports)
    ).exclude(file_key="")
    for row in old:
        if row.report_key:
            await s.file_store.delete(row.report_key)
        async with in_transaction():
            await row_of(row.id, lock=True)  # nobody begins to write it meanwhile
            await ImportRun.filter(id=row.id).update(file_key="", report_key="")
            is_needed = await ImportRun.filter(file_key=row.file_key).exists()
        if not is_needed:
            await s.file_store.delete(row.file_key)
