"""The timetable of a plan, as the exam notice says it (S25): level, subject, and from when to when, in Beijing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.beijing import BEIJING, local
from server.domain.levels import Level
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound
from server.models import Plan, PlanSlot

_TIME = re.compile(r"([01]?[0-9]|2[0-3])[:：]([0-5][0-9])")
_ORDER = {level: place for place, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Slot:
    """A row of the timetable; `starts_at` and `ends_at` are None as long as nobody has said."""

    level: Level
    subject: str
    starts_at: datetime | None
    ends_at: datetime | None


async def slots(plan_ids: Sequence[int] | None = None) -> dict[int, list[Slot]]:
    """Plan → its rows, by level, time and subject; of these plans, or of every one."""
    by_plan: dict[int, list[Slot]] = {}
    wanted = PlanSlot.all() if plan_ids is None else PlanSlot.filter(plan_id__in=list(plan_ids))
    for row in await wanted:
        by_plan.setdefault(row.plan_id, []).append(_slot(row))
    for mine in by_plan.values():
        mine.sort(key=lambda slot: (_ORDER[slot.level], str(slot.starts_at or "~"), slot.subject))
    return by_plan


async def set_time(
    clock: Clock, plan_id: int, level: str, subject: str, *, starts: str, ends: str, actor: Actor
) -> Slot:
    """Say when a subject of a plan is examined, on the plan's day. The same again changes nothing.

    Args:
        level, subject: a row of the plan, as the score sheet brought it.
        starts, ends: times of day in Beijing, like 9:00 and 11:00.

    Raises:
        Forbidden("role_not_allowed") · NotFound: plan_unknown, slot_unknown · Invalid: time_form, time_order.
    """
    roles.require(actor, Verb.RELEASE)
    begin, end = _time("/starts", starts), _time("/ends", ends)
    if end <= begin:
        raise Invalid(errors=[FieldError("/ends", "time_order", "结束时间应晚于开始时间，请核对。")])
    async with in_transaction():
        plan = await Plan.filter(id=plan_id).select_for_update().first()
        if plan is None:
            raise NotFound("plan_unknown", "没有这个考试计划，请刷新列表后重试。")
        row = await PlanSlot.filter(plan_id=plan_id, level=level, subject=subject).first()
        if row is None:
            raise NotFound(
                "slot_unknown", "这个考试计划没有这个等级和科目，请刷新列表后重试；科目随成绩导入。"
            )
        was = _slot(row)
        row.starts_at = datetime.combine(plan.exam_date, begin, BEIJING)
        row.ends_at = datetime.combine(plan.exam_date, end, BEIJING)
        became = _slot(row)
        if became != was:
            await row.save(update_fields=["starts_at", "ends_at"])
            await audit_log.record(
                clock, actor, "plan.set_time", "plan", plan_id, was=_audited(was), became=_audited(became)
            )
    return became


def _time(pointer: str, text: str) -> time:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise Invalid(errors=[FieldError(pointer, "time_form", "时间请按“9:00”的样子填写。")])
    return time(int(match[1]), int(match[2]))


def _slot(row: PlanSlot) -> Slot:
    return Slot(Level(row.level), row.subject, row.starts_at, row.ends_at)


def _audited(slot: Slot) -> dict[str, str | None]:
    return {
        "level": slot.level.value,
        "subject": slot.subject,
        "starts_at": None if slot.starts_at is None else local(slot.starts_at).isoformat(),
        "ends_at": None if slot.ends_at is None else local(slot.ends_at).isoformat(),
    }
