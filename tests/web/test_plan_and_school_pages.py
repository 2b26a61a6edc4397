"""One plan, one page and one school, one page: what is counted there, and who may open it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.dossiers import plan_dossier, school_dossier
from server.domain.dossiers.plan_dossier import Distribution
from server.domain.exams.results import Result
from server.domain.levels import Level
from server.domain.paging import Turn
from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role, Verb
from server.models import Plan, PracticeRecord, Score
from server.web.console import page_base, work_pages
from server.web.console.plan_pages import bars
from tests.kit import issuing, make
from tests.kit.console_desk import seated
from tests.kit.fakes import FakeClock
from tests.kit.refusals import code_of
from tests.kit.statements import statements

App = Sanic[Any, Any]


@pytest.mark.rule("S58")
async def test_a_schools_menu_is_in_its_order(app: App, services: Services) -> None:
    who = await seated(app, services, Role.SCHOOL, school=await make.school())
    menu = re.findall(r'<li><a href="(/console/[a-z-]*)"', (await who.page("/console/")).text)
    rooms = [one for one in page_base.SCHOOL_ORDER if one in menu]
    assert menu[: len(rooms)] == rooms and len(rooms) > 6
    assert menu[:3] == ["/console/", "/console/people", "/console/schools"]


@pytest.mark.parametrize("role", list(Role))
async def test_who_opens_them(app: App, services: Services, role: Role) -> None:
    of = await issuing.cohort(services)
    await issuing.prepared(services, of)
    who = await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
    plans, people = (verb in PERMISSIONS[role] for verb in (Verb.SEE_PLANS, Verb.SEE_OFFICERS))
    assert (await who.page(f"/console/plans/{of.plan.id}")).status == (200 if plans else 403)
    assert (await who.page("/console/plans/987654")).status == (404 if plans else 403)
    assert (await who.page(f"/console/schools/{of.school.id}")).status == (200 if people else 403)
    listed = await who.page("/console/schools")
    if role is Role.SCHOOL:
        assert listed.status == 200 and of.school.name in listed.text
        assert (await who.page(f"/console/schools/{(await make.school()).id}")).status == 404
    else:
        assert listed.status == (200 if people else 403)
        assert (of.school.name in listed.text) == people


async def test_plans_are_found_by_name_and_year_and_turned(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for year, name in ((2021, "春季统考"), (2022, "秋季统考"), (2022, "春季补考")):
        await Plan.filter(id=(await make.plan(f"{year}年{name}")).id).update(
            exam_date=f"{year}-04-0{len(name)}"
        )
    who = await seated(app, services, Role.OPERATOR)

    async def cards(path: str) -> list[str]:
        return re.findall(r'-name">(.*?)</h2>', (await who.page(f"/console/plans{path}")).text)

    assert await cards("") == ["2022年春季补考", "2022年秋季统考", "2021年春季统考"]
    assert await cards("?year=2022&sort=name") == ["2022年春季补考", "2022年秋季统考"]
    assert await cards("?name=统考") == ["2022年秋季统考", "2021年春季统考"]
    narrowed = (await who.page("/console/plans?name=统考&year=2021")).text
    assert "共 1 个考试计划" in narrowed and "年份：2021，去掉这项筛选" in narrowed
    assert narrowed.count("<option") == 3 and "导出表格" in narrowed
    assert "没有这样的考试计划" in (await who.page("/console/plans?name=冬季")).text
    listed = (await who("GET", "/plans?name=春季")).json["items"]
    assert [one["name"] for one in listed] == ["2022年春季补考", "2021年春季统考"]
    monkeypatch.setattr(work_pages, "CARDS", 2)
    page = (await who.page("/console/plans")).text
    [onward] = re.findall(r'href="/console/plans([^"]*)" rel="next"', page)
    assert await cards(onward.replace("&amp;", "&")) == ["2021年春季统考"]


async def test_the_last_look(app: App, services: Services, clock: FakeClock) -> None:
    s = services
    of = await issuing.cohort(s, level=Level.ADVANCED)
    earlier = await make.plan("上一次")
    await Plan.filter(id=earlier.id).update(exam_date="2022-09-22")
    for outcome in ("passed", "failed", "failed", "absent"):
        await make.registration(s, on=earlier, at=of.site, outcome=outcome, score=50)
    await make.registration(s, on=of.plan, at=of.site, outcome="absent")
    await make.registration(s, on=of.plan, at=of.site, outcome="pending")
    first = of.registrations[0]
    await PracticeRecord.create(
        candidate_id=first.candidate_id, level="advanced", practice_hours=250, supervision_hours=100
    )
    await Score.filter(registration_id=first.id).update(score=100)
    it = await plan_dossier.view(clock, of.plan.id, actor=make.OPERATOR)
    [level] = it.levels
    count = level.results.of
    assert (level.level, level.results.registered) == (Level.ADVANCED, 7)
    assert [count(one) for one in (Result.PASSED, Result.FAILED, Result.ABSENT, Result.PENDING)] == [
        4,
        1,
        1,
        1,
    ]
    assert level.results.rate == 80.0  # of those who sat and have a result
    assert level.without_hours == 3
    assert level.distributions == (Distribution(make.SUBJECT, (0, 0, 0, 0, 1, 0, 0, 3, 0, 1)),)
    assert [(one.name, round(one.rates[Level.ADVANCED] or 0, 1)) for one in it.earlier] == [("上一次", 33.3)]
    assert [(one.school, one.registered, one.pending) for one in it.sites] == [(of.school.name, 7, 1)]
    drawn = bars(level.distributions[0])
    assert [one["height"] for one in drawn] == [0, 0, 0, 0, 37, 0, 0, 110, 0, 37]
    assert [one["passes"] for one in drawn].index(True) == 6
    await Plan.filter(id=of.plan.id).update(release_at=None)
    asking = await seated(app, s, Role.OPERATOR)
    page = (await asking.page(f"/console/plans/{of.plan.id}")).text
    assert "还有 1 人成绩未齐" in page and "高级有 3 位合格考生的实践或督导学时不足" in page
    assert len(re.findall(r'<rect class="passes"', page)) == 4 and "style=" not in page
    await asking("POST", f"/plans/{of.plan.id}/release", {})
    mine = (await asking.page(f"/console/plans/{of.plan.id}")).text
    assert ">撤回<" in mine and ">批准公布<" not in mine and ">提出公布<" not in mine
    other = await seated(app, s, Role.ISSUER)
    theirs = (await other.page(f"/console/plans/{of.plan.id}")).text
    assert ">批准公布<" in theirs and ">撤回<" not in theirs
    await make.registration(s, on=of.plan, at=of.site)
    moved = (await other.page(f"/console/plans/{of.plan.id}")).text
    assert "提出以后报考或成绩有了变化" in moved and ">批准公布<" not in moved


async def test_plans_to_compare_with_cost_no_statement_each(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    seen = []
    for count in range(3):
        with statements() as asked:
            it = await plan_dossier.view(clock, of.plan.id, actor=make.OPERATOR)
        assert [one.rates for one in it.earlier] == [{Level.PRIMARY: 0.0}] * count
        seen.append(len(asked))
        before = await make.plan(f"第{count}次")
        await Plan.filter(id=before.id).update(exam_date=f"2022-0{count + 1}-22")
        await make.registration(services, on=before, at=of.site, outcome="failed", score=50)
    assert seen[0] and len(set(seen)) == 1, seen


async def test_a_school_reads_no_result_before_its_release(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    own = make.school_account(of.school)
    it = await school_dossier.view(clock, services.keys, of.school.id, actor=own)
    assert [(one.id, one.is_open, one.since) for one in it.batches] == [(batch.id, True, clock.now())]
    assert [(one.registered, one.passed) for one in it.plans] == [(5, 4)]
    assert [one.name for one in it.officers] == ["王签发"] and "*" in it.officers[0].mobile_masked
    await Plan.filter(id=of.plan.id).update(release_at=None)
    it = await school_dossier.view(clock, services.keys, of.school.id, actor=own)
    assert (it.batches, [(one.registered, one.passed) for one in it.plans]) == ((), [(5, None)])
    it = await school_dossier.view(clock, services.keys, of.school.id, actor=make.OPERATOR)
    assert (len(it.batches), it.plans[0].passed) == (1, 4)
    for school, actor in ((987_654, make.OPERATOR), (of.school.id, make.school_account(await make.school()))):
        call = school_dossier.view(clock, services.keys, school, actor=actor)
        assert await code_of(call) == "school_unknown"


async def test_schools_are_found_by_a_part_and_paged(services: Services) -> None:
    for name in ("甲一学院", "甲二学院", "乙学院"):
        await make.school(name)
    found = await school_dossier.listing("甲", turn=Turn("name", limit=1), actor=make.OPERATOR)
    rest = await school_dossier.listing(
        "甲", turn=Turn("name", found.next_cursor, limit=1), actor=make.OPERATOR
    )
    assert {one.name for one in found.items + rest.items} == {"甲一学院", "甲二学院"}
    assert rest.next_cursor is None and rest.before is not None
