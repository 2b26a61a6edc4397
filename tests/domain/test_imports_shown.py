"""What a sheet shows and what is taken are the same, or it is said which rows and cells are not."""

from __future__ import annotations

import struct

import pytest
from openpyxl import Workbook

from server.adapters.spreadsheets import formats
from server.demo_cohort import SCORE_HEADER, book
from server.domain.imports import scores as score_topic
from tests.kit.old_workbook import record, row, xls, xlsx
from tests.kit.workbooks import (
    HEADER,
    MARK,
    PEOPLE,
    SCORES,
    edited,
    errors,
    front,
    refusal,
    score_sheet,
    styled,
    taken,
)

# formats (F4)


@pytest.mark.parametrize(
    ("code", "value", "says"),
    [
        ("0%", 0.9, "90%"),
        ("0.00%", 0.9, "90.00%"),
        ("0%", 1, "100%"),
        ("0", 59.6, "60"),
        ("0,", 90_000, "90"),
        ("0.0", 100.04, "100.0"),
        ("#,##0.0", 59.96, "60.0"),
        (";;;", 90, ""),
        ('0;0;"缺考"', 0, "缺考"),
        ("# ?/?", 0.5, ""),
        ("yyyy-mm-dd", 90, ""),
        ('[>=60]"合格";"不合格"', 59, ""),
        ('"1"0', 90, ""),
        ("000", 85, "085"),
        ("0.00E+00", 85, ""),
    ],
)
def test_a_format_that_shows_another_value_is_refused(code: str, value: float, says: str) -> None:
    parts = {"xl/styles.xml": styled(code)}
    _, found = taken(score_sheet(f'<c r="K2" s="1"><v>{value}</v></c>', **parts), score_topic)
    [error] = [error for draft in found for error in draft.errors]
    if "yy" in code:  # the parser makes a date of it, and a date is no score
        assert error.code == "score_not_a_number"
        return
    assert (error.column, error.code) == ("成绩", "number_format")
    assert (f"“{says}”" in error.detail) == bool(says)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("0", 60),
        ("0.0", 59.5),
        ("0.00", 85.5),
        ("#,##0", 90),
        ("0_ ", 90),
        ("0.0_);[Red]\\(0.0\\)", 90.5),
        ('_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ ', 90),
        ('0"分"', 90),
        ("G/通用格式", 59.6),
        ("0.0#", 59.6),
        ("@", 59.6),
        ("[$-804]0.0", 59.6),
    ],
)
def test_a_format_that_shows_what_is_stored_is_taken(code: str, value: float) -> None:
    parts = {"xl/styles.xml": styled(code)}
    _, found = taken(score_sheet(f'<c r="K2" s="1"><v>{value}</v></c>', **parts), score_topic)
    assert errors(found) == []
    assert float(found[0].values["成绩"]) == value


def test_leading_zeros_that_only_the_format_makes_are_refused() -> None:
    person = row(2, *PEOPLE[0]).replace(
        f'<c r="G2" t="inlineStr"><is><t>{PEOPLE[0][6]}</t></is></c>', '<c r="G2" s="1"><v>71102</v></c>'
    )
    _, found = taken(xlsx(row(1, *HEADER) + person, parts={"xl/styles.xml": styled("000000")}))
    assert errors(found) == [(2, "专业代码", "number_format")]


def test_percent_in_an_old_workbook_is_refused() -> None:
    styles = record(0x00E0, struct.pack("<HH", 0, 9) + bytes(16))  # the first cell style has format 9, 0%
    values = list(SCORES[0])
    values[MARK] = 0.9
    _, found = taken(xls([list(SCORE_HEADER), values], styles=styles), score_topic)
    assert errors(found) == [(2, "成绩", "number_format")]


@pytest.mark.parametrize(
    ("code", "value", "seen"),
    [
        ("General", 0.1, "0.1"),
        ("0%", -0.5, "-50%"),
        ("0.0", 0.05, "0.1"),
        ("#,##0", 1234567, "1,234,567"),
        ("#,##0.00", 1234.5, "1,234.50"),
        ("0.0,", 1500, "1.5"),
        ("0;(0)", -5, "5"),
        ('0;-0;"零"', 0, "零"),
        ("0.###", 1.5, "1.5"),
        ("?", 1, "1"),
    ],
)
def test_how_numbers_are_shown(code: str, value: float, seen: str) -> None:
    assert formats.shown(code, value) == seen


# hidden rows, columns and sheets (F7)


def test_rows_that_a_filter_hides_are_not_taken_and_named() -> None:
    def hide(made: Workbook) -> None:
        front(made).auto_filter.ref = "A1:J7"
        for number in (3, 6):
            front(made).row_dimensions[number].hidden = True

    table, found = taken(edited(book(HEADER, PEOPLE), hide))
    assert errors(found) == [(3, "姓名", "row_hidden"), (6, "姓名", "row_hidden")]
    assert [note for note in table.notes if "第 3、6 行在表格里是隐藏的" in note]


def test_rows_hidden_in_an_old_workbook_are_not_taken_either() -> None:
    hidden = record(0x0208, struct.pack("<HHHHHHBBH", 2, 0, 10, 255, 0, 0, 0x20, 1, 0))
    _, found = taken(xls([HEADER, *PEOPLE], more=hidden))
    assert errors(found) == [(3, "姓名", "row_hidden")]


def test_hidden_columns_are_read_and_named() -> None:
    def hide(made: Workbook) -> None:
        front(made).column_dimensions["D"].hidden = True

    table, found = taken(edited(book(HEADER, PEOPLE), hide))
    assert errors(found) == []
    assert table.notes == ["这些列在表格里是隐藏的，也读取了：手机号。"]


def test_a_table_on_a_hidden_sheet_is_looked_for_in_vain_and_that_is_said() -> None:
    def hide(made: Workbook) -> None:
        front(made).title = "名单"
        front(made).sheet_state = "hidden"
        made.active = made.create_sheet("说明")

    code, message = refusal(edited(book(HEADER, PEOPLE), hide))
    assert code == "header_missing"
    assert "隐藏的工作表（名单）没有读取" in message


# error cells (F9)


@pytest.mark.parametrize("column", ["手机号", "证件类型", "专业代码", "专业名称", "专业版本号", "专业层次"])
def test_an_error_cell_is_refused_in_every_column(column: str) -> None:
    letter = chr(ord("A") + HEADER.index(column))
    text = f'<c r="{letter}2" t="inlineStr"><is><t>{PEOPLE[0][HEADER.index(column)]}</t></is></c>'
    broken = row(2, *PEOPLE[0]).replace(text, f'<c r="{letter}2" t="e"><v>#N/A</v></c>')
    _, found = taken(xlsx(row(1, *HEADER) + broken))
    assert errors(found) == [(2, column, "cell_error")]
    text_file = [
        HEADER,
        ["#REF!" if title == column else v for title, v in zip(HEADER, PEOPLE[0], strict=True)],
    ]
    _, found = taken("\n".join(map(",".join, text_file)).encode())
    assert errors(found) == [(2, column, "cell_error")]


def test_an_error_beside_a_status_is_no_blank() -> None:
    values = [*SCORES[0]]
    values[SCORE_HEADER.index("备注")] = "缺考"
    broken = row(2, *("" if n == MARK else str(value) for n, value in enumerate(values))).replace(
        '<c r="K2" t="inlineStr"><is><t></t></is></c>', '<c r="K2" t="e"><v>#DIV/0!</v></c>'
    )
    _, found = taken(xlsx(row(1, *SCORE_HEADER) + broken), score_topic)
    assert errors(found) == [(2, "成绩", "cell_error")]


@pytest.mark.parametrize("value", ["NaN", "1e999"])
def test_numbers_that_are_none_are_errors(value: str) -> None:
    _, found = taken(score_sheet(f'<c r="K2"><v>{value}</v></c>'), score_topic)
    assert errors(found) == [(2, "成绩", "cell_error")]


def test_error_cells_of_an_old_workbook() -> None:
    values = [*PEOPLE[0]]
    values[3] = ""
    wrong = record(0x0205, struct.pack("<HHHBB", 1, 3, 0, 0x2A, 1))
    _, found = taken(xls([HEADER, values], more=wrong))
    assert errors(found) == [(2, "手机号", "cell_error")]
