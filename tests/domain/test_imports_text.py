"""Text files: no row is lost to a quote, whatever separates the cells and however they are encoded."""

from __future__ import annotations

import pytest

from server.adapters.spreadsheets import process
from server.demo_cohort import PEOPLE_HEADER, people
from server.domain.imports import people as people_topic
from server.domain.imports.parsed_rows import Draft, drafts, find_table
from server.errors import Refused

HEADER = [*PEOPLE_HEADER, "班级", "住址"]
PEOPLE = [[*map(str, person.people_row()), "心理1班", "江岸区"] for person in people(40)]
ROWS = [HEADER, *PEOPLE]


def text(rows: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(cells) + "\r\n" for cells in rows)


def taken(data: bytes) -> list[Draft]:
    return list(drafts(find_table(process.read(data), people_topic.COLUMNS, {}), people_topic.COLUMNS))


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        find_table(process.read(data), people_topic.COLUMNS, {})
    return refused.value.code, refused.value.message


def with_cell(row: int, column: str, value: str) -> list[list[str]]:
    rows = [list(cells) for cells in ROWS]
    rows[row][HEADER.index(column)] = value
    return rows


@pytest.mark.parametrize("column", HEADER)
@pytest.mark.parametrize("row", [1, 3, 20, 39, 40])
def test_an_unclosed_quote_loses_nobody(column: str, row: int) -> None:
    """In a column that is read or not, early or late: the file is refused and the line named."""
    rows = with_cell(row, column, '"' + ROWS[row][HEADER.index(column)])
    code, message = refusal(text(rows).encode())
    assert code == "quotes_unclosed"
    assert f"第 {row + 1} 行的英文引号没有成对" in message


def test_a_second_stray_quote_below_does_not_hide_the_rows_between() -> None:
    rows = with_cell(3, "班级", '"心理1班')
    rows[7][HEADER.index("班级")] = '心理1班"'
    assert refusal(text(rows).encode())[0] == "quotes_unclosed"


def test_a_quote_that_ends_in_the_middle_of_a_cell_is_refused() -> None:
    assert refusal(text(with_cell(3, "班级", '"心理"1班')).encode())[0] == "quotes_unclosed"


def test_a_quote_over_more_than_a_cell_may_hold_is_refused_too() -> None:
    long = text([HEADER, *PEOPLE * 20]).replace("江岸区\r\n", '"江岸区\r\n', 1)
    assert refusal(long.encode())[0] == "quotes_unclosed"


@pytest.mark.parametrize("value", ['"江岸区\n一号"', '"江岸区, 一号"', '"江岸区""一号"""', '江岸"区"'])
def test_quotes_that_hold_one_cell_are_taken(value: str) -> None:
    found = taken(text(with_cell(3, "住址", value)).encode())
    assert [(draft.row, draft.errors) for draft in found] == [(n + 2, []) for n in range(len(PEOPLE))]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize(
    "above", ["", "2023年考生信息表\r\n", "2023年考生信息表\r\n\r\n填表说明：逐项填写\r\n"]
)
def test_every_separator_below_every_title(delimiter: str, above: str) -> None:
    found = taken((above + text(ROWS, delimiter)).encode())
    assert len(found) == len(PEOPLE)
    assert [draft.errors for draft in found] == [[] for _ in PEOPLE]


def test_a_comma_in_a_remark_is_no_separator() -> None:
    rows = with_cell(2, "住址", "江岸区, 一号, 二楼")
    assert len(taken(text(rows, "\t").encode())) == len(PEOPLE)


@pytest.mark.parametrize(
    "data",
    [
        text(ROWS, "\t").encode("utf-16"),
        text(ROWS, "\t").encode("utf-16-le"),
        text(ROWS, "\t").encode("utf-16-be"),
        b"\xfe\xff" + text(ROWS).encode("utf-16-be"),
        text(ROWS).encode("gb18030") + b"\x1a",
        text(ROWS).encode("utf-8-sig") + b"\x1a",
        ("\ufeff" + text(ROWS)).encode("utf-8-sig"),
        ("sep=;\r\n" + text(ROWS, ";")).encode(),
        text(ROWS).replace("\r\n", "\r").encode(),
    ],
    ids=["utf-16", "le", "be", "be with its mark", "ctrl-Z", "bom ctrl-Z", "two marks", "sep", "cr"],
)
def test_every_encoding(data: bytes) -> None:
    found = taken(data)
    assert len(found) == len(PEOPLE)
    assert [draft.errors for draft in found] == [[] for _ in PEOPLE]


@pytest.mark.parametrize(
    "start",
    [
        "<style>td{}</style><table>",
        "<head><title>x</title></head>",
        "<div><table>",
        "<!-- made by -->\n<table>",
        "<script>x</script>",
        "<tr><td>姓名</td></tr>",
        "</p>",
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_pages_that_are_only_named_like_workbooks_are_called_pages(start: str, encoding: str) -> None:
    code, message = refusal((start + text(ROWS)).encode(encoding))
    assert code == "file_web_page"
    assert "另存为 .xlsx" in message


def test_the_trick_that_keeps_a_long_number_whole_is_no_formula() -> None:
    plain = '="' + PEOPLE[1][HEADER.index("证件号码")] + '"'
    quoted = '"=""' + PEOPLE[1][HEADER.index("证件号码")] + '"""'
    for written in (plain, quoted):
        found = taken(text(with_cell(2, "证件号码", written)).encode())
        assert [draft.errors for draft in found] == [[] for _ in PEOPLE]
        assert found[1].values["证件号码"] == PEOPLE[1][HEADER.index("证件号码")]


@pytest.mark.parametrize("written", ["=A1", " =A1", '="1"&"2"', '=""&A1'])
def test_other_formulas_are_refused_as_before(written: str) -> None:
    found = taken(text(with_cell(2, "院校", written)).encode())
    assert [(e.row, e.column, e.code) for draft in found for e in draft.errors] == [(3, "院校", "formula")]


def test_a_picture_or_noise_is_no_text() -> None:
    for data in (b"\xff\xfe\xff" * 20, b"\x00\x01\x02\x03" * 40, b"\xff\xfe" + b"\x41\xd8" * 9):
        assert refusal(data)[0] in ("file_type", "file_encoding")
