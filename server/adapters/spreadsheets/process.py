"""Foreign files are read in a process of their own, with limits; whatever becomes of it, here is an answer.

Nothing but plain data comes back (see `reader`), and no more of it than a table may hold.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import orjson

import server
from server.adapters.spreadsheets import archive
from server.adapters.spreadsheets.child_limits import environment
from server.adapters.spreadsheets.file_kind import Form, damaged, recognise
from server.domain.tables import Sheet
from server.errors import Refused

MEMORY = 2_000_000_000  # bytes of address space; the largest table that is taken needs about half
SECONDS = 10  # of processor, for the smallest file
SECONDS_PER_MEGABYTE = 0.4  # unpacked; fifteen times what it takes
PATIENCE = 3  # how much longer than that by the clock: the machine has other work
_READER = "server.adapters.spreadsheets.reader"
_MOST_FRAME = 128_000_000
_MOST_ANSWER = 512_000_000
_PIECE = 1 << 20
_ROOT = Path(server.__file__).resolve().parents[1]


def check(data: bytes) -> None:
    """What can be refused in a moment, without unpacking: called while the person still waits.

    Raises:
        Refused: see the port `TableReader`.
    """
    if recognise(data) is Form.XLSX:
        archive.check_directory(data)


def read(data: bytes) -> Iterator[Sheet]:
    """The visible tables of a file, in order. Blocks: call it in a thread.

    Raises:
        Refused: see the port `TableReader`.
    """
    unpacked = archive.check_directory(data) if recognise(data) is Form.XLSX else len(data)
    seconds = int(SECONDS + SECONDS_PER_MEGABYTE * unpacked / 1_000_000)
    child = _Child(data, seconds)
    try:
        yield from _sheets(child)
    finally:
        child.end()


class SpreadsheetReader:
    """Implements the TableReader port: each file in a process of its own."""

    def check(self, data: bytes) -> None:
        check(data)

    def read(self, data: bytes) -> Iterator[Sheet]:
        return read(data)


class _Child:
    """The process, fed by a thread, read up to a deadline."""

    def __init__(self, data: bytes, seconds: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 -- our own module, and no word of anybody's
            [sys.executable, "-m", _READER, str(seconds), str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a parser's last words may hold cells
            cwd=_ROOT,
            env=environment(),
            start_new_session=True,  # it has a process beside it, and both are ended together
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._until = time.monotonic() + PATIENCE * seconds
        self._feeder = threading.Thread(target=self._feed, args=(data,), daemon=True)
        self._feeder.start()
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(self._out, selectors.EVENT_READ)
        self._buffer = bytearray()
        self._received = 0

    def _feed(self, data: bytes) -> None:
        with suppress(OSError, ValueError):  # it died, or was ended, before it had read all
            self._in.write(data)
        with suppress(OSError, ValueError):
            self._in.close()

    def frame(self) -> dict[str, Any]:
        """The next thing it says. Raises Refused: file_damaged."""
        length = int.from_bytes(self._bytes(4), "big")
        if length > _MOST_FRAME or self._received > _MOST_ANSWER:
            raise damaged()
        try:
            frame: dict[str, Any] = orjson.loads(self._bytes(length))
        except ValueError:
            raise damaged() from None
        return frame

    def _bytes(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not self._waiting.select(max(0.0, self._until - time.monotonic())):
                raise damaged()
            piece = self._out.read1(_PIECE)  # type: ignore[attr-defined]  # a pipe's buffered reader has it
            if not piece:
                raise damaged()
            self._buffer += piece
            self._received += len(piece)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def end(self) -> None:
        """End it if it has not ended, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._waiting.close()
        self._out.close()
        self._feeder.join()


def _sheets(child: _Child) -> Iterator[Sheet]:
    sheet: Sheet | None = None
    try:
        while "done" not in (frame := child.frame()):
            if "rows" in frame:
                if sheet is None:
                    raise damaged()
                sheet.rows.extend(map(_row, frame["rows"]))
                continue
            if sheet is not None:
                yield sheet
            if "refused" in frame:
                code, message = frame["refused"]
                raise Refused(code, message)
            sheet = _sheet(frame["sheet"])
    except (TypeError, ValueError, LookupError):
        raise damaged() from None  # it did not say what it should
    if sheet is not None:
        yield sheet


def _sheet(head: dict[str, Any]) -> Sheet:
    return Sheet(
        head["name"],
        [],
        formulas=frozenset((r, c) for r, c in head["formulas"]),
        shown={(r, c): text for r, c, text in head["shown"]},
        hidden_rows=frozenset(head["hidden_rows"]),
        hidden_columns=frozenset(head["hidden_columns"]),
        hidden_sheets=head["hidden_sheets"],
        counted=head["counted"],
        notes=head["notes"],
    )


def _row(row: list[Any]) -> list[Any]:
    """A row as it was sent: JSON knows neither dates nor numbers without end."""
    if dict in (kinds := set(map(type, row))) or type(None) in kinds:
        return [_value(value) for value in row]
    return row


def _value(value: Any) -> Any:
    if value is None:
        return "#NUM!"
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    if kind == "datetime":
        return datetime.fromisoformat(text)
    if kind == "date":
        return date.fromisoformat(text)
    if kind == "time":
        return time_of_day.fromisoformat(text)
    return timedelta(seconds=text)
