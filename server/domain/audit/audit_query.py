"""Reading the audit trail: newest first, by who, what, about what and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.paging import Page, Turn
from server.domain.roles import Verb
from server.models import AuditEntry

COUNTED = 10_000  # a total beyond is said as more than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; None leaves a thing open. `until` is exclusive; `subjects`: any of these."""

    action: str | None = None
    actor_kind: str | None = None
    actor_id: int | None = None
    actor_name: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    subjects: Sequence[tuple[str, str]] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One entry of the trail. `was` and `became` hold JSON values by name; either may be absent."""

    id: int
    at: datetime
    actor_kind: str
    actor_id: int | None
    actor_name: str
    action: str
    subject_kind: str
    subject_id: str
    was: Mapping[str, Any] | None
    became: Mapping[str, Any] | None
    address: str
    request_id: str


async def listing(
    wanted: Wanted,
    *,
    cursor: str | None = None,
    before: str | None = None,
    limit: int | None = None,
    actor: Actor,
) -> Page[AuditRecord]:
    """Entries, the newest first. Raises Forbidden("role_not_allowed") · Invalid: a cursor that no page gave."""
    roles.require(actor, Verb.SEE_AUDIT)
    page = await paging.turn(_query(wanted), Turn("-id", cursor, before, limit))
    return Page([_record(row) for row in page.items], page.next_cursor, page.before)


async def total(wanted: Wanted, *, actor: Actor) -> int:
    """How many there are, no further counted than `COUNTED` + 1. Raises Forbidden("role_not_allowed")."""
    roles.require(actor, Verb.SEE_AUDIT)
    return await paging.counted(_query(wanted), COUNTED)


def _query(wanted: Wanted) -> QuerySet[AuditEntry]:
    exact = {
        "action": wanted.action,
        "actor_kind": wanted.actor_kind,
        "actor_id": wanted.actor_id,
        "actor_name": wanted.actor_name,
        "subject_kind": wanted.subject_kind,
        "subject_id": wanted.subject_id,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
    }
    entries = AuditEntry.filter(**{name: value for name, value in exact.items() if value is not None})
    if wanted.subjects is not None:
        any_of = [Q(subject_kind=kind, subject_id=one) for kind, one in wanted.subjects]
        entries = entries.filter(Q(*any_of, join_type="OR"))
    return entries


def _record(row: AuditEntry) -> AuditRecord:
    return AuditRecord(
        id=row.id,
        at=row.at,
        actor_kind=row.actor_kind,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        action=row.action,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        was=row.was,
        became=row.became,
        address=row.address,
        request_id=row.request_id,
    )
