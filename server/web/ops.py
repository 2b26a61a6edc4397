"""For operators: alive, ready, counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json

from server.domain import health
from server.domain.public_log import log_state
from server.errors import OutsideFailure
from server.web import collecting, service_metrics, templating
from server.web.request import is_operator, only_operators, services

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
ERRORS = Counter("xcert_server_errors_total", "Answers with 5xx; /readyz apart, which is asked to tell")
CHECK_SECONDS = 2.0


@bp.get("/healthz")
async def alive(_: Request) -> HTTPResponse:
    """This process answers; nothing else is asked."""
    return json({"status": "ok"})


async def _database(_: Request) -> str | None:
    await health.database_answers()
    return None


async def _redis(request: Request) -> str | None:
    cache = services(request).cache
    await cache.set("ready", b"1", seconds=5)
    return None if await cache.get("ready") == b"1" else "Redis 没有记住刚写入的值"


async def _job_worker(_: Request) -> str | None:
    return None if await health.has_job_worker() else "没有正在运行的后台任务进程，请检查 xcert worker"


async def _keys(request: Request) -> str | None:
    keys = services(request).keys
    signed = keys.sign("receipt", b"ready")
    return None if keys.verify("receipt", signed.key_id, b"ready", signed.signature) else "签名密钥自检失败"


async def _seal(request: Request) -> str | None:
    return services(request).keys.seal_problem() or None


async def _storage(request: Request) -> str | None:
    await services(request).file_store.check()
    return None


async def _log(request: Request) -> str | None:
    return await log_state.problem(services(request)) or None


async def _schema(_: Request) -> str | None:
    return await health.schema_problem() or None


async def _static(_: Request) -> str | None:
    missing = [
        name for name in ("css/tokens.css", "js/console.js") if not (templating.STATIC / name).is_file()
    ]
    return f"缺少页面文件 {missing[0]}，请重新安装" if missing else None


CHECKS: dict[str, Callable[[Request], Awaitable[str | None]]] = {
    "database": _database,
    "redis": _redis,
    "job_worker": _job_worker,
    "keys": _keys,
    "storage": _storage,
    "schema": _schema,
    "static": _static,
    "seal": _seal,
    "log": _log,
}
# Without these some things cannot be done, yet looking up and verifying goes on: to take every web process out of service
# for them would make a small trouble a great one. (The old code goes on while newer code rolls out, too.)
DEGRADING = frozenset({"redis", "job_worker", "storage", "schema", "seal", "log"})


async def _checked(request: Request, check: Callable[[Request], Awaitable[str | None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(request) or "ok"
    except Exception as error:
        cause = health.cause_of(error) or (str(error) if isinstance(error, OutsideFailure) else None)
        log.warning("not ready: %s", cause or type(error).__name__, exc_info=None if cause else error)
        return f"没有响应（{cause}）" if cause else "没有响应"


@bp.get("/readyz")
async def ready(request: Request) -> HTTPResponse:
    """Whether this process can answer people. 503 names what is missing; 200 `degraded` names what has to wait.

    The names are for operators (setting XCERT_OPERATIONS); everybody else is told the status alone.
    """
    answers = await asyncio.gather(*(_checked(request, check) for check in CHECKS.values()))
    answers_by_name = dict(zip(CHECKS, answers, strict=True))
    ill = {name for name, answer in answers_by_name.items() if answer != "ok"}
    status = "ok" if not ill else "degraded" if ill <= DEGRADING else "not_ready"
    body: dict[str, object] = {"status": status}
    if is_operator(request):
        body |= {"degraded": sorted(ill & DEGRADING), "checks": answers_by_name}
    return json(body, status=503 if status == "not_ready" else 200)


@bp.get("/metrics")
async def metrics(request: Request) -> HTTPResponse:
    """For operators: Prometheus text of all web processes (they share a folder when there are several), and what
    tables, Redis and keys tell of the whole service."""
    await only_operators(request)
    shared: Path | None = request.app.ctx.metrics_folder
    if shared is None:
        body = generate_latest()
    else:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(shared))  # type: ignore[no-untyped-call]  # untyped there
        body = generate_latest(registry)
    gathered = await collecting.gathered(services(request), service_metrics.COLLECTORS)
    return HTTPResponse(body + generate_latest(gathered), content_type=CONTENT_TYPE_LATEST)
