"""What a table out of a foreign file is, and how large one may be. Pure and light: the child that reads them imports it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from server.errors import Refused

MAX_ROWS = 100_000
HEADER_WITHIN = 20  # titles and remarks may stand above the header, not more
Place = tuple[int, int]  # row and column, from 0


@dataclass(slots=True)
class Sheet:
    """Rows of plain values, and what the spreadsheet shows otherwise than it stores. Rows and columns count from 0.

    Args:
        name: the sheet's name; text files have none.
        rows: values; an empty cell is "", an error cell holds its word, as `#N/A`.
        formulas: cells whose value was only computed.
        shown: number cells whose format shows another value than is stored, with what it shows ("" for unknown).
        hidden_rows: rows with content that a filter or somebody hid.
        hidden_columns: columns that somebody hid.
        hidden_sheets: names of the workbook's hidden tables, which are not read.
        counted: rows with content, counted apart from the parser that read `rows`.
        notes: what is to be told about the file.
    """

    name: str
    rows: list[list[Any]]
    formulas: frozenset[Place] = frozenset()
    shown: dict[Place, str] = field(default_factory=dict)
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    hidden_sheets: list[str] = field(default_factory=list)
    counted: int = 0
    notes: list[str] = field(default_factory=list)


def too_many_rows(rows: int) -> Refused:
    return Refused("too_many_rows", f"表格有 {rows} 行数据，一次最多导入 {MAX_ROWS} 行。请分成几个文件导入。")


def not_adding_up(row: int) -> Refused:
    """Some row was read with less, or with more, than the file's own marks say."""
    return Refused(
        "rows_do_not_add_up",
        f"第 {row} 行读出的内容和文件里标明的对不上，为免漏掉考生，整个文件都没有导入。"
        "请用 Excel 或 WPS 打开，另存为 .xlsx 后再导入。",
    )
