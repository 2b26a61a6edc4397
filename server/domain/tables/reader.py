"""The child process that reads one foreign file: bytes in, frames out, nothing else. Started by `process`.

A parser of foreign bytes may abort, hang or fill the memory; here it takes nobody along. Frames are a length (four
bytes, big-endian) and that much JSON, so that the parent can bound and read them whatever became of this process:

    {"refused": [code, message]}                       and nothing after it
    {"sheet": {…}}  {"rows": […]} …                    once and again
    {"done": true}                                     all was said
"""

from __future__ import annotations

import math
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
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

from server.domain.tables import archive, delimited, formats, worksheet
from server.domain.tables.archive import Archive
from server.domain.tables.files import (
    MAX_CELLS,
    Extent,
    Form,
    damaged,
    encrypted,
    not_adding_up,
    recognise,
)
from server.domain.tables.sheet import Account, Sheet
from server.errors import Refused

_ROWS_OF_A_FRAME = 500
Frame = dict[str, Any]


def main() -> None:
    """Read standard input, answer on standard output. Arguments: seconds of processor, bytes of memory."""
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    out = sys.stdout.buffer
    try:
        try:
            for sheet in sheets_of(sys.stdin.buffer.read()):
                for frame in _frames(sheet):
                    _send(out, frame)
            _send(out, {"done": True})
        except Refused as refused:
            _send(out, {"refused": [refused.code, refused.message]})
        out.flush()
    except BaseException:
        os._exit(3)  # also a panic of the parser, which is no Exception; the parent knows what it means
    os._exit(0)


def _limit(seconds: int, memory: int) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        with suppress(ValueError, OSError):  # a system that has no such limit, or a tighter one already
            resource.setrlimit(what, (most, most))


def _send(out: BinaryIO, frame: Frame) -> None:
    body = orjson.dumps(frame, default=_tagged, option=orjson.OPT_PASSTHROUGH_DATETIME)
    out.write(len(body).to_bytes(4, "big"))
    out.write(body)


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
            "shown": [[*place, seen] for place, seen in sheet.shown.items()],
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
    notes: list[str] = []
    inside: Archive | None = None
    accounts: list[Account] = []
    source = BytesIO(data)
    if form is Form.XLSX:
        inside = archive.unpack(data)
        if inside.has_macros:
            notes.append("文件含有宏，宏不会运行，只读取了表格内容。")
        judged = {name: _judge(inside, path) for name, path in inside.sheets.items()}
        source = inside.written()
    else:
        from server.domain.tables import xls  # the library behind it is slow to import, and seldom needed

        accounts = xls.look_inside(data)
        for account in accounts:
            _extent(account).check()
    try:
        with CalamineWorkbook.from_filelike(source) as book:
            about = list(enumerate(book.sheets_metadata))
            tables = [(place, one) for place, one in about if one.typ == SheetTypeEnum.WorkSheet]
            hidden = [one.name for _, one in tables if one.visible != SheetVisibleEnum.Visible]
            for place, one in tables:
                if one.visible != SheetVisibleEnum.Visible:
                    continue
                if inside is not None:
                    if one.name not in judged:
                        raise damaged()
                    account, again = judged[one.name], _Again(inside=inside, name=one.name)
                else:
                    account, again = accounts[place], _Again(data=data, place=place)
                rows = _values(book, one.name, account)
                sheet = _compared(one.name, rows, account, again)
                sheet.notes, sheet.hidden_sheets = notes, hidden
                yield sheet
    except PasswordError:
        raise encrypted() from None
    except (CalamineError, ValueError, LookupError, OSError):
        raise damaged() from None


def _judge(inside: Archive, path: str) -> Account:
    """What a sheet holds by its own marks; too large a one is refused before a table is built of it."""
    judge = worksheet.Judge(inside.styles)
    account = judge.judged(inside.parts[path])
    if judge.dimension is not None:
        inside.parts[path] = worksheet.with_dimension(inside.parts[path], judge.dimension)
    _extent(account).check()
    return account


def _extent(account: Account) -> Extent:
    return Extent(account.height, account.columns, len(account.cells))


def _values(book: CalamineWorkbook, name: str, account: Account) -> list[list[Any]]:
    """The parser's rows, as long as the account says; error cells with their word."""
    sheet = book.get_sheet_by_name(name)
    if sheet.total_height * sheet.total_width > 2 * MAX_CELLS:
        raise not_adding_up(sheet.total_height)
    rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    rows.extend([] for _ in range(account.height - len(rows)))
    for (r, c), word in account.errors.items():
        row = rows[r]
        row.extend([""] * (c + 1 - len(row)))
        row[c] = word
    return rows


class _Again:
    """Counts the cells of some rows a second time, when the first count took empty texts for content."""

    def __init__(
        self, *, inside: Archive | None = None, name: str = "", data: bytes = b"", place: int = 0
    ) -> None:
        self._inside, self._name, self._data, self._place = inside, name, data, place

    def count(self, wanted: set[int]) -> dict[int, int]:
        if self._inside is None:
            from server.domain.tables import xls

            return xls.count_again(self._data, self._place, wanted)
        parts = self._inside.parts
        strings = worksheet.strings_of(parts.get(archive.STRINGS))
        return worksheet.count_again(parts[self._inside.sheets[self._name]], strings, wanted)


def _compared(name: str, rows: list[list[Any]], account: Account, again: _Again) -> Sheet:
    """The parser's rows beside the account; a row that differs is a reason to believe neither.

    Raises:
        Refused: rows_do_not_add_up.
    """
    computed: dict[int, list[int]] = {}
    for r, c in account.formulas:
        computed.setdefault(r, []).append(c)
    differing: dict[int, int] = {}
    counted = 0
    for r, row in enumerate(rows):
        got = len(row) - row.count("")
        if r in computed:
            counted += 1
            got -= sum(1 for c in computed[r] if c < len(row) and row[c] != "")
        elif got:
            counted += 1
        if got != account.cells.get(r, 0):
            differing[r] = got
    if differing:
        true = again.count(set(differing))
        for r, got in differing.items():
            if true.get(r, 0) != got:
                raise not_adding_up(r + 1)
    filled = {
        r for r in account.hidden_rows if r < len(rows) and (r in computed or any(v != "" for v in rows[r]))
    }
    columns = {
        c
        for first, last in account.hidden_columns
        for c in range(max(first, 0), min(last + 1, account.columns))
    }
    return Sheet(
        name,
        rows,
        formulas=frozenset(account.formulas),
        shown=_shown(rows, account),
        hidden_rows=frozenset(filled),
        hidden_columns=frozenset(columns),
        counted=counted,
    )


def _shown(rows: list[list[Any]], account: Account) -> dict[tuple[int, int], str]:
    """Cells that show something else than they store, with what they show as far as that is known."""
    found: dict[tuple[int, int], str] = {}
    for (r, c), code in account.styled.items():
        value = rows[r][c] if r < len(rows) and c < len(rows[r]) else ""
        if isinstance(value, str):
            if value and formats.hides_text(code):
                found[r, c] = ""
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            seen = formats.shown(code, value)
            if not formats.says_the_same(value, seen):
                found[r, c] = seen or ""
    return found


if __name__ == "__main__":
    main()
