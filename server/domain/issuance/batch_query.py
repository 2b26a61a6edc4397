"""Many batches: by state, plan, school, site and level, in pages that go on and back, with totals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tortoise.queryset import QuerySet

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.certificates.visibility import own
from server.domain.issuance.queries import BatchSummary, state_of, summary_of
from server.domain.paging import Page, Turn
from server.domain.people.school_scope import school_of
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.models import Issuance
from server.models.database import rows

_TOTALS = """
SELECT count(*) AS batches, COALESCE(sum(i.count), 0) AS people
FROM issuance i JOIN plan p ON p.id = i.plan_id JOIN site t ON t.id = i.site_id JOIN school h ON h.id = t.school_id
WHERE ($1::text IS NULL OR i.state = $1) AND ($2::bigint IS NULL OR i.plan_id = $2)
  AND ($3::bigint IS NULL OR i.site_id = $3) AND ($4::bigint IS NULL OR t.school_id = $4)
  AND ($5::text IS NULL OR t.level = $5) AND ($6::text IS NULL OR strpos(h.name, $6) > 0)
  AND ($7::bigint IS NULL OR (t.school_id = $7 AND p.release_at <= $8::timestamptz))
  AND ($9::timestamptz IS NULL OR i.created_at >= $9) AND ($10::timestamptz IS NULL OR i.created_at < $10)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which batches; None leaves a thing open. `school` is a part of a school's name; made from `since` on, before `until`."""

    state: str | None = None
    plan_id: int | None = None
    school_id: int | None = None
    site_id: int | None = None
    level: str | None = None
    school: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = Wanted()
SORTS = {"-id": "新建的在前", "id": "早建的在前", "-count": "人多的在前", "count": "人少的在前"}


@dataclass(frozen=True, slots=True)
class Totals:
    """How many batches, and people in them."""

    batches: int
    people: int


def _query(clock: Clock, wanted: Wanted, actor: Actor) -> QuerySet[Issuance]:
    exact = {
        "state": state_of(wanted.state) if wanted.state else None,
        "plan_id": wanted.plan_id,
        "site_id": wanted.site_id,
        "site__school_id": wanted.school_id,
        "site__level": wanted.level,
        "site__school__name__contains": (wanted.school or "").strip() or None,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    query = Issuance.filter(**{name: value for name, value in exact.items() if value is not None})
    return own(clock, query, actor)


async def listing(
    clock: Clock,
    wanted: Wanted = EVERYTHING,
    *,
    cursor: str | None = None,
    before: str | None = None,
    limit: int | None = None,
    sort: str = "-id",
    actor: Actor,
) -> Page[BatchSummary]:
    """Batches, newest first unless sorted otherwise; a school account has its own school's, after the release of their results.

    Args:
        cursor: the last batch shown, to go on; `before`: the first one, to go back.
        sort: see `SORTS`.

    Raises:
        Forbidden("role_not_allowed") · Invalid: unknown state or cursor.
    """
    roles.require(actor, Verb.SEE_ISSUANCES)
    query = _query(clock, wanted, actor).prefetch_related("plan", "site__school", "corrects")
    page = await paging.turn(query, Turn(sort, cursor, before, limit))
    now = clock.now()
    return Page([summary_of(one, now) for one in page.items], page.next_cursor, page.before)


async def next_id(clock: Clock, state: str, after: int, *, actor: Actor) -> int | None:
    """The batch behind `after` that waits in this state, its results released; the first where none is behind it.

    Raises as `listing`.
    """
    roles.require(actor, Verb.SEE_ISSUANCES)
    waiting = own(clock, Issuance.filter(state=state_of(state), plan__release_at__lte=clock.now()), actor)
    found = await waiting.filter(id__gt=after).order_by("id").first() or await waiting.order_by("id").first()
    return found.id if found is not None else None


async def totals(clock: Clock, wanted: Wanted, *, actor: Actor) -> Totals:
    """How many batches and people there are of what is wanted. Raises as `listing`."""
    roles.require(actor, Verb.SEE_ISSUANCES)
    [row] = await rows(
        _TOTALS,
        state_of(wanted.state) if wanted.state else None,
        wanted.plan_id,
        wanted.site_id,
        wanted.school_id,
        wanted.level,
        (wanted.school or "").strip() or None,
        school_of(actor),
        clock.now(),
        wanted.since,
        wanted.until,
    )
    return Totals(int(row["batches"]), int(row["people"]))
