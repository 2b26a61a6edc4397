"""Importing as somebody does who has looked at the unknown names of a file and confirmed each of them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from server.demo_cohort import CERTIFICATE
from server.domain import imports
from server.domain.ports import Services
from tests.kit import make


def names_in(book: bytes) -> imports.Names:
    """The plans, schools and sites that a workbook's cells name."""
    try:
        head, *rows = CalamineWorkbook.from_filelike(BytesIO(book)).get_sheet_by_index(0).to_python()
    except (CalamineError, ValueError):
        return imports.Names()
    found = [{str(title): str(cell) for title, cell in zip(head, row, strict=False)} for row in rows]
    return imports.Names.of(
        {
            "plans": {row["考试计划"].strip() for row in found if row.get("考试计划")},
            "schools": {row["院校"].strip()[:100] for row in found if row.get("院校", "").strip()},
            "sites": {
                f"{row['院校'].strip()}{row.get('证书名称', CERTIFICATE)}{row['证书等级'].strip()}"[:200]
                for row in found
                if row.get("院校", "").strip() and row.get("证书等级")
            },
        }
    )


async def take(
    s: Services, kind: str, name: str, book: bytes, *, actor: Any = make.OPERATOR, **more: Any
) -> imports.Summary:
    """`imports.take`, with every name of the file confirmed."""
    return await imports.take(s, kind, name, book, creating=names_in(book), actor=actor, **more)
