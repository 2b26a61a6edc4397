"""Stand-ins that remember what they were told and never judge it."""

from __future__ import annotations

import functools
import hashlib
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from tortoise import connections
from tortoise.backends.base.client import TransactionalDBClient

from server.domain.ports import CertificatePage, ProcessBeat, Services, SheetToPrint, StoredFile
from server.domain.ports.payments import ReceiptPage
from server.errors import NotFound, Refused

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 2026-11-23 12:00 in Beijing
C = TypeVar("C", bound=type[Any])
_ALLOWED = {("once", "idempotency.py"), ("load_first", "demo.py")}
_PURE = ("authorize_url", "missing_glyphs", "seconds_ahead", "is_outdated", "nobodys")  # reckoned on the spot


def refuse_in_transaction(what: str) -> None:
    """A transaction holds rows, and one of few connections: what may take its time stays out of it.

    What is let through, and why, stands in docs/decisions/0500.
    """
    try:
        connection = connections.get("default")
    except Exception:  # a test without a database
        return
    if isinstance(connection, TransactionalDBClient) and not _is_allowed():
        raise AssertionError(f"{what} while a transaction is open")


def _is_allowed() -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if (frame.f_code.co_name, Path(frame.f_code.co_filename).name) in _ALLOWED:
            return True
        frame = frame.f_back
    return False


def outside(kind: C) -> C:
    """Every public method of this stand-in refuses to be called while the caller holds a transaction open."""
    for name, method in list(vars(kind).items()):
        if name.startswith("_") or not callable(method) or name in _PURE:
            continue

        def guarded(
            *args: Any, _method: Any = method, _what: str = f"{kind.__name__}.{name}", **more: Any
        ) -> Any:
            refuse_in_transaction(_what)
            return _method(*args, **more)

        setattr(kind, name, functools.wraps(method)(guarded))
    return kind


class FakeClock:
    """Stands still until a test moves it."""

    def __init__(self, moment: datetime = NOON) -> None:
        self._now = moment

    def now(self) -> datetime:
        return self._now

    def unix(self) -> float:
        return self._now.timestamp()

    def set(self, moment: datetime) -> None:
        self._now = moment

    def forward(self, **span: float) -> None:
        self._now += timedelta(**span)


@outside
class MemoryFileStore:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        self.files[key] = data

    async def put_once(self, key: str, data: bytes) -> bytes:
        return self.files.setdefault(key, data)

    async def get(self, key: str) -> bytes:
        if key not in self.files:
            raise NotFound("file_missing", "文件不存在或已被清理，请联系管理员。")
        return self.files[key]

    async def exists(self, key: str) -> bool:
        return key in self.files

    async def delete(self, key: str) -> None:
        self.files.pop(key, None)

    async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        for key in sorted(self.files):
            if key > after:
                yield StoredFile(key, len(self.files[key]), NOON, "")

    async def sweep(self) -> int:
        return 0

    async def check(self) -> None:
        return None


Job = tuple[str, dict[str, Any]]


class ListQueue:
    """Remembers jobs; `drain` runs them with the given functions until none is left."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.when: dict[str, datetime] = {}  # of jobs that wait under a name: not before

    async def put(
        self,
        task: str,
        *,
        at: datetime | None = None,
        lock: str | None = None,
        once: str | None = None,
        urgent: bool = False,
        **args: Any,
    ) -> None:
        self.jobs.append((task, args))
        if at is not None and once is not None:
            self.when[once] = at

    async def is_waited_for(self, *, besides: str) -> bool:
        return any(task != besides for task, _ in self.jobs)

    async def drain(self, services: Services, table: Mapping[str, Callable[..., Awaitable[Any]]]) -> int:
        done = 0
        while self.jobs:
            task, args = self.jobs.pop(0)
            await table[task](services, **args)
            done += 1
        return done


@outside
class MemoryEventBus:
    """Remembers events; a listener gets what was published after it began."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def publish(self, channel: str, event: Mapping[str, Any]) -> None:
        self.events.append((channel, dict(event)))

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[dict[str, Any] | None]]:
        first = len(self.events)

        async def events() -> AsyncIterator[dict[str, Any] | None]:
            for name, event in self.events[first:]:
                if name == channel:
                    yield event

        yield events()


@outside
class MemoryRateLimiter:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, datetime]] = {}

    async def hit(self, key: str, *, window: int) -> int:
        count, ends = self._counts.get(key, (0, self._clock.now()))
        if ends <= self._clock.now():
            count, ends = 0, self._clock.now() + timedelta(seconds=window)
        self._counts[key] = (count + 1, ends)
        return count + 1

    async def count(self, key: str) -> int:
        count, ends = self._counts.get(key, (0, self._clock.now()))
        return count if ends > self._clock.now() else 0

    async def take_back(self, *keys: str) -> None:
        for key in keys:
            count, ends = self._counts.get(key, (0, self._clock.now()))
            self._counts[key] = (max(0, count - 1), ends)

    async def clear(self, *keys: str) -> None:
        for key in keys:
            self._counts.pop(key, None)


@outside
class MemoryCache:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.values: dict[str, tuple[bytes, datetime]] = {}

    async def get(self, key: str) -> bytes | None:
        value, ends = self.values.get(key, (None, self._clock.now()))
        return value if ends > self._clock.now() else None

    async def set(self, key: str, value: bytes, *, seconds: float) -> None:
        self.values[key] = (value, self._clock.now() + timedelta(seconds=seconds))

    async def add(self, key: str, value: bytes, *, seconds: float) -> bool:
        if await self.get(key) is not None:
            return False
        await self.set(key, value, seconds=seconds)
        return True

    async def take(self, *keys: str) -> list[bytes | None]:
        values = [await self.get(key) for key in keys]
        await self.delete(*keys)
        return values

    async def delete(self, *keys: str) -> None:
        for key in keys:
            self.values.pop(key, None)


@outside
@dataclass
class FakePdfRenderer:
    """Makes a recognisable file at once; `unprintable` are the characters its font lacks."""

    unprintable: str = "〓"
    pages: list[CertificatePage] = field(default_factory=list)
    fail_times: int = 0

    async def make(self, page: CertificatePage) -> bytes:
        if self.fail_times > 0:
            self.fail_times -= 1
            raise RuntimeError("the PDF renderer is broken")
        if missing := self.missing_glyphs(page.name):
            raise Refused("glyph_missing", f"证书字体缺少字符“{missing}”，请联系管理员。")
        self.pages.append(page)
        return b"%PDF-1.7 fake " + hashlib.sha256(repr(page).encode()).hexdigest().encode()

    def missing_glyphs(self, text: str) -> str:
        return "".join(sorted({character for character in text if character in self.unprintable}))

    def page_image(self, page: CertificatePage) -> bytes:
        return b"\x89PNG fake " + page.number.encode()

    def page_preview(self, page: CertificatePage) -> bytes:
        return b"\xff\xd8\xff fake " + page.number.encode()

    def qr_png(self, text: str) -> bytes:
        return b"\x89PNG qr " + text.encode()


@outside
@dataclass
class FakeReceiptPrinter:
    """Keeps what was to be printed."""

    pages: list[ReceiptPage] = field(default_factory=list)

    async def receipt(self, page: ReceiptPage) -> bytes:
        self.pages.append(page)
        return b"%PDF-1.7 fake receipt " + page.number.encode()


@outside
@dataclass
class FakeSheetPrinter:
    """Keeps what was to be put together."""

    printed: list[tuple[SheetToPrint, ...]] = field(default_factory=list)

    async def sheets(self, sheets: Sequence[SheetToPrint]) -> bytes:
        self.printed.append(tuple(sheets))
        return b"%PDF-1.7 fake sheets " + " ".join(one.serial for one in sheets).encode()


def cheap_hash(secret: str) -> str:
    """What `CheapHasher` keeps of a secret, for rows that a test writes itself."""
    salt = secrets.token_hex(4)
    return f"$cheap${salt}${hashlib.sha256((salt + secret).encode()).hexdigest()}"


@outside
class CheapHasher:
    """Salted and one-way like argon2, at a thousandth of its cost."""

    async def hash(self, secret: str) -> str:
        return cheap_hash(secret)

    async def verify(self, encoded: str, *secrets: str) -> bool:
        _, _, salt, digest = encoded.split("$")
        return digest in {hashlib.sha256((salt + secret).encode()).hexdigest() for secret in secrets}

    def is_outdated(self, encoded: str) -> bool:
        return not encoded.startswith("$cheap$")

    def nobodys(self) -> str:
        return "$cheap$00000000$" + "0" * 64


class Killed(BaseException):
    """The process died here. Not an Exception, so that no handler tidies up after it."""


@dataclass
class KillerFaultInjector:
    """Remembers every place reached; dies at the `nth` time of `place`."""

    place: str = ""
    nth: int = 1
    reached: list[str] = field(default_factory=list)

    async def reach(self, place: str) -> None:
        self.reached.append(place)
        if place == self.place and self.reached.count(place) == self.nth:
            raise Killed(place)


@outside
class MemoryProcessBoard:
    """The processes that a test says are there."""

    def __init__(self) -> None:
        self.beats: dict[str, ProcessBeat] = {}

    async def tell(self, beat: ProcessBeat) -> None:
        self.beats[beat.key] = beat

    async def forget(self, key: str) -> None:
        self.beats.pop(key, None)

    async def all(self) -> list[ProcessBeat]:
        return list(self.beats.values())
