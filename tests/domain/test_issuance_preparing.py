"""Batches of many schools: a job with progress that goes on behind its mark, whoever dies over it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.domain.issuance import generation, preparation_query, preparing, roster
from server.domain.ports import Keys, PdfRenderer, Services
from server.domain.roles import Role
from server.errors import Refused
from server.models import AuditEntry, Certificate, Issuance, Plan, Preparation, Site
from server.settings import Settings
from server.web.console import wording
from tests.kit import make
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, Killed, KillerFaultInjector, ListQueue
from tests.kit.jobs import drained

App = Sanic[Any, Any]
ME = make.ISSUER_STAFF
PLACES = (
    "preparing.begin: before the commit",
    "preparing.site: the batch is begun",
    "preparing.site: before the numbers",
    "preparing.site: before the commit",
    "preparing.work: a site is prepared",
    "preparing.work: it is finished",
)


async def plan_of(s: Services, schools: int) -> Plan:
    """One who passed at each of so many schools."""
    plan = await make.plan(release_at=s.clock.now() - timedelta(days=1))
    for _ in range(schools):
        site = await make.site(await make.school())
        await make.registration(s, await make.candidate(s, at=await site.school), on=plan, at=site)
    return plan


async def whole(plan: Plan, schools: int) -> None:
    """Every site has one batch with its one person, and each number was given once."""
    batches = await Issuance.filter(plan_id=plan.id)
    assert len(batches) == len({batch.site_id for batch in batches}) == schools
    assert {(batch.state, batch.count, batch.revision) for batch in batches} == {("prepared", 1, 1)}
    numbers = await Certificate.all().order_by("number").values_list("number", flat=True)
    assert [str(one)[6:-1] for one in numbers] == [f"{i:08d}" for i in range(1, schools + 1)]
    assert await AuditEntry.filter(action="issuance.prepare").count() == schools


@pytest.mark.parametrize("place", PLACES)
async def test_it_may_be_killed_anywhere(services: Services, clock: FakeClock, place: str) -> None:
    plan = await plan_of(services, 4)
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await preparing.prepare(services, plan.id, actor=ME)
    exchange(services, faults=KillerFaultInjector())
    if not await Preparation.filter(plan_id=plan.id).exists():  # killed before anything was there
        await preparing.begin(services, plan.id, actor=ME)
    assert isinstance(services.queue, ListQueue)
    services.queue.jobs.clear()  # its job is lost, too
    clock.forward(minutes=2)
    await generation.sweep(services)
    await drained(services)
    await whole(plan, 4)
    done = await Preparation.get(plan_id=plan.id)
    assert (done.sites_done, done.sites_total, done.made, done.updated, done.refusals) == (4, 4, 4, 0, [])
    assert done.finished_at is not None


async def test_many_at_once_do_each_site_once(services: Services) -> None:
    plan = await plan_of(services, 5)
    begun = await preparing.begin(services, plan.id, actor=ME)
    assert await preparing.begin(services, plan.id, actor=make.ADMIN) == begun
    await asyncio.gather(*(preparing.work(services, preparation_id=begun) for _ in range(4)))
    await whole(plan, 5)
    done = await Preparation.get(id=begun)
    assert (done.sites_done, done.made) == (5, 5)


async def test_a_site_that_cannot_be_prepared_stops_no_other(services: Services) -> None:
    plan = await plan_of(services, 3)
    sites = await Site.all().order_by("id")
    other = await make.kind()
    odd = await type(other).create(code="XYZ", name="别的证书")
    await Site.filter(id=sites[1].id).update(kind_id=odd.id)
    await preparing.prepare(services, plan.id, actor=ME)
    assert await Issuance.all().count() == 2
    [left_out] = (await Preparation.get()).refusals
    assert (left_out["site"], left_out["code"]) == (sites[1].name, "site_other_kind")
    seen = await preparation_query.latest(plan.id, actor=ME)
    assert seen is not None and wording.prepared(seen) == "已建立 2 个批次；1 个站点没有准备，原因见下。"


async def test_what_is_no_refusal_is_tried_three_times_and_then_left_out(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await plan_of(services, 2)
    poison = (await Site.all().order_by("id"))[0].id
    genuine = roster.drawn_up

    async def drawn_up(
        settings: Settings, keys: Keys, renderer: PdfRenderer, issuance: Issuance, *more: Any
    ) -> Any:
        if issuance.site_id == poison:
            raise RuntimeError("poison")
        return await genuine(settings, keys, renderer, issuance, *more)

    monkeypatch.setattr(roster, "drawn_up", drawn_up)
    begun = await preparing.begin(services, plan.id, actor=ME)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await preparing.work(services, preparation_id=begun)
    assert await preparing.work(services, preparation_id=begun)
    assert await Issuance.all().count() == 1
    assert [one["code"] for one in (await Preparation.get()).refusals] == ["unexpected"]


async def test_the_door_answers_at_once_and_tells_how_far_it_is(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await plan_of(services, 3)
    who = await seated(app, services, Role.ISSUER)
    monkeypatch.setattr(preparing, "AT_ONCE", -1.0)
    answer = await who("POST", "/issuances", {"plan_id": plan.id})
    assert (answer.status, answer.json["ids"], answer.json["preparation"]["state"]) == (202, None, "running")
    begun = answer.json["preparation"]["id"]
    assert (await who("POST", "/issuances", {"plan_id": plan.id})).json["preparation"]["id"] == begun
    page = (await who.page(f"/console/issuances?plan_id={plan.id}")).text
    assert f'data-preparation="{begun}"' in page
    await drained(services)
    now = (await who("GET", f"/preparations/{begun}")).json
    assert (now["state"], now["sites_done"], now["made"], now["summary"]) == (
        "done",
        3,
        3,
        "已建立 3 个批次。",
    )

    monkeypatch.setattr(preparing, "AT_ONCE", 60.0)
    again = await who("POST", "/issuances", {"plan_id": plan.id})
    assert (again.status, again.json["preparation"]["summary"]) == (200, wording.NOTHING_PREPARED)
    assert again.json["ids"] == sorted(one.id for one in await Issuance.all())
    await make.registration(services, on=plan, at=await Site.all().first())
    more = await who("POST", "/issuances", {"plan_id": plan.id})
    assert (more.status, more.json["preparation"]["updated"]) == (201, 1)
    assert (await who("GET", "/preparations/987654")).status == 404
    clerk = await seated(app, services, Role.SCHOOL, school=await make.school())
    assert (await clerk("GET", f"/preparations/{begun}")).status == 403


async def test_a_plan_with_nobody_to_certify_says_so(services: Services) -> None:
    plan = await make.plan()
    await make.registration(services, on=plan, outcome="failed")
    with pytest.raises(Refused) as refused:
        await preparing.prepare(services, plan.id, actor=ME)
    assert refused.value.code == "nothing_to_prepare"
