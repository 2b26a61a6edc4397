"""Officers as staff and schools see them: a page at a time, phones masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.paging import NEWEST, Page, Turn
from server.domain.people.candidates import mask_mobile
from server.domain.people.invitations import ABOUT_MOBILE
from server.domain.people.officer_states import OfficerState
from server.domain.people.school_scope import within
from server.domain.ports import Clock, Keys
from server.domain.roles import Verb
from server.models import Officer


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerView:
    """An officer as staff and schools see it; `invitation_expires_at` stands only until the invitation is taken up."""

    id: int
    name: str
    mobile_masked: str
    school_id: int
    school: str
    state: OfficerState
    has_official_account: bool
    has_mini_program: bool
    has_pin: bool
    is_pin_locked: bool
    invitation_expires_at: datetime | None
    created_at: datetime
    suspended_at: datetime | None
    until: date | None
    is_erased: bool


def _view(clock: Clock, keys: Keys, officer: Officer) -> OfficerView:
    sealed, state = officer.mobile_sealed, OfficerState(officer.state)
    locked = officer.pin_locked_until
    return OfficerView(
        id=officer.id,
        name=officer.name,
        mobile_masked=mask_mobile(keys.decrypt(bytes(sealed), about=ABOUT_MOBILE)) if sealed else "",
        school_id=officer.school_id,
        school=officer.school.name,
        state=state,
        has_official_account=bool(officer.oa_openid),
        has_mini_program=bool(officer.mp_openid),
        has_pin=bool(officer.pin_hash),
        is_pin_locked=locked is not None and locked > clock.now(),
        invitation_expires_at=officer.invitation_expires_at if state is OfficerState.INVITED else None,
        created_at=officer.created_at,
        suspended_at=officer.suspended_at,
        until=officer.until,
        is_erased=officer.erased_at is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which officers; None leaves a thing open.

    Args:
        state: of `officer_states.OfficerState`.
        name: a part of the officer's or the school's name.
    """

    school_id: int | None = None
    state: str | None = None
    name: str | None = None


EVERYBODY = Wanted()
SORTS = {"-id": "新邀请的在前", "id": "早邀请的在前"}


async def listing(
    clock: Clock,
    keys: Keys,
    wanted: Wanted = EVERYBODY,
    *,
    turn: Turn = NEWEST,
    actor: Actor,
) -> Page[OfficerView]:
    """Officers in any order of `SORTS`; a school account has its own. Raises Forbidden, Invalid (cursor)."""
    roles.require(actor, Verb.SEE_OFFICERS)
    query = _query(wanted, actor).prefetch_related("school")
    page = await paging.turn(query, turn)
    return page.map(lambda one: _view(clock, keys, one))


async def count(wanted: Wanted = EVERYBODY, *, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden."""
    roles.require(actor, Verb.SEE_OFFICERS)
    return await paging.counted(_query(wanted, actor), paging.COUNTED)


def _query(wanted: Wanted, actor: Actor) -> QuerySet[Officer]:
    query = within(Officer.all(), actor)
    if wanted.school_id is not None:
        query = query.filter(school_id=wanted.school_id)
    if wanted.state is not None:
        query = query.filter(state=wanted.state)
    if wanted.name:
        query = query.filter(Q(name__contains=wanted.name) | Q(school__name__contains=wanted.name))
    return query
