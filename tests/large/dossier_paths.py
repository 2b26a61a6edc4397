"""The people's, plans' and schools' pages and lists, and the first page, walked through over years of history."""

from __future__ import annotations

from server.domain.actor import Actor
from server.domain.dossiers import (
    candidate_dossier,
    candidate_finding,
    candidate_list,
    plan_dossier,
    school_dossier,
)
from server.domain.dossiers import queries as dossier_queries
from server.domain.lookups import due_today
from server.domain.people import candidate_phones
from server.domain.people import queries as people_queries
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate
from tests.kit import issuing, make
from tests.large import filled
from tests.large.plans import Spy

EVERY_ROLE = [Actor("staff", 7, "职员", role=role.value) for role in Role if role is not Role.SCHOOL]


async def walk(s: Services, spy: Spy, of: issuing.Cohort, clerk: Actor) -> None:
    """People of the years cannot be unsealed: what shows numbers is asked for the living ones alone."""
    first = await Certificate.get(registration_id=of.registrations[0].id, state="valid")
    spy.part = "candidates"
    for chosen in (
        candidate_list.Wanted(),
        candidate_list.Wanted(plan_id=of.plan.id, level="primary"),
        candidate_list.Wanted(school=of.school.name),
    ):
        await candidate_list.listing(s, chosen, actor=clerk)
        for actor in (make.OPERATOR, clerk):
            await candidate_list.total(chosen, actor=actor)
    await candidate_list.listing(s, candidate_list.Wanted(plan_id=of.plan.id), actor=make.OPERATOR)
    spy.part = "one candidate"
    for actor in (make.OPERATOR, clerk):
        for text in ("崔子涵", make.id_number(1), "19912340987", first.number, "230922"):
            await candidate_finding.find(s, text, actor=actor)
        await candidate_dossier.opened(s, first.candidate_id, actor=actor)
    for school in (None, of.school.id, filled.FIRST):
        named = await people_queries.named("崔", school, 51)
        await dossier_queries.found(await dossier_queries.seen_of(named, school), school)
    await candidate_phones.sweep(s)
    spy.part = "plans"
    await plan_dossier.view(s.clock, of.plan.id, actor=make.OPERATOR)
    spy.part = "one school"
    await school_dossier.view(s.clock, s.keys, of.school.id, actor=clerk)
    await school_dossier.listing("学院", actor=make.OPERATOR)
    spy.part = "home"
    for actor in (*EVERY_ROLE, clerk):
        await due_today.due(s, actor=actor)
