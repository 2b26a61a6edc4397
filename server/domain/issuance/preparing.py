"""建立签发批次: a plan's batches made site by site, as a job with progress.

A preparation is one row. Each site is a transaction of its own that moves the row's mark past the site, so that a kill
anywhere leaves either nothing or a whole batch, whoever comes next goes on behind the mark, and two at once do each
site once. Whoever asks works on it for a moment; the job does what is left.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.beijing import local
from server.domain.certificates.claims import canonical
from server.domain.fault_points import transaction
from server.domain.issuance import numbering, roster
from server.domain.issuance.states import BatchState
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import NotFound, Refused
from server.models import Issuance, Plan, Preparation
from server.models.database import rows

log = logging.getLogger("xcert.issuance")

JOB = "issuance.prepare"
AT_ONCE = 2.0  # seconds that the one who asks waits for it; small plans are ready by then
TRIES = 3  # at one site, before it is left out with a note
SILENT = timedelta(minutes=1)  # after which the sweep puts an unfinished one again
NOTHING = "没有需要建立或更新的批次：合格考生都已在批次中，或暂不能发证；请核对成绩与实践学时。"
# Sites with somebody to be listed, or whose list may have to follow today's data. A batch that is with its school, or
# after it, is left alone.
_SITES = """
SELECT DISTINCT r.site_id, t.name FROM registration r JOIN site t ON t.id = r.site_id
WHERE r.plan_id = $1 AND r.outcome = 'passed' AND r.site_id > $2
  AND NOT EXISTS (SELECT 1 FROM issuance i WHERE i.plan_id = $1 AND i.site_id = r.site_id
                  AND i.state NOT IN ('prepared', 'issued'))
  AND (NOT EXISTS (SELECT 1 FROM certificate x WHERE x.registration_id = r.id AND x.state <> 'void')
       OR EXISTS (SELECT 1 FROM issuance i WHERE i.plan_id = $1 AND i.site_id = r.site_id AND i.state = 'prepared'))
UNION
SELECT i.site_id, t.name FROM issuance i JOIN site t ON t.id = i.site_id
WHERE i.plan_id = $1 AND i.state = 'prepared' AND i.site_id > $2
ORDER BY site_id
"""
_PAST = """
UPDATE preparation SET after_site = $2, sites_done = sites_done + 1, tries = 0, touched_at = $3
WHERE id = $1 AND after_site < $2 AND finished_at IS NULL RETURNING id
"""
_NOTED = """
UPDATE preparation SET refusals = refusals || $2::text::jsonb WHERE id = $1 RETURNING id
"""


async def begin(s: Services, plan_id: int, *, actor: Actor) -> Preparation:
    """The plan's unfinished preparation, or a new one with its job.

    Raises:
        Forbidden("role_not_allowed") · NotFound("plan_not_found").
    """
    roles.require(actor, Verb.PREPARE)
    if not await Plan.filter(id=plan_id).exists():
        raise NotFound("plan_not_found", "没有找到这个考试计划，请刷新列表后重试。")
    while True:
        if (under_way := await Preparation.get_or_none(plan_id=plan_id, finished_at=None)) is not None:
            return under_way
        try:
            async with transaction(s.faults, "preparing.begin"):
                return await _new(s, plan_id, actor)
        except IntegrityError:  # another was begun between the look and the attempt
            continue


async def _new(s: Services, plan_id: int, actor: Actor) -> Preparation:
    now = s.clock.now()
    sites = await rows(_SITES, plan_id, 0)
    made = await Preparation.create(
        plan_id=plan_id, sites_total=len(sites), actor=actor.kept(), created_at=now, touched_at=now
    )
    await s.queue.put(
        JOB,
        at=now + timedelta(seconds=AT_ONCE + 1),
        once=f"{JOB}:{made.id}",
        urgent=True,
        preparation_id=made.id,
    )
    return made


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
    for site in await rows(_SITES, preparation.plan_id, preparation.after_site):
        if until is not None and time.monotonic() > until:
            return False
        await _site(s, preparation, site, actor)
        await s.faults.reach("preparing.work: a site is prepared")
    await Preparation.filter(id=preparation_id, finished_at=None).update(finished_at=s.clock.now())
    await s.faults.reach("preparing.work: it is finished")
    return True


async def _site(s: Services, preparation: Preparation, site: dict[str, Any], actor: Actor) -> None:
    """One site, or why it is left out. What is no refusal is tried again by the next one, but not for ever."""
    try:
        async with transaction(s.faults, "preparing.site"):
            await _prepare_site(s, preparation, site["site_id"], actor=actor)
    except Refused as refused:
        await _left_out(s, preparation, site, refused.code, refused.message)
    except Exception as error:
        if await _tried(preparation.id) < TRIES:
            raise
        log.exception("site %s of preparation %s is left out", site["site_id"], preparation.id)
        said = f"准备名单时遇到意外问题（{type(error).__name__}），请联系管理员。"
        await _left_out(s, preparation, site, "unexpected", said)


async def _tried(preparation_id: int) -> int:
    [row] = await rows(
        "UPDATE preparation SET tries = tries + 1 WHERE id = $1 RETURNING tries", preparation_id
    )
    return int(row["tries"])


async def _left_out(
    s: Services, preparation: Preparation, site: dict[str, Any], code: str, message: str
) -> None:
    async with in_transaction():
        if await rows(_PAST, preparation.id, site["site_id"], s.clock.now()):
            note = [{"site_id": site["site_id"], "site": site["name"], "code": code, "message": message}]
            await rows(_NOTED, preparation.id, canonical(note).decode())


async def _prepare_site(s: Services, preparation: Preparation, site_id: int, *, actor: Actor) -> None:
    # Two at once would make two batches: the plan's row lets them in one after the other.
    await rows("SELECT id FROM plan WHERE id = $1 FOR NO KEY UPDATE", preparation.plan_id)
    if not await rows(_PAST, preparation.id, site_id, s.clock.now()):
        return  # another process was here
    issuance = (
        await Issuance.filter(plan_id=preparation.plan_id, site_id=site_id)
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
    done = await numbering.refresh(s, issuance, actor=actor)
    if is_new or done.is_changed:
        what = "made" if is_new else "updated"
        await rows(f"UPDATE preparation SET {what} = {what} + 1 WHERE id = $1 RETURNING id", preparation.id)  # noqa: S608 -- one of two words


async def _begin_batch(s: Services, plan_id: int, site_id: int, *, actor: Actor) -> Issuance | None:
    """A new batch in 待签发, unless nobody at this site could be in it."""
    _, entries, _ = await roster.drawn_up(s, Issuance(id=0, plan_id=plan_id, site_id=site_id))
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
    preparation = await begin(s, plan_id, actor=actor)
    await work(s, preparation_id=preparation.id)
    return await ids(preparation)


async def ids(preparation: Preparation) -> list[int]:
    """All batches of a finished preparation's plan. Raises as `prepare` says."""
    preparation = await Preparation.get(id=preparation.id)
    made = await Issuance.filter(plan_id=preparation.plan_id).order_by("id").values_list("id", flat=True)
    if preparation.refusals and not preparation.made and not preparation.updated:
        first = preparation.refusals[0]
        raise Refused(str(first["code"]), str(first["message"]))
    if not made:
        raise Refused("nothing_to_prepare", "这个考试计划还没有可以发证的考生，请先导入成绩并核对实践学时。")
    return [int(str(one)) for one in made]


async def view(s: Services, preparation_id: int, *, actor: Actor) -> dict[str, Any]:
    """How far a preparation is. Raises Forbidden("role_not_allowed") · NotFound("preparation_not_found")."""
    roles.require(actor, Verb.PREPARE)
    found = await Preparation.get_or_none(id=preparation_id)
    if found is None:
        raise NotFound("preparation_not_found", "没有找到这次批次准备，请刷新列表后重试。")
    return said(found)


def said(found: Preparation) -> dict[str, Any]:
    """A preparation as the API says it."""
    is_done = found.finished_at is not None
    return {
        "id": found.id,
        "plan_id": found.plan_id,
        "state": "done" if is_done else "running",
        "sites_total": max(found.sites_total, found.sites_done),
        "sites_done": found.sites_done,
        "made": found.made,
        "updated": found.updated,
        "refusals": found.refusals,
        "summary": summary(found),
        "created_at": local(found.created_at).isoformat(timespec="seconds"),
        "finished_at": local(found.finished_at).isoformat(timespec="seconds") if found.finished_at else None,
    }


def summary(found: Preparation) -> str:
    """What came of it, in one sentence."""
    if found.finished_at is None:
        return f"正在准备批次：{found.sites_done} / {max(found.sites_total, found.sites_done)} 个考核站点。"
    left_out = f"；{len(found.refusals)} 个站点没有准备，原因见下" if found.refusals else ""
    if not found.made and not found.updated:
        return NOTHING if not left_out else f"没有建立新的批次{left_out}。"
    updated = f"，更新 {found.updated} 个名单" if found.updated else ""
    return f"已建立 {found.made} 个批次{updated}{left_out}。"


async def latest(plan_id: int) -> dict[str, Any] | None:
    """The plan's last preparation, as the API says it."""
    found = await Preparation.filter(plan_id=plan_id).order_by("-id").first()
    return said(found) if found is not None else None


async def sweep(s: Services) -> None:
    """Put again what was lost: preparations that nobody has gone on with for a minute. With sweep `issuance.sweep`."""
    silent = Preparation.filter(finished_at=None, touched_at__lte=s.clock.now() - SILENT)
    for one in await silent.order_by("id"):
        await s.queue.put(JOB, once=f"{JOB}:{one.id}", urgent=True, preparation_id=one.id)
