"""Serials of sheets as people type them, and until when paper is sent (S91): pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from server.domain.beijing import BEIJING
from server.domain.paper import stock, working_days
from server.domain.paper.stock import Stock
from server.errors import Invalid

pytestmark = pytest.mark.rule("S91")


def test_a_range_is_read_as_people_type_it() -> None:
    sheets = stock.read(" a000 1201", "A0001205")
    assert sheets == Stock("A", 7, 1201, 1205)
    assert (sheets.size, sheets.serial(1201)) == (5, "A0001201")
    assert stock.read("0009", "0009") == Stock("", 4, 9, 9)


@pytest.mark.parametrize(
    ("first", "last", "pointer", "code"),
    [
        ("A12", "A0001205", "/first", "serial_form"),
        ("A0001201", "纸0001205", "/last", "serial_form"),
        ("A0001201", "A１２３４５６７", "/last", "serial_form"),
        ("A0001201", "B0001205", "/last", "serials_differ"),
        ("A0001201", "A00001205", "/last", "serials_differ"),
        ("A0001205", "A0001201", "/last", "serials_reversed"),
        ("A0000001", "A0005001", "/last", "serials_many"),
    ],
)
def test_a_poor_range_is_refused(first: str, last: str, pointer: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        stock.read(first, last)
    [error] = refused.value.errors
    assert (error.pointer, error.code) == (pointer, code)


@pytest.mark.parametrize(
    ("issued", "due"),
    [
        ("2026-11-23 12:00", "2026-11-30"),  # Monday
        ("2026-11-27 23:59", "2026-12-04"),  # Friday
        ("2026-11-28 00:00", "2026-12-04"),  # Saturday
        ("2026-11-29 12:00", "2026-12-04"),  # Sunday
    ],
)
def test_five_working_days(issued: str, due: str) -> None:
    moment = datetime.fromisoformat(issued).replace(tzinfo=BEIJING)
    assert working_days.due_on(moment) == date.fromisoformat(due)


def test_what_is_late_is_what_was_due_before_today() -> None:
    """Every day of four weeks against every hour of issuing: the moment cuts exactly between the two."""
    start = datetime(2026, 11, 2, 0, 30, tzinfo=BEIJING)
    for today in range(14, 42):
        now = start + timedelta(days=today)
        for hours in range(0, 24 * 30, 7):
            issued = start + timedelta(hours=hours)
            assert (issued < working_days.late_before(now)) == (working_days.due_on(issued) < now.date())
