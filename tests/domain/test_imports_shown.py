"""What a sheet shows and what is taken are the same, or it is said which rows and cells are not."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from server.demo_cohort import PEOPLE_HEADER, SCORE_HEADER, book, people
from server.domain.imports import people as people_topic
from server.domain.imports import scores as score_topic
from server.domain.imports.drafts import Draft, Table, drafts, find_table
from server.domain.tables import formats
from server.errors import Refused
from tests.old_workbook import record, row, xls, xlsx

HEADER = list(PEOPLE_HEADER)
COHORT = people(6)
PEOPLE = [[str(value) for value in person.people_row()] for person in COHORT]
SCORES = [person.score_row() for person in COHORT]
MARK = SCORE_HEADER.index("成绩")
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def taken(data: bytes, topic: Any = people_topic) -> tuple[Table, list[Draft]]:
    table = find_table(data, topic.COLUMNS, {})
    return table, list(drafts(table, topic.COLUMNS))


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        find_table(data, people_topic.COLUMNS, {})
    return refused.value.code, refused.value.message


def errors(found: list[Draft]) -> list[tuple[int, str, str]]:
    return [(error.row, error.column, error.code) for draft in found for error in draft.errors]


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
        **parts,
    )


# formulas (F2, F3)


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="K2"><f>IF(1,99,0)</f><v>99</v></c>',
        '<c\nr="K2"><f>IF(1,99,0)</f><v>99</v></c>',
        '<c\r\n\tr="K2"><f>IF(1,99,0)</f><v>99</v></c>',
        "<c><f>IF(1,99,0)</f><v>99</v></c>",
        '<c r="K2"><f/><v>99</v></c>',
        '<c r="K2"><f t="shared" si="0"/><v>99</v></c>',
        "<c r='K2' ><f >1</f ><v>99</v></c>",
        '<c r="K2"><f>1/0</f></c>',
        '<x:c xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" r="K2"><x:f>9</x:f><x:v>9</x:v></x:c>',
    ],
)
def test_a_formula_is_refused_however_it_is_spelt(cell: str) -> None:
    _, found = taken(score_sheet(cell), score_topic)
    assert errors(found) == [(2, "成绩", "formula")]


def test_a_formula_is_seen_in_a_part_whose_name_is_spelt_otherwise() -> None:
    sheet = score_sheet('<c r="K2"><f>9</f><v>9</v></c>')
    _, found = taken(renamed(sheet, {"xl/worksheets/sheet1.xml": "xl/worksheets/Sheet1.xml"}), score_topic)
    assert errors(found) == [(2, "成绩", "formula")]


@pytest.mark.parametrize("cell", ['<c\nr="XFD1048576">', "<c r='XFD1048576'>", '<c  r = "XFD1048576" >'])
def test_a_far_cell_is_refused_however_it_is_spelt(cell: str) -> None:
    code, _ = refusal(xlsx(f"{row(1, *HEADER)}<row r='1048576'>{cell}<v>1</v></c></row>"))
    assert code == "too_many_columns"


# counts (section 2)


@pytest.mark.parametrize(
    "cells",
    [
        f'{row(2, *PEOPLE[0])}<row r="2"><c r="A2" t="inlineStr"><is><t>甲</t></is></c></row>',
        row(2, *PEOPLE[0]) + row(2, *PEOPLE[1]),
        row(2, *PEOPLE[0]) + row(3, *PEOPLE[1]).replace('r="A3"', 'r="A2"'),
        row(2, *PEOPLE[0]).replace("<row ", '<row xmlns="urn:other" '),
    ],
    ids=["a cell twice", "a row twice", "a cell of another row", "a row of another kind"],
)
def test_what_the_parser_reads_must_be_what_the_file_holds(cells: str) -> None:
    code, message = refusal(xlsx(row(1, *HEADER) + cells))
    assert code == "rows_do_not_add_up"
    assert "整个文件都没有导入" in message


def test_cells_with_empty_values_are_no_difference() -> None:
    empty = '<c r="K2" t="s"><v>0</v></c><c r="L2"><v></v></c><c r="M2" t="inlineStr"><is/></c>'
    strings = f'<sst xmlns="{NAMESPACE}"><si><t></t></si></sst>'
    _, found = taken(
        xlsx(
            row(1, *HEADER) + row(2, *PEOPLE[0]).replace("</row>", f"{empty}</row>"),
            **{"xl/sharedStrings.xml": strings},
        )
    )
    assert [(draft.row, draft.errors) for draft in found] == [(2, [])]


def test_empty_texts_of_an_old_workbook_are_no_difference() -> None:
    nothing = record(0x0204, struct.pack("<HHHHB", 3, 2, 0, 0, 0))
    _, found = taken(xls([HEADER, *PEOPLE[:2]], more=nothing))
    assert [draft.row for draft in found] == [2, 3]


def test_rows_that_hold_something_in_no_column_that_is_read_are_named() -> None:
    data = book([*HEADER, "备注二"], [[*PEOPLE[0], ""], [""] * 10 + ["以下空白"], [*PEOPLE[1], ""]])
    table, found = taken(data)
    assert [draft.row for draft in found] == [2, 4]
    assert table.skipped == [3]
    assert "第 3 行只在不读取的列里有内容，没有导入。" in table.notes


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
    _, found = taken(xlsx(row(1, *HEADER) + person, **{"xl/styles.xml": styled("000000")}))
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


def edited(data: bytes, change: Any) -> bytes:
    made = load_workbook(BytesIO(data))
    change(made)
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def test_rows_that_a_filter_hides_are_not_taken_and_named() -> None:
    def hide(made: Workbook) -> None:
        made.active.auto_filter.ref = "A1:J7"
        for number in (3, 6):
            made.active.row_dimensions[number].hidden = True

    table, found = taken(edited(book(HEADER, PEOPLE), hide))
    assert errors(found) == [(3, "姓名", "row_hidden"), (6, "姓名", "row_hidden")]
    assert [note for note in table.notes if "第 3、6 行在表格里是隐藏的" in note]


def test_rows_hidden_in_an_old_workbook_are_not_taken_either() -> None:
    hidden = record(0x0208, struct.pack("<HHHHHHBBH", 2, 0, 10, 255, 0, 0, 0x20, 1, 0))
    _, found = taken(xls([HEADER, *PEOPLE], more=hidden))
    assert errors(found) == [(3, "姓名", "row_hidden")]


def test_hidden_columns_are_read_and_named() -> None:
    def hide(made: Workbook) -> None:
        made.active.column_dimensions["D"].hidden = True

    table, found = taken(edited(book(HEADER, PEOPLE), hide))
    assert errors(found) == []
    assert table.notes == ["这些列在表格里是隐藏的，也读取了：手机号。"]


def test_a_table_on_a_hidden_sheet_is_looked_for_in_vain_and_that_is_said() -> None:
    def hide(made: Workbook) -> None:
        made.active.title = "名单"
        made.active.sheet_state = "hidden"
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


# formats pulled down, names and dimensions (F11, F12)


def test_two_people_with_formats_pulled_down_to_the_end_are_two_people() -> None:
    below = "".join(
        f'<row r="{n}" s="1" customFormat="1"><c r="A{n}" s="1"/><c r="XFD{n}" s="1"/></row>'
        for n in (4, 5, 120_000, 1_048_576)
    )
    _, found = taken(xlsx(row(1, *HEADER) + row(2, *PEOPLE[0]) + row(3, *PEOPLE[1]) + below))
    assert [(draft.row, draft.errors) for draft in found] == [(2, []), (3, [])]


def test_one_stray_cell_far_below_has_its_own_advice() -> None:
    code, message = refusal(xlsx(row(1, *HEADER) + row(2, *PEOPLE[0]) + row(900_000, "x")))
    assert code == "too_many_rows"
    assert "有内容的只有 3 行" in message
    assert "请删除下方多余的内容" in message


def test_a_wide_table_has_its_own_advice() -> None:
    code, message = refusal(xlsx(f'{row(1, *HEADER)}<row r="60000"><c r="IV60000"><v>1</v></c></row>'))
    assert code == "too_many_rows"
    assert "60000 行、256 列，共 15,360,000 格" in message


@pytest.mark.slow
def test_the_header_is_none_of_a_hundred_thousand_rows() -> None:
    line = ",".join(PEOPLE[0])
    table = find_table("\n".join([",".join(HEADER), *[line] * 100_000]).encode(), people_topic.COLUMNS, {})
    assert len(table.sheet.rows) == 100_001
    code, message = refusal("\n".join([",".join(HEADER), *[line] * 100_001]).encode())
    assert code == "too_many_rows"
    assert "100001 行数据" in message


def renamed(data: bytes, names: dict[str, str]) -> bytes:
    """The same archive with parts under other names."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as was, zipfile.ZipFile(out, "w") as archive:
        for info in was.infolist():
            name = names.get(info.filename) or names.get("*", "{}").format(info.filename)
            made = zipfile.ZipInfo("x")
            made.filename = name  # the constructor would turn backslashes
            archive.writestr(made, was.read(info))
    return out.getvalue()


@pytest.mark.parametrize(
    "names",
    [
        {"xl/workbook.xml": "xl/Workbook.xml"},
        {"xl/workbook.xml": "XL/workbook.xml", "xl/_rels/workbook.xml.rels": "XL/_RELS/workbook.xml.rels"},
        {"*": "/{}"},
        {"xl/workbook.xml": "xl\\workbook.xml", "xl/worksheets/sheet1.xml": "xl\\worksheets\\sheet1.xml"},
        {"xl/worksheets/sheet1.xml": "xl/worksheets/Sheet1.xml"},
        {"xl/worksheets/sheet1.xml": "xl/./worksheets/sheet1.xml"},
    ],
)
def test_parts_are_found_however_their_names_are_spelt(names: dict[str, str]) -> None:
    _, found = taken(renamed(xlsx(row(1, *HEADER) + row(2, *PEOPLE[0])), names))
    assert [(draft.row, draft.errors) for draft in found] == [(2, [])]


def test_two_parts_of_one_name_are_damaged() -> None:
    data = xlsx(row(1, *HEADER) + row(2, *PEOPLE[0]), **{"xl/worksheets/Sheet1.xml": "<worksheet/>"})
    assert refusal(data)[0] == "file_damaged"


@pytest.mark.parametrize("stated", ["A0:J3", "", "A1:", "J3:A1", "A1:XFD1048576", "A1", "nonsense"])
def test_the_stated_dimension_is_believed_by_nobody(stated: str) -> None:
    rows = row(1, *HEADER) + row(2, *PEOPLE[0])
    sheet = (
        f'<worksheet xmlns="{NAMESPACE}"><dimension ref="{stated}"/><sheetData>{rows}</sheetData></worksheet>'
    )
    _, found = taken(xlsx(sheet, whole=True))
    assert [(draft.row, draft.errors) for draft in found] == [(2, [])]
