"""建立签发批次: a plan's batches made site by site, as a job with progress.

A preparation is one row. Each site is a transaction of its own that moves the row's mark past the site, so that a kill
anywhere leaves either nothing or a whole batch, whoever comes next goes on behind the mark, and two at once do each
site once. Whoever asks works on it for a moment; the job does what is left.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.issuance import numbering, preparation_query, roster
from server.domain.issuance.preparation_query import LeftOut, SiteToPrepare
from server.domain.issuance.states import BatchState
from server.domain.ports import Clock, Queue, Services
from server.domain.roles import Verb
from server.errors import NotFound, Refused
from server.models import Issuance, Plan, Preparation
from server.models.database import breaks

log = logging.getLogger("xcert.issuance")

JOB = "issuance.prepare"
AT_ONCE = 2.0  # seconds that the one who asks waits for it; small plans are ready by then
TRIES = 3  # at one site, before it is left out with a note
SILENT = timedelta(minutes=1)  # after which the sweep puts an unfinished one again


async def begin(s: Services, plan_id: int, *, actor: Actor) -> int:
    """The number of the plan's unfinished preparation, or of a new one with its job.

    Raises:
        Forbidden("role_not_allowed") · NotFound("plan_not_found").
    """
    roles.require(actor, Verb.PREPARE)
    if not await Plan.filter(id=plan_id).exists():
        raise NotFound("plan_not_found", "没有找到这个考试计划，请刷新列表后重试。")
    while True:
        if (under_way := await Preparation.get_or_none(plan_id=plan_id, finished_at=None)) is not None:
            return int(under_way.id)
        try:
            async with transaction(s.faults, "preparing.begin"):
                return await _new(s.clock, s.queue, plan_id, actor)
        except IntegrityError as error:  # another was begun between the look and the attempt
            if not breaks(error, "preparation_one"):
                raise
            continue


async def _new(clock: Clock, queue: Queue, plan_id: int, actor: Actor) -> int:
    now = clock.now()
    sites = await preparation_query.sites(plan_id)
    preparation = await Preparation.create(
        plan_id=plan_id, sites_total=len(sites), actor=actor.as_json(), created_at=now, touched_at=now
    )
    await queue.put(
        JOB,
        at=now + timedelta(seconds=AT_ONCE + 1),
        once=f"{JOB}:{preparation.id}",
        urgent=True,
        preparation_id=preparation.id,
    )
    return int(preparation.id)


async def work(s: Services, *, preparation_id: int, seconds: float | None = None) -> bool:
    """Go on with a preparation. Job `issuance.prepare`; safe to repeat, at once or later.

    Args:
        seconds: for how long; None: to the end.

    Returns: whether it is finished.
    """
    preparation = await Preparation.get(id=preparation_id)
    if preparation.finished_at is not None:
        return True
    until = None if seconds is None else time.monotonic() + seconds
    actor = Actor.of(preparation.actor)
    for site in await preparation_query.sites(preparation.plan_id, after=preparation.after_site):
        if until is not None and time.monotonic() > until:
            return False
        await _site(s, preparation, site, actor)
        await s.faults.reach("preparing.work: a site is prepared")
    await Preparation.filter(id=preparation_id, finished_at=None).update(finished_at=s.clock.now())
    await s.faults.reach("preparing.work: it is finished")
    return True


async def _site(s: Services, preparation: Preparation, site: SiteToPrepare, actor: Actor) -> None:
    """One site, or why it is left out. What is no refusal is tried again by the next one, but not for ever."""
    try:
        async with transaction(s.faults, "preparing.site"):
            await _prepare_site(s, preparation, site.site_id, actor=actor)
    except Refused as refused:
        await _left_out(s.clock, preparation, LeftOut(site.site_id, site.name, refused.code, refused.message))
    except Exception as error:
        if await preparation_query.tried(preparation.id) < TRIES:
            raise
        log.exception("site %s of preparation %s is left out", site.site_id, preparation.id)
        sentence = f"准备名单时遇到意外问题（{type(error).__name__}），请联系管理员。"
        await _left_out(s.clock, preparation, LeftOut(site.site_id, site.name, "unexpected", sentence))


async def _left_out(clock: Clock, preparation: Preparation, site: LeftOut) -> None:
    async with in_transaction():
        if await preparation_query.move_past(preparation.id, site.site_id, clock.now()):
            await preparation_query.note(preparation.id, site)


async def _prepare_site(s: Services, preparation: Preparation, site_id: int, *, actor: Actor) -> None:
    # Two at once would make two batches: the plan's row lets them in one after the other.
    await preparation_query.lock_plan(preparation.plan_id)
    if not await preparation_query.move_past(preparation.id, site_id, s.clock.now()):
        return  # another process was here
    issuance = (
        await Issuance.filter(plan_id=preparation.plan_id, site_id=site_id, corrects_id=None)
        .exclude(state=BatchState.ISSUED.value)
        .select_for_update()
        .first()
    )
    is_new = issuance is None
    if issuance is None:
        issuance = await _begin_batch(s, preparation.plan_id, site_id, actor=actor)
    if issuance is None or BatchState(issuance.state) is not BatchState.PREPARED:
        return
    await s.faults.reach("preparing.site: before the numbers")
    refreshed = await numbering.refresh(s, issuance, actor=actor)
    if is_new or refreshed.is_changed:
        await preparation_query.count_batch(preparation.id, is_new=is_new)


async def _begin_batch(s: Services, plan_id: int, site_id: int, *, actor: Actor) -> Issuance | None:
    """A new batch in 待签发, unless nobody at this site could be in it."""
    _, entries, _ = await roster.drawn_up(
        s.settings, s.keys, s.pdf_renderer, Issuance(id=0, plan_id=plan_id, site_id=site_id)
    )
    if not entries:
        return None
    issuance = await Issuance.create(plan_id=plan_id, site_id=site_id, created_at=s.clock.now())
    await s.faults.reach("preparing.site: the batch is begun")
    became = {"state": issuance.state, "revision": 1, "plan_id": plan_id, "site_id": site_id}
    await audit_log.record(s.clock, actor, "issuance.prepare", "issuance", issuance.id, became=became)
    return issuance


async def prepare(s: Services, plan_id: int, *, actor: Actor) -> list[int]:
    """Make the plan's batches now: one for each site with people who passed and have no certificate yet.

    Safe to repeat: a batch still in 待签发 is brought up to date, later states are left alone. Whoever passes after
    a site's batch has been issued comes into a further batch of that site.

    Returns: the ids of all batches of the plan, oldest first.

    Raises:
        Forbidden("role_not_allowed") · NotFound("plan_not_found") · what stood in the way of the first site left out ·
        Refused("nothing_to_prepare"): nobody passed, or all who passed are held back.
    """
    preparation_id = await begin(s, plan_id, actor=actor)
    await work(s, preparation_id=preparation_id)
    return await batches_of(preparation_id)


async def batches_of(preparation_id: int) -> list[int]:
    """The ids of all batches of a finished preparation's plan. Raises as `prepare` says."""
    preparation = await Preparation.get(id=preparation_id)
    of_plan = Issuance.filter(plan_id=preparation.plan_id, corrects_id=None)
    batches = await of_plan.order_by("id").values_list("id", flat=True)
    left_out = preparation_query.left_out(preparation)
    if left_out and not preparation.made and not preparation.updated:
        raise Refused(left_out[0].code, left_out[0].message)
    if not batches:
        raise Refused("nothing_to_prepare", "这个考试计划还没有可以发证的考生，请先导入成绩并核对实践学时。")
    return [int(str(one)) for one in batches]


async def sweep(s: Services) -> None:
    """Put again what was lost: preparations that nobody has gone on with for a minute. With sweep `issuance.sweep`."""
    silent = Preparation.filter(finished_at=None, touched_at__lte=s.clock.now() - SILENT)
    for one in await silent.order_by("id"):
        await s.queue.put(JOB, once=f"{JOB}:{one.id}", urgent=True, preparation_id=one.id)
