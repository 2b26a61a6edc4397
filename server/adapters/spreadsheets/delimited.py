"""Tables as text: its encoding, its separator, and quotes that hold no more than one cell."""

from __future__ import annotations

import csv
import re
from collections import Counter
from io import StringIO

from server.adapters.spreadsheets.file_kind import Extent, unclosed_quotes, wide_encoding, wrong_type
from server.domain.tables import Sheet
from server.errors import Refused

_DELIMITERS = ",\t;|"
_LONGEST_CELL = 32_767  # what a spreadsheet cell may hold
_LINES_TRIED = 30
_STATED = re.compile(r'"?sep=(.)"?\r?\n')  # as Excel writes and understands it
_TEXT_FORMULA = re.compile(r'\s*="([^"=]*)"\s*')  # the usual trick to keep a long number whole
_LINE_END = re.compile(r"\r\n|\r|\n")


def read(data: bytes) -> Sheet:
    """The one table of a text file. Rows are the lines that a spreadsheet shows.

    Raises:
        Refused: file_encoding, file_type, quotes_unclosed, too_many_columns, too_many_rows.
    """
    text = _decoded(data)
    delimiter = _delimiter(text)
    rows = _rows(text, delimiter)
    while rows and not any(rows[-1]):
        rows.pop()
    filled = sum(1 for row in rows if any(row))
    Extent(len(rows), max(map(len, rows), default=0), filled).check()
    formulas = set()
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if value.lstrip().startswith("="):
                if text_formula := _TEXT_FORMULA.fullmatch(value):
                    row[c] = text_formula[1]
                else:
                    formulas.add((r, c))
    return Sheet("", list(rows), frozenset(formulas), counted=sum(1 for row in rows if any(row)))


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The cells of every line. A quoted cell may hold a line break, but not whole lines of other cells."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    before = 0
    try:
        for row in reader:
            if reader.line_num > before + 1 and any(
                delimiter in cell and _LINE_END.search(cell) for cell in row
            ):
                raise unclosed_quotes(before + 1, reader.line_num)
            before = reader.line_num
            rows.append(row)
    except csv.Error:
        raise unclosed_quotes(before + 1, max(reader.line_num, before + 1)) from None
    return rows


def _delimiter(text: str) -> str:
    """What stands between the cells: the mark of which most lines at the top have the same number.

    Titles above the header have none, and a comma inside a remark is in few lines.
    """
    if stated := _STATED.match(text):
        return stated[1]
    lines = [line for line in _LINE_END.split(text[:200_000]) if line.strip()][:_LINES_TRIED]

    def weight(mark: str) -> int:
        times = Counter(count for line in lines if (count := line.count(mark)))
        return max((count * lines_of_it for count, lines_of_it in times.items()), default=0)

    return max(_DELIMITERS, key=weight)


def _decoded(data: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16, else GB18030, as Excel in China writes it."""
    data = data.rstrip(b"\x1a")  # DOS ended its texts so
    wide = wide_encoding(data)
    for encoding in (wide,) if wide else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = text.removeprefix("\ufeff").rstrip("\x1a")
        if "\uffff" in text or "\ufffe" in text:
            continue  # these stand for no character; the bytes were something else
        if any(ord(c) < 9 or 13 < ord(c) < 32 for c in text[:4096]):
            raise wrong_type()
        return text
    raise Refused(
        "file_encoding", "文本编码无法识别。请在 Excel 里另存为“CSV UTF-8（逗号分隔）”或 .xlsx 后再导入。"
    )
