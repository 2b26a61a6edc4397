"""What staff see of campaigns: the list, one of them with how far it is and when it will be done, and its people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from server.domain.campaigns.states import UNDER_WAY, CampaignState
from server.domain.notices.states import NoticeState
from server.domain.paging import NEWEST, Page, SqlList, Turn
from server.domain.people.names import mask_name
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.models import Campaign
from server.models.database import rows
from server.settings import Settings

SAMPLE = 10
_KINDS = {kind.value: kind for kind in CampaignKind}
_WAITING = (NoticeState.PENDING.value, NoticeState.SENDING.value)
_PAGE = """
SELECT id FROM campaign WHERE ($1::bigint = 0 OR id < $1) AND ($2::text IS NULL OR state = $2)
ORDER BY id DESC LIMIT $3
"""
_LISTED = SqlList(
    """
SELECT c.id, c.name, c.kind, c.state, c.people, c.reachable, c.author_name, c.submitted_at, c.start_at, c.started_at,
       c.ended_at, c.created_at, c.note, c.frozen_at IS NOT NULL AS is_frozen,
       CASE WHEN c.state = ANY($2::text[]) THEN (
           SELECT count(*) FROM delivery d WHERE d.campaign_id = c.id AND d.state = ANY($3::text[])) END AS waiting
FROM campaign c WHERE ($1::text IS NULL OR c.state = $1) AND ($4::text IS NULL OR strpos(c.name, $4) > 0)
""",
    {"people": "bigint"},
)
SORTS = {"-id": "新起草的在前", "id": "早起草的在前", "-people": "人多的在前", "people": "人少的在前"}
_UNREACHED = """
SELECT last_error, count(*) AS n FROM delivery WHERE campaign_id = $1 AND state = $2 GROUP BY last_error
"""
# Of a snapshot: the first of each of these states, of which the first are told.
_SNAPSHOT = """
SELECT c.name, h.name AS school, p.name AS plan, r.admission_number, d.channel, d.last_error FROM (
    SELECT one.* FROM unnest($2::text[]) AS wanted(state),
    LATERAL (SELECT id, candidate_id, registration_id, channel, last_error FROM delivery d
             WHERE d.campaign_id = $1 AND d.state = wanted.state ORDER BY d.id LIMIT $3) one
    ORDER BY one.id LIMIT $3) d
JOIN candidate c ON c.id = d.candidate_id LEFT JOIN registration r ON r.id = d.registration_id
LEFT JOIN plan p ON p.id = r.plan_id LEFT JOIN site t ON t.id = r.site_id
LEFT JOIN school h ON h.id = COALESCE(t.school_id, c.school_id) ORDER BY d.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    """One campaign.

    Attributes:
        ends: state → how many people are there; empty while no snapshot is there.
        counted_at: when that was counted, of one in the list that is over; None: just now.
        done_by: when the last person is written to at today's pace; None: not while it stands, or not within a month.
    """

    campaign: Campaign
    kind: CampaignKind | None
    state: CampaignState
    ways: list[Way]
    audience: Audience
    ends: Mapping[NoticeState, int]
    done_by: datetime | None
    counted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """One campaign in the list.

    Attributes:
        is_frozen: its people are written down; until then `people` and `reachable` are 0, and not known.
        waiting: of one that is under way, how many are still to be sent to.
    """

    id: int
    name: str
    kind_label: str
    state: CampaignState
    people: int
    reachable: int
    author_name: str
    submitted_at: datetime | None
    start_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime
    note: str
    is_frozen: bool
    waiting: int | None


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
    """Campaigns, the newest first; of one that is over the ends as `upkeep` counted them. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    ids = [row["id"] for row in await rows(_PAGE, after, state, size + 1)]
    found = [await _in_list(settings, clock, await Campaign.get(id=one)) for one in ids[:size]]
    return Page(found, str(ids[size - 1]) if len(ids) > size else None)


async def listed(
    *, actor: Actor, state: str | None = None, name: str | None = None, turn: Turn = NEWEST
) -> Page[CampaignRow]:
    """The same in short, in any order of `SORTS`: no list of a million is counted but those that are under way.

    Args:
        name: a part of it.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.
    """
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    found = await _LISTED.page([state, [one.value for one in UNDER_WAY], list(_WAITING), name], turn)
    return found.map(_row)


async def count(*, actor: Actor, state: str | None = None, name: str | None = None) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    return await _LISTED.count([state, [], [], name])


def _row(row: dict[str, Any]) -> CampaignRow:
    kind = row["kind"]
    label = _KINDS[kind].label if kind in _KINDS else kind
    own = {name: value for name, value in row.items() if name not in ("state", "kind")}
    return CampaignRow(state=CampaignState(row["state"]), kind_label=label, **own)


async def one(settings: Settings, clock: Clock, campaign_id: int, *, actor: Actor) -> CampaignView:
    """Raises Forbidden: role_not_allowed; NotFound: campaign_unknown."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    return await _view(settings, clock, await _campaign(campaign_id))


async def audience(clock: Clock, campaign_id: int, *, actor: Actor) -> AudienceView:
    """Count, sample, and who cannot be reached and why. Raises as `one`."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    campaign = await _campaign(campaign_id)
    if campaign.frozen_at is not None:
        return await _snapshot(campaign)
    chosen = Audience.of(campaign.audience)
    ways = ranked([Way.of(way) for way in campaign.ways])
    now = clock.now()
    groups = await counts(chosen, ways, now, campaign.id, first=SAMPLE)
    ids = [one for group in groups.values() for one in group.first]
    people = {one.candidate_id: one for one in await sample(chosen, ways, now, campaign.id, ids)}
    some = [people[one] for one in groups[""].first if one in people] if "" in groups else []
    others = sorted(one for why, group in groups.items() if why for one in group.first)[:SAMPLE]
    return AudienceView(
        sum(group.people for group in groups.values()),
        groups[""].people if "" in groups else 0,
        [Unreached(WHY_NOT[why], group.people) for why, group in sorted(groups.items()) if why],
        [_shown(person) for person in some],
        [_shown(people[one]) for one in others if one in people],
        is_frozen=False,
    )


async def _snapshot(campaign: Campaign) -> AudienceView:
    """As it was written down, whatever has become of the people since."""
    found = await rows(_UNREACHED, campaign.id, NoticeState.NO_WAY.value)
    reached = [state.value for state in NoticeState if state is not NoticeState.NO_WAY]
    some = await _of_snapshot(campaign.id, reached)
    others = await _of_snapshot(campaign.id, [NoticeState.NO_WAY.value])
    return AudienceView(
        campaign.people,
        campaign.reachable,
        [Unreached(str(row["last_error"]), int(row["n"])) for row in found],
        [replace(one, why_not="") for one in some],
        [replace(one, channel=None) for one in others],
        is_frozen=True,
    )


async def _of_snapshot(campaign_id: int, states: list[str]) -> list[Shown]:
    return [
        Shown(
            mask_name(row["name"]),
            row["school"],
            row["plan"],
            _tail(row["admission_number"]),
            row["channel"],
            row["last_error"],
        )
        for row in await rows(_SNAPSHOT, campaign_id, states, SAMPLE)
    ]


async def _campaign(campaign_id: int) -> Campaign:
    campaign = await Campaign.get_or_none(id=campaign_id)
    if campaign is None:
        raise transitions.unknown()
    return campaign


async def _in_list(settings: Settings, clock: Clock, campaign: Campaign) -> CampaignView:
    """A list does not count a million people of each campaign that is over."""
    at, ended = campaign.counted_at, campaign.ended_at
    if at is None or ended is None or at < ended or not CampaignState(campaign.state).is_over:
        return await _view(settings, clock, campaign)
    return replace(await _view(settings, clock, campaign, campaign.ends or {}), counted_at=at)


async def _view(
    settings: Settings, clock: Clock, campaign: Campaign, counted: Mapping[str, int] | None = None
) -> CampaignView:
    ends = counted
    if ends is None:
        ends = await queries.ends(campaign.id) if campaign.frozen_at is not None else {}
    state = CampaignState(campaign.state)
    return CampaignView(
        campaign=campaign,
        kind=_KINDS.get(campaign.kind),
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
        _tail(person.admission_number),
        person.channel,
        WHY_NOT.get(person.why_not, ""),
    )


def _tail(admission_number: str | None) -> str:
    return (admission_number or "")[-4:]
