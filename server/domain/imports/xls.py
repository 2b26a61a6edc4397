"""The inside of an old .xls (BIFF in an OLE container): extents, formulas and passwords, by its records alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

from xlrd.compdoc import CompDoc, CompDocError

from server.domain.imports.files import Extent, damaged, encrypted, wrong_type

_BOUNDSHEET, _EOF, _FILEPASS, _FORMULA = 0x0085, 0x000A, 0x002F, 0x0006
_SHARED_FORMULA = (0x0206, 0x0406)
_CELLS = (0x0201, 0x0203, 0x0204, 0x0205, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x027E, _FORMULA, *_SHARED_FORMULA)


def look_inside(data: bytes) -> list[frozenset[tuple[int, int]]]:
    """Formula cells (row and column from 0) of each sheet, in the order of the workbook.

    Raises:
        Refused: file_type, file_damaged, file_encrypted, too_many_columns, too_many_rows.
    """
    stream = _workbook_stream(data)
    try:
        starts = []
        for code, body in _records(stream, 0):
            if code == _FILEPASS:
                raise encrypted()
            if code == _BOUNDSHEET:
                starts.append(struct.unpack_from("<I", body)[0])
        return [_sheet(stream, start) for start in starts]
    except (struct.error, IndexError):
        raise damaged() from None


def _workbook_stream(data: bytes) -> bytes:
    try:
        with redirect_stdout(StringIO()):
            document = CompDoc(data, logfile=StringIO())
            for name in ("Workbook", "Book"):
                stream: bytes | None = document.get_named_stream(name)
                if stream is not None:
                    return stream
    except (CompDocError, struct.error, IndexError, AssertionError, ValueError, TypeError, MemoryError):
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


def _sheet(stream: bytes, start: int) -> frozenset[tuple[int, int]]:
    formulas, rows, columns = set(), 0, 0
    for code, body in _records(stream, start):
        if code not in _CELLS:
            continue
        row, column = struct.unpack_from("<HH", body)
        rows, columns = max(rows, row + 1), max(columns, column + 1)
        if code == _FORMULA or code in _SHARED_FORMULA:
            formulas.add((row, column))
    Extent(rows, columns).check()
    return frozenset(formulas)
