"""The web service: every route of it, on one Sanic app."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import orjson
from multidict import istr
from sanic import Request, Sanic
from sanic.response.types import BaseHTTPResponse

import miniprogram_api
from server.adapters import logs
from server.composition import running
from server.domain.operations import process_beats
from server.domain.ports import Services, TracedSpan
from server.domain.ports.process_board import WEB
from server.settings import Settings
from server.web import (
    body_limits,
    connections,
    console,
    docs,
    front_page,
    log_files,
    methods,
    official_account,
    openapi,
    ops,
    problems,
    scan,
    site_files,
    static_files,
    verification,
    verification_documents,
    verification_files,
    wallets,
    wechat_pay,
)
from server.web.console import page_base
from server.web.h5 import binding as h5_binding
from server.web.h5 import (
    certificate_files,
    js_config,
    login,
    login_desk,
    notice_page,
    officer,
    officer_records,
)
from server.web.h5 import lookups as h5_lookups
from server.web.h5 import orders as h5_orders
from server.web.ready_answers import ReadyAnswers
from server.web.request import method_of, request_id, security_headers
from server.web.schema import ROW_NUMBER, row_number

DOORS = (
    login.bp,
    h5_binding.bp,
    h5_lookups.bp,
    h5_orders.bp,
    notice_page.bp,
    certificate_files.bp,
    officer.bp,
    login_desk.bp,
    officer_records.bp,
    js_config.bp,
    scan.bp,
    official_account.bp,
    wechat_pay.bp,
    verification.bp,
    verification_files.bp,
    wallets.bp,
    log_files.bp,
    console.bp,
    miniprogram_api.door,
    site_files.bp,
    static_files.bp,
    front_page.bp,
    ops.bp,
)
access = logging.getLogger("xcert.access")


def api_document() -> dict[str, Any]:
    """Every API as one OpenAPI 3 document; pages and WeChat's pushes stay out of it."""
    return openapi.document(
        (console.DESCRIBED, miniprogram_api.DESCRIBED), verification_documents.paths() | docs.PATHS
    )


def create_app(
    settings: Settings, services: Services | None = None, *, name: str = "xcert"
) -> Sanic[Any, Any]:
    """The web service. A test gives its own `services`; otherwise they are built when the server starts."""
    app: Sanic[Any, Any] = Sanic(
        name,
        request_class=NumberedRequest,
        dumps=partial(orjson.dumps, option=orjson.OPT_NON_STR_KEYS),
        log_config=logs.configuration(settings.log_level),
    )
    app.config.update(
        REQUEST_MAX_SIZE=body_limits.SMALL,  # more only where a route says so
        REQUEST_TIMEOUT=15,
        KEEP_ALIVE_TIMEOUT=75,  # a proxy in front keeps its own connections for a minute
        ACCESS_LOG=False,
        CORS=False,
        FALLBACK_ERROR_FORMAT="json",
        RESPONSE_TIMEOUT=120,
        GRACEFUL_SHUTDOWN_TIMEOUT=10.0,
        AUTO_EXTEND=False,  # sanic-ext, if it happens to be there: its injection and CORS would cost every answer
    )
    app.ctx.metrics_folder = settings.metrics_dir
    app.ctx.stopping = asyncio.Event()
    app.ctx.ready_answers = ReadyAnswers()
    app.ctx.streams = Counter()  # open event streams by account: see console.live
    # Behind a proxy every connection has the proxy's address; it has limits of its own.
    app.ctx.connections_per_address = 0 if settings.proxies else settings.connections_per_address
    app.router.register_pattern("int", row_number, ROW_NUMBER)  # before the doors
    problems.install(app, page_base.problem)
    login.install(app)
    _finish(app, settings)
    for door in (*DOORS, docs.door(api_document)):
        app.blueprint(door)
    methods.complete(app)
    for route in app.router.routes:
        route.extra.ignore_body = False  # what comes unasked is read and forgotten, within the limit
    _life(app, settings, services)
    return app


def _life(app: Sanic[Any, Any], settings: Settings, services: Services | None) -> None:
    """What opens when a web process starts and closes when it ends."""
    stack = AsyncExitStack()

    async def start(app: Sanic[Any, Any]) -> None:
        app.ctx.services = services or await stack.enter_async_context(running(settings, looks_up=True))
        if services is None:
            await stack.enter_async_context(process_beats.telling(app.ctx.services, WEB))

    async def stop(_: Sanic[Any, Any]) -> None:
        await stack.aclose()

    app.register_listener(start, "before_server_start")
    app.register_listener(connections.at_stop, "before_server_stop")
    app.register_listener(wechat_pay.at_stop, "before_server_stop")
    app.register_listener(stop, "after_server_stop")


class NumberedRequest(body_limits.BoundedRequest):
    """Has its id and its beginning as soon as its head is read, before anything is logged.

    Not a middleware: each of those costs a hot look-up a tenth of its time.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.ctx.began = time.perf_counter()
        logs.request_id.set(request_id(self))


def _say(route: str, method: str, status: int, took: float) -> None:
    """One line for what changed something or was refused: the route's pattern, never the path, which may hold a token."""
    fields = {"route": f"/{route}", "method": method, "status": status, "milliseconds": round(took * 1000, 1)}
    access.info("answered", extra=fields)


def _span(request: Request, route: str, method: str, status: int, took: float) -> TracedSpan:
    """A request for the traces: the route's pattern, as in the log."""
    return TracedSpan(
        name=f"{method} {route}",
        within=request_id(request),
        is_call=False,
        began=time.time() - took,
        seconds=took,
        is_failed=status >= 500,
        facts={
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "xcert.request_id": request_id(request),
        },
    )


def _finish(app: Sanic[Any, Any], settings: Settings) -> None:
    """Every answer is counted by its route and carries the headers that every answer carries."""
    always = tuple((istr(name), value) for name, value in security_headers(settings).items())
    app.ctx.always = tuple((str(name), value) for name, value in always)
    children: dict[tuple[str, str, int], Any] = {}

    def finish(request: Request, response: BaseHTTPResponse) -> None:
        route = request.route.path if request.route is not None else "none"
        method = method_of(request)
        key = (route, method, response.status)
        if key not in children:
            children[key] = (
                ops.REQUESTS.labels(route, method, str(response.status)),
                ops.SECONDS.labels(route),
            )
        counter, seconds = children[key]
        took = time.perf_counter() - request.ctx.began
        counter.inc()
        seconds.observe(took)
        if response.status >= 500 and route != "readyz":
            ops.ERRORS.inc()
        if method != "GET" or response.status >= 400:  # what is only read is counted, not written down
            _say(route, method, response.status, took)
        if (tracing := request.app.ctx.services.tracing) is not None:
            tracing.note(_span(request, f"/{route}", method, response.status, took))
        connections.last_answer(request)
        if getattr(response, "is_complete", False):
            return
        headers = response.headers
        for name, value in always:
            headers.setdefault(name, value)

    app.register_middleware(finish, "response")
