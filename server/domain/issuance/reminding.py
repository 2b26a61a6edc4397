"""催办: somebody asks a school's signing officers once more to sign a batch that waits for them."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.issuance import announcements
from server.domain.issuance.states import BatchState
from server.domain.people.officer_states import OfficerState
from server.domain.ports import Clock, Queue
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import Issuance, Officer


async def remind_now(clock: Clock, queue: Queue, issuance_id: int, *, actor: Actor) -> int:
    """Tell every active officer of the school in the official account; once a day for a batch, besides what the sweep tells.

    Returns how many officers are told.

    Raises:
        Forbidden: role_not_allowed. NotFound: issuance_not_found.
        Conflict: not_waiting · no_officer_to_remind · reminded_today.
    """
    roles.require(actor, Verb.SIGN)
    issuance = await Issuance.get_or_none(id=issuance_id).prefetch_related("plan", "site__school")
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    people = await Officer.filter(
        school_id=issuance.site.school_id, state=OfficerState.ACTIVE.value, oa_openid__not_isnull=True
    ).order_by("id")
    reachable = [one for one in people if one.oa_openid]
    async with in_transaction():
        if issuance.state != BatchState.SITE_PENDING.value or not await announcements.still_waits(issuance):
            raise Conflict("not_waiting", "这个批次现在不在等院校签发，不用催办；请刷新后再看。")
        if not reachable:
            raise Conflict(
                "no_officer_to_remind", "这所院校没有在公众号里能通知到的签发负责人，请先邀请或确认一位。"
            )
        today = beijing.day(clock.now()).isoformat()
        told = [
            one for one in reachable if await announcements.tell_officer(clock, queue, issuance, one, today)
        ]
        if not told:
            raise Conflict("reminded_today", "今天已经催办过这个批次，请明天再催，或打电话联系院校。")
        became = {"officers": len(told)}
        await audit_log.record(clock, actor, "issuance.remind", "issuance", issuance.id, became=became)
    return len(told)
