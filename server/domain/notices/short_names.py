"""A plan's name for the 20 characters of a message template: shortened so that two plans do not look alike.

What tells plans apart stands at both ends, the day at the front and the kind or round behind, so nothing is cut off
at the end. WeChat's limit is that of `thing` (wechat.md §4.5); a name that fits stays as it is.
"""

from __future__ import annotations

import re
from datetime import date

from server.domain.notices.keywords import without_middle

ROOM = 20  # characters of a `thing`
_DAY = re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日")


def short_plan(name: str, *, day: date | None = None, room: int = ROOM) -> str:
    """The name in at most `room` characters, by the first of these that is enough.

    As it is; “考试计划” at the end as “考试”; days in figures (2023.9.22); without the exam's own day, when the
    message says that day beside it; its middle left out.

    Args:
        day: the exam's day, if the message has a keyword of its own for it.
        room: in characters, 5 at least.
    """
    full = " ".join(name.split())
    exam = re.sub("考试计划$", "考试", full)
    figures = _DAY.sub(r"\1.\2.\3", exam)
    dayless = figures.replace(_figures(day), "").strip() if day else figures
    for tried in (full, exam, figures, dayless):
        if 0 < len(tried) <= room:
            return tried
    return without_middle(figures, room)


def _figures(day: date) -> str:
    return f"{day.year}.{day.month}.{day.day}"
