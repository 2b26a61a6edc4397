"""The list of accounts for administrators: narrowed down, in an order, in pages."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.paging import OLDEST, Page, Turn
from server.domain.people import staff
from server.domain.people.staff import Account
from server.domain.roles import Verb
from server.models import Staff

SORTS = {"id": "早建立的在前", "-id": "新建立的在前", "username": "按用户名"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFilter:
    """Which accounts; None leaves a thing open. `q`: a part of the username, the name or the school's name."""

    role: str | None = None
    active: bool | None = None
    q: str | None = None

    def query(self) -> QuerySet[Staff]:
        exact = {"role": self.role, "is_active": self.active}
        query = Staff.filter(**{name: value for name, value in exact.items() if value is not None})
        if self.q:
            word = self.q.strip()
            query = query.filter(
                Q(username__contains=word) | Q(name__contains=word) | Q(school__name__contains=word)
            )
        return query


async def page(wanted: AccountFilter, *, turn: Turn = OLDEST, actor: Actor) -> Page[Account]:
    """Accounts in any order of `SORTS`. Raises Forbidden("role_not_allowed"); Invalid: cursor_unknown."""
    roles.require(actor, Verb.MANAGE_STAFF)
    found = await paging.turn(wanted.query().prefetch_related("school"), turn)
    return found.map(staff.account_of)


async def count(wanted: AccountFilter, *, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden("role_not_allowed")."""
    roles.require(actor, Verb.MANAGE_STAFF)
    return await paging.counted(wanted.query(), paging.COUNTED)
