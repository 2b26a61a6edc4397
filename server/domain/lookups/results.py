"""成绩与考证结果 (S84, S93): what a bound candidate is told, before and after release."""

from __future__ import annotations

from datetime import datetime

from server.domain.beijing import say_minute
from server.domain.exams.results import Result, Status
from server.domain.levels import Level
from server.domain.lookups import queries, wording
from server.domain.lookups.queries import Registered, ResultRow
from server.domain.lookups.views import Notice, Place, ResultItem, ResultsView, Standing, Subject
from server.domain.people.candidates import masked
from server.domain.ports import Services, WeChatIdentity


async def results(s: Services, who: WeChatIdentity) -> ResultsView:
    """Released results alone, and why others are not there (`not_bound`, `not_found`, `not_released`)."""
    now = s.clock.now()
    record = await queries.results(who, now)
    if record is None:  # never kept: whoever binds next must find it gone on every process at once
        return ResultsView(None, (), (wording.NOT_BOUND,), Standing.between([], now, seconds=0))
    items, notices = [], []
    for row in record.rows:
        if row["release_at"] is not None and row["release_at"] <= now:
            items.append(_item(row, row["release_at"]))
        else:
            notices.append(_not_released(row))
    if not items and not notices:
        notices.append(wording.NO_REGISTRATION)
    person = masked(s.keys, record.name, record.id_sealed)
    standing = Standing.between([row["release_at"] for row in record.rows], now)
    return ResultsView(person, tuple(items), tuple(notices), standing)


def place(row: Registered) -> Place:
    """Which examination a row is about."""
    return Place(row["plan"], row["exam_date"], row["certificate"], Level(row["level"]), row["school"])


def _item(row: ResultRow, released_at: datetime) -> ResultItem:
    outcome, where = Result(row["outcome"]), place(row)
    return ResultItem(
        place=where,
        admission_number=row["admission_number"],
        subjects=tuple(Subject(name, score, Status(status)) for name, score, status in row["subjects"] or ()),
        outcome=outcome,
        advice=wording.advice(outcome, where.school),
        released_at=released_at,
        corrected_at=row["corrected_at"],
    )


def _not_released(row: ResultRow) -> Notice:
    until = row["release_at"]
    when = f"预计 {say_minute(until)} 公布，届时" if until else "公布时间尚未确定，公布后"
    detail = f"{row['plan']}的成绩尚未公布。{when}可在这里直接查询，无需其他操作。"
    return Notice("not_released", "成绩尚未公布", detail, place(row), until)
