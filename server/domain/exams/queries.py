"""The SQL of exam plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from server.domain.exams import timetable
from server.domain.exams.timetable import Slot
from server.domain.ports import Clock
from server.models.database import rows

_LISTING = """
SELECT p.id, p.name, p.exam_date, k.name AS certificate, p.release_at, p.requires_practice,
       c.registered, c.passed, c.pending, c.sites
FROM plan p JOIN certificate_kind k ON k.id = p.kind_id
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(g.people), 0)::bigint AS registered,
           COALESCE(sum(g.people) FILTER (WHERE g.outcome = 'passed'), 0)::bigint AS passed,
           COALESCE(sum(g.people) FILTER (WHERE g.outcome = 'pending'), 0)::bigint AS pending,
           count(DISTINCT g.site_id) AS sites
    FROM (SELECT r.outcome, r.site_id, count(*) AS people FROM registration r WHERE r.plan_id = p.id
          GROUP BY r.outcome, r.site_id) g) c
WHERE $1::bigint[] IS NULL OR p.id = ANY($1)
ORDER BY p.exam_date DESC, p.id DESC
"""

_NAMES = "SELECT id, name FROM plan ORDER BY exam_date DESC, id DESC"
_COUNTS = """
SELECT count(*)::int AS registered, (count(*) FILTER (WHERE outcome = 'passed'))::int AS passed,
       (count(*) FILTER (WHERE outcome = 'pending'))::int AS pending
FROM registration WHERE plan_id = $1
"""

ReleaseState = Literal["unreleased", "scheduled", "released"]


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with how many registered, how the results stand and what is released; `slots` are its timetable (S25)."""

    id: int
    name: str
    exam_date: date
    certificate: str
    release_at: datetime | None
    requires_practice: bool
    registered: int
    passed: int
    pending: int
    sites: int
    state: ReleaseState
    slots: list[Slot]


@dataclass(frozen=True, slots=True)
class PlanName:
    """A plan to choose."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """How many registered for a plan, passed, and have no result yet."""

    registered: int
    passed: int
    pending: int


async def counts_of(plan_id: int) -> PlanCounts:
    """Counted now, by an index alone."""
    [row] = await rows(_COUNTS, plan_id)
    return PlanCounts(**row)


async def plan_names() -> list[PlanName]:
    """Every plan, newest exam first, without counting anybody."""
    return [PlanName(**row) for row in await rows(_NAMES)]


async def plans_listing(clock: Clock) -> list[PlanView]:
    """Every plan, newest exam first."""
    return await plans_of(clock, None)


async def plans_of(clock: Clock, ids: Sequence[int] | None) -> list[PlanView]:
    """These plans, or every one, newest exam first."""
    now = clock.now()
    slots = await timetable.slots(ids)
    return [
        PlanView(**row, state=release_state(row["release_at"], now), slots=slots.get(row["id"], []))
        for row in await rows(_LISTING, list(ids) if ids is not None else None)
    ]


def release_state(release_at: datetime | None, now: datetime) -> ReleaseState:
    """Whether results are out, will be, or nobody has said when."""
    if release_at is None:
        return "unreleased"
    return "released" if release_at <= now else "scheduled"
