"""Traces where a setting asks for them: a request, a job, a call to WeChat; no person in them, and nobody waits for the collector."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest

from server import worker
from server.adapters import logs, otlp_tracing
from server.adapters.otlp_tracing import OtlpTracing
from server.adapters.queue import JobQueue
from server.adapters.wechat.transport import Transport
from server.domain.ports import Services, TracedSpan
from server.errors import WeChatRefused
from tests.kit.collector import collecting
from tests.kit.exchange import exchange
from tests.kit.h5 import App

TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz012345"


def span(number: int) -> TracedSpan:
    return TracedSpan(name="GET /v", within=f"request-{number}", is_call=False, began=1e9, seconds=0.1)


async def test_a_request_is_one_span_with_its_route_and_id(app: App, services: Services) -> None:
    with collecting() as collector:
        tracing = OtlpTracing(collector.url)
        exchange(services, tracing=tracing)
        _, answer = await app.asgi_client.get(f"/mp/v1/scans/{TOKEN}?id=99000020000102001X")
        await app.asgi_client.get("/healthz")
        exchange(services, tracing=None)
        await app.asgi_client.get("/healthz")  # off: nothing more
        await asyncio.to_thread(tracing.end)
    by_name = {one.name: one for one in collector.spans()}
    assert by_name.keys() == {"GET /healthz", "GET /mp/v1/scans/<token:str>"}
    one = by_name["GET /mp/v1/scans/<token:str>"]
    assert one.facts == {
        "http.request.method": "GET",
        "http.route": "/mp/v1/scans/<token:str>",
        "http.response.status_code": 401,
        "xcert.request_id": answer.json["request_id"],
    }
    assert one.trace != by_name["GET /healthz"].trace and one.parent == b""
    for body in collector.bodies:
        assert TOKEN.encode() not in body and b"99000020000102001X" not in body


async def test_a_job_and_its_calls_to_wechat_are_one_trace(services: Services, db: str) -> None:
    with collecting() as collector:
        tracing = OtlpTracing(collector.url)
        settings = replace(services.settings, database_url=db)
        s = replace(services, settings=settings, queue=JobQueue(), tracing=tracing)
        transport = Transport(collector.url, tracing=tracing)

        async def ask(_: Services) -> None:
            with pytest.raises(WeChatRefused):
                await transport.call("POST", "/cgi-bin/menu/get", data={"access_token": "secret-of-ours"})

        async def fail(_: Services) -> None:
            raise RuntimeError("of a person")

        jobs = worker.create_jobs(s.settings, s, tasks={"test.ask": ask, "test.fail": fail}, sweeps={})
        async with jobs.open_async():
            await s.queue.put("test.ask")
            await s.queue.put("test.fail")
            await jobs.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")
        await transport.close()
        await asyncio.to_thread(tracing.end)
    by_name = {one.name: one for one in collector.spans()}
    assert by_name.keys() == {"job test.ask", "job test.fail", "wechat /cgi-bin/menu/get"}
    job, call = by_name["job test.ask"], by_name["wechat /cgi-bin/menu/get"]
    assert (call.trace, call.parent) == (job.trace, job.number)
    assert (call.is_failed, call.facts) == (True, {"outcome": "46003"})
    assert (job.is_failed, by_name["job test.fail"].is_failed) == (False, True)
    assert by_name["job test.fail"].trace != job.trace
    for body in collector.bodies:
        assert b"secret-of-ours" not in body and b"of a person" not in body


async def test_a_collector_that_hangs_holds_nobody_up(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_tracing, "END_SECONDS", 0.1)
    with collecting(hangs=True) as collector:
        tracing = OtlpTracing(collector.url, every=0.01)
        exchange(services, tracing=tracing)
        for number in range(otlp_tracing.QUEUE + 1000):  # more than the queue holds
            tracing.note(span(number))
        assert await asyncio.to_thread(collector.asked.wait, 30)
        _, answer = await app.asgi_client.get("/healthz")
        assert answer.status == 200
        await asyncio.to_thread(tracing.end)
        assert collector.bodies == [], "it still hangs, and the process could end"


async def test_a_collector_that_is_away_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_tracing, "END_SECONDS", 0.1)
    async with otlp_tracing.told("http://127.0.0.1:1") as tracing:
        assert tracing is not None
        tracing.note(span(1))


async def test_off_nothing_is_noted_and_nothing_loaded() -> None:
    async with otlp_tracing.told("") as tracing:
        assert tracing is None
    assert logs.span_key.get() == ""
    program = "import sys, server.adapters.otlp_tracing; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
