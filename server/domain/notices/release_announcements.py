"""The minute of a release: look-ups become stale, and everybody concerned is told once."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.exams.results import is_released
from server.domain.freshness import changed
from server.domain.notices import queries
from server.domain.notices.short_names import short_plan
from server.domain.notices.telling import Notice, tell
from server.domain.ports import Services
from server.models import Plan

SLICE = 200
TOPIC = "results_released"


async def announce(s: Services, *, plan_id: int) -> None:
    """Tell of a plan's release, as soon as it is visible. Job `exams.announce`; safe to repeat at any line.

    A job that was put for a minute since moved finds the plan not visible and does nothing; the new minute has its
    own job, and the sweep besides.
    """
    plan = await Plan.get_or_none(id=plan_id)
    if plan is None or plan.announced_at is not None or not is_released(plan, s.clock.now()):
        return
    async with in_transaction():
        await changed()
    after = 0
    while candidates := await queries.concerned(plan_id, after, SLICE):
        notices = [_notice(plan, one) for one in candidates]
        async with in_transaction():
            await tell(s.settings, s.clock, s.queue, TOPIC, notices)
        await s.faults.reach("releases.slice_told")
        after = candidates[-1]
    await Plan.filter(id=plan_id, announced_at=None, release_at=plan.release_at).update(
        announced_at=s.clock.now()
    )


def _notice(plan: Plan, candidate_id: int) -> Notice:
    assert plan.release_at is not None
    return Notice(
        candidate_id,
        f"results:{plan.id}:{candidate_id}",
        {
            "plan": short_plan(plan.name, day=plan.exam_date),
            "exam_date": beijing.say_day(plan.exam_date),
            "released_at": beijing.say_minute(plan.release_at),
        },
        "/h5/results",
    )


async def sweep(s: Services) -> int:
    """Put again what was lost: plans visible by now of which nobody was told. Job `exams.sweep`, every minute.

    Returns:
        how many were put.
    """
    silent = await Plan.filter(release_at__lte=s.clock.now(), announced_at=None).values_list("id", flat=True)
    for plan_id in silent:
        await s.queue.put("exams.announce", once=f"exams.announce:{plan_id}", plan_id=plan_id)
    return len(silent)
