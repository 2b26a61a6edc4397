"""A workbook of many rows: read back by two readers as it was written, and written in no more memory than a slice."""

from __future__ import annotations

import io
import tracemalloc
from decimal import Decimal

import python_calamine
from openpyxl import load_workbook

from server.adapters.workbooks import OpenpyxlWriter
from server.domain.ports import LongSheet

SUMS = LongSheet("合计", ("状态", "条数"), {1: 20})


def written(rows: list[list[str | int | Decimal | None]], *, slices: int = 1) -> bytes:
    book = OpenpyxlWriter().begin(LongSheet("通知", ("编号", "说明"), {1: 10, 2: 40.5}))
    data = b"".join(book.add(rows) for _ in range(slices))
    return data + book.finish(SUMS, [["合计", len(rows) * slices], []])


def test_two_readers_read_what_was_written() -> None:
    rows: list[list[str | int | Decimal | None]] = [
        [1, '=HYPERLINK("http://x")'],
        [2, "<a & b>\n第二行"],
        [3, "\x00\x1b有控制字符￾"],
        [4, None],
        [2**53, "  前后的空格  "],
        [-5, "𠮷野家"],
    ]
    data = written(rows)
    meant = [
        ("编号", "说明"),
        (1, '=HYPERLINK("http://x")'),
        (2, "<a & b>\n第二行"),
        (3, "有控制字符"),
        (4, None),
        (2**53, "  前后的空格  "),
        (-5, "𠮷野家"),
    ]
    book = load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["合计", "通知"]
    assert list(book["通知"].iter_rows(values_only=True)) == meant
    assert book["通知"]["B2"].data_type == "s", "text, and no formula"
    assert (book["通知"].freeze_panes, book["通知"]["A1"].font.b) == ("A2", True)
    assert book["通知"].column_dimensions["B"].width == 40.5
    other = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    found = other.get_sheet_by_name("通知").to_python()
    assert [tuple(row) for row in found] == [
        tuple("" if cell is None else cell for cell in row) for row in meant
    ]


def test_an_amount_is_a_number_with_two_decimals_exact_to_the_fen() -> None:
    data = written([[1, Decimal("1234.50")], [2, Decimal("-0.07")], [3, Decimal("0.00")]])
    cells = [row[1] for row in load_workbook(io.BytesIO(data))["通知"].iter_rows(min_row=2)]
    assert [(one.value, one.data_type) for one in cells] == [(1234.5, "n"), (-0.07, "n"), (0, "n")]
    assert {one.number_format for one in cells} == {"#,##0.00"}


def test_memory_does_not_grow_with_the_rows() -> None:
    rows: list[list[str | int | Decimal | None]] = [
        [one, f"第 {one} 行，没有绑定微信"] for one in range(5_000)
    ]

    def peak(slices: int) -> int:
        book = OpenpyxlWriter().begin(LongSheet("通知", ("编号", "说明")))
        tracemalloc.start()
        for _ in range(slices):
            book.add(rows)
        book.finish(SUMS, [])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(30) < 1.5 * peak(3), "150,000 rows take no more than 15,000"


def test_a_cell_holds_no_more_than_a_workbook_takes() -> None:
    book = load_workbook(io.BytesIO(written([[1, "长" * 40_000]])))
    assert len(book["通知"]["B2"].value) == 32_767
