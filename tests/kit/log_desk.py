"""What the tests of the public log share: entries to be logged, a log of some size, and whoever died over it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from server.domain.ports import Services
from server.domain.public_log import log_outbox, sequencer
from server.domain.public_log.log_entry import Entry, entry_of
from server.models.database import rows
from tests.kit.fakes import MemoryFileStore

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)


def code(serial: int) -> str:
    """Digits such as a QR holds; no certificate says them."""
    return str(int.from_bytes(b"\1" + hashlib.sha512(serial.to_bytes(8, "big")).digest(), "big"))


def entry(serial: int, event: str = "issued") -> Entry:
    number = f"26SPS1{serial % (10**8 - 1) + 1:08d}0"
    return entry_of(
        event, number=number, code=code(serial), at=AT, pdf=hashlib.sha256(code(serial).encode()).digest()
    )


async def put(first: int, count: int) -> None:
    """Events of so many certificates wait to be logged."""
    await log_outbox.put([entry(serial) for serial in range(first, first + count)])


async def logged(s: Services, first: int, count: int) -> None:
    """Events of so many certificates are in the log, under one more checkpoint."""
    await put(first, count)
    await sequencer.run(s)


async def lease_lapses() -> None:
    """Time passes: whoever wrote the log and died, or hangs, has had his turn."""
    await rows(
        "UPDATE log_head SET writer_until = now() - interval '1 second' WHERE writer_until IS NOT NULL"
    )


def files(s: Services) -> dict[str, bytes]:
    """What is published of the log, by its path below /log/."""
    assert isinstance(s.file_store, MemoryFileStore)
    return {
        key.removeprefix("log/"): data for key, data in s.file_store.files.items() if key.startswith("log/")
    }
