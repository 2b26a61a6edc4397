"""One person's whole history of messages, and by which ways she can be reached now: why did she not get it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import incidents
from server.domain.campaigns import delivery_list
from server.domain.campaigns.delivery_list import DeliveryView
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.notices import choices, grants
from server.domain.notices.topics import TOPICS
from server.domain.paging import Page
from server.domain.people.names import mask_name
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import Binding, Candidate, Follower, Grant, Officer
from server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """Her WeChat in one account, also a binding that has ended.

    Attributes:
        bound_at: None of an officer, who is known by the invitation.
        is_following: of the official account, as far as WeChat told us; None: it never told us.
        following_since: when it told us so.
        grants: topic's label → how many subscription messages are left, where there ever were any; None: for long.
    """

    account: str
    bound_at: datetime | None
    unbound_at: datetime | None
    is_following: bool | None
    following_since: datetime | None
    grants: dict[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What there is to know of why a candidate or an officer got a message or not; the name masked.

    Attributes:
        may_be_asked: labels of the topics of which she can be asked for grants in each account, e.g. oa.
        unwanted: labels of what she does not want to be told.
    """

    name_masked: str
    school: str | None
    bonds: list[Bond]
    may_be_asked: dict[str, list[str]]
    unwanted: list[str]
    messages: Page[DeliveryView]


async def of_candidate(
    s: Services, candidate_id: int, *, actor: Actor, after: int = 0, size: int = 50
) -> History:
    """Raises Forbidden: role_not_allowed; NotFound: candidate_not_found."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    candidate = await Candidate.get_or_none(id=candidate_id).prefetch_related("school")
    if candidate is None:
        raise NotFound("candidate_not_found", "没有找到这位考生，请核对后重新查找。")
    await incidents.viewed(s, actor, "deliveries", "candidate", candidate_id)
    wanted = Wanted(candidate_id=candidate_id)
    wanted_kinds = await choices.wanted_by(candidate_id)
    return History(
        name_masked=mask_name(candidate.name),
        school=candidate.school.name if candidate.school else None,
        bonds=await _bonds(s.settings, candidate_id),
        may_be_asked={
            account: [TOPICS[name].label for name in grants.asked_for(s.settings, account)]
            for account in ("oa", "mp")
        },
        unwanted=[choices.CHOICES[name].label for name, wants in wanted_kinds.items() if not wants],
        messages=await delivery_list.page(wanted, actor=actor, after=after, size=size),
    )


async def of_officer(
    s: Services, officer_id: int, *, actor: Actor, after: int = 0, size: int = 50
) -> History:
    """Of a school's signing officer. Raises Forbidden: role_not_allowed; NotFound: officer_not_found."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    officer = await Officer.get_or_none(id=officer_id).prefetch_related("school")
    if officer is None:
        raise NotFound("officer_not_found", "没有找到这位院校签发负责人，请刷新列表后重试。")
    await incidents.viewed(s, actor, "deliveries", "officer", officer_id)
    known = {"oa": officer.oa_openid, "mp": officer.mp_openid}
    follows = {one.openid: one for one in await Follower.filter(openid=officer.oa_openid)}
    bonds = [
        Bond(
            account=account,
            bound_at=None,
            unbound_at=None,
            is_following=_following(follows.get(openid)) if account == "oa" else None,
            following_since=follows[openid].changed_at if openid in follows else None,
            grants={},
        )
        for account, openid in known.items()
        if openid
    ]
    return History(
        name_masked=mask_name(officer.name),
        school=officer.school.name,
        bonds=bonds,
        may_be_asked={"oa": [], "mp": []},
        unwanted=[],
        messages=await delivery_list.page(Wanted(officer_id=officer_id), actor=actor, after=after, size=size),
    )


async def _bonds(settings: Settings, candidate_id: int) -> list[Bond]:
    """The living ones first, then the newest."""
    bindings = await Binding.filter(candidate_id=candidate_id).order_by("-id").limit(20)
    openids = [one.openid for one in bindings]
    follows = {one.openid: one for one in await Follower.filter(openid__in=openids)}
    left: dict[tuple[str, str], dict[str, int | None]] = {}
    for grant in await Grant.filter(openid__in=openids):
        topic = TOPICS.get(grant.topic)
        is_long = topic is not None and topic.is_long_term(settings, f"{grant.account}_subscription")
        of = left.setdefault((grant.account, grant.openid), {})
        of[topic.label if topic is not None else grant.topic] = (
            None if is_long and grant.remaining else grant.remaining
        )
    bonds = [
        Bond(
            account=one.account,
            bound_at=one.bound_at,
            unbound_at=one.unbound_at,
            is_following=_following(follows.get(one.openid)) if one.account == "oa" else None,
            following_since=follows[one.openid].changed_at if one.openid in follows else None,
            grants=left.get((one.account, one.openid), {}),
        )
        for one in bindings
    ]
    return sorted(bonds, key=lambda one: one.unbound_at is not None)


def _following(follower: Follower | None) -> bool | None:
    return follower.is_following if follower is not None else None
