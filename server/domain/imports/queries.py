"""Imports as staff and the command line see them: where one stands, its counts, every error, what it asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.imports import validation
from server.domain.imports.states import ImportState
from server.domain.paging import Page
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import ImportRun, KeptDifference, KeptError, KeptName
from server.models.database import rows

KEPT_WHOLE = frozenset({"portal"})  # kinds whose rows are kept to be compared, also those that change nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOverview:
    """One import in the list. `title`: what kind of table it is; an empty `refusal_code`: it was read."""

    id: int
    kind: str
    title: str
    file_name: str
    is_dry_run: bool
    all_or_nothing: bool
    state: ImportState
    refusal_code: str
    refusal: str
    rows_done: int
    rows_total: int
    rows_taken: int
    rows_new: int
    rows_changed: int
    rows_unchanged: int
    rows_refused: int
    rows_skipped: int
    notes: list[str]
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView(ImportOverview):
    """One import whole.

    `differences` are the first changed rows. `asked` are unknown names and `creating` confirmed ones, by kind.
    `can_take`: the check can be written now; `taken_by`: the import that wrote it.
    """

    errors: list[KeptError]
    differences: list[KeptDifference]
    asked: dict[str, list[KeptName]]
    creating: dict[str, list[str]]
    check_id: int | None
    can_check_again: bool
    can_take: bool
    taken_by: int | None
    has_report: bool


def has_something(row: ImportRun) -> bool:
    """Whether this check found something to write: rows, or a list that is kept whatever its rows come to (S94)."""
    is_held_back = row.all_or_nothing and row.rows_refused > 0
    return row.rows_taken > 0 or (row.kind in KEPT_WHOLE and not is_held_back)


async def row_of(import_id: int, *, lock: bool = False) -> ImportRun:
    """The import's row. Raises NotFound: import_unknown."""
    query = ImportRun.filter(id=import_id)
    row = await (query.select_for_update() if lock else query).first()
    if row is None:
        raise NotFound("import_unknown", "没有这次导入，请刷新列表后重试。")
    return row


async def lock(key: int) -> None:
    """Until the caller's transaction ends, one run at a time holds this key."""
    await rows("SELECT pg_advisory_xact_lock($1)", key)


async def view(import_id: int, *, actor: Actor) -> ImportView:
    """Raises Forbidden: role_not_allowed. NotFound: import_unknown."""
    roles.require(actor, Verb.SEE_IMPORTS)
    return await whole(import_id)


async def whole(import_id: int) -> ImportView:
    """`view` for whoever took the file in. Raises NotFound: import_unknown."""
    row = await row_of(import_id)
    after = await ImportRun.filter(check_id=row.id).order_by("-id") if row.is_dry_run else []
    taken_by = next(
        (one.id for one in after if not one.is_dry_run and one.state != ImportState.UNREADABLE.value), None
    )
    is_done, has_file = row.state == ImportState.DONE.value, bool(row.file_key)
    return ImportView(
        **_facts(row),
        errors=row.errors,
        differences=row.differences or [],
        asked=row.asked or {},
        creating=row.creating or {},
        check_id=row.check_id,
        can_check_again=row.is_dry_run and has_file,
        can_take=row.is_dry_run and is_done and has_file and taken_by is None and has_something(row),
        taken_by=taken_by,
        has_report=is_done and has_file,
    )


# A check that was written, repeated or cleared away has nothing more to say.
_LISTED = """
SELECT r.id FROM import_run r
WHERE ($1::bigint IS NULL OR r.id < $1) AND (NOT $2 OR NOT r.is_dry_run OR r.state IN ('queued', 'running')
  OR r.file_key <> '' AND NOT EXISTS (SELECT 1 FROM import_run x WHERE x.check_id = r.id AND x.state <> 'unreadable'))
  AND ($4::text IS NULL OR r.kind = $4) AND ($5::text IS NULL OR r.state = $5)
  AND ($6::text IS NULL OR r.actor->>'kind' = 'staff' AND r.actor->>'id' = $6)
ORDER BY r.id DESC LIMIT $3
"""


_IMPORTERS = """
SELECT (actor->>'id')::bigint AS id, max(actor->>'name') AS name FROM import_run
WHERE actor->>'kind' = 'staff' GROUP BY 1 ORDER BY 2, 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which imports; None leaves a thing open. `by`: the account's id."""

    kind: str | None = None
    state: str | None = None
    by: int | None = None


EVERYTHING = Wanted()


async def importers(*, actor: Actor) -> dict[int, str]:
    """Accounts that have imported something, by id. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_IMPORTS)
    return {row["id"]: row["name"] for row in await rows(_IMPORTERS)}


async def listing(
    wanted: Wanted = EVERYTHING,
    *,
    cursor: int | None = None,
    limit: int = 20,
    open_only: bool = False,
    actor: Actor,
) -> Page[ImportOverview]:
    """Imports, newest first.

    Args:
        open_only: leave out checks that were written, repeated or cleared away.

    Raises:
        Forbidden: role_not_allowed.
    """
    roles.require(actor, Verb.SEE_IMPORTS)
    values = (wanted.kind, wanted.state, str(wanted.by) if wanted.by is not None else None)
    listed = [row["id"] for row in await rows(_LISTED, cursor, open_only, limit + 1, *values)]
    imports = await ImportRun.filter(id__in=listed).order_by("-id")
    items = [ImportOverview(**_facts(row)) for row in imports[:limit]]
    return Page(items, str(items[-1].id) if len(imports) > limit else None)


def _facts(row: ImportRun) -> dict[str, Any]:
    """The fields of an `ImportOverview`."""
    return {
        "id": row.id,
        "kind": row.kind,
        "title": validation.topic_of(row.kind).TITLE,
        "file_name": row.file_name,
        "is_dry_run": row.is_dry_run,
        "all_or_nothing": row.all_or_nothing,
        "state": ImportState(row.state),
        "refusal_code": row.refusal_code,
        "refusal": row.refusal,
        "rows_done": row.rows_done,
        "rows_total": row.rows_total,
        "rows_taken": row.rows_taken,
        "rows_new": row.rows_new,
        "rows_changed": row.rows_changed,
        "rows_unchanged": row.rows_unchanged,
        "rows_refused": row.rows_refused,
        "rows_skipped": row.rows_skipped,
        "notes": row.notes,
        "created_by": str(row.actor.get("name", "")),
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }
