"""How many people an audience has while its form is written: counted from what stands there, nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.campaigns import audience as audiences
from server.domain.campaigns import letters
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.audience_queries import WHY_NOT, counts
from server.domain.campaigns.campaign_views import Unreached
from server.domain.campaigns.kinds import CampaignKind
from server.domain.campaigns.letters import Way
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, TooMany

SECONDS = 3.0  # a count beside a form; a whole page may take longer
COUNTS, COUNTS_WINDOW = 30, 60  # of one member of staff, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaved:
    """What a form says of its people.

    Attributes:
        ways: channel and template of each that is chosen; what is not chosen yet reaches nobody.
        campaign_id: whose list was handed in before; 0: none was.
    """

    kind: str
    audience: Audience
    ways: Sequence[Way]
    campaign_id: int = 0


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """So many people as it is at this moment, and why some of them cannot be reached."""

    people: int
    reachable: int
    unreached: list[Unreached]


async def count(s: Services, form: Unsaved, *, actor: Actor) -> AudienceCount:
    """Count without keeping anything.

    Raises:
        Forbidden: role_not_allowed. TooMany: counts_too_many. Refused: audience_slow.
        Invalid: as `audience.check`; choice_unknown — the kind.
    """
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    if await s.rate_limiter.hit(f"campaign-counts:{actor.id}", window=COUNTS_WINDOW) > COUNTS:
        message = "数得太频繁，请一分钟后再改；保存草稿以后也会显示人数。"
        raise TooMany("counts_too_many", message, retry_after=COUNTS_WINDOW)
    if form.kind not in {kind.value for kind in CampaignKind}:
        raise Invalid(errors=[FieldError("/kind", "choice_unknown", "没有这个类别，请刷新后重选。")])
    now = s.clock.now()
    await audiences.check(form.audience, now)
    ways = letters.ranked(letters.with_topics(s.settings, form.ways))
    groups = await counts(
        form.audience, ways, now, form.campaign_id, first=0, kind=form.kind, seconds=SECONDS
    )
    return AudienceCount(
        sum(group.people for group in groups.values()),
        groups[""].people if "" in groups else 0,
        [Unreached(WHY_NOT[why], group.people) for why, group in sorted(groups.items()) if why],
    )
