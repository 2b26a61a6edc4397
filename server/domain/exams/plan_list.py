"""The plans as they are looked for: by a part of the name and the year of the exam, in pages."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.exams import queries
from server.domain.exams.queries import PlanView
from server.domain.paging import Page, SqlList, Turn
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.models.database import rows

# People are counted for the plans of one page alone.
_LIST = SqlList(
    """
SELECT p.id, p.name, p.exam_date FROM plan p
WHERE ($1::text IS NULL OR strpos(p.name, $1) > 0)
  AND ($2::int IS NULL OR p.exam_date BETWEEN make_date($2, 1, 1) AND make_date($2, 12, 31))
""",
    {"exam_date": "date", "name": "text"},
)
_YEARS = "SELECT DISTINCT extract(year FROM exam_date)::int AS year FROM plan ORDER BY year DESC"
SORTS = {"-exam_date": "考试日期近的在前", "exam_date": "考试日期早的在前", "name": "按名称"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which plans; None leaves a thing open. `name`: a part of it; `year`: of the exam."""

    name: str | None = None
    year: int | None = None

    @property
    def values(self) -> list[str | int | None]:
        return [(self.name or "").strip() or None, self.year]


async def listing(clock: Clock, wanted: Wanted, turn: Turn, *, actor: Actor) -> Page[PlanView]:
    """One page. Raises Forbidden("role_not_allowed") · Invalid: a cursor that no page of this order gave."""
    roles.require(actor, Verb.SEE_PLANS)
    page = await _LIST.page(wanted.values, turn)
    found = {one.id: one for one in await queries.plans_of(clock, [row["id"] for row in page.items])}
    return page.map(lambda row: found[row["id"]])


async def total(wanted: Wanted, *, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden("role_not_allowed")."""
    roles.require(actor, Verb.SEE_PLANS)
    return await _LIST.count(wanted.values)


async def years() -> list[int]:
    """The years in which there are exams, the newest first."""
    return [row["year"] for row in await rows(_YEARS)]
