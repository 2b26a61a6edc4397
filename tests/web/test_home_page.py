"""首页: each line is work of this person's, counted as the rooms count it; what is not there is not shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.domain.issuance import organisation
from server.domain.lookups import due_today
from server.domain.notices import hold
from server.domain.people import officers
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate, ImportRun, Issuance, Officer, Plan, Staff
from server.web.console import home_words
from tests.kit import issuing, make
from tests.kit.console_desk import Browser, seated
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock
from tests.kit.home import told

App = Sanic[Any, Any]


@pytest.mark.parametrize("role", list(Role))
async def test_on_a_quiet_day_nothing_is_shown(app: App, services: Services, role: Role) -> None:
    school = await make.school() if role is Role.SCHOOL else None
    who = await seated(app, services, role, school=school)
    assert await told(who) == {}
    page = (await who.page("/console/")).text
    assert "今天没有等您办的事。" in page and ">0<" not in page


async def everybody(app: App, services: Services, of: issuing.Cohort) -> dict[Role, Browser]:
    return {
        role: await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
        for role in Role
    }


async def test_a_batch_is_work_of_whoever_takes_its_next_step(
    app: App, services: Services, clock: FakeClock
) -> None:
    of = await issuing.cohort(services)
    at = await everybody(app, services, of)
    batch = await issuing.prepared(services, of)
    assert await told(at[Role.ISSUER]) == {"批次待您签发": 1}
    assert await told(at[Role.SCHOOL]) == await told(at[Role.OPERATOR]) == {}
    await Plan.filter(id=of.plan.id).update(release_at=None)
    assert "批次待您签发" not in await told(at[Role.ISSUER])
    await Plan.filter(id=of.plan.id).update(release_at=clock.now())
    await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
    assert await told(at[Role.SCHOOL]) == {"批次待本校签发负责人扫码签发": 1}
    assert await told(at[Role.ISSUER]) == {}
    await Issuance.filter(id=batch.id).update(org_signed_at=clock.now() - timedelta(days=4))
    assert await told(at[Role.ISSUER]) == {"批次送院校超过 3 天没有签发": 1}
    assert 'class="late"' in (await at[Role.ISSUER].page("/console/")).text
    await Officer.all().update(state="suspended")
    assert (await told(at[Role.SCHOOL]))["有批次的院校没有签发负责人"] == 1
    await officers.invite(clock, services.keys, of.school.id, "李敏", make.mobile(), actor=make.ADMIN)
    assert "有批次的院校没有签发负责人" not in await told(at[Role.SCHOOL])
    await Officer.filter(name="李敏").update(state="pending")
    assert (await told(at[Role.OPERATOR]))["签发负责人已接受邀请，待确认"] == 1


@pytest.mark.rule("S85")
async def test_that_a_batch_wants_an_officer_is_no_schools_news_before_the_release(
    app: App, services: Services, clock: FakeClock
) -> None:
    """A batch there is only when somebody passed."""
    of = await issuing.cohort(services)
    await issuing.prepared(services, of)
    await Officer.all().update(state="suspended")
    school = await seated(app, services, Role.SCHOOL, school=of.school)
    operator = await seated(app, services, Role.OPERATOR)
    line = {"有批次的院校没有签发负责人": 1}
    for at, told_to_it in ((None, {}), (clock.now() + timedelta(hours=1), {}), (clock.now(), line)):
        await Plan.filter(id=of.plan.id).update(release_at=at)
        assert await told(school) == told_to_it
        assert (await told(operator)).items() >= line.items()


async def test_who_signed_does_not_hand_over_where_it_takes_two(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    at = await everybody(app, services, of)
    batch = await issuing.prepared(services, of)
    mine = (await Staff.get(username="user-issuer")).id
    await Issuance.filter(id=batch.id).update(state="school_signed", org_signed_by=mine)
    assert (await told(at[Role.ISSUER]))["批次待您发放"] == 1
    exchange(services, settings=replace(services.settings, two_people="on"))
    assert "批次待您发放" not in await told(at[Role.ISSUER])
    assert (await told(at[Role.ADMIN]))["批次待您发放"] == 1
    await Issuance.filter(id=batch.id).update(state="generating")
    await Certificate.filter(issuance_id=batch.id).update(attempts=1, last_error="盖章没有成功")
    assert (await told(at[Role.ADMIN]))["证书没有生成成功，系统还在重试"] == len(of.registrations)


async def test_imports_plans_and_what_stands_still(app: App, services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    at = await everybody(app, services, of)
    made: dict[str, Any] = {
        "kind": "scores",
        "file_name": "成绩.xlsx",
        "file_sha256": b"x",
        "file_key": "x",
        "state": "done",
    }
    check = await ImportRun.create(**made, is_dry_run=True, rows_taken=9, created_at=clock.now())
    await ImportRun.create(**made, is_dry_run=False, rows_refused=2, created_at=clock.now())
    await ImportRun.all().update(created_at=clock.now())
    await Plan.filter(id=of.plan.id).update(release_at=None)
    await hold.begin(clock, "恢复了备份", actor=make.ADMIN)
    assert await told(at[Role.OPERATOR]) == {
        "考试计划已考完，成绩还没有公布": 1,
        "导入检查过，还没有写入": 1,
        "导入有没写入的行（两周内）": 1,
    }
    await ImportRun.create(**made, is_dry_run=False, check_id=check.id)
    assert "导入检查过，还没有写入" not in await told(at[Role.OPERATOR])
    assert "恢复了备份" not in (await at[Role.OPERATOR].page("/console/")).text
    await at[Role.FINANCE]("GET", "/audit")
    assert (await told(at[Role.AUDITOR]))["登录或访问异常（24 小时内）"] == 1
    clock.forward(days=2)
    later = await seated(app, services, Role.AUDITOR, username="auditor-two")
    assert await told(later) == {}


def test_every_kind_has_its_words() -> None:
    assert {one.what for one in due_today._KINDS} | {
        "log",
        "hold",
        "doctor",
        "backup",
    } == home_words.DUE.keys()
