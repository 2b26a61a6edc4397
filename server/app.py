"""Composition root: Settings → Services → Sanic. The only file that knows every concrete piece."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from multidict import istr
from sanic import Request, Sanic
from sanic.response.types import BaseHTTPResponse

import miniprogram_api
from server.adapters import cache, logs, otlp_tracing, password_hashing, rate_limits
from server.adapters.captcha import PillowImageCheck
from server.adapters.clock import SystemClock
from server.adapters.doctor_apart import DoctorApart
from server.adapters.documents import time_stamps
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.print_sheets import PdfSheetPrinter
from server.adapters.documents.reader_apart import PdfReaderApart
from server.adapters.documents.receipt_pdf import TypstReceiptPrinter
from server.adapters.documents.seal import Seal
from server.adapters.file_stores import file_store_of, second_register_of
from server.adapters.keys import KeyFolder
from server.adapters.lookup_watch import LookupWatch
from server.adapters.one_time_codes import TotpCodes
from server.adapters.queue import JobQueue
from server.adapters.redis_process_board import RedisProcessBoard
from server.adapters.spreadsheets.process import SpreadsheetReader
from server.adapters.webauthn_keys import WebAuthnPasskeys
from server.adapters.wechat.api import WeChatApi
from server.adapters.wechat.pay import WeChatPay
from server.adapters.witness_client import HttpWitnesses
from server.adapters.witness_client import read_setting as read_witnesses
from server.adapters.workbooks import OpenpyxlWriter
from server.domain.operations import process_beats
from server.domain.ports import Services, SessionMemory, TracedSpan, Tracing
from server.domain.ports.process_board import WEB
from server.models import database
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


def web_patience(settings: Settings) -> database.Patience:
    """Somebody waits for the page: rather an early 503 than every connection in one lock."""
    return database.Patience(statement=settings.statement_seconds, lock=settings.lock_seconds)


def job_patience(settings: Settings) -> database.Patience:
    """Imports and sweeps take their time, and wait for each other; but not for what is dead."""
    return database.Patience(statement=settings.job_statement_seconds, lock=60.0, idle=60.0, acquire=60.0)


@asynccontextmanager
async def _database(settings: Settings, *, for_web: bool) -> AsyncIterator[None]:
    pool = settings.database_pool if for_web else settings.job_database_pool
    patience = web_patience(settings) if for_web else job_patience(settings)
    await database.connect(_way(settings, "web" if for_web else "jobs"), pool=pool, patience=patience)
    try:
        yield
    finally:
        await database.close()


def _redis(settings: Settings) -> aclosing[Any]:
    return aclosing(cache.connect(settings.redis_url, certificates=settings.redis_certificates))


def _way(settings: Settings, role: str) -> database.Way:
    """How this process reaches the database for everything that is one transaction."""
    return database.Way(settings.database_url, bool(settings.database_session_url), database.named(role))


@asynccontextmanager
async def _watching(settings: Settings, memory: SessionMemory) -> AsyncIterator[LookupWatch]:
    way = _way(settings, "web")
    # Behind a PgBouncer nobody hears a NOTIFY; it asks three times a second anyway.
    watch = LookupWatch(database.watch_line(way), listens=not way.through_pgbouncer, ended=memory.ended)
    await watch.start()
    try:
        yield watch
    finally:
        await watch.stop()


@dataclass(frozen=True, slots=True)
class _Opened:
    """What has to be closed again, in the order of opening."""

    redis: Any
    store: cache.RedisCache
    tracing: Tracing | None
    wechat: WeChatApi
    pay: WeChatPay | None
    memory: SessionMemory
    watch: LookupWatch | None


@asynccontextmanager
async def running(settings: Settings, *, looks_up: bool = False) -> AsyncIterator[Services]:
    """Every port on its real adapter, opened and closed in order.

    Args:
        settings: with database and Redis addresses in place.
        looks_up: keep ready answers and the watch over them, and hurry; for web processes. Raises KeysMissing.
    """
    clock = SystemClock()
    keys = _keys(settings, clock)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_database(settings, for_web=looks_up))
        redis = await stack.enter_async_context(_redis(settings))
        store = cache.RedisCache(redis)
        tracing = await stack.enter_async_context(otlp_tracing.told(settings.otlp_url))
        seal = partial(keys.encrypt, about="mp.session_key")
        wechat = WeChatApi(settings, redis, store, clock, seal=seal, tracing=tracing)
        stack.push_async_callback(wechat.close)
        memory = SessionMemory()
        watch = await stack.enter_async_context(_watching(settings, memory)) if looks_up else None
        pay = await stack.enter_async_context(_paying(settings, clock, tracing)) if settings.has_pay else None
        yield _services(settings, clock, keys, _Opened(redis, store, tracing, wechat, pay, memory, watch))


def _services(settings: Settings, clock: SystemClock, keys: KeyFolder, o: _Opened) -> Services:
    return Services(
        settings=settings,
        clock=clock,
        keys=keys,
        receipt_printer=TypstReceiptPrinter(settings.fonts_dir),
        sheet_printer=PdfSheetPrinter(),
        pdf_renderer=_sealing(settings, clock, keys),
        pdf_reader=PdfReaderApart(keys),
        file_store=file_store_of(settings),
        queue=JobQueue(),
        event_bus=cache.RedisEventBus(o.redis),
        rate_limiter=rate_limits.RedisRateLimiter(o.redis),
        cache=o.store,
        password_hasher=password_hashing.for_passwords(),
        pin_hasher=password_hashing.for_pins(),
        one_time_codes=TotpCodes(),
        passkeys=WebAuthnPasskeys(settings.public_url),
        table_reader=SpreadsheetReader(),
        workbook_writer=OpenpyxlWriter(),
        wechat_pushes=o.wechat,
        wechat_logins=o.wechat,
        wechat_sender=o.wechat,
        wechat_console=o.wechat,
        wechat_links=o.wechat,
        wechat_quota=o.wechat,
        wechat_health=o.wechat,
        process_board=RedisProcessBoard(o.redis, clock),
        pay=o.pay,
        image_check=PillowImageCheck(),
        doctor=DoctorApart(settings),
        second_register=second_register_of(settings),
        log_witnesses=_witnesses(settings),
        lookup_watch=o.watch,
        tracing=o.tracing,
        session_memory=o.memory,
    )


def _sealing(settings: Settings, clock: SystemClock, keys: KeyFolder) -> TypstPdfRenderer:
    seal = Seal(keys.seal_credentials, time_stamps.of(settings, clock))
    return TypstPdfRenderer(clock, seal, settings.fonts_dir)


def _keys(settings: Settings, clock: SystemClock) -> KeyFolder:
    """The keys; refused at the start, not at the first certificate."""
    keys = KeyFolder(settings.keys_dir, production=settings.is_production, now=clock.now)
    keys.seal_credentials()
    return keys


def _witnesses(settings: Settings) -> HttpWitnesses | None:
    """Who signs that the public log only grows; None when nobody does."""
    found = read_witnesses(settings.log_witnesses)
    return HttpWitnesses(found) if found else None


@asynccontextmanager
async def _paying(
    settings: Settings, clock: SystemClock, tracing: Tracing | None
) -> AsyncIterator[WeChatPay]:
    """WeChat Pay; a merchant without its public key learns new platform certificates as long as the process lives."""
    pay = WeChatPay(settings, clock, tracing=tracing)
    renewal = asyncio.create_task(pay.keep_certificates()) if not settings.pay_public_key else None
    try:
        yield pay
    finally:
        if renewal is not None:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
        await pay.close_connections()


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
