"""Importing as somebody does who has looked at the unknown names of a file and confirmed each of them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from server import demo_cohort
from server.demo_cohort import CERTIFICATE, SCORE_HEADER
from server.domain import imports
from server.domain.ports import Services
from server.models import (
    Candidate,
    Plan,
    PlanSlot,
    Registration,
    School,
    Score,
    Site,
)
from tests.kit import make
from tests.kit.jobs import drained


def names_in(book: bytes) -> imports.Names:
    """The plans, schools and sites that a workbook's cells name."""
    try:
        head, *rows = CalamineWorkbook.from_filelike(BytesIO(book)).get_sheet_by_index(0).to_python()
    except (CalamineError, ValueError):
        return imports.Names()
    cells = [{str(title): str(cell) for title, cell in zip(head, row, strict=False)} for row in rows]
    return imports.Names.of(
        {
            "plans": {row["考试计划"].strip() for row in cells if row.get("考试计划")},
            "schools": {row["院校"].strip()[:100] for row in cells if row.get("院校", "").strip()},
            "sites": {
                f"{row['院校'].strip()}{row.get('证书名称', CERTIFICATE)}{row['证书等级'].strip()}"[:200]
                for row in cells
                if row.get("院校", "").strip() and row.get("证书等级")
            },
        }
    )


async def take(
    s: Services, kind: str, name: str, book: bytes, *, actor: Any = make.OPERATOR, **more: Any
) -> imports.ImportView:
    """`imports.take`, with every name of the file confirmed."""
    return await imports.take(s, kind, name, book, imports.Wish(creating=names_in(book), **more), actor=actor)


def book(*rows: list[Any], header: Any = SCORE_HEADER) -> bytes:
    return demo_cohort.book(header, rows)


async def check(s: Services, data: bytes, kind: str = "scores", **more: Any) -> imports.ImportView:
    """A dry run as the console hands it in, with its answer."""
    import_id = await imports.submit(
        s, kind, "a.xlsx", data, imports.Wish(dry_run=True, **more), actor=make.OPERATOR
    )
    await drained(s)
    return await imports.view(import_id, actor=make.OPERATOR)


async def everything() -> dict[str, list[dict[str, Any]]]:
    """The business tables, whole."""
    tables = (School, Candidate, Plan, PlanSlot, Site, Registration, Score)
    return {table.__name__: await table.all().order_by("id").values() for table in tables}
