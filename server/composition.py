"""Composition: Settings → Services, every port on its real adapter. The only file that knows every concrete piece.

It knows no web page: a job process, or a command, is loaded without them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from server.adapters import cache, otlp_tracing, password_hashing, rate_limits
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
from server.domain.ports import Services, SessionMemory, Tracing
from server.models import database
from server.settings import Settings


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
        paying = _paying(settings, clock, tracing)
        pay = await stack.enter_async_context(paying) if settings.has_pay else None
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
