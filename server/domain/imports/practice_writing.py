"""Writing judged hours of practice and supervision."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.imports.on_record import Hours, HoursKey
from server.domain.ports import Services
from server.models.database import write


@dataclass(slots=True)
class Work:
    """Hours to be written, with what stood there before."""

    writes: dict[HoursKey, Hours] = field(default_factory=dict)
    was: dict[HoursKey, Hours] = field(default_factory=dict)


async def take(s: Services, work: Work, *, actor: Actor) -> None:
    table = [(*key, *hours) for key, hours in work.writes.items()]
    columns = [list(column) for column in zip(*table, strict=True)]
    await write(
        "INSERT INTO practice_record (candidate_id, level, supervision_hours, practice_hours, updated_at)"
        " SELECT t.*, $5 FROM unnest($1::bigint[], $2::text[], $3::numeric[], $4::numeric[]) AS t"
        " ON CONFLICT (candidate_id, level) DO UPDATE SET supervision_hours = excluded.supervision_hours,"
        " practice_hours = excluded.practice_hours, updated_at = excluded.updated_at",
        *columns,
        s.clock.now(),
    )
    await s.faults.reach("imports.hours_written")
    trail = [
        (candidate, _as_audited(level, was), _as_audited(level, work.writes[candidate, level]))
        for (candidate, level), was in work.was.items()
    ]
    await audit_log.record_many(s.clock, actor, "practice.change", "candidate", trail)


def _as_audited(level: str, hours: Hours) -> dict[str, str]:
    return {"level": level, "supervision_hours": str(hours[0]), "practice_hours": str(hours[1])}
