"""Alive, ready, counted; and how refusals are told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services, WeChatCalls
from server.errors import OutsideFailure
from server.models import database
from server.web import templating
from tests.kit.fake_wechat import FakeWeChatQuota

App = Sanic[Any, Any]


async def test_alive(app: App) -> None:
    _, response = await app.asgi_client.get("/healthz")
    assert (response.status, response.json) == (200, {"status": "ok"})


WELL = {
    "database": "ok",
    "redis": "ok",
    "job_worker": "ok",
    "keys": "ok",
    "storage": "ok",
    "schema": "ok",
    "static": "ok",
    "seal": "ok",
    "log": "ok",
}
NO_WORKER = {"job_worker": "没有正在运行的后台任务进程，请检查 xcert worker"}


async def readiness(app: App) -> tuple[int, Any]:
    _, response = await app.asgi_client.get("/readyz")
    return response.status, response.json


async def test_ready_when_all_is_there(app: App) -> None:
    await database.rows("INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert await readiness(app) == (200, {"status": "ok", "degraded": [], "checks": WELL})


async def test_what_can_wait_does_not_take_the_pages_out_of_service(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking up and verifying go on without job workers, Redis and room for new files."""
    only_worker = {"status": "degraded", "degraded": ["job_worker"], "checks": WELL | NO_WORKER}
    assert await readiness(app) == (200, only_worker)

    async def away(*_: object, **__: object) -> None:
        raise OutsideFailure("缓存暂时没有响应。")

    async def full() -> None:
        raise OutsideFailure("文件无法读写（ENOSPC），请检查数据目录所在的磁盘。")

    monkeypatch.setattr(services.cache, "set", away)
    monkeypatch.setattr(services.file_store, "check", full)
    await database.rows(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('records', '9999_future', now())"
    )
    ill = NO_WORKER | {
        "redis": "没有响应（缓存暂时没有响应。）",
        "storage": "没有响应（文件无法读写（ENOSPC），请检查数据目录所在的磁盘。）",
        "schema": "数据库已被更新版本的程序升级过（9999_future），本机的程序太旧。请先升级本机的程序，再重新启动。",
    }
    names = ["job_worker", "redis", "schema", "storage"]
    assert await readiness(app) == (200, {"status": "degraded", "degraded": names, "checks": WELL | ill})


async def test_without_its_static_files_a_process_is_not_ready(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templating, "STATIC", tmp_path)
    checks = WELL | NO_WORKER | {"static": "缺少页面文件 css/tokens.css，请重新安装"}
    expected = {"status": "not_ready", "degraded": ["job_worker"], "checks": checks}
    assert await readiness(app) == (503, expected)


async def test_metrics_count_routes_and_never_paths(app: App) -> None:
    await app.asgi_client.get("/healthz")
    await app.asgi_client.get("/nowhere/99000020000102001X")
    _, response = await app.asgi_client.get("/metrics")
    assert 'xcert_requests_total{method="GET",route="healthz",status="200"}' in response.text
    assert "99000020000102001X" not in response.text


async def test_invented_methods_are_counted_as_one(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a stranger invents: no label of its own, and nothing of it in the log."""
    await app.asgi_client.get("/healthz")
    _, before = await app.asgi_client.get("/metrics")
    logging.getLogger("xcert").addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, "xcert.access"):
            for number in range(50):
                await app.asgi_client.request("F" * 6_000 + str(number), f"/invented/{number}")
    finally:
        logging.getLogger("xcert").removeHandler(caplog.handler)
    _, after = await app.asgi_client.get("/metrics")
    added = {line.rpartition(" ")[0] for line in after.text.splitlines()} - {
        line.rpartition(" ")[0] for line in before.text.splitlines()
    }
    assert {line for line in added if "requests_total" in line} <= {
        'xcert_requests_total{method="other",route="none",status="404"}',
        'xcert_requests_total{method="GET",route="metrics",status="200"}',
    }
    assert {vars(record)["method"] for record in caplog.records if record.name == "xcert.access"} == {"other"}


async def test_metrics_tell_the_calls_to_wechat_of_all_processes(app: App, services: Services) -> None:
    assert isinstance(services.wechat_quota, FakeWeChatQuota)
    services.wechat_quota.called = [WeChatCalls("oa", "/cgi-bin/message/template/send", "43101", 7)]
    _, response = await app.asgi_client.get("/metrics")
    assert (
        'xcert_wechat_calls_total{account="oa",outcome="43101",path="/cgi-bin/message/template/send"} 7.0'
        in response.text
    )


async def test_a_program_gets_a_problem_document(app: App) -> None:
    _, response = await app.asgi_client.get("/mp/v1/nowhere")
    assert response.status == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert {key: response.json[key] for key in ("title", "status", "code", "detail")} == {
        "title": "没有找到",
        "status": 404,
        "code": "not_found",
        "detail": "没有这个页面，请检查网址。",
    }
    assert len(response.json["request_id"]) == 16


async def test_a_person_gets_a_page(app: App) -> None:
    _, response = await app.asgi_client.get("/nowhere", headers={"accept": "text/html"})
    assert response.status == 404
    assert "没有这个页面，请检查网址。" in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'self'")


async def test_the_bare_address_shows_the_ways_in(app: App) -> None:
    _, response = await app.asgi_client.get("/", headers={"accept": "text/html"})
    assert response.status == 200
    assert [way in response.text for way in ('href="/v"', 'href="/h5/"', 'href="/console/"')] == [True] * 3


async def test_what_is_refused_leaves_a_line_without_its_path(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("xcert").addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, "xcert.access"):
            await app.asgi_client.get("/healthz")
            await app.asgi_client.get("/mp/v1/scans/AbCdEfGhIjKlMnOpQrStUvWxYz012345")
    finally:
        logging.getLogger("xcert").removeHandler(caplog.handler)
    lines = [record for record in caplog.records if record.name == "xcert.access"]
    assert [tuple(vars(line)[name] for name in ("route", "method", "status")) for line in lines] == [
        ("/mp/v1/scans/<token:str>", "GET", 401)
    ]
