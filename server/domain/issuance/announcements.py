"""Who is told of a batch: holders when their certificates are issued, officers when theirs waits too long."""

from __future__ import annotations

from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.certificates.claims import Claims
from server.domain.exams.results import is_released
from server.domain.issuance import certificate_query
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.notices import delivery, overtaken
from server.domain.notices.short_names import short_plan
from server.domain.notices.telling import Notice, tell
from server.domain.people.officer_states import OfficerState
from server.domain.ports import Clock, Queue, Services
from server.models import Issuance, Officer

SLICE = 200
TOPIC = "certificate_issued"
REMIND_AFTER = (14, 7, 3)  # days in 考核站点待签发; the first reminder goes to one officer, later ones to all


async def put(queue: Queue, issuance_id: int) -> None:
    """Put the job that tells a batch's holders, in the caller's transaction."""
    await queue.put("issuance.announce", once=f"issuance.announce:{issuance_id}", issuance_id=issuance_id)


async def announce(s: Services, *, issuance_id: int) -> None:
    """Tell every bound holder once that the certificate is there. Job `issuance.announce`; safe to repeat.

    Before the plan's results are released nobody is told; the sweep comes back.
    """
    issuance = await Issuance.get(id=issuance_id).prefetch_related("plan")
    if issuance.announced_at is not None or not is_released(issuance.plan, s.clock.now()):
        return
    after = ""
    while holders := await certificate_query.holders(issuance_id, after=after, limit=SLICE):
        notices = [
            Notice(
                one.candidate_id,
                f"certificate:{one.id}",
                _fields_of(Claims.from_bytes(one.claims)),
                f"/h5/certificates/{one.number}",
            )
            for one in holders
        ]
        async with in_transaction():
            await tell(s.settings, s.clock, s.queue, TOPIC, notices)
            await s.faults.reach("announcing.announce: a slice is put")
        await s.faults.reach("announcing.announce: a slice is told")
        after = holders[-1].number
    await Issuance.filter(id=issuance_id, announced_at=None).update(announced_at=s.clock.now())


def _fields_of(claims: Claims) -> dict[str, str]:
    day = datetime.fromisoformat(claims.issued_on).date()
    return {
        "certificate": f"{claims.certificate}（{Level(claims.level).label}）",
        "number": claims.number,
        "issued_on": beijing.say_day(day),
    }


async def sweep(s: Services) -> None:
    """Put what was lost: announcements not finished, and reminders that are due."""
    silent = Issuance.filter(
        state=BatchState.ISSUED.value, announced_at=None, plan__release_at__lte=s.clock.now()
    ).order_by("id")
    for issuance in await silent:
        await put(s.queue, issuance.id)
    await remind(s.clock, s.queue)


async def remind(clock: Clock, queue: Queue) -> None:
    """Remind officers of batches that have waited 3, 7 or 14 days: each reminder once for each officer.

    After 3 days the school's first officer, after 7 and 14 days all of them; nothing if the scan came meanwhile. What
    was put and not sent yet is cancelled by the scan and by a withdrawal, and not sent to who is no officer any more.
    """
    now = clock.now()
    waiting = Issuance.filter(
        state=BatchState.SITE_PENDING.value,
        org_signed_at__lte=now - timedelta(days=min(REMIND_AFTER)),
        plan__release_at__lte=now,
    )
    for issuance in await waiting.order_by("id").prefetch_related("plan", "site__school"):
        assert issuance.org_signed_at is not None
        waited = now - issuance.org_signed_at
        days = next(days for days in REMIND_AFTER if waited >= timedelta(days=days))
        people = await Officer.filter(
            school_id=issuance.site.school_id, state=OfficerState.ACTIVE.value
        ).order_by("id")
        reachable = [officer for officer in people if officer.oa_openid]
        async with in_transaction():
            if not await still_waits(issuance):
                continue
            for officer in reachable[:1] if days == min(REMIND_AFTER) else reachable:
                await tell_officer(clock, queue, issuance, officer, days)


async def tell_officer(
    clock: Clock, queue: Queue, issuance: Issuance, officer: Officer, occasion: int | str
) -> bool:
    """Put one reminder, in the caller's transaction; False: this officer was told on this occasion before.

    Args:
        issuance: waits for the school; with plan, site and school. officer: one with an openid.
        occasion: after how many days; or on which day somebody asked for it.
    """
    assert issuance.org_signed_at is not None and officer.oa_openid
    return await delivery.enqueue(
        clock,
        queue,
        "signing_reminder",
        dedup=overtaken.reminder(issuance.id, issuance.revision, occasion, officer.id),
        to=delivery.Addressee(openid=officer.oa_openid, officer_id=officer.id),
        fields={
            "plan": short_plan(issuance.plan.name),
            "school": issuance.site.school.name,
            "count": str(issuance.count),
            "since": beijing.say_minute(issuance.org_signed_at),
        },
        path="/h5/officer",
    )


async def still_waits(issuance: Issuance) -> bool:
    """Whether nobody has taken it further since; held until the caller's transaction ends, so that nobody does meanwhile."""
    same = Issuance.filter(
        id=issuance.id, state=BatchState.SITE_PENDING.value, revision=issuance.revision
    ).select_for_update()
    return await same.first() is not None
