"""The go-live list's page and its doors."""

from __future__ import annotations

from typing import Any

from sanic import Sanic

from server.domain.ports import Services
from server.domain.ports.doctor import Examined
from server.domain.roles import Role
from server.models import GoLiveTick
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange
from tests.kit.fake_doctor import FakeDoctor
from tests.kit.jobs import drained

App = Sanic[Any, Any]


async def test_the_doctor_is_asked_and_his_findings_stand_at_their_lines(
    app: App, services: Services
) -> None:
    admin = await seated(app, services, Role.ADMIN)
    page = (await admin.page("/console/go-live")).text
    assert "还没有体检过" in page and "data-doctor" not in page
    exchange(services, doctor=FakeDoctor(Examined("bad", "公众号菜单", "<b>有 2 处不同</b>")))
    asked = await admin("POST", "/doctor-runs")
    assert asked.status == 202
    assert (await admin("GET", "/doctor-runs/latest")).json["is_running"] is True
    assert code(await admin("POST", "/doctor-runs")) == (409, "doctor_busy")
    assert "data-doctor" in (await admin.page("/console/go-live")).text
    await drained(services)
    report = (await admin("GET", "/doctor-runs/latest")).json
    assert report["is_running"] is False and report["trouble"] == ""
    assert report["findings"] == [{"level": "bad", "title": "公众号菜单", "text": "<b>有 2 处不同</b>"}]
    page = (await admin.page("/console/go-live")).text
    assert "公众号菜单：&lt;b&gt;有 2 处不同" in page and "data-doctor" not in page
    assert "体检发现的问题" in (await admin.page("/console/")).text


async def test_a_line_is_confirmed_by_name(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    assert (await admin("POST", "/go-live/icp/confirm", {"note": "京ICP备0号"})).status == 204
    page = (await admin.page("/console/go-live")).text
    assert "王敏　2026年11月23日 12:00 确认：京ICP备0号" in page
    assert (await admin("POST", "/go-live/icp/take-back")).status == 204
    assert await GoLiveTick.all().count() == 0
    assert code(await admin("POST", "/go-live/nothing/confirm", {})) == (404, "line_unknown")
    assert code(await admin("POST", "/go-live/two-admins/confirm", {})) == (409, "line_open")
