"""The inside of an old .xls (BIFF in an OLE container), by its records alone: what each sheet holds, and passwords.

Record numbers and layouts by [MS-XLS] 2.3 and 2.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

import xlrd
from xlrd.compdoc import CompDoc, CompDocError

from server.adapters.spreadsheets import formats
from server.adapters.spreadsheets.file_kind import damaged, encrypted, wrong_type
from server.adapters.spreadsheets.sheet_marks import Account

_BOUNDSHEET, _EOF, _FILEPASS, _FORMULA = 0x0085, 0x000A, 0x002F, 0x0006
_FORMAT, _XF, _ROW, _COLUMNS = 0x041E, 0x00E0, 0x0208, 0x007D
_FORMULAS = (_FORMULA, 0x0206, 0x0406)
_NUMBER, _RK, _MANY_RK, _ERROR_OR_TRUTH = 0x0203, 0x027E, 0x00BD, 0x0205
_TEXTS = (0x0204, 0x00FD, 0x00D6)  # LABEL, LABELSST, RSTRING
_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!"}
_HIDDEN_ROW, _HIDDEN_COLUMN = 0x20, 0x01


def look_inside(data: bytes) -> list[Account]:
    """Each sheet's account, in the order of the workbook. An empty text counts as a cell (see `count_again`).

    Raises:
        Refused: file_type, file_damaged, file_encrypted.
    """
    stream = _workbook_stream(data)
    own: dict[int, str] = {}
    numbers: list[int] = []
    starts: list[int] = []
    try:
        for code, body in _records(stream, 0):
            if code == _FILEPASS:
                raise encrypted()
            if code == _BOUNDSHEET:
                starts.append(struct.unpack_from("<I", body)[0])
            elif code == _FORMAT:
                own[struct.unpack_from("<H", body)[0]] = _text(body[2:])
            elif code == _XF:
                numbers.append(struct.unpack_from("<H", body, 2)[0])
        styles = [formats.code_of(number, own) for number in numbers]
        return [_sheet(stream, start, styles) for start in starts]
    except (struct.error, IndexError, UnicodeDecodeError):
        raise damaged() from None


def _text(body: bytes) -> str:
    """An XLUnicodeString: its length in characters, whether it is wide, its characters."""
    length, wide = struct.unpack_from("<HB", body)
    return (
        body[3 : 3 + 2 * length].decode("utf-16-le") if wide & 1 else body[3 : 3 + length].decode("latin-1")
    )


def _workbook_stream(data: bytes) -> bytes:
    try:
        with redirect_stdout(StringIO()):
            document = CompDoc(data, logfile=StringIO())
            for name in ("Workbook", "Book"):
                stream: bytes | None = document.get_named_stream(name)
                if stream is not None:
                    return stream
    except (CompDocError, struct.error, ArithmeticError, LookupError, AssertionError, ValueError, TypeError):
        raise damaged() from None
    raise wrong_type()


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of one substream, up to its end."""
    while at + 4 <= len(stream):
        code, length = struct.unpack_from("<HH", stream, at)
        yield code, stream[at + 4 : at + 4 + length]
        if code == _EOF:
            return
        at += 4 + length
    raise damaged()


def _sheet(stream: bytes, start: int, styles: list[str]) -> Account:
    account = Account()
    odd = {n: code for n, code in enumerate(styles) if not formats.is_plain(code)}

    def holds(row: int, column: int, style: int) -> None:
        account.cells[row] = account.cells.get(row, 0) + 1
        account.columns = max(account.columns, column + 1)
        if style in odd:
            account.styled[row, column] = odd[style]

    for code, body in _records(stream, start):
        if code in (_NUMBER, _RK):
            row, column, style = struct.unpack_from("<HHH", body)
            holds(row, column, style)
        elif code == _MANY_RK:
            row, column = struct.unpack_from("<HH", body)
            for n in range((len(body) - 6) // 6):
                holds(row, column + n, struct.unpack_from("<H", body, 4 + 6 * n)[0])
        elif code in _TEXTS:
            row, column = struct.unpack_from("<HH", body)
            holds(row, column, -1)
        elif code == _ERROR_OR_TRUTH:
            row, column, _, value, is_error = struct.unpack_from("<HHHBB", body)
            holds(row, column, -1)
            if is_error:
                account.errors[row, column] = _ERRORS.get(value, "#N/A")
        elif code in _FORMULAS:
            row, column = struct.unpack_from("<HH", body)
            account.formulas.add((row, column))
            account.columns = max(account.columns, column + 1)
        elif code == _ROW:
            row, options = struct.unpack_from("<H10xB", body)
            if options & _HIDDEN_ROW:
                account.hidden_rows.add(row)
        elif code == _COLUMNS:
            first, last, _, _, options = struct.unpack_from("<HHHHB", body)
            if options & _HIDDEN_COLUMN:
                account.hidden_columns.append((first, last))
    return account


def count_again(data: bytes, place: str, rows: set[int]) -> dict[int, int]:
    """Cells of some rows that hold more than an empty text, by a third reader that knows the shared strings."""
    with redirect_stdout(StringIO()):
        book = xlrd.open_workbook(file_contents=data, logfile=StringIO(), on_demand=True)
        sheet = book.sheet_by_index(int(place))
    computed = look_inside(data)[int(place)].formulas
    return {
        row: sum(
            1
            for column, value in enumerate(sheet.row_values(row))
            if value != "" and (row, column) not in computed
        )
        for row in rows
        if row < sheet.nrows
    }
