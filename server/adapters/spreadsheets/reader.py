"""The child process that reads one foreign file: bytes in, frames out, nothing else. Started by `process`.

A parser of foreign bytes may abort, hang or fill the memory; here it takes nobody along. Frames are a length (four
bytes, big-endian) and that much JSON, so that the parent can bound and read them whatever became of this process:

    {"refused": [code, message]}                       and nothing after it
    {"sheet": {…}}  {"rows": […]} …                    once and again
    {"done": true}                                     all was said
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

import orjson
from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from server.adapters.spreadsheets import archive, delimited, worksheet
from server.adapters.spreadsheets.archive import Archive
from server.adapters.spreadsheets.beside import Beside
from server.adapters.spreadsheets.child_limits import limit
from server.adapters.spreadsheets.compare import compared
from server.adapters.spreadsheets.file_kind import Extent, Form, damaged, encrypted, recognise
from server.adapters.spreadsheets.sheet_marks import Account
from server.domain.tables import Sheet
from server.errors import Refused

_ROWS_OF_A_FRAME = 500
Frame = dict[str, Any]
Again = Callable[
    [str, set[int]], dict[int, int]
]  # a sheet's key, and the rows whose cells are counted once more


def main() -> None:
    """Read standard input, answer on standard output. Arguments: seconds of processor, bytes of memory."""
    limit(int(sys.argv[1]), int(sys.argv[2]))
    out = sys.stdout.buffer
    try:
        try:
            for sheet in sheets_of(sys.stdin.buffer.read()):
                for frame in _frames(sheet):
                    _send(out, frame)
            _send(out, {"done": True})
        except Refused as refused:
            _say_refused(refused)
        out.flush()
    except BaseException:
        os._exit(3)  # also a panic of the parser, which is no Exception; the parent knows what it means
    os._exit(0)


def _send(out: BinaryIO, frame: Frame) -> None:
    body = orjson.dumps(frame, default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME)
    out.write(len(body).to_bytes(4, "big"))
    out.write(body)


def _say_refused(refusal: Refused) -> None:
    """In one write, so that two processes cannot mix their words."""
    _send(sys.stdout.buffer, {"refused": [refusal.code, refusal.message]})
    sys.stdout.buffer.flush()


def _tagged(value: object) -> dict[str, Any]:
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, time):
        return {"time": value.isoformat()}
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    raise TypeError


def _frames(sheet: Sheet) -> Iterator[Frame]:
    yield {
        "sheet": {
            "name": sheet.name,
            "formulas": list(sheet.formulas),
            "shown": [[*place, text] for place, text in sheet.shown.items()],
            "hidden_rows": sorted(sheet.hidden_rows),
            "hidden_columns": sorted(sheet.hidden_columns),
            "hidden_sheets": sheet.hidden_sheets,
            "counted": sheet.counted,
            "notes": sheet.notes,
        }
    }
    for at in range(0, len(sheet.rows), _ROWS_OF_A_FRAME):
        yield {"rows": sheet.rows[at : at + _ROWS_OF_A_FRAME]}


def sheets_of(data: bytes) -> Iterator[Sheet]:
    """The visible tables of a file, in order.

    Raises:
        Refused: see `files`.
    """
    form = recognise(data)
    if form is Form.CSV:
        yield delimited.read(data)
        return
    if form is Form.XLSX:
        inside = archive.unpack(data)
        for path in inside.sheets.values():
            inside.parts[path] = worksheet.with_dimension(inside.parts[path])
        beside = Beside(partial(_judge_all, inside), _say_refused)
        notes = ["文件含有宏，宏不会运行，只读取了表格内容。"] if inside.has_macros else []
        again: Again = partial(_count_again, inside)
        yield from _sheets(inside.written(), beside.accounts, lambda _, name: name, again, notes)
        return
    from server.adapters.spreadsheets import xls  # the library behind it is slow to import, and seldom needed

    by_place = {str(place): account for place, account in enumerate(xls.look_inside(data))}
    for account in by_place.values():
        _extent(account).check()
    again = partial(xls.count_again, data)
    yield from _sheets(BytesIO(data), lambda: by_place, lambda place, _: str(place), again, [])


def _sheets(
    source: BytesIO,
    accounts: Callable[[], dict[str, Account]],
    key_of: Callable[[int, str], str],
    again: Again,
    notes: list[str],
) -> Iterator[Sheet]:
    """The visible tables, each compared with its account; `key_of` a sheet's place and name is the account's key."""
    try:
        with CalamineWorkbook.from_filelike(source) as book:
            about = [
                (n, one) for n, one in enumerate(book.sheets_metadata) if one.typ == SheetTypeEnum.WorkSheet
            ]
            hidden = [one.name for _, one in about if one.visible != SheetVisibleEnum.Visible]
            for place, one in about:
                if one.visible != SheetVisibleEnum.Visible:
                    continue
                rows = book.get_sheet_by_name(one.name).to_python(skip_empty_area=False)
                by_key = accounts()
                key = key_of(place, one.name)
                sheet = compared(one.name, rows, by_key[key], partial(again, key))
                sheet.notes, sheet.hidden_sheets = notes, hidden
                yield sheet
    except PasswordError:
        raise encrypted() from None
    except (CalamineError, ValueError, LookupError, OSError):
        accounts()  # the judge may know a better reason
        raise damaged() from None


def _judge_all(inside: Archive) -> dict[str, Account]:
    """What every sheet holds by its own marks. Raises Refused: too large for a table to be built of it."""
    accounts = {}
    for name, path in inside.sheets.items():
        accounts[name] = worksheet.Judge(inside.styles).judged(inside.parts[path])
        _extent(accounts[name]).check()
    return accounts


def _count_again(inside: Archive, name: str, rows: set[int]) -> dict[int, int]:
    strings = worksheet.strings_of(inside.parts.get(archive.STRINGS))
    return worksheet.count_again(inside.parts[inside.sheets[name]], strings, rows)


def _extent(account: Account) -> Extent:
    return Extent(account.height, account.columns, len(account.cells))


if __name__ == "__main__":
    main()
