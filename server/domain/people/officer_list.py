"""Officers as staff and schools see them: a page at a time, phones masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.expressions import Q

from server.domain import roles
from server.domain.actor import Actor
from server.domain.paging import Page, cursor_id, limited
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


async def listing(
    clock: Clock,
    keys: Keys,
    wanted: Wanted = EVERYBODY,
    *,
    cursor: str | None = None,
    limit: int | None = None,
    actor: Actor,
) -> Page[OfficerView]:
    """Officers, newest first; a school account has its own. Raises Forbidden, Invalid (cursor)."""
    roles.require(actor, Verb.SEE_OFFICERS)
    query = within(Officer.all(), actor)
    if wanted.school_id is not None:
        query = query.filter(school_id=wanted.school_id)
    if wanted.state is not None:
        query = query.filter(state=wanted.state)
    if wanted.name:
        query = query.filter(Q(name__contains=wanted.name) | Q(school__name__contains=wanted.name))
    if (after := cursor_id(cursor)) is not None:
        query = query.filter(id__lt=after)
    size = limited(limit)
    officers = await query.order_by("-id").limit(size + 1).prefetch_related("school")
    more = len(officers) > size
    return Page(
        [_view(clock, keys, one) for one in officers[:size]], str(officers[size - 1].id) if more else None
    )
