"""Whom a candidate asks: the schools that their examinations were at, and the one they are on record with."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.expressions import Q

from server.domain.people import bound_people
from server.domain.ports import WeChatIdentity
from server.models import School

MOST = 5  # of one person; more than anybody has


@dataclass(frozen=True, slots=True)
class SchoolContact:
    """A school by name, and how its examination office is reached, as it wrote it; "": it wrote nothing."""

    name: str
    contact: str = ""


async def of_candidate(candidate_id: int) -> list[SchoolContact]:
    """The schools of this candidate, in the order of their names."""
    theirs = Q(candidates__id=candidate_id) | Q(sites__registrations__candidate_id=candidate_id)
    return [
        SchoolContact(one.name) for one in await School.filter(theirs).distinct().order_by("name").limit(MOST)
    ]


async def of_identity(who: WeChatIdentity) -> list[SchoolContact]:
    """The schools of whoever is bound to this identity; none when nobody is."""
    candidate = await bound_people.candidate_id_of(who)
    return await of_candidate(candidate) if candidate is not None else []
