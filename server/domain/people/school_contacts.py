"""Whom a candidate asks: the schools that their examinations were at, and the one they are on record with."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people import bound_people, queries
from server.domain.people.invitations import refuse_other_school
from server.domain.people.names import tidy
from server.domain.ports import Clock, WeChatIdentity
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound
from server.models import School

MOST = 5  # of one person; more than anybody has
LONGEST = 100  # characters


@dataclass(frozen=True, slots=True)
class SchoolContact:
    """A school by name, and how its examination office is reached, as it wrote it; "": it wrote nothing."""

    name: str
    contact: str = ""


async def of_candidate(candidate_id: int) -> list[SchoolContact]:
    """The schools of this candidate, in the order of their names."""
    return [SchoolContact(*one) for one in await queries.schools_of(candidate_id, MOST)]


async def contact_of(school_id: int | None) -> str:
    """What this school wrote; "" for nothing and for no school."""
    school = await School.get_or_none(id=school_id) if school_id else None
    return school.contact if school else ""


async def set_contact(clock: Clock, school_id: int, contact: str, *, actor: Actor) -> None:
    """Say how candidates reach a school's examination office. Repeating it changes nothing.

    Raises:
        Forbidden("role_not_allowed") · NotFound("school_not_found"), also for another school's account ·
        Invalid("contact_long").
    """
    roles.require(actor, Verb.INVITE)
    refuse_other_school(actor, school_id)
    contact = " ".join(tidy(contact).split())
    if len(contact) > LONGEST:
        raise Invalid(errors=[FieldError("/contact", "contact_long", f"联系方式最多 {LONGEST} 个字符。")])
    async with in_transaction():
        school = await School.filter(id=school_id).select_for_update().first()
        if school is None:
            raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")
        if school.contact == contact:
            return
        await School.filter(id=school_id).update(contact=contact)
        was, became = {"contact": school.contact}, {"contact": contact}
        await audit_log.record(clock, actor, "school.contact", "school", school_id, was=was, became=became)


async def of_identity(who: WeChatIdentity) -> list[SchoolContact]:
    """The schools of whoever is bound to this identity; none when nobody is."""
    candidate = await bound_people.candidate_id_of(who)
    return await of_candidate(candidate) if candidate is not None else []
