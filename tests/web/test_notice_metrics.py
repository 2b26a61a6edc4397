"""What `/metrics` says of notices: bounded in its labels, and there in part when the database is away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.domain.ports import ApiUsage, Services
from server.errors import OutsideFailure
from server.web import notice_metrics
from tests.kit.fake_wechat import FakeWeChatQuota
from tests.kit.h5 import App
from tests.kit.noticing import clock, put

SEND = "/cgi-bin/message/template/send"


async def lines(app: App) -> dict[str, float]:
    _, response = await app.asgi_client.get("/metrics")
    assert response.status == 200
    told = (line.rpartition(" ") for line in response.text.splitlines() if not line.startswith("#"))
    return {
        name: float(value)
        for name, _, value in told
        if name.startswith(("xcert_notices_", "xcert_campaigns_", "xcert_wechat_rest_"))
    }


async def test_what_waits_and_which_api_rests(app: App, services: Services) -> None:
    await put(services)
    clock(services).forward(seconds=90)
    assert isinstance(services.wechat_quota, FakeWeChatQuota)
    until = services.clock.now() + timedelta(hours=5)
    services.wechat_quota.used["oa"] = [ApiUsage(SEND, 100_000, None, "", until)]
    assert await lines(app) == {
        "xcert_notices_waiting": 1.0,
        "xcert_notices_oldest_seconds": 90.0,
        "xcert_notices_overdue_seconds": 90.0,
        "xcert_notices_unknown": 0.0,
        "xcert_notices_held": 0.0,
        "xcert_campaigns_running": 0.0,
        "xcert_campaigns_paused": 0.0,
        "xcert_campaigns_unserved_seconds": 0.0,
        f'xcert_wechat_rest_seconds{{account="oa",path="{SEND}"}}': 18000.0,
    }


async def test_without_the_database_the_rest_is_told(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise OutsideFailure("数据库没有响应")

    monkeypatch.setattr(notice_metrics, "backlog", away)
    assert await lines(app) == {}
    _, response = await app.asgi_client.get("/metrics")
    assert "xcert_requests_total" in response.text
