"""The domain's world without adapters: stand-ins that remember, real keys."""

from __future__ import annotations

from typing import Any

from server.adapters.captcha import PillowImageCheck
from server.adapters.documents.reader_apart import PdfReaderApart
from server.adapters.one_time_codes import TotpCodes
from server.adapters.spreadsheets.process import SpreadsheetReader
from server.adapters.webauthn_keys import WebAuthnPasskeys
from server.adapters.workbooks import OpenpyxlWriter
from server.domain.ports import Keys, Services
from server.settings import Settings
from tests.kit.fake_wechat import wechat_ports
from tests.kit.fakes import (
    CheapHasher,
    FakeClock,
    FakePdfRenderer,
    FakeReceiptPrinter,
    FakeSheetPrinter,
    KillerFaultInjector,
    ListQueue,
    MemoryCache,
    MemoryEventBus,
    MemoryFileStore,
    MemoryProcessBoard,
    MemoryRateLimiter,
)


def stand_ins(settings: Settings, clock: FakeClock, keys: Keys, **instead: Any) -> Services:
    """One of each port. What has no state of its own (one-time codes, spreadsheets) is the real one.

    Args:
        instead: ports by their field in `Services`, in place of the stand-in.
    """
    ports: dict[str, Any] = {
        "pdf_renderer": FakePdfRenderer(),
        "pdf_reader": PdfReaderApart(keys),
        "receipt_printer": FakeReceiptPrinter(),
        "sheet_printer": FakeSheetPrinter(),
        "file_store": MemoryFileStore(),
        "queue": ListQueue(),
        "event_bus": MemoryEventBus(),
        "rate_limiter": MemoryRateLimiter(clock),
        "cache": MemoryCache(clock),
        "password_hasher": CheapHasher(),
        "pin_hasher": CheapHasher(),
        "one_time_codes": TotpCodes(),
        "passkeys": WebAuthnPasskeys(settings.public_url),
        "table_reader": SpreadsheetReader(),
        "workbook_writer": OpenpyxlWriter(),
        "image_check": PillowImageCheck(),
        "process_board": MemoryProcessBoard(),
        "faults": KillerFaultInjector(),
        **wechat_ports(),
    }
    return Services(settings=settings, clock=clock, keys=keys, **{**ports, **instead})
