"""What waits for somebody: the first page of the console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.functions import Count, Min

from server.domain.audit import Actor
from server.domain.issuance.sight import own
from server.domain.issuance.states import State
from server.domain.people import roles
from server.domain.people.roles import Role, Verb
from server.domain.ports import Services
from server.records import ImportRun, Issuance, Plan, School

RECENT = timedelta(days=14)
SHOWN = 8  # batches on the first page


@dataclass(frozen=True, slots=True)
class Waiting:
    """Batches in one state: how many, certificates in them, since when the oldest waits."""

    state: State
    batches: int
    certificates: int
    since: datetime | None


async def batches(s: Services, actor: Actor) -> list[Waiting]:
    """Every state in its order, also those in which nothing waits; a school account sees its own school's."""
    roles.require(actor, Verb.SEE_ISSUANCES)
    found = own(s, Issuance.all(), actor)
    counted: dict[str, list[Any]] = {state.value: [0, 0, None] for state in State}
    rows = (
        await found.annotate(batches=Count("id"), first=Min("created_at"))
        .group_by("state")
        .values("state", "batches", "first")
    )
    for row in rows:
        counted[row["state"]][0], counted[row["state"]][2] = row["batches"], row["first"]
    for state, count in await found.values_list("state", "count"):
        counted[str(state)][1] += int(str(count))
    return [Waiting(state, *counted[state.value]) for state in State]


async def oldest(s: Services, actor: Actor, states: list[State]) -> list[Issuance]:
    """The batches that have been in these states longest, with plan and school; a school account sees its own."""
    roles.require(actor, Verb.SEE_ISSUANCES)
    found = own(s, Issuance.filter(state__in=[state.value for state in states]), actor)
    return await found.order_by("created_at", "id").limit(SHOWN).prefetch_related("plan", "site__school")


async def poor_imports(s: Services) -> list[ImportRun]:
    """Real imports of the last two weeks that were not wholly taken, newest first."""
    runs = ImportRun.filter(is_dry_run=False, created_at__gt=s.clock.now() - RECENT)
    rows = await runs.order_by("-id").limit(50)
    return [run for run in rows if run.rows_refused or run.state == "unreadable"][:5]


async def unreleased_plans() -> list[Plan]:
    """Plans whose results nobody has set a time for, oldest exam first."""
    return await Plan.filter(release_at=None).order_by("exam_date", "id").limit(10)


async def schools(actor: Actor) -> list[School]:
    """The schools that this actor may choose from, by name."""
    found = School.all() if actor.role != Role.SCHOOL.value else School.filter(id=actor.school_id or 0)
    return await found.order_by("name")
