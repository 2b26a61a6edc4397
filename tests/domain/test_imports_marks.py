"""What a workbook holds, by its own marks: formulas and cells in any spelling, counts, formats without content, names of parts."""

from __future__ import annotations

import re
import struct
import zipfile
from io import BytesIO

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart

from server.adapters.spreadsheets import process
from server.demo_cohort import book
from server.domain.imports import people as people_topic
from server.domain.imports import scores as score_topic
from server.domain.imports.parsed_rows import find_table
from tests.kit.old_workbook import record, row, xls, xlsx
from tests.kit.workbooks import HEADER, NAMESPACE, PEOPLE, errors, refusal, score_sheet, taken

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


CONSTANTS = {"a text": '"{}"', "a number": "{}", "a text by function": 'TEXT("{}","@")'}


@pytest.mark.parametrize("title", ["证件号码", "手机号", "姓名", "院校"])
@pytest.mark.parametrize("constant", list(CONSTANTS))
@pytest.mark.parametrize("is_kept", [False, True], ids=["openpyxl", "kept"])
def test_a_constant_formula_is_refused_and_says_so(title: str, constant: str, is_kept: bool) -> None:
    """="123" shows 123 in the sheet. openpyxl keeps no result at all, Excel keeps one: nothing is taken of either."""
    place = HEADER.index(title)
    written = "=" + CONSTANTS[constant].format(PEOPLE[0][place])
    cells: list[list[str]] = [HEADER, [*PEOPLE[0]], [*PEOPLE[1]]]
    cells[1][place] = written
    book_ = Workbook()
    for line in cells:
        book_.active.append(line)  # type: ignore[union-attr]  # a new workbook has a sheet
    out = BytesIO()
    book_.save(out)
    data = out.getvalue()
    if is_kept:
        kept = f"<v>{PEOPLE[0][place]}</v>"
        data = changed_part(
            data, "xl/worksheets/sheet1.xml", ("<v></v>", kept), ("<v />", kept), ("<v/>", kept)
        )
    table, found = taken(data)
    assert table.skipped == []
    [poor] = [draft for draft in found if draft.errors]
    assert [(e.row, e.column, e.code) for e in poor.errors] == [(2, title, "formula")]
    assert poor.errors[0].detail == (f"{title}是公式。请复制这一格，用“选择性粘贴—数值”换成文字后再导入。")
    assert title not in poor.values
    assert [draft.row for draft in found] == [2, 3]


def changed_part(data: bytes, name: str, *changes: tuple[str, str]) -> bytes:
    """The workbook with one part's text changed; one of the changes must find something."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for one in old.namelist():
            text = old.read(one)
            if one == name:
                before = text
                for a, b in changes:
                    text = text.replace(a.encode(), b.encode())
                assert text != before
            new.writestr(one, text)
    return out.getvalue()


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
            parts={"xl/sharedStrings.xml": strings},
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
    table = find_table(
        process.read("\n".join([",".join(HEADER), *[line] * 100_000]).encode()), people_topic.COLUMNS, {}
    )
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
    data = xlsx(row(1, *HEADER) + row(2, *PEOPLE[0]), parts={"xl/worksheets/Sheet1.xml": "<worksheet/>"})
    assert refusal(data)[0] == "file_damaged"


@pytest.mark.parametrize("stated", ["A0:J3", "", "A1:", "J3:A1", "A1:XFD1048576", "A1", "nonsense"])
def test_the_stated_dimension_is_believed_by_nobody(stated: str) -> None:
    rows = row(1, *HEADER) + row(2, *PEOPLE[0])
    sheet = (
        f'<worksheet xmlns="{NAMESPACE}"><dimension ref="{stated}"/><sheetData>{rows}</sheetData></worksheet>'
    )
    _, found = taken(xlsx(sheet, whole=True))
    assert [(draft.row, draft.errors) for draft in found] == [(2, [])]


# ordinary workbooks of other programs: nothing of this is a difference between the parsers


def spelt(cells: str, *, namespace: str = NAMESPACE, prefix: str = "") -> str:
    """A sheet whose elements have this namespace, and this prefix."""
    declared = f'xmlns:{prefix}="{namespace}"' if prefix else f'xmlns="{namespace}"'
    mark = f"{prefix}:" if prefix else ""
    whole = f"<worksheet><sheetData>{cells}</sheetData></worksheet>"
    return re.sub(r"<(/?)(\w)", rf"<\1{mark}\2", whole).replace(
        f"<{mark}worksheet>", f"<{mark}worksheet {declared}>"
    )


ROWS = row(1, *HEADER) + row(2, *PEOPLE[0]) + row(3, *PEOPLE[1])


@pytest.mark.parametrize(
    "sheet",
    [
        spelt(ROWS, namespace="http://purl.oclc.org/ooxml/spreadsheetml/main"),
        spelt(ROWS, prefix="x"),
        spelt(re.sub(r' r="[A-Z]*\d+"', "", ROWS)),
        spelt(re.sub(r'<c r="[A-Z]+\d+"', "<c", ROWS)),
        spelt(row(1, *HEADER) + row(3, *PEOPLE[1]) + row(2, *PEOPLE[0])),
        spelt(ROWS.replace("><", ">\n  <")),
        spelt(ROWS).replace("<sheetData>", "<!-- <row><c><v>1</v></c></row> --><sheetData>"),
        "\ufeff" + spelt(ROWS),
        spelt(ROWS).replace(
            "</worksheet>", '<extLst><ext xmlns:f="urn:x"><f:f>A1</f:f></ext></extLst></worksheet>'
        ),
        spelt(ROWS.replace("<is><t>", "<is><r><t>").replace("</t></is>", "</t></r></is>")),
        spelt(ROWS.replace("</t></is>", '</t><rPh sb="0" eb="1"><t>ふ</t></rPh></is>')),
    ],
    ids=[
        "strict",
        "prefix",
        "no r",
        "no r of cells",
        "order",
        "pretty",
        "comment",
        "mark",
        "others' f",
        "runs",
        "phonetic",
    ],
)
def test_other_programs_write_it_otherwise(sheet: str) -> None:
    _, found = taken(xlsx(sheet.encode(), whole=True))
    assert [(draft.row, draft.errors) for draft in found] == [(2, []), (3, [])]
    assert [draft.values["姓名"] for draft in found] == [PEOPLE[0][0], PEOPLE[1][0]]


def test_a_chart_comes_first() -> None:
    made = Workbook()
    chart = made.create_chartsheet("图")
    chart.add_chart(BarChart())
    made.move_sheet("图", -1)
    for values in (HEADER, PEOPLE[0]):
        made.worksheets[0].append(values)
    out = BytesIO()
    made.save(out)
    _, found = taken(out.getvalue())
    assert [(draft.row, draft.errors) for draft in found] == [(2, [])]
