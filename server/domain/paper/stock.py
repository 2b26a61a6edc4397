"""纸张编号: the serials that stand on the blank sheets, given as a range from–to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.errors import FieldError, Invalid

MOST = 5000  # sheets of one range
_FORM = re.compile(r"([A-Z]{0,8})([0-9]{4,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stock:
    """Sheets that follow one another: `prefix` and `width` digits, from `first` to `last`."""

    prefix: str
    width: int
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def serial(self, number: int) -> str:
        """As it stands on the sheet."""
        return f"{self.prefix}{number:0{self.width}d}"


def read(first: str, last: str) -> Stock:
    """The range between two serials.

    Raises:
        Invalid: /first or /last, when it is no serial, or the two make no range of at most `MOST` sheets.
    """
    begin, end = _parts(first, "/first"), _parts(last, "/last")
    if begin[:2] != end[:2]:
        raise _poor("/last", "serials_differ", "起止纸张编号的字母和位数须相同，请照纸张逐位核对。")
    stock = Stock(*begin[:2], begin[2], end[2])
    if stock.size < 1:
        raise _poor("/last", "serials_reversed", "末张的编号小于首张的编号，请核对。")
    if stock.size > MOST:
        raise _poor("/last", "serials_many", f"一次最多 {MOST} 张，这一段有 {stock.size} 张，请核对编号。")
    return stock


def cleaned(serial: str) -> str:
    """As people type it: small letters and spaces do not matter."""
    return "".join(serial.split()).upper()


def _parts(serial: str, pointer: str) -> tuple[str, int, int]:
    found = _FORM.fullmatch(cleaned(serial))
    if found is None:
        detail = "纸张编号是至多 8 个字母加 4 到 12 位数字，例如 A0001201，请照纸张填写。"
        raise _poor(pointer, "serial_form", detail)
    return found[1], len(found[2]), int(found[2])


def _poor(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer, code, detail)])
