"""What waits for somebody: the first page of the console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tortoise.expressions import Q
from tortoise.functions import Count, Min, Sum
from tortoise.queryset import QuerySet

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.visibility import own
from server.domain.issuance.states import BY_NAME, BatchState
from server.domain.levels import Level
from server.domain.people.officer_states import OfficerState
from server.domain.people.school_scope import is_school, within
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.models import AuditEntry, ImportRun, Issuance, Officer, Plan, School

RECENT = timedelta(days=14)
SHOWN = 8  # batches on the first page
# When a batch came into its state the first time. One that came back has no column for it: `_began` asks the trail.
SINCE = {
    BatchState.PREPARED: "created_at",
    BatchState.SITE_PENDING: "org_signed_at",
    BatchState.SCHOOL_SIGNED: "school_signed_at",
    BatchState.GENERATING: "handed_over_at",
    BatchState.ISSUED: "issued_at",
}
CAME = tuple(
    f"issuance.{name}" for name in ("prepare", *BY_NAME)
)  # what the trail calls the steps of its life


@dataclass(frozen=True, slots=True)
class Waiting:
    """Batches in one state: how many, certificates in them, since when the longest has been in it (None: not known)."""

    state: BatchState
    batches: int
    certificates: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose from: a plan, a school."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class OldBatch:
    """A batch that waits; `since`: how long in its state."""

    id: int
    school: str
    plan: str
    level: Level
    count: int
    state: BatchState
    since: datetime


@dataclass(frozen=True, slots=True)
class UnreleasedPlan:
    id: int
    name: str
    exam_date: date


@dataclass(frozen=True, slots=True)
class PoorImport:
    """An import that was not wholly taken."""

    id: int
    file_name: str
    is_unreadable: bool
    rows_refused: int
    created_at: datetime


async def batches(clock: Clock, actor: Actor) -> list[Waiting]:
    """Every state in its order, also those in which nothing waits; a school account sees its own school's."""
    roles.require(actor, Verb.SEE_ISSUANCES)
    query = own(clock, Issuance.all(), actor)
    counted: dict[str, list[Any]] = {state.value: [0, 0, None] for state in BatchState}
    firsts = {column: Min(column) for column in SINCE.values()}
    firsts["created_at"] = Min(
        "created_at", _filter=Q(revision=1)
    )  # later revisions came back to their state
    rows = (
        await query.annotate(
            batches=Count("id"),
            people=Sum("count"),
            **{f"first_{name}": first for name, first in firsts.items()},
        )
        .group_by("state")
        .values("state", "batches", "people", *(f"first_{name}" for name in firsts))
    )
    back = await _came_back(query)
    for row in rows:
        state = str(row["state"])
        since = [row.get(f"first_{SINCE.get(BatchState(state))}"), *back.get(state, ())]
        counted[state] = [row["batches"], int(row["people"] or 0), min(filter(None, since), default=None)]
    return [Waiting(state, *counted[state.value]) for state in BatchState]


async def _came_back(query: QuerySet[Issuance]) -> dict[str, list[datetime]]:
    """By state, since when those batches wait that were returned, or are prepared again: no column says it."""
    again = Q(state=BatchState.RETURNED.value) | Q(state=BatchState.PREPARED.value, revision__gt=1)
    waiting = await query.filter(again).only("id", "state", "created_at")
    times = await _began(waiting)
    by_state: dict[str, list[datetime]] = {}
    for one in waiting:
        by_state.setdefault(one.state, []).append(times[one.id])
    return by_state


async def oldest(clock: Clock, actor: Actor, states: list[BatchState]) -> list[OldBatch]:
    """The batches that have been in these states longest; a school account sees its own."""
    roles.require(actor, Verb.SEE_ISSUANCES)
    query = own(clock, Issuance.filter(state__in=[state.value for state in states]), actor)
    first = query.order_by("created_at", "id").limit(SHOWN)
    batches = await first.prefetch_related("plan", "site__school")
    since = await _began(batches)
    return [
        OldBatch(
            one.id,
            one.site.school.name,
            one.plan.name,
            Level(one.site.level),
            one.count,
            BatchState(one.state),
            since[one.id],
        )
        for one in batches
    ]


async def _began(batches: list[Issuance]) -> dict[int, datetime]:
    """Since when each of these batches has been in its state: its last step in the trail."""
    steps = AuditEntry.filter(
        subject_kind="issuance", subject_id__in=[str(one.id) for one in batches], action__in=CAME
    )
    latest = {one.id: one.created_at for one in batches}
    for subject, at in await steps.order_by("id").values_list("subject_id", "at"):
        latest[int(str(subject))] = at
    return latest


async def poor_imports(clock: Clock) -> list[PoorImport]:
    """Real imports of the last two weeks that were not wholly taken, newest first."""
    runs = ImportRun.filter(is_dry_run=False, created_at__gt=clock.now() - RECENT)
    poor = [run for run in await runs.order_by("-id").limit(50) if run.rows_refused or run.refusal_code]
    return [
        PoorImport(run.id, run.file_name, bool(run.refusal_code), run.rows_refused, run.created_at)
        for run in poor[:5]
    ]


async def unreleased_plans() -> list[UnreleasedPlan]:
    """Plans whose results nobody has set a time for, oldest exam first."""
    query = Plan.filter(release_at=None).order_by("exam_date", "id").limit(10)
    return [UnreleasedPlan(plan.id, plan.name, plan.exam_date) for plan in await query]


async def plans(clock: Clock, actor: Actor) -> list[Choice]:
    """The plans that this actor may choose from, newest exam first; a school those whose results are out."""
    query = Plan.filter(release_at__lte=clock.now()) if is_school(actor) else Plan.all()
    return [Choice(plan.id, plan.name) for plan in await query.order_by("-exam_date", "-id").limit(200)]


async def unconfirmed(actor: Actor) -> int:
    """How many officers have taken up their invitation and wait to be confirmed; a school account's own."""
    roles.require(actor, Verb.SEE_OFFICERS)
    return await within(Officer.filter(state=OfficerState.PENDING.value), actor).count()


async def schools(actor: Actor) -> list[Choice]:
    """The schools that this actor may choose from, by name."""
    query = within(School.all(), actor, school="id").order_by("name")
    return [Choice(school.id, school.name) for school in await query]
