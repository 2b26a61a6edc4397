"""What staff see of courses, their prices and who takes part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.paging import NEWEST, Page, SqlList, Turn
from server.domain.payments.fee_states import FeeState
from server.domain.people.names import mask_name
from server.domain.people.phones import mask
from server.domain.ports import Clock, Keys
from server.domain.roles import Verb
from server.domain.training.courses import unknown
from server.domain.training.enrolments import ABOUT_PHONE
from server.models.database import rows

_COURSES = """
SELECT k.id, k.title, k.from_on, k.to_on, k.place, k.is_online, k.capacity, k.is_open, k.created_by_name, k.created_at,
       p.amount_fen, t.enrolled, t.owed_fen, t.settled_fen
FROM course k
JOIN course_price p ON p.course_id = k.id AND $1 BETWEEN p.from_on AND COALESCE(p.to_on, 'infinity')
CROSS JOIN LATERAL (
    SELECT count(*)::int AS enrolled, COALESCE(sum(f.amount_fen) FILTER (WHERE f.state = 'owed'), 0)::bigint AS owed_fen,
           COALESCE(sum(f.amount_fen) FILTER (WHERE f.state = 'settled'), 0)::bigint AS settled_fen
    FROM course_enrolment e LEFT JOIN fee f ON f.enrolment_id = e.id WHERE e.course_id = k.id
) t
"""
_LIST = SqlList(
    _COURSES + "WHERE $2::text IS NULL OR strpos(k.title, $2) > 0",
    {"from_on": "date", "amount_fen": "bigint"},
)
SORTS = {
    "-id": "新建的在前",
    "-from_on": "日期晚的在前",
    "from_on": "日期早的在前",
    "-amount_fen": "价格高的在前",
}
_ONE = _COURSES + "WHERE k.id = $2"
_PRICES = """
SELECT amount_fen, from_on, to_on, set_by_name, set_at FROM course_price WHERE course_id = $1 ORDER BY from_on DESC
"""
_ENROLMENTS = """
SELECT e.id, e.name, e.phone_sealed, h.name AS school, f.amount_fen, f.state, e.enrolled_by_name, e.enrolled_at,
       e.erased_at IS NOT NULL AS is_erased
FROM course_enrolment e JOIN school h ON h.id = e.school_id LEFT JOIN fee f ON f.enrolment_id = e.id
WHERE e.course_id = $1 AND e.id > $2 ORDER BY e.id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class CourseView:
    """One course; `amount_fen` is what it costs whoever is enrolled today."""

    id: int
    title: str
    from_on: date
    to_on: date
    place: str
    is_online: bool
    capacity: int | None
    is_open: bool
    created_by_name: str
    created_at: datetime
    amount_fen: int
    enrolled: int
    owed_fen: int
    settled_fen: int


@dataclass(frozen=True, slots=True)
class CoursePriceView:
    """What enrolment from a day to a day costs; `to_on` None: until another price is set."""

    amount_fen: int
    from_on: date
    to_on: date | None
    set_by_name: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class EnrolmentView:
    """Somebody in a course, masked. `amount_fen`, `state`: of what the school owes; None where it cost nothing."""

    id: int
    name: str
    phone: str
    school: str
    amount_fen: int | None
    state: FeeState | None
    enrolled_by_name: str
    enrolled_at: datetime
    is_erased: bool


async def courses_page(
    clock: Clock, *, actor: Actor, title: str | None = None, turn: Turn = NEWEST
) -> Page[CourseView]:
    """Courses in any order of `SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.

    Args:
        title: a part of it.
    """
    roles.require(actor, Verb.SEE_COURSES)
    found = await _LIST.page([beijing.day(clock.now()), title], turn)
    return found.map(lambda row: CourseView(**row))


async def courses_count(clock: Clock, *, actor: Actor, title: str | None = None) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_COURSES)
    return await _LIST.count([beijing.day(clock.now()), title])


async def course(clock: Clock, course_id: int, *, actor: Actor) -> CourseView:
    """One course. Raises Forbidden: role_not_allowed. NotFound: course_unknown."""
    roles.require(actor, Verb.SEE_COURSES)
    found = await rows(_ONE, beijing.day(clock.now()), course_id)
    if not found:
        raise unknown()
    return CourseView(**found[0])


async def prices_of(course_id: int, *, actor: Actor) -> list[CoursePriceView]:
    """The course's prices, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_COURSES)
    return [CoursePriceView(**row) for row in await rows(_PRICES, course_id)]


async def enrolments_page(
    clock: Clock, keys: Keys, course_id: int, *, actor: Actor, after: int = 0, size: int = 50
) -> Page[EnrolmentView]:
    """Who takes part, in the order of enrolment. Raises Forbidden: role_not_allowed. NotFound: course_unknown."""
    await course(clock, course_id, actor=actor)
    found = [_enrolment(keys, row) for row in await rows(_ENROLMENTS, course_id, after, size + 1)]
    return Page(found[:size], str(found[size - 1].id) if len(found) > size else None)


def _enrolment(keys: Keys, row: dict[str, Any]) -> EnrolmentView:
    shown = {name: value for name, value in row.items() if name != "phone_sealed"}
    return EnrolmentView(
        **{
            **shown,
            "name": row["name"] if row["is_erased"] else mask_name(row["name"]),
            "phone": mask(keys.decrypt(bytes(row["phone_sealed"]), about=ABOUT_PHONE)),
            "state": FeeState(row["state"]) if row["state"] else None,
        }
    )
