"""Plans and the release of their results: from which minute on people outside may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.exams.results import is_released
from server.domain.freshness import changed
from server.domain.ports import Clock, Queue
from server.domain.roles import Verb
from server.errors import Conflict, NotFound, Refused
from server.models import Issuance, Plan, Registration


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What staff decide about a plan, as it is now."""

    id: int
    release_at: datetime | None
    requires_practice: bool


async def release(
    clock: Clock, queue: Queue, plan_id: int, *, at: datetime | None, actor: Actor
) -> PlanSettings:
    """Let people outside see a plan's results, now (`at` is None) or from a minute to come on: a part of approving.

    Two people: `release_requests` has seen that another one asked for it.

    A minute to come may be moved as often as one likes; what is visible cannot be taken back. A time between
    two minutes counts as the next whole one, so that nothing shows early.

    Raises:
        NotFound: plan_unknown.
        Forbidden: role_not_allowed.
        Conflict: already_released, school_asked.
        Refused: release_in_past, nothing_to_release.
    """
    roles.require(actor, Verb.APPROVE_RELEASE)
    async with in_transaction():
        moment = await may_be_released(clock, plan_id, at=at)
        plan = await locked(plan_id)
        was = plan.release_at
        if was == moment:
            return _settings(plan)
        plan.release_at = moment
        plan.announced_at = None
        await plan.save(update_fields=["release_at", "announced_at"])
        await audit_log.record(
            clock, actor, "plan.release", "plan", plan_id, was=_release(was), became=_release(moment)
        )
        await queue.put("exams.announce", at=moment, plan_id=plan_id)
        await changed()
    return _settings(plan)


async def may_be_released(clock: Clock, plan_id: int, *, at: datetime | None) -> datetime:
    """The minute from which the results would be visible; the plan stays locked. Raises as `release`."""
    now = clock.now()
    moment = now if at is None else _whole_minute(at)
    if at is not None and moment <= now:
        raise Refused("release_in_past", "公布时间应晚于现在；要立即公布，请重新提出，不填时间。")
    plan = await locked(plan_id)
    _refuse_when_visible(plan, now, "这个考试计划的成绩已经公布，不能再改公布时间。")
    if not await Registration.filter(plan_id=plan_id).exists():
        raise Refused("nothing_to_release", "这个考试计划还没有成绩，请先导入成绩再公布。")
    if at is not None:
        await _refuse_once_sent(plan_id, "不能再改为以后公布；要公布请提出立即公布")
    return moment


async def cancel_release(clock: Clock, plan_id: int, *, actor: Actor) -> PlanSettings:
    """Take back a release that is still to come.

    Raises:
        Forbidden: role_not_allowed.
        NotFound: plan_unknown.
        Conflict: already_released, school_asked.
    """
    roles.require(actor, Verb.RELEASE)
    async with in_transaction():
        plan = await locked(plan_id)
        _refuse_when_visible(plan, clock.now(), "这个考试计划的成绩已经公布，不能撤回；个别错误请更正成绩。")
        was = plan.release_at
        if was is None:
            return _settings(plan)
        await _refuse_once_sent(plan_id, "不能取消公布")
        plan.release_at = None
        await plan.save(update_fields=["release_at"])
        await audit_log.record(
            clock, actor, "plan.cancel_release", "plan", plan_id, was=_release(was), became=_release(None)
        )
        await changed()
    return _settings(plan)


async def set_requires_practice(clock: Clock, plan_id: int, on: bool, *, actor: Actor) -> PlanSettings:
    """Switch the demand for practice and supervision hours (S13) of one plan.

    Raises:
        Forbidden: role_not_allowed.
        NotFound: plan_unknown.
    """
    roles.require(actor, Verb.RELEASE)
    async with in_transaction():
        plan = await locked(plan_id)
        if plan.requires_practice == on:
            return _settings(plan)
        plan.requires_practice = on
        await plan.save(update_fields=["requires_practice"])
        await audit_log.record(
            clock,
            actor,
            "plan.requires_practice",
            "plan",
            plan_id,
            was={"requires_practice": not on},
            became={"requires_practice": on},
        )
        await changed()
    return _settings(plan)


async def locked(plan_id: int) -> Plan:
    """The plan, locked until the caller commits. Raises NotFound: plan_unknown."""
    plan = await Plan.filter(id=plan_id).select_for_update().first()
    if plan is None:
        raise NotFound("plan_unknown", "没有这个考试计划，请刷新列表后重试。")
    return plan


def _settings(plan: Plan) -> PlanSettings:
    return PlanSettings(plan.id, plan.release_at, plan.requires_practice)


def _refuse_when_visible(plan: Plan, now: datetime, message: str) -> None:
    if is_released(plan, now):
        raise Conflict("already_released", message)


async def _refuse_once_sent(plan_id: int, what: str) -> None:
    """Whoever was asked to sign has seen who passed: from then on the release can only come sooner."""
    sent_batches = Issuance.filter(~Q(state="prepared") | Q(revision__gt=1), plan_id=plan_id)
    if await sent_batches.exists():
        raise Conflict("school_asked", f"这个考试计划已有批次送院校签发，{what}。")


def _whole_minute(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=beijing.BEIJING)
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + timedelta(minutes=1)


def _release(moment: datetime | None) -> dict[str, str | None]:
    return {"release_at": None if moment is None else beijing.local(moment).isoformat()}
