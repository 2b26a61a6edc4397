"""One school on one page: whom to call, who signs, its batches and how long they have waited, its candidates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.paging import Page, SqlList, Turn
from server.domain.people.candidates import mask_mobile
from server.domain.people.invitations import ABOUT_MOBILE
from server.domain.people.officer_states import OfficerState
from server.domain.people.school_scope import may_see, school_of
from server.domain.ports import Clock, Keys
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import Officer, School
from server.models.database import rows

SHOWN = 30
_BATCHES = """
SELECT i.id, i.state, p.name AS plan, t.level, i.count, i.created_at, i.org_signed_at, i.school_signed_at, i.issued_at
FROM issuance i JOIN plan p ON p.id = i.plan_id JOIN site t ON t.id = i.site_id
WHERE t.school_id = $1 AND ($2::timestamptz IS NULL OR p.release_at <= $2)
ORDER BY i.state IN ('issued', 'void'), i.id DESC LIMIT $3
"""
_PLANS = """
SELECT p.id, p.name, p.exam_date, count(*)::int AS registered,
       CASE WHEN $2::timestamptz IS NULL OR p.release_at <= $2 THEN (count(*) FILTER (WHERE r.outcome = 'passed'))::int END AS passed
FROM site t JOIN registration r ON r.site_id = t.id JOIN plan p ON p.id = r.plan_id
WHERE t.school_id = $1 GROUP BY p.id ORDER BY p.exam_date DESC, p.id DESC LIMIT 20
"""
_CANDIDATES = "SELECT count(*)::int AS n FROM candidate WHERE school_id = $1"
_ACCOUNTS = (
    "SELECT name, username, is_active FROM staff WHERE school_id = $1 ORDER BY is_active DESC, id LIMIT 20"
)
_LIST = SqlList(
    """
SELECT h.id, h.name, (SELECT count(*)::int FROM officer o WHERE o.school_id = h.id AND o.state = 'active') AS officers,
       (SELECT count(*)::int FROM site t JOIN issuance i ON i.site_id = t.id
        WHERE t.school_id = h.id AND i.state NOT IN ('issued', 'void')) AS open
FROM school h WHERE ($1::text IS NULL OR strpos(h.name, $1) > 0) AND ($2::bigint IS NULL OR h.id = $2)
""",
    {"name": "text", "officers": "bigint", "open": "bigint"},
)
BY_NAME = Turn("name")
SORTS = {"name": "按名称", "officers": "负责人少的在前", "-open": "没有发放的批次多的在前"}


@dataclass(frozen=True, slots=True)
class OfficerLine:
    id: int
    name: str
    mobile_masked: str
    state: OfficerState


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch of the school; `since`: when it came to the step it is in, as far as its columns say."""

    id: int
    state: BatchState
    plan: str
    level: Level
    count: int
    since: datetime
    is_open: bool


@dataclass(frozen=True, slots=True)
class PlanLine:
    """The school's people in a plan; `passed`: None where it is not to be seen yet."""

    id: int
    name: str
    exam_date: date
    registered: int
    passed: int | None


@dataclass(frozen=True, slots=True)
class AccountLine:
    name: str
    username: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolDossier:
    """`contact`: how its examination office is reached, as the school says; empty: it has not said."""

    id: int
    name: str
    contact: str
    officers: tuple[OfficerLine, ...]
    accounts: tuple[AccountLine, ...]
    batches: tuple[BatchLine, ...]
    plans: tuple[PlanLine, ...]
    candidates: int


@dataclass(frozen=True, slots=True)
class SchoolLine:
    """A school in the list: active officers, and batches that are not issued yet."""

    id: int
    name: str
    officers: int
    open: int


_CAME = {
    "prepared": "created_at",
    "site_pending": "org_signed_at",
    "school_signed": "school_signed_at",
    "issued": "issued_at",
}


async def view(clock: Clock, keys: Keys, school_id: int, *, actor: Actor) -> SchoolDossier:
    """Raises Forbidden("role_not_allowed") · NotFound("school_unknown"), also for another school's account."""
    roles.require(actor, Verb.SEE_OFFICERS)
    school = await School.get_or_none(id=school_id)
    if school is None or not may_see(actor, school_id):
        raise NotFound("school_unknown", "没有找到这所院校，请刷新列表后重试。")
    released = clock.now() if school_of(actor) is not None else None
    officers = await Officer.filter(school_id=school_id).order_by("-id").limit(SHOWN)
    return SchoolDossier(
        id=school.id,
        name=school.name,
        contact=school.contact,
        officers=tuple(_officer(keys, one) for one in officers if one.state != OfficerState.WITHDRAWN.value),
        accounts=tuple(AccountLine(**row) for row in await rows(_ACCOUNTS, school_id)),
        batches=tuple(_batch(row) for row in await rows(_BATCHES, school_id, released, SHOWN)),
        plans=tuple(PlanLine(**row) for row in await rows(_PLANS, school_id, released)),
        candidates=(await rows(_CANDIDATES, school_id))[0]["n"],
    )


async def listing(part: str | None, *, turn: Turn = BY_NAME, actor: Actor) -> Page[SchoolLine]:
    """Schools with this part in their name, in any order of `SORTS`; a school's account has its own.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.
    """
    roles.require(actor, Verb.SEE_OFFICERS)
    return (await _LIST.page([part or None, school_of(actor)], turn)).map(lambda row: SchoolLine(**row))


async def count(part: str | None, *, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_OFFICERS)
    return await _LIST.count([part or None, school_of(actor)])


def _officer(keys: Keys, officer: Officer) -> OfficerLine:
    sealed = officer.mobile_sealed
    mobile = mask_mobile(keys.decrypt(bytes(sealed), about=ABOUT_MOBILE)) if sealed else ""
    return OfficerLine(officer.id, officer.name, mobile, OfficerState(officer.state))


def _batch(row: dict[str, object]) -> BatchLine:
    state = BatchState(row["state"])
    since = row.get(_CAME.get(state.value, "created_at")) or row["created_at"]
    return BatchLine(
        int(str(row["id"])),
        state,
        str(row["plan"]),
        Level(row["level"]),
        int(str(row["count"])),
        since,  # type: ignore[arg-type]  # a column of times
        state not in (BatchState.ISSUED, BatchState.VOID),
    )
