"""Fees: the list of them, of which plans and courses there are any, and how many and how much in each state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.paging import OLDEST, Page, SqlList, Turn
from server.domain.payments.fee_states import FeeState
from server.domain.payments.fee_subjects import COLUMNS, JOINS, FeeSubject, schools_named, with_subject
from server.domain.people.school_scope import school_of
from server.domain.roles import Verb
from server.models.database import rows

# A fee was made of a price of its plan: by that, what belongs to a plan is found without its registrations. One row of
# each price is enough, found by the index in its order; EXISTS would be made a join with all fees.
_PLANS = """
SELECT p.id, p.name FROM plan p WHERE (
    SELECT x.id FROM price x WHERE x.plan_id = p.id AND (
        SELECT f.id FROM fee f WHERE f.price_id = x.id AND ($1::bigint IS NULL OR f.school_id = $1)
        ORDER BY f.school_id LIMIT 1
    ) IS NOT NULL LIMIT 1
) IS NOT NULL ORDER BY p.exam_date DESC, p.id DESC LIMIT 200
"""
_COURSES = """
SELECT k.id, k.title AS name FROM course k WHERE EXISTS (
    SELECT 1 FROM fee f JOIN course_enrolment e ON e.id = f.enrolment_id
    WHERE e.course_id = k.id AND ($1::bigint IS NULL OR f.school_id = $1)
) ORDER BY k.from_on DESC, k.id DESC LIMIT 200
"""
# ANY(ARRAY(…)): the people of a course are few, and their fees are found by an index, not looked for among all.
_TOTALS = """
SELECT f.state, count(*)::int AS fees, sum(f.amount_fen)::bigint AS fen FROM fee f
WHERE ($1::bigint IS NULL OR f.school_id = $1)
  AND ($2::bigint IS NULL OR f.price_id IN (SELECT x.id FROM price x WHERE x.plan_id = $2))
  AND ($3::bigint IS NULL OR f.enrolment_id = ANY(ARRAY(SELECT e.id FROM course_enrolment e WHERE e.course_id = $3)))
  AND ($4::bigint[] IS NULL OR f.school_id = ANY($4))
GROUP BY f.state
"""
_LIST = SqlList(
    f"""
SELECT f.id, {COLUMNS}, f.amount_fen, f.state, h.name AS school, f.created_at
FROM fee f
{JOINS}
LEFT JOIN school h ON h.id = f.school_id
WHERE ($1::bigint IS NULL OR f.school_id = $1) AND ($2::bigint IS NULL OR r.plan_id = $2)
  AND ($3::bigint IS NULL OR f.enrolment_id = ANY(ARRAY(SELECT y.id FROM course_enrolment y WHERE y.course_id = $3)))
  AND ($4::bigint[] IS NULL OR f.school_id = ANY($4))
  AND ($5::text IS NULL OR f.state = $5) AND ($6::bigint IS NULL OR f.school_id = $6)
""",  # noqa: S608 -- constants
    {"amount_fen": "bigint"},
)
SORTS = {
    "id": "早生成的在前",
    "-id": "新生成的在前",
    "-amount_fen": "金额大的在前",
    "amount_fen": "金额小的在前",
}


@dataclass(frozen=True, slots=True)
class FeeRow:
    """One fee, whoever pays it; `school`: None, where the candidate does."""

    id: int
    subject: FeeSubject
    amount_fen: int
    state: FeeState
    school: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeFilter:
    """Which fees are looked at.

    Attributes:
        school: a part of the name of the school that pays.
    """

    plan_id: int | None = None
    course_id: int | None = None
    school: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class FeeTotal:
    """How many fees are in a state, and what they come to."""

    state: FeeState
    fees: int
    fen: int


async def plans_with_fees(*, actor: Actor) -> list[Choice]:
    """Plans in which somebody owes or has paid, newest exam first; a school's account: of its own candidates.

    Raises Forbidden: role_not_allowed.
    """
    roles.require(actor, Verb.SEE_MONEY)
    return [Choice(**row) for row in await rows(_PLANS, school_of(actor))]


async def courses_with_fees(*, actor: Actor) -> list[Choice]:
    """Courses for which somebody owes or has paid, the newest first; else as `plans_with_fees`."""
    roles.require(actor, Verb.SEE_MONEY)
    return [Choice(**row) for row in await rows(_COURSES, school_of(actor))]


async def fees_page(
    wanted: FeeFilter,
    *,
    actor: Actor,
    state: str | None = None,
    school_id: int | None = None,
    turn: Turn = OLDEST,
) -> Page[FeeRow]:
    """What is owed, in any order of `SORTS`; a school's account sees its own.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.
    """
    roles.require(actor, Verb.SEE_MONEY)
    own = (school_of(actor), wanted.plan_id, wanted.course_id, await schools_named(wanted.school))
    found = await _LIST.page([*own, state, school_id], turn)
    return found.map(lambda row: FeeRow(**{**with_subject(row), "state": FeeState(row["state"])}))


async def totals(wanted: FeeFilter, *, actor: Actor) -> list[FeeTotal]:
    """Every state in its order, also those without a fee. Takes and raises as `fees_page`."""
    roles.require(actor, Verb.SEE_MONEY)
    own = (school_of(actor), wanted.plan_id, wanted.course_id, await schools_named(wanted.school))
    found = {row["state"]: row for row in await rows(_TOTALS, *own)}
    none = {"fees": 0, "fen": 0}
    return [
        FeeTotal(state, int(one["fees"]), int(one["fen"]))
        for state in FeeState
        for one in (found.get(state.value, none),)
    ]
