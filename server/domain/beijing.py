"""Times as people in China read them: stored in UTC, shown and judged in Asia/Shanghai.

Two forms, and no third (decision 0985): `short` in tables, particulars and fields, `say_day` and `say_minute` in sentences.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import overload
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


def local(moment: datetime) -> datetime:
    return moment.astimezone(BEIJING)


def day(moment: datetime) -> date:
    """The calendar day in Beijing."""
    return local(moment).date()


def say_day(value: date) -> str:
    """2023年9月22日"""
    return f"{value.year}年{value.month}月{value.day}日"


def say_minute(moment: datetime) -> str:
    """2023年9月22日 09:05 (北京时间)"""
    there = local(moment)
    return f"{say_day(there.date())} {there:%H:%M}"


def short(value: date) -> str:
    """A day as 2023-09-22; a moment as 2023-09-22 09:05."""
    return f"{local(value):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value.isoformat()


def short_second(moment: datetime) -> str:
    """2023-09-22 09:05:09"""
    return f"{local(moment):%Y-%m-%d %H:%M:%S}"


@overload
def rfc3339(moment: datetime) -> str: ...
@overload
def rfc3339(moment: None) -> None: ...
@overload
def rfc3339(moment: datetime | None) -> str | None: ...
def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 with +08:00, or None."""
    return None if moment is None else local(moment).isoformat(timespec="seconds")
