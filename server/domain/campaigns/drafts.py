"""A campaign while it is written: what it says, to whom, when and how fast. Whoever wrote it last is its author."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import audience as audiences
from server.domain.campaigns import letters, transitions
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.kinds import CampaignKind
from server.domain.campaigns.letters import Way
from server.domain.campaigns.pace import CLOCK
from server.domain.campaigns.states import STEPS, CampaignState
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid
from server.models import Campaign
from server.settings import Settings

LONGEST = timedelta(days=30)  # from now to "not after"
MOST_PER_SECOND = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is written of a campaign.

    Attributes:
        path: the local page that a message opens, e.g. `/h5/orders`; empty: none.
        start_at: it starts by itself then, once it is approved; None: when somebody starts it.
        not_after: nothing is sent from then on.
        quiet_from, quiet_until: `22:00` in Beijing; empty: no quiet hours.
    """

    name: str
    kind: str
    ways: Sequence[Way]
    audience: Audience
    not_after: datetime
    start_at: datetime | None = None
    path: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    per_second: int = 10
    per_day: int = 50_000


async def create(s: Services, draft: Draft, *, actor: Actor) -> Campaign:
    """A new draft; nothing is sent.

    Raises:
        Forbidden: role_not_allowed. OutsideFailure: WeChat does not name its templates.
        Invalid: every place that is wrong.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    written = await _written(s, draft)
    async with in_transaction():
        made = await Campaign.create(
            **written, author_id=actor.id, author_name=actor.name, created_at=s.clock.now()
        )
        await _told(s, "campaign.write", made, actor)
    return made


async def rewrite(s: Services, campaign_id: int, draft: Draft, *, actor: Actor) -> Campaign:
    """A draft is written anew; whoever does it is its author from now on.

    Raises:
        Forbidden: role_not_allowed. NotFound: campaign_unknown. Conflict: campaign_moved.
        Invalid, OutsideFailure: as `create`.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    if not await Campaign.filter(id=campaign_id).exists():
        raise transitions.unknown()
    written = await _written(s, draft)
    async with in_transaction():
        campaign = await locked_draft(campaign_id)
        await Campaign.filter(id=campaign.id).update(
            **written, author_id=actor.id, author_name=actor.name, note=""
        )
        await _told(s, "campaign.write", campaign, actor)
    return await Campaign.get(id=campaign_id)


async def locked_draft(campaign_id: int) -> Campaign:
    """The campaign, locked and a draft. Raises NotFound: campaign_unknown; Conflict: campaign_moved."""
    campaign = await transitions.locked(campaign_id)
    state = CampaignState(campaign.state)
    if state not in STEPS["submit"].sources:
        message = f"这个群发现在是“{state.label}”，不能修改；要改请先退回修改。"
        raise Conflict("campaign_moved", message)
    return campaign


async def _written(s: Services, draft: Draft) -> dict[str, Any]:
    """The columns, checked. Asks WeChat for its templates."""
    errors = _faults(s.settings, draft, s.clock.now())
    try:
        await audiences.check(draft.audience, s.clock.now())
    except Invalid as invalid:
        errors += invalid.errors
    try:
        ways = await letters.checked(s.settings, s.wechat_console, draft.ways)
    except Invalid as invalid:
        errors += invalid.errors
    if errors:
        raise Invalid(errors=errors)
    return {
        "name": draft.name.strip(),
        "kind": draft.kind,
        "ways": [way.as_json() for way in ways],
        "path": draft.path,
        "audience": draft.audience.as_json(),
        "start_at": draft.start_at,
        "not_after": draft.not_after,
        "quiet_from": draft.quiet_from,
        "quiet_until": draft.quiet_until,
        "per_second": draft.per_second,
        "per_day": draft.per_day,
    }


def _faults(settings: Settings, draft: Draft, now: datetime) -> list[FieldError]:
    errors: list[FieldError] = []
    if not draft.name.strip():
        errors.append(FieldError("/name", "missing", "请填写名称。"))
    if draft.kind not in {kind.value for kind in CampaignKind}:
        known = "、".join(kind.value for kind in CampaignKind)
        errors.append(FieldError("/kind", "choice_unknown", f"只能是：{known}。"))
    if not now < draft.not_after <= now + LONGEST:
        message = "“最晚发送时间”须在现在以后的30天之内。"
        errors.append(FieldError("/not_after", "time_range", message))
    if draft.start_at is not None and not now <= draft.start_at < draft.not_after:
        message = "开始时间须晚于现在，早于“最晚发送时间”；不填则由人开始。"
        errors.append(FieldError("/start_at", "time_range", message))
    if draft.path and not (draft.path.startswith("/h5/") and draft.path.isprintable()):
        message = "打开的页面须是本系统手机页的路径，例如 /h5/orders；不填则不能点开。"
        errors.append(FieldError("/path", "path_form", message))
    errors += _quiet_faults(draft)
    return errors + pace_faults(settings, draft.per_second, draft.per_day)


def _quiet_faults(draft: Draft) -> list[FieldError]:
    if not draft.quiet_from and not draft.quiet_until:
        return []
    if CLOCK.fullmatch(draft.quiet_from) and CLOCK.fullmatch(draft.quiet_until):
        return []
    message = "免打扰的起止时间都要填，写成 22:00 这样；不要免打扰的两项都不填。"
    return [FieldError("/quiet_from", "quiet_form", message)]


def pace_faults(settings: Settings, per_second: int, per_day: int) -> list[FieldError]:
    """What is wrong with a rate: it stays inside what WeChat gives to campaigns."""
    errors = []
    if not 1 <= per_second <= settings.campaign_per_second:
        message = f"每秒须在 1 到 {settings.campaign_per_second} 条之间。"
        errors.append(FieldError("/per_second", "out_of_range", message))
    if not 1 <= per_day <= settings.campaign_per_day:
        message = (
            f"每天须在 1 到 {settings.campaign_per_day} 条之间：微信每天的额度，还要留给成绩、证书等通知。"
        )
        errors.append(FieldError("/per_day", "out_of_range", message))
    return errors


async def _told(s: Services, action: str, campaign: Campaign, actor: Actor) -> None:
    became = {"name": campaign.name, "kind": campaign.kind}
    await audit_log.record(s.clock, actor, action, "campaign", campaign.id, became=became)
