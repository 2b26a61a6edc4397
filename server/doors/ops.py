"""For operators: alive, ready, counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json
from tortoise import connections

from server.domain.ports import WeChatCalls
from server.doors import web

bp = Blueprint("ops")
log = logging.getLogger("xcert.ops")

REQUESTS = Counter(
    "xcert_requests_total", "Answers by route, method and status", ["route", "method", "status"]
)
SECONDS = Histogram(
    "xcert_request_seconds",
    "Time to answer, in seconds",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CHECK_SECONDS = 2.0
WORKER_SILENCE_SECONDS = 90  # procrastinate's workers tell every 10 s that they live


@bp.get("/healthz")
async def alive(_: Request) -> HTTPResponse:
    """This process answers; nothing else is asked."""
    return json({"status": "ok"})


async def _database(_: Request) -> str | None:
    await connections.get("default").execute_query("SELECT 1")
    return None


async def _redis(request: Request) -> str | None:
    cache = web.services(request).cache
    await cache.set("ready", b"1", seconds=5)
    return None if await cache.get("ready") == b"1" else "Redis 没有记住刚写入的值"


async def _job_worker(_: Request) -> str | None:
    _, rows = await connections.get("default").execute_query(
        "SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => $1) LIMIT 1",
        [float(WORKER_SILENCE_SECONDS)],
    )
    return None if rows else "没有正在运行的后台任务进程，请检查 xcert worker"


async def _keys(request: Request) -> str | None:
    keys = web.services(request).keys
    signed = keys.sign("receipt", b"ready")
    return None if keys.verify("receipt", signed.key_id, b"ready", signed.signature) else "签名密钥自检失败"


async def _seal(request: Request) -> str | None:
    return web.services(request).keys.seal_problem() or None


CHECKS: dict[str, Callable[[Request], Awaitable[str | None]]] = {
    "database": _database,
    "redis": _redis,
    "job_worker": _job_worker,
    "keys": _keys,
}
# Told, but no reason to take a web process out of service: looking up and verifying go on without.
TOLD: dict[str, Callable[[Request], Awaitable[str | None]]] = {"seal": _seal}


async def _checked(request: Request, check: Callable[[Request], Awaitable[str | None]]) -> str:
    try:
        return await asyncio.wait_for(check(request), CHECK_SECONDS) or "ok"
    except Exception as error:
        log.warning("not ready: %s", type(error).__name__, exc_info=error)
        return "没有响应"


@bp.get("/readyz")
async def ready(request: Request) -> HTTPResponse:
    """Whether this service can do its work: database, Redis, job worker, keys. 503 names what is missing."""
    asked = CHECKS | TOLD
    answers = await asyncio.gather(*(_checked(request, check) for check in asked.values()))
    found = dict(zip(asked, answers, strict=True))
    is_ready = all(found[name] == "ok" for name in CHECKS)
    return json(
        {"status": "ok" if is_ready else "not_ready", "checks": found}, status=200 if is_ready else 503
    )


class _WeChatCalls(Collector):
    """Calls to WeChat by all processes, job workers too: they are counted in Redis, not here."""

    def __init__(self, calls: list[WeChatCalls]) -> None:
        self._calls = calls

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(
            "xcert_wechat_calls",
            "Calls to WeChat by account, path and outcome",
            labels=["account", "path", "outcome"],
        )
        for one in self._calls:
            family.add_metric([one.account, one.path, one.outcome], one.count)
        yield family


@bp.get("/metrics")
async def metrics(request: Request) -> HTTPResponse:
    """Prometheus text of all web processes (they share a folder when there are several), and the calls to WeChat."""
    shared: Path | None = request.app.ctx.metrics_folder
    if shared is None:
        body = generate_latest()
    else:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(shared))  # type: ignore[no-untyped-call]  # untyped there
        body = generate_latest(registry)
    calls = CollectorRegistry()
    calls.register(_WeChatCalls(await web.services(request).wechat.calls()))
    return HTTPResponse(body + generate_latest(calls), content_type=CONTENT_TYPE_LATEST)
