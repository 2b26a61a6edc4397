"""成绩变更 at the console: asked for over the API, decided by another account, seen on the page."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Plan, PlanSlot, Registration, Score
from tests.kit import make
from tests.kit.console_desk import code, seated

App = Sanic[Any, Any]
REASON = "2026年11月23日复核，第 7 号复核记录"


@pytest.fixture
async def passed(services: Services) -> Registration:
    made = await make.registration(services, on=await make.plan(release_at=services.clock.now()))
    await PlanSlot.create(plan_id=made.plan_id, level=(await made.site).level, subject=make.SUBJECT)
    return made


async def test_asked_decided_and_listed(app: App, services: Services, passed: Registration) -> None:
    operator, admin = await seated(app, services, Role.OPERATOR), await seated(app, services, Role.ADMIN)
    body = {"admission_number": passed.admission_number, "status": "scored", "score": "12", "reason": REASON}
    asked = await operator("POST", "/score-changes", body)
    assert asked.status == 201, asked.text
    assert (asked.json["was"], asked.json["becomes"], asked.json["outcome_becomes"]) == (
        "78.5",
        "12.0",
        "未通过",
    )
    path = f"/score-changes/{asked.json['id']}"
    assert code(await operator("POST", "/score-changes", body)) == (409, "change_open")
    assert code(await operator("POST", f"{path}/approve", {})) == (403, "same_person")
    page = await admin.page("/console/score-changes")
    assert page.status == 200
    assert "78.5 → <b>12.0</b>" in page.text and "通过 → <b>未通过</b>" in page.text
    assert f'data-post="{path}/approve"' in page.text
    assert (await admin("POST", f"{path}/approve", {})).json == {"state": "approved"}
    assert (await Score.get(registration_id=passed.id)).score == 12
    listed = await operator("GET", "/score-changes?state=approved")
    assert [one["id"] for one in listed.json["items"]] == [asked.json["id"]]
    assert listed.json["items"][0]["decided_by"]
    assert code(await admin("POST", f"{path}/refuse", {"note": "不对"})) == (409, "already_decided")


async def test_a_short_reason_is_named_by_field(app: App, services: Services, passed: Registration) -> None:
    operator = await seated(app, services, Role.OPERATOR)
    body = {"admission_number": passed.admission_number, "status": "scored", "score": "12", "reason": "复核"}
    refused = await operator("POST", "/score-changes", body)
    assert (refused.status, [one["pointer"] for one in refused.json["errors"]]) == (422, ["/reason"])
    await Plan.all().update(release_at=None)
    early = await operator("POST", "/score-changes", {**body, "reason": REASON})
    assert code(early) == (409, "plan_not_released")


async def test_refused_with_a_note(app: App, services: Services, passed: Registration) -> None:
    operator, issuer = await seated(app, services, Role.OPERATOR), await seated(app, services, Role.ISSUER)
    body = {"admission_number": passed.admission_number, "status": "absent", "reason": REASON}
    asked = (await operator("POST", "/score-changes", body)).json
    path = f"/score-changes/{asked['id']}"
    done = await issuer("POST", f"{path}/refuse", {"note": "请附复核记录"})
    assert done.json == {"state": "refused"}
    assert "请附复核记录" in (await operator.page("/console/score-changes")).text
    school = await seated(app, services, Role.SCHOOL, school=await make.school())
    assert (await school.page("/console/score-changes")).status == 403
