"""公布 by two people: nothing is visible before another approves, and not what was not looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from tortoise.exceptions import IntegrityError

from server.domain.actor import Actor
from server.domain.exams import release_requests, release_states
from server.domain.ports import Services
from server.models import AuditEntry, Plan, Registration, ReleaseRequest
from tests.kit import make
from tests.kit.fakes import FakeClock
from tests.kit.lives import without_row
from tests.kit.refusals import code_of

ASKER, OTHER = make.OPERATOR, make.ISSUER_STAFF
AUDITOR = Actor("staff", 9, "审计员", role="auditor")


async def asked(s: Services, plan: Plan, *, hours: int | None = None) -> int:
    at = None if hours is None else s.clock.now() + timedelta(hours=hours)
    return await release_requests.ask(s.clock, plan.id, at=at, actor=ASKER)


async def release_at(plan: Plan) -> object:
    return (await Plan.get(id=plan.id)).release_at


async def a_plan(s: Services) -> Plan:
    plan = await make.plan()
    await make.registration(s, on=plan)
    return plan


@pytest.mark.parametrize("hours", [None, 3])
async def test_one_asks_and_another_approves(services: Services, clock: FakeClock, hours: int | None) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan, hours=hours)
    assert await release_at(plan) is None
    for actor, code in ((ASKER, "same_person"), (AUDITOR, "role_not_allowed")):
        assert await code_of(release_requests.approve(services, request, actor=actor)) == code
    assert await release_at(plan) is None
    done = await release_requests.approve(services, request, actor=OTHER)
    assert done.release_at == await release_at(plan) == clock.now() + timedelta(hours=hours or 0)
    assert await code_of(release_requests.approve(services, request, actor=make.ADMIN)) == "already_decided"
    actions = [one.action for one in await AuditEntry.all().order_by("id")]
    assert actions == ["release_request.request", "release_request.approve", "plan.release"]
    if hours is None:
        again = release_requests.ask(clock, plan.id, at=None, actor=ASKER)
        assert await code_of(again) == "already_released"


async def test_what_was_asked_is_refused_or_taken_back(services: Services, clock: FakeClock) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan)
    assert await code_of(release_requests.ask(clock, plan.id, at=None, actor=OTHER)) == "role_not_allowed"
    assert await code_of(release_requests.ask(clock, plan.id, at=None, actor=make.ADMIN)) == "release_open"
    assert await code_of(release_requests.withdraw(clock, request, actor=make.ADMIN)) == "not_yours"
    assert await code_of(release_requests.refuse(clock, request, "。", actor=OTHER)) == "note_form"
    assert await code_of(release_requests.refuse(clock, request, "未齐", actor=ASKER)) == "same_person"
    await release_requests.refuse(clock, request, "成绩未齐", actor=OTHER)
    row = await ReleaseRequest.get(id=request)
    assert (row.state, row.decided_by_name, row.decision_note) == ("refused", "签发员", "成绩未齐")
    second = await asked(services, plan)
    await release_requests.withdraw(clock, second, actor=ASKER)
    assert await code_of(release_requests.approve(services, second, actor=OTHER)) == "already_decided"
    assert await code_of(release_requests.approve(services, 987_654, actor=OTHER)) == "release_unknown"
    assert await release_at(plan) is None


async def test_other_figures_than_were_looked_at_are_not_released(services: Services) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan)
    await Registration.filter(plan_id=plan.id).update(outcome="failed")
    assert await code_of(release_requests.approve(services, request, actor=OTHER)) == "figures_moved"
    assert await release_at(plan) is None
    await Registration.filter(plan_id=plan.id).update(outcome="passed")
    await release_requests.approve(services, request, actor=OTHER)


async def test_a_minute_that_has_passed_is_asked_for_anew(services: Services, clock: FakeClock) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan, hours=1)
    clock.forward(hours=2)
    assert await code_of(release_requests.approve(services, request, actor=OTHER)) == "release_in_past"
    assert (await ReleaseRequest.get(id=request)).state == "requested"


async def test_two_who_approve_at_once_release_once(services: Services) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan)
    both = await asyncio.gather(
        *(release_requests.approve(services, request, actor=who) for who in (OTHER, make.ADMIN)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Exception) for one in both) == 1
    assert await AuditEntry.filter(action="plan.release").count() == 1


async def test_the_database_wants_two_people_too(services: Services, clock: FakeClock) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan)
    with pytest.raises(IntegrityError):
        await ReleaseRequest.filter(id=request).update(
            state="approved", decided_by=ASKER.id, decided_at=clock.now()
        )


@pytest.mark.parametrize("name", release_states.STEPS)
async def test_without_its_row_a_step_is_not_taken(services: Services, name: str) -> None:
    plan = await a_plan(services)
    request = await asked(services, plan)
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "approve": lambda: release_requests.approve(services, request, actor=OTHER),
        "refuse": lambda: release_requests.refuse(services.clock, request, "成绩未齐", actor=OTHER),
        "withdraw": lambda: release_requests.withdraw(services.clock, request, actor=ASKER),
    }
    with without_row(release_states.STEPS, name), pytest.raises(KeyError):
        await acts[name]()
    assert (await ReleaseRequest.get(id=request)).state == "requested"
    await acts[name]()
    assert (await ReleaseRequest.get(id=request)).state == release_states.STEPS[name].target.value
