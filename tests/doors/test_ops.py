"""Alive, ready, counted; and how refusals are told."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services, WeChatCalls
from tests.fakes import FakeWeChat

App = Sanic[Any, Any]


async def test_alive(app: App) -> None:
    _, response = await app.asgi_client.get("/healthz")
    assert (response.status, response.json) == (200, {"status": "ok"})


async def test_ready_names_what_is_missing(app: App) -> None:
    _, response = await app.asgi_client.get("/readyz")
    assert response.status == 503
    assert response.json == {
        "status": "not_ready",
        "checks": {
            "database": "ok",
            "redis": "ok",
            "job_worker": "没有正在运行的后台任务进程，请检查 xcert worker",
            "keys": "ok",
            "seal": "ok",
        },
    }


async def test_metrics_count_routes_and_never_paths(app: App) -> None:
    await app.asgi_client.get("/healthz")
    await app.asgi_client.get("/nowhere/99000020000102001X")
    _, response = await app.asgi_client.get("/metrics")
    assert 'xcert_requests_total{method="GET",route="healthz",status="200"}' in response.text
    assert "99000020000102001X" not in response.text


async def test_metrics_tell_the_calls_to_wechat_of_all_processes(app: App, services: Services) -> None:
    assert isinstance(services.wechat, FakeWeChat)
    services.wechat.called = [WeChatCalls("oa", "/cgi-bin/message/template/send", "43101", 7)]
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
    assert [(record.route, record.method, record.status) for record in lines] == [
        ("/mp/v1/scans/<token:str>", "GET", 401)
    ]
