"""What becomes of campaigns by themselves: people written down, begun at their minute, over, cleared of who waited."""

from __future__ import annotations

from datetime import datetime

from tortoise.transactions import in_transaction

from server.domain.actor import SYSTEM
from server.domain.campaigns import audience_queries, handling, queries, transitions
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.letters import Way, ranked, wanted_fields
from server.domain.campaigns.states import OVER, STEPS, CampaignState
from server.domain.notices import campaign_rows
from server.domain.ports import Queue, Services
from server.errors import Conflict
from server.models import Campaign

AT_ONCE = 5_000
COUNTED_AT_ONCE = 5  # campaigns that are over, in a minute
WHY = {"cancel": "群发已取消", "expire": "已过最晚发送时间"}


async def freeze(s: Services, campaign_id: int) -> None:
    """Write the people of a submitted campaign down, once; forget those of one that is a draft again.

    Job `campaigns.freeze`. One transaction: a process that dies leaves nothing behind; safe to repeat.
    """
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        state = CampaignState(campaign.state)
        if campaign.frozen_at is not None or state not in _UNSENT:
            return
        await audience_queries.thaw(campaign_id)
        if state in STEPS["submit"].sources:
            return
        ways = [Way.of(way) for way in campaign.ways]
        frozen = await audience_queries.freeze(
            Audience.of(campaign.audience),
            ranked(ways),
            s.clock.now(),
            campaign_id,
            wanted=wanted_fields(ways),
            path=campaign.path,
        )
        await s.faults.reach("campaigns.frozen")
        await Campaign.filter(id=campaign_id).update(
            frozen_at=s.clock.now(), people=frozen.people, reachable=frozen.reachable
        )


_UNSENT = (CampaignState.DRAFT, CampaignState.SUBMITTED)


async def clear(s: Services, campaign_id: int) -> None:
    """Whoever still waits in a campaign that was stopped is written down as such. Job `campaigns.clear`; safe to repeat."""
    campaign = await Campaign.get_or_none(id=campaign_id)
    if campaign is None or not CampaignState(campaign.state).is_stopped or campaign.cleared_at is not None:
        return
    name = next(one for one in WHY if STEPS[one].target is CampaignState(campaign.state))
    now = s.clock.now()
    while await campaign_rows.end(campaign_id, name, WHY[name], now, AT_ONCE):
        await s.faults.reach("campaigns.slice_cleared")
    if not await campaign_rows.are_any_left(campaign_id):
        await Campaign.filter(id=campaign_id, cleared_at=None).update(cleared_at=now)


async def quota_is_back(queue: Queue) -> int:
    """WeChat counts anew before midnight, e.g. as somebody cleared its counters: campaigns go on at once. How many."""
    resting = await Campaign.filter(rest_until__not_isnull=True).update(rest_until=None)
    if resting:
        await queue.put(handling.SEND, once=handling.SEND)
    return int(resting)


async def sweep(s: Services) -> None:
    """Every minute: what is past its time expires, what is due begins, and what was lost is put again."""
    now = s.clock.now()
    for campaign_id in await queries.late(now):
        await _expire(s, campaign_id)
    for campaign_id in await queries.due(now):
        try:
            await handling.begin(s.clock, s.queue, campaign_id, "start", actor=SYSTEM)
        except Conflict as conflict:
            await Campaign.filter(id=campaign_id).update(note=f"到时没有开始：{conflict.message}"[:200])
    for campaign_id in await queries.unfrozen():
        await s.queue.put(
            handling.FREEZE,
            once=f"{handling.FREEZE}:{campaign_id}",
            lock=handling.FREEZE,
            campaign_id=campaign_id,
        )
    for campaign_id in await queries.uncleared():
        await s.queue.put(handling.CLEAR, once=f"{handling.CLEAR}:{campaign_id}", campaign_id=campaign_id)
    for campaign_id in await queries.uncounted(now, COUNTED_AT_ONCE):
        await _count(campaign_id, now)
    if await queries.running(now):
        await s.queue.put(handling.SEND, once=handling.SEND)


async def _count(campaign_id: int, now: datetime) -> None:
    """Keep what became of the people of one that is over, for lists. A moment later it may be another number."""
    ends = await queries.ends(campaign_id)
    await Campaign.filter(id=campaign_id, state__in=[state.value for state in OVER]).update(
        ends=ends, counted_at=now
    )


async def _expire(s: Services, campaign_id: int) -> None:
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        facts = await handling.facts_of(campaign, s.clock.now(), SYSTEM)
        told = await queries.ends(campaign_id)
        try:
            await transitions.advance(s.clock, campaign, "expire", facts, actor=SYSTEM, told=told)
        except Conflict:
            return
        await s.queue.put(handling.CLEAR, once=f"{handling.CLEAR}:{campaign_id}", campaign_id=campaign_id)
