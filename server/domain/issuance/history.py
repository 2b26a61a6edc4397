"""Who did what with a batch, from the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.issuance.states import BY_NAME
from server.models import AuditEntry

PREPARE = "prepare"  # how a batch begins; everything else in its history is a step of its life
MOST = 200
ACTIONS = tuple(f"issuance.{name}" for name in (PREPARE, *BY_NAME))


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of a batch's life. `who` is the name at that time, `kind` staff, officer or system."""

    at: datetime
    who: str
    kind: str
    action: str  # a step's name, or PREPARE
    revision: int | None
    reason: str | None


async def of(issuance_id: int) -> tuple[HistoryEntry, ...]:
    """The steps of a batch's life, oldest first."""
    entries = AuditEntry.filter(subject_kind="issuance", subject_id=str(issuance_id), action__in=ACTIONS)
    return tuple([_entry_of(entry) for entry in await entries.order_by("id").limit(MOST)])


def _entry_of(entry: AuditEntry) -> HistoryEntry:
    became: dict[str, Any] = entry.became or {}
    return HistoryEntry(
        at=entry.at,
        who=entry.actor_name,
        kind=entry.actor_kind,
        action=entry.action.removeprefix("issuance."),
        revision=became.get("revision"),
        reason=became.get("reason"),
    )
