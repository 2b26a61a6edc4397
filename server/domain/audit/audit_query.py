"""Reading the audit trail: newest first, by who, what, about what and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.roles import Verb
from server.models import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; None leaves a thing open. `until` is exclusive."""

    action: str | None = None
    actor_kind: str | None = None
    actor_id: int | None = None
    actor_name: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
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


async def listing(wanted: Wanted, *, after: int, limit: int, actor: Actor) -> list[AuditRecord]:
    """Entries older than `after` (0: from the newest). Raises Forbidden("role_not_allowed")."""
    roles.require(actor, Verb.SEE_AUDIT)
    entries = AuditEntry.all()
    exact = {
        "action": wanted.action,
        "actor_kind": wanted.actor_kind,
        "actor_id": wanted.actor_id,
        "actor_name": wanted.actor_name,
        "subject_kind": wanted.subject_kind,
        "subject_id": wanted.subject_id,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
        "id__lt": after or None,
    }
    rows = (
        await entries.filter(**{k: v for k, v in exact.items() if v is not None}).order_by("-id").limit(limit)
    )
    return [
        AuditRecord(
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
        for row in rows
    ]
