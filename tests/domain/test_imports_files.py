"""What a file is, what is refused unread and with which sentence, and that all three forms read alike."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook

from server.adapters.spreadsheets import file_kind, process
from server.demo_cohort import PEOPLE_HEADER, book, people
from server.domain.imports import people as people_topic
from server.domain.imports import scores as score_topic
from server.domain.imports.parsed_rows import drafts, find_table
from server.domain.tables import HEADER_WITHIN, MAX_ROWS
from server.errors import Refused
from tests.kit.old_workbook import ole, row, xls, xlsx
from tests.kit.workbooks import front

HEADER = list(PEOPLE_HEADER)
PEOPLE = [person.people_row() for person in people(5)]


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as refused:
        find_table(process.read(data), people_topic.COLUMNS, {score_topic.TITLE: score_topic.COLUMNS})
    assert refused.value.message.endswith("。")
    return refused.value.code


def read(data: bytes) -> list[dict[str, Any]]:
    found = list(drafts(find_table(process.read(data), people_topic.COLUMNS, {}), people_topic.COLUMNS))
    assert [draft.errors for draft in found] == [[] for _ in found]
    return [draft.values for draft in found]


def csv_text(rows: list[list[Any]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(map(str, cells)) + "\r\n" for cells in rows)


WANTED = read(book(HEADER, PEOPLE))


@pytest.mark.parametrize(
    "data",
    [
        csv_text([HEADER, *PEOPLE]).encode(),
        csv_text([HEADER, *PEOPLE]).encode("utf-8-sig"),
        csv_text([HEADER, *PEOPLE]).encode("gb18030"),
        csv_text([HEADER, *PEOPLE], "\t").encode("gb18030"),
        csv_text([HEADER, *PEOPLE], ";").encode(),
        xls([HEADER, *PEOPLE]),
    ],
    ids=["utf-8", "bom", "gb18030", "tab", "semicolon", "xls"],
)
def test_every_form_reads_like_the_workbook(data: bytes) -> None:
    assert read(data) == WANTED


def test_rare_characters_survive_gb18030() -> None:
    rare = [[*PEOPLE[0]], [*PEOPLE[1]], [*PEOPLE[2]]]
    for cells, name in zip(rare, ("司马𬱖", "䶮昊", "𠮷㛃"), strict=True):
        cells[0] = name
    found = read(csv_text([HEADER, *rare]).encode("gb18030"))
    assert [values["姓名"] for values in found] == ["司马𬱖", "䶮昊", "𠮷㛃"]


def test_columns_may_come_in_any_order_and_extra_ones_are_noted() -> None:
    turned = [["序号", *reversed(HEADER), "班级"]] + [[1, *reversed(cells), "一班"] for cells in PEOPLE]
    table = find_table(process.read(book(turned[0], turned[1:])), people_topic.COLUMNS, {})
    assert [draft.values for draft in drafts(table, people_topic.COLUMNS)] == WANTED
    assert table.notes == ["这些列没有读取：序号、班级。"]


def test_a_title_above_and_blank_rows_between_keep_the_spreadsheets_row_numbers() -> None:
    data = book(["2023年考生信息"], [[], HEADER, PEOPLE[0], [], ["　"], PEOPLE[1]])
    found = list(drafts(find_table(process.read(data), people_topic.COLUMNS, {}), people_topic.COLUMNS))
    assert [draft.row for draft in found] == [4, 7]


def test_headers_may_carry_spaces_and_stars() -> None:
    spaced = [f"＊{title[0]} {title[1:]}*" for title in HEADER]
    assert read(book(spaced, PEOPLE)) == WANTED


def test_only_the_first_fitting_visible_sheet_is_read_and_others_are_noted() -> None:
    made = Workbook()
    front(made).title = "说明"
    front(made).append(["填表说明"])
    hidden = made.create_sheet("旧")
    hidden.append(HEADER)
    hidden.append(PEOPLE[4])
    hidden.sheet_state = "hidden"
    for name, cells in (("一", PEOPLE[0]), ("二", PEOPLE[1])):
        sheet = made.create_sheet(name)
        sheet.append(HEADER)
        sheet.append(cells)
    out = BytesIO()
    made.save(out)
    table = find_table(process.read(out.getvalue()), people_topic.COLUMNS, {})
    assert [draft.values for draft in drafts(table, people_topic.COLUMNS)] == WANTED[:1]
    assert table.notes == ["只读取了工作表“一”，没有读取“二”。", "没有读取隐藏的工作表“旧”。"]


def test_macros_are_kept_out_with_a_note() -> None:
    data = xlsx(row(1, *HEADER) + row(2, *PEOPLE[0]), parts={"xl/vbaProject.bin": b"\x00"})
    assert find_table(process.read(data), people_topic.COLUMNS, {}).notes == [
        "文件含有宏，宏不会运行，只读取了表格内容。"
    ]


def test_formulas_are_seen_in_all_three_forms() -> None:
    cells = list(PEOPLE[0])
    cells[0] = '=HYPERLINK("http://example.invalid","x")'
    modern = book(HEADER, [cells])
    kept = xlsx(
        row(1, *HEADER)
        + row(2, *map(str, PEOPLE[0])).replace(
            f'<c r="A2" t="inlineStr"><is><t>{PEOPLE[0][0]}</t></is></c>',
            f'<c r="A2" t="str"><f>B2</f><v>{PEOPLE[0][0]}</v></c>',
        )
    )
    old = xls([HEADER, PEOPLE[0]], formulas=[(1, 0)])
    text = csv_text([HEADER, ["=A1", *PEOPLE[0][1:]]]).encode()
    for data in (modern, kept, old, text):
        [draft] = drafts(find_table(process.read(data), people_topic.COLUMNS, {}), people_topic.COLUMNS)
        assert [(e.row, e.column, e.code) for e in draft.errors] == [(2, "姓名", "formula")]


# what is refused unread


def zipped(**parts: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


PAGE = "<html><body><table><tr><td>姓名</td></tr></table></body></html>"
NAMES = dict(zip("ABCDEFGHIJ", HEADER, strict=True))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n\t\xef\xbb\xbf", "file_empty"),
        (b"%PDF-1.7 \xe5", "file_type"),
        (b"\x89PNG\r\n\x1a\n", "file_type"),
        (b"MZ\x00\x01", "file_type"),
        (zipped(**{"word/document.xml": b"<x/>"}), "file_type"),
        (zipped(**{"xl/workbook.bin": b"\x00"}), "file_type"),
        (zipped(**{"photo.jpg": b"\xff\xd8"}), "file_type"),
        (ole("WordDocument", b"\x00" * 100), "file_type"),
        (PAGE.encode(), "file_web_page"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html>" + PAGE.encode(), "file_web_page"),
        (b"<?xml version='1.0'?><Workbook/>", "file_web_page"),
        (ole("EncryptedPackage", b"\x01" * 5000), "file_encrypted"),
        (xls([HEADER], password=True), "file_encrypted"),
        (book(HEADER, PEOPLE)[:-200], "file_damaged"),
        (xls([HEADER, *PEOPLE])[:700], "file_damaged"),
        (b"PK\x03\x04" + b"\x00" * 60, "file_damaged"),
        (xlsx("<row r="), "file_damaged"),
        (b"\xff\xfe\xff" * 20, "file_encoding"),
        (book(["姓名", "年龄"], [["崔子涵", 3]]), "header_incomplete"),
        (book(["甲", "乙"], [["崔子涵", 3]]), "header_missing"),
        (book([*HEADER, "姓名"], PEOPLE), "header_twice"),
        (book([c.title for c in score_topic.COLUMNS], [["x"]]), "header_other_kind"),
        (book(HEADER, []), "no_rows"),
        (book(HEADER, [["　"], []]), "no_rows"),
    ],
)
def test_each_bad_file_has_its_own_sentence(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_a_zip_bomb_is_refused_by_the_directory_alone() -> None:
    bomb = xlsx(b" " * 20_000_000, whole=True)
    assert len(bomb) < 100_000
    assert refusal(bomb) == "file_zip_bomb"
    with pytest.raises(Refused) as refused:
        process.check(bomb)
    assert refused.value.code == "file_zip_bomb"


def test_thousands_of_parts_are_a_bomb_too() -> None:
    assert (
        refusal(xlsx("", parts={f"xl/{n}.xml": b"<x/>" for n in range(file_kind.MAX_PARTS)}))
        == "file_zip_bomb"
    )


def test_a_part_that_is_larger_than_it_says_is_damaged() -> None:
    honest = xlsx(b"<worksheet>" + b"<row/>" * 100_000 + b"</worksheet>", whole=True)
    size = struct.pack("<I", 600_000 + len("<worksheet></worksheet>"))
    assert honest.count(size) == 2
    assert refusal(honest.replace(size, struct.pack("<I", 1000))) == "file_damaged"


def test_200_megabytes_of_sheet_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    part = row(1, *HEADER) + "".join(
        row(n, *map(str, PEOPLE[n % 5]), f"{n * 7919 % 1000003}") for n in range(2, 2000)
    )
    data = xlsx(part)
    monkeypatch.setattr("server.adapters.spreadsheets.archive.MAX_UNPACKED", 500_000)
    assert refusal(data) == "file_too_large"


def test_a_file_over_the_limit_is_refused_before_anything_else() -> None:
    assert refusal(b"PK\x03\x04" + b"\x01" * file_kind.MAX_BYTES) == "file_too_large"


@pytest.mark.parametrize(
    "cells",
    [
        f'{row(1, *HEADER)}<row r="2"><c r="NTP2"><v>1</v></c></row>',
        f'{row(1, *HEADER)}<row r="2"><c s="1" r="NTP2"><v>1</v></c></row>',
        f"{row(1, *HEADER)}<row r='2'><c r='ntp2'><v>1</v></c></row>",
        f"<row>{'<c><v>1</v></c>' * 10_000}</row>",
        f"<row>{'<c><f>1</f></c>' * 10_000}</row>",
    ],
)
def test_ten_thousand_columns_are_refused_before_a_table_is_built(cells: str) -> None:
    assert refusal(xlsx(cells)) == "too_many_columns"


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1048576"><c r="A1048576"><v>1</v></c></row>',
        '<row r="1"><c r="A1"/><c r="A100021"><v>1</v></c></row>',
        '<row r="100021"><c><v>1</v></c></row>',
        '<row r="100021"><c><f>1</f></c></row>',
        '<row r="1"><c r="IV1"><v>1</v></c></row><row r="90000"><c r="A90000"><v>1</v></c></row>',
    ],
)
def test_a_cell_far_below_does_not_make_a_table_of_millions(cells: str) -> None:
    assert refusal(xlsx(cells)) == "too_many_rows"


def test_text_with_ten_thousand_columns_is_refused() -> None:
    assert refusal((",".join(["x"] * 10_000)).encode()) == "too_many_columns"
    assert refusal(b"x\r\n" * (MAX_ROWS + HEADER_WITHIN + 1)) == "too_many_rows"


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><worksheet><sheetData/></worksheet>'


@pytest.mark.parametrize(
    "part",
    [
        LAUGHS.encode(),
        ("\ufeff" + LAUGHS).encode("utf-16"),
        LAUGHS.encode("utf-16-le"),
        b"<?xml version='1.0' encoding='cp037'?>" + b"<x/>",
    ],
)
def test_entities_are_refused_in_every_spelling(part: bytes) -> None:
    assert refusal(xlsx(part, whole=True)) == "file_entities"
