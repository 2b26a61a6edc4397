"""Candidates as a list: of a school, of a plan, of a level; a school's account has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import incidents
from server.domain.dossiers import queries
from server.domain.paging import Page, cursor_id, limited
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.people.school_scope import school_of
from server.domain.ports import Services
from server.domain.roles import Verb
from server.models.database import rows

_OWN = """c.id = ANY(ARRAY(SELECT id FROM candidate WHERE school_id = {0} UNION
 SELECT r.candidate_id FROM site t JOIN registration r ON r.site_id = t.id WHERE t.school_id = {0}))"""
_OF_SCHOOL = "c.school_id = ANY(ARRAY(SELECT h.id FROM school h WHERE strpos(h.name, {}) > 0))"
_REGISTERED = """EXISTS (SELECT 1 FROM registration r JOIN site t ON t.id = r.site_id
 WHERE r.candidate_id = c.id AND {})"""
_PAGE = "SELECT c.id FROM candidate c WHERE {} ORDER BY c.id {} LIMIT {}"
_COUNT = "SELECT count(*)::int AS n FROM (SELECT 1 FROM candidate c WHERE {} LIMIT {}) few"
COUNTED = 10_000  # a total beyond is said as more than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which candidates; None leaves a thing open. `school` is a part of the name of the school they belong to."""

    school: str | None = None
    plan_id: int | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True)
class CandidateLine:
    id: int
    name: str
    id_masked: str
    school: str | None
    plan: str | None
    is_bound: bool


def _where(wanted: Wanted, own: int | None) -> tuple[list[str], list[Any]]:
    values: list[Any] = []

    def put(value: Any, kind: str) -> str:
        values.append(value)
        return f"${len(values)}::{kind}"

    parts, placed = [], []
    if own is not None:
        place = put(own, "bigint")
        parts.append(_OWN.format(place))
    if part := (wanted.school or "").strip():
        parts.append(_OF_SCHOOL.format(put(part, "text")))
    if wanted.plan_id is not None:
        placed.append(f"r.plan_id = {put(wanted.plan_id, 'bigint')}")
    if wanted.level is not None:
        placed.append(f"t.level = {put(wanted.level, 'text')}")
    if placed:
        if own is not None:  # where else they registered is not told by a filter
            placed.append(f"t.school_id = {place}")
        parts.append(_REGISTERED.format(" AND ".join(placed)))
    return parts, values


async def listing(
    s: Services,
    wanted: Wanted,
    *,
    cursor: str | None = None,
    before: str | None = None,
    limit: int | None = None,
    actor: Actor,
) -> Page[CandidateLine]:
    """Newest first. Raises Forbidden("role_not_allowed") · Invalid: a cursor that no page gave."""
    roles.require(actor, Verb.SEE_PEOPLE)
    school = school_of(actor)
    parts, values = _where(wanted, school)
    size, end = limited(limit), cursor_id(before)
    start = end or cursor_id(cursor)
    if start is not None:
        values.append(start)
        parts.append(f"c.id {'>' if end is not None else '<'} ${len(values)}::bigint")
    condition, way = " AND ".join(parts) or "TRUE", "ASC" if end is not None else "DESC"
    ids = [row["id"] for row in await rows(_PAGE.format(condition, way, size + 1), *values)]
    others, ids = len(ids) > size, ids[:size]
    await incidents.viewed(s, actor, "candidates", "candidate", "-")
    if not ids:
        return Page()
    is_first, is_last = (not others, False) if end is not None else (start is None, not others)
    ids = sorted(ids, reverse=True)
    found = {row["id"]: row for row in await queries.found(ids, school)}
    lines = [
        CandidateLine(
            one,
            row["name"],
            mask_id(s.keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
            row["school"],
            row["plan"],
            row["is_bound"],
        )
        for one in ids
        if (row := found.get(one)) is not None
    ]
    return Page(lines, None if is_last else str(ids[-1]), None if is_first else str(ids[0]))


async def total(wanted: Wanted, *, actor: Actor) -> int:
    """How many there are, no further counted than `COUNTED` + 1. Raises as `listing`."""
    roles.require(actor, Verb.SEE_PEOPLE)
    parts, values = _where(wanted, school_of(actor))
    condition = " AND ".join(parts) or "TRUE"
    [row] = await rows(_COUNT.format(condition, COUNTED + 1), *values)
    return int(row["n"])
