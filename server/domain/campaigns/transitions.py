"""The one writer of a campaign's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns.states import STEPS, CampaignFacts, CampaignState
from server.domain.ports import Clock
from server.errors import Conflict, NotFound
from server.models import Campaign


async def locked(campaign_id: int) -> Campaign:
    """The campaign, locked until the caller commits. Raises NotFound: campaign_unknown."""
    campaign = await Campaign.filter(id=campaign_id).select_for_update().first()
    if campaign is None:
        raise unknown()
    return campaign


def unknown() -> NotFound:
    return NotFound("campaign_unknown", "没有这个群发，请刷新后重试。")


def check(campaign: Campaign, name: str, facts: CampaignFacts) -> None:
    """Whether the step may be taken now. Raises Conflict: campaign_moved · a guard's reason."""
    step, state = STEPS[name], CampaignState(campaign.state)
    if state not in step.sources:
        raise Conflict("campaign_moved", f"这个群发现在是“{state.label}”，不能{step.label}；请刷新后再看。")
    if (reason := step.refusal(facts)) is not None:
        raise reason.as_refusal()


async def advance(
    clock: Clock,
    campaign: Campaign,
    name: str,
    facts: CampaignFacts,
    *,
    actor: Actor,
    changes: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Take one step in the caller's transaction: guards, `UPDATE … WHERE id AND state`, audit row.

    Args:
        told: what the trail says besides the state, e.g. to how many.

    Raises:
        Conflict: campaign_moved · a guard's reason.
    """
    check(campaign, name, facts)
    was, target = campaign.state, STEPS[name].target
    written = {"state": target.value, **dict(changes or {})}
    if target in (CampaignState.DONE, CampaignState.CANCELLED, CampaignState.EXPIRED):
        written["ended_at"] = clock.now()
    if not await Campaign.filter(id=campaign.id, state=was).update(**written):
        raise Conflict("campaign_moved", "这个群发刚刚有变化，请刷新后再看。")
    for column, value in written.items():
        setattr(campaign, column, value)
    await audit_log.record(
        clock,
        actor,
        f"campaign.{name}",
        "campaign",
        campaign.id,
        was={"state": was},
        became={"state": target.value, "kind": campaign.kind, **dict(told or {})},
    )
