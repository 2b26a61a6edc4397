"""The batches that wait for a school's signature, as its officer sees them on the phone (S86)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.ports import Clock
from server.models import Issuance


@dataclass(frozen=True, slots=True)
class Waiting:
    """One batch in 考核站点待签发: no names, the list is seen after the scan."""

    plan: str
    exam_date: date
    level: Level
    count: int
    digest: str
    revision: int
    since: datetime | None


async def waiting(clock: Clock, school_id: int) -> list[Waiting]:
    """The batches of an officer's school in 考核站点待签发, those that wait longest first; none before the release."""
    query = Issuance.filter(
        state=BatchState.SITE_PENDING.value,
        site__school_id=school_id,
        plan__release_at__lte=clock.now(),
    )
    return [
        Waiting(
            batch.plan.name,
            batch.plan.exam_date,
            Level(batch.site.level),
            batch.count,
            bytes(batch.list_sha256 or b"").hex()[:8],
            batch.revision,
            batch.org_signed_at,
        )
        for batch in await query.order_by("org_signed_at", "id").prefetch_related("plan", "site")
    ]
