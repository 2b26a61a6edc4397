"""What staff see of campaigns: the list, one of them with how far it is and when it will be done, and its people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.campaigns import queries, slices, transitions
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.audience_queries import WHY_NOT, SamplePerson, counts, sample
from server.domain.campaigns.kinds import CampaignKind
from server.domain.campaigns.letters import Way, ranked
from server.domain.campaigns.pace import forecast
from server.domain.campaigns.states import CampaignState
from server.domain.notices.states import NoticeState
from server.domain.paging import Page
from server.domain.people.names import mask_name
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.models import Campaign
from server.models.database import rows
from server.settings import Settings

SAMPLE = 10
_PAGE = """
SELECT id FROM campaign WHERE ($1::bigint = 0 OR id < $1) AND ($2::text IS NULL OR state = $2)
ORDER BY id DESC LIMIT $3
"""
_UNREACHED = """
SELECT last_error, count(*) AS n FROM delivery WHERE campaign_id = $1 AND state = $2 GROUP BY last_error
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    """One campaign.

    Attributes:
        ends: state → how many people are there; empty while no snapshot is there.
        done_by: when the last person is written to at today's pace; None: not while it stands, or not within a month.
    """

    campaign: Campaign
    kind: CampaignKind | None
    state: CampaignState
    ways: list[Way]
    audience: Audience
    ends: Mapping[NoticeState, int]
    done_by: datetime | None


@dataclass(frozen=True, slots=True)
class Unreached:
    """Why some people have no way, and how many."""

    why: str
    count: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One person of an audience as staff see them before anything is sent; masked."""

    name_masked: str
    school: str | None
    plan: str | None
    admission_number_tail: str
    channel: str | None
    why_not: str


@dataclass(frozen=True, slots=True)
class AudienceView:
    """Whom a campaign is for; `is_frozen`: as written down, else as it is at this moment."""

    people: int
    reachable: int
    unreached: list[Unreached]
    sample: list[Shown]
    without_way: list[Shown]
    is_frozen: bool


async def page(
    settings: Settings,
    clock: Clock,
    *,
    actor: Actor,
    state: str | None = None,
    after: int = 0,
    size: int = 50,
) -> Page[CampaignView]:
    """Campaigns, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    ids = [row["id"] for row in await rows(_PAGE, after, state, size + 1)]
    found = [await _view(settings, clock, await Campaign.get(id=one)) for one in ids[:size]]
    return Page(found, str(ids[size - 1]) if len(ids) > size else None)


async def one(settings: Settings, clock: Clock, campaign_id: int, *, actor: Actor) -> CampaignView:
    """Raises Forbidden: role_not_allowed; NotFound: campaign_unknown."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    return await _view(settings, clock, await _campaign(campaign_id))


async def audience(clock: Clock, campaign_id: int, *, actor: Actor) -> AudienceView:
    """Count, sample, and who cannot be reached and why. Raises as `one`."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    campaign = await _campaign(campaign_id)
    chosen = Audience.of(campaign.audience)
    ways = ranked([Way.of(way) for way in campaign.ways])
    now = clock.now()
    some = await sample(chosen, ways, now, campaign.id, most=SAMPLE, reachable=True)
    others = await sample(chosen, ways, now, campaign.id, most=SAMPLE, reachable=False)
    if campaign.frozen_at is not None:
        found = await rows(_UNREACHED, campaign.id, NoticeState.NO_WAY.value)
        unreached = [Unreached(str(row["last_error"]), int(row["n"])) for row in found]
        people, reachable = campaign.people, campaign.reachable
    else:
        by_reason = await counts(chosen, ways, now, campaign.id)
        unreached = [Unreached(WHY_NOT[why], count) for why, count in sorted(by_reason.items()) if why]
        people, reachable = sum(by_reason.values()), by_reason.get("", 0)
    return AudienceView(
        people,
        reachable,
        unreached,
        [_shown(person) for person in some],
        [_shown(person) for person in others],
        campaign.frozen_at is not None,
    )


async def _campaign(campaign_id: int) -> Campaign:
    campaign = await Campaign.get_or_none(id=campaign_id)
    if campaign is None:
        raise transitions.unknown()
    return campaign


async def _view(settings: Settings, clock: Clock, campaign: Campaign) -> CampaignView:
    ends = await queries.ends(campaign.id) if campaign.frozen_at is not None else {}
    state = CampaignState(campaign.state)
    known = {kind.value: kind for kind in CampaignKind}
    return CampaignView(
        campaign=campaign,
        kind=known.get(campaign.kind),
        state=state,
        ways=[Way.of(way) for way in campaign.ways],
        audience=Audience.of(campaign.audience),
        ends={NoticeState(name): count for name, count in ends.items()},
        done_by=await _done_by(settings, clock, campaign, ends) if state in _GOING else None,
    )


_GOING = (CampaignState.APPROVED, CampaignState.RUNNING)


async def _done_by(
    settings: Settings, clock: Clock, campaign: Campaign, ends: Mapping[str, int]
) -> datetime | None:
    left = ends.get(NoticeState.PENDING.value, 0) + ends.get(NoticeState.SENDING.value, 0)
    beside = len([one for one in await queries.running(clock.now()) if one != campaign.id])
    begin = max(one for one in (clock.now(), campaign.start_at, campaign.rest_until) if one is not None)
    columns: dict[str, Any] = {name: getattr(campaign, name) for name in ("per_second", *slices.PACE)}
    done = forecast(slices.pace_of(settings, columns, beside + 1), left, begin)
    return done if done is not None and done < campaign.not_after else None


def _shown(person: SamplePerson) -> Shown:
    return Shown(
        mask_name(person.name),
        person.school,
        person.plan,
        (person.admission_number or "")[-4:],
        person.channel,
        WHY_NOT.get(person.why_not, ""),
    )
