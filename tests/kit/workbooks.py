"""Workbooks made by hand for the tests of imports, and what comes out of them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from server.adapters.spreadsheets import process
from server.demo_cohort import PEOPLE_HEADER, SCORE_HEADER, people
from server.domain.imports import people as people_topic
from server.domain.imports.parsed_rows import Draft, Table, drafts, find_table
from server.errors import Refused
from tests.kit.old_workbook import row, xlsx

HEADER = list(PEOPLE_HEADER)
COHORT = people(6)
PEOPLE = [[str(value) for value in person.people_row()] for person in COHORT]
SCORES = [person.score_row() for person in COHORT]
MARK = SCORE_HEADER.index("成绩")
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def taken(data: bytes, topic: Any = people_topic) -> tuple[Table, list[Draft]]:
    table = find_table(process.read(data), topic.COLUMNS, {})
    return table, list(drafts(table, topic.COLUMNS))


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        find_table(process.read(data), people_topic.COLUMNS, {})
    return caught.value.code, caught.value.message


def errors(rows: list[Draft]) -> list[tuple[int, str, str]]:
    return [(error.row, error.column, error.code) for draft in rows for error in draft.errors]


def styled(code: str, *more: str) -> str:
    """A styles part whose cell style 1 has this number format, 2 the next one …"""
    codes = (code, *more)
    formats_ = "".join(
        f'<numFmt numFmtId="{164 + n}" formatCode="{one.replace(chr(34), "&quot;")}"/>'
        for n, one in enumerate(codes)
    )
    styles = "".join(f'<xf numFmtId="{164 + n}"/>' for n in range(len(codes)))
    return (
        f'<styleSheet xmlns="{NAMESPACE}"><numFmts>{formats_}</numFmts>'
        f'<cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>'
    )


def score_sheet(cell: str, **parts: str) -> bytes:
    """A workbook of one score row whose 成绩 is this cell."""
    letter = chr(ord("A") + MARK)
    whole = row(2, *("" if n == MARK else str(value) for n, value in enumerate(SCORES[0])))
    return xlsx(
        row(1, *SCORE_HEADER) + whole.replace(f'<c r="{letter}2" t="inlineStr"><is><t></t></is></c>', cell),
        parts=parts,
    )


def front(book: Workbook) -> Worksheet:
    """The sheet that opens with the workbook."""
    assert isinstance(book.active, Worksheet)
    return book.active


def edited(data: bytes, change: Any) -> bytes:
    book = load_workbook(BytesIO(data))
    change(book)
    out = BytesIO()
    book.save(out)
    return out.getvalue()
