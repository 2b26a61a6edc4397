"""What people do with a campaign: submit, approve, start, pause, resume, cancel, send anew what failed, change its rate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.campaigns import audience as audiences
from server.domain.campaigns import drafts, letters, queries, transitions
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.letters import Way
from server.domain.campaigns.states import CampaignFacts, CampaignState
from server.domain.notices import campaign_rows
from server.domain.people import same_person
from server.domain.ports import Clock, Queue, Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid
from server.models import Campaign
from server.settings import Settings

FREEZE, SEND, CLEAR = "campaigns.freeze", "campaigns.send", "campaigns.clear"


async def submit(s: Services, campaign_id: int, *, actor: Actor) -> None:
    """Hand a draft in for approval; its people are written down by a job, as they are now.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown. OutsideFailure: WeChat does not name its templates.
        Conflict: campaign_moved, campaign_late, results_not_released. Invalid: a template is not there any more.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    draft = await Campaign.filter(id=campaign_id).first()
    if draft is None:
        raise transitions.unknown()
    await letters.checked(s.settings, s.wechat_console, [Way.of(way) for way in draft.ways])
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        facts = await facts_of(campaign, s.clock.now(), actor)
        changes = {
            "submitted_by": actor.id,
            "submitted_by_name": actor.name,
            "submitted_at": s.clock.now(),
            "decided_by": None,
            "decided_by_name": "",
            "decided_at": None,
            "frozen_at": None,
            "note": "",
        }
        await transitions.advance(s.clock, campaign, "submit", facts, actor=actor, changes=changes)
        await _freeze(s.queue, campaign)


async def withdraw(clock: Clock, queue: Queue, campaign_id: int, *, actor: Actor) -> None:
    """Back to a draft, to be changed; its snapshot is forgotten, nothing of it was sent.

    Raises Forbidden: role_not_allowed; NotFound: campaign_unknown; Conflict: campaign_moved.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    await _back(clock, queue, campaign_id, "withdraw", "", actor)


async def decline(clock: Clock, queue: Queue, campaign_id: int, note: str, *, actor: Actor) -> None:
    """It is not approved, and why. Raises as `withdraw`; Forbidden: same_person."""
    roles.require(actor, Verb.APPROVE_CAMPAIGN)
    await _back(clock, queue, campaign_id, "decline", note.strip()[:200], actor)


async def _back(clock: Clock, queue: Queue, campaign_id: int, name: str, note: str, actor: Actor) -> None:
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        facts = await facts_of(campaign, clock.now(), actor)
        changes = {
            "note": note,
            "frozen_at": None,
            "people": 0,
            "reachable": 0,
            "decided_by": None,
            "decided_by_name": "",
            "decided_at": None,
        }
        await transitions.advance(clock, campaign, name, facts, actor=actor, changes=changes)
        await _freeze(queue, campaign)


async def approve(clock: Clock, campaign_id: int, *, actor: Actor) -> None:
    """A second person has seen what is said to whom.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: campaign_unknown.
        Conflict: campaign_moved, campaign_freezing, nobody_reachable, campaign_late, results_not_released.
    """
    roles.require(actor, Verb.APPROVE_CAMPAIGN)
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        facts = await facts_of(campaign, clock.now(), actor)
        changes = {"decided_by": actor.id, "decided_by_name": actor.name, "decided_at": clock.now()}
        await transitions.advance(
            clock, campaign, "approve", facts, actor=actor, changes=changes, told=_numbers(campaign)
        )


async def start(
    clock: Clock, queue: Queue, campaign_id: int, *, at: datetime | None = None, actor: Actor
) -> None:
    """Begin now, or by itself at a minute to come.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown. Invalid: /at.
        Conflict: campaign_moved, campaign_late, results_not_released, people_in_another.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    if at is not None:
        await _start_later(clock, campaign_id, at, actor)
        return
    await begin(clock, queue, campaign_id, "start", actor=actor)


async def begin(
    clock: Clock,
    queue: Queue,
    campaign_id: int,
    name: str,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """`start` or `reopen`, in the caller's transaction if there is one: nobody is in two of a kind at once.

    Raises as `start`.
    """
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        await queries.lock_kind(campaign.kind)
        facts = await facts_of(campaign, clock.now(), actor, counts_shared=True)
        written = {"note": "", **(changes or {})}
        if campaign.started_at is None:
            written["started_at"] = clock.now()
        await transitions.advance(
            clock, campaign, name, facts, actor=actor, changes=written, told=_numbers(campaign)
        )
        await queue.put(SEND, once=SEND)


async def _start_later(clock: Clock, campaign_id: int, at: datetime, actor: Actor) -> None:
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        transitions.check(campaign, "start", await facts_of(campaign, clock.now(), actor, counts_shared=True))
        if not clock.now() < at < campaign.not_after:
            message = "开始时间须晚于现在，早于“最晚发送时间”。"
            raise Invalid(errors=[FieldError("/at", "time_range", message)])
        await Campaign.filter(id=campaign.id).update(start_at=at)
        became = {"start_at": at.isoformat(timespec="minutes")}
        await audit_log.record(clock, actor, "campaign.start_later", "campaign", campaign.id, became=became)


async def pause(clock: Clock, campaign_id: int, *, note: str = "", actor: Actor) -> None:
    """No further call begins; those that are under way end within WeChat's answer.

    Raises Forbidden: role_not_allowed; NotFound: campaign_unknown; Conflict: campaign_moved.
    """
    if actor is not SYSTEM:
        roles.require(actor, Verb.SEND_CAMPAIGNS)
    await _step(clock, campaign_id, "pause", actor, {"note": note[:200]})


async def resume(clock: Clock, queue: Queue, campaign_id: int, *, actor: Actor) -> None:
    """Go on where it stood. Raises as `pause`; Conflict: campaign_late, results_not_released."""
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    async with in_transaction():
        await _step(clock, campaign_id, "resume", actor, {"note": "", "paced_at": None, "rest_until": None})
        await queue.put(SEND, once=SEND)


async def cancel(clock: Clock, queue: Queue, campaign_id: int, *, actor: Actor) -> None:
    """Nothing more of it is sent; whoever still waited is written down as cancelled by a job.

    Raises Forbidden: role_not_allowed; NotFound: campaign_unknown; Conflict: campaign_moved.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    async with in_transaction():
        await _step(clock, campaign_id, "cancel", actor, {})
        await queue.put(CLEAR, once=f"{CLEAR}:{campaign_id}", campaign_id=campaign_id)


async def retry_failed(clock: Clock, queue: Queue, campaign_id: int, *, actor: Actor) -> int:
    """Send anew what certainly failed, and nothing else. How many.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown.
        Conflict: campaign_moved, campaign_late, results_not_released, people_in_another.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    async with in_transaction():
        await wake(clock, queue, campaign_id, actor=actor)
        count = await campaign_rows.retry_failed(campaign_id, clock.now())
        await audit_log.record(
            clock, actor, "campaign.retry", "campaign", campaign_id, became={"count": count}
        )
        await queue.put(SEND, once=SEND)
    return count


async def wake(clock: Clock, queue: Queue, campaign_id: int, *, actor: Actor) -> None:
    """One that is done goes on, since a person has something of it sent anew; one that is under way does so anyway.

    In the caller's transaction. Raises as `retry_failed`.
    """
    campaign = await transitions.locked(campaign_id)
    if not CampaignState(campaign.state).is_under_way:
        await begin(clock, queue, campaign_id, "reopen", actor=actor, changes={"ended_at": None})


async def set_pace(
    settings: Settings,
    clock: Clock,
    queue: Queue,
    campaign_id: int,
    *,
    per_second: int,
    per_day: int,
    actor: Actor,
) -> None:
    """Change how fast it goes, also while it runs.

    Raises Forbidden: role_not_allowed; NotFound: campaign_unknown; Invalid: /per_second, /per_day.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    if errors := drafts.pace_faults(settings, per_second, per_day):
        raise Invalid(errors=errors)
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        was = {"per_second": campaign.per_second, "per_day": campaign.per_day}
        became = {"per_second": per_second, "per_day": per_day}
        await Campaign.filter(id=campaign_id).update(**became)
        await audit_log.record(clock, actor, "campaign.pace", "campaign", campaign_id, was=was, became=became)
        await queue.put(SEND, once=SEND)


async def _step(clock: Clock, campaign_id: int, name: str, actor: Actor, changes: Mapping[str, Any]) -> None:
    async with in_transaction():
        campaign = await transitions.locked(campaign_id)
        facts = await facts_of(campaign, clock.now(), actor)
        told = _numbers(campaign)
        await transitions.advance(clock, campaign, name, facts, actor=actor, changes=changes, told=told)


async def facts_of(
    campaign: Campaign, now: datetime, actor: Actor, *, counts_shared: bool = False
) -> CampaignFacts:
    """What the guards look at, as it is now.

    Args:
        counts_shared: also how many wait in another campaign of the kind, which takes its time.
    """
    return CampaignFacts(
        now=now,
        not_after=campaign.not_after,
        is_another=await same_person.is_another(actor, campaign.author_id, campaign.submitted_by),
        is_frozen=campaign.frozen_at is not None,
        reachable=campaign.reachable,
        are_released=await audiences.are_released(Audience.of(campaign.audience), now),
        shared=await queries.shared(campaign.id, campaign.kind) if counts_shared else None,
        are_any_left=await campaign_rows.are_any_left(campaign.id),
    )


async def _freeze(queue: Queue, campaign: Campaign) -> None:
    await queue.put(FREEZE, once=f"{FREEZE}:{campaign.id}", lock=FREEZE, campaign_id=campaign.id)


def _numbers(campaign: Campaign) -> dict[str, Any]:
    return {"people": campaign.people, "reachable": campaign.reachable}
