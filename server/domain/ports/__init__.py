"""What the domain needs of the world: the ports, and `Services`, which holds one of each.

Adapters implement these; only `server.app` chooses; tests build another `Services`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from server.domain.ports.credentials import Busy as Busy
from server.domain.ports.credentials import NewPasskey as NewPasskey
from server.domain.ports.credentials import OneTimeCodes as OneTimeCodes
from server.domain.ports.credentials import Passkeys as Passkeys
from server.domain.ports.credentials import PasswordHasher as PasswordHasher
from server.domain.ports.doctor import Doctor as Doctor
from server.domain.ports.file_store import FileStore as FileStore
from server.domain.ports.file_store import StoredFile as StoredFile
from server.domain.ports.keys import KeyEvent as KeyEvent
from server.domain.ports.keys import Keys as Keys
from server.domain.ports.keys import PublicKey as PublicKey
from server.domain.ports.keys import Signed as Signed
from server.domain.ports.log_witnesses import LogWitnesses as LogWitnesses
from server.domain.ports.log_witnesses import Witness as Witness
from server.domain.ports.lookups import LookupWatch as LookupWatch
from server.domain.ports.payments import PayGateway as PayGateway
from server.domain.ports.payments import ReceiptPrinter as ReceiptPrinter
from server.domain.ports.process_board import KINDS as KINDS
from server.domain.ports.process_board import ProcessBeat as ProcessBeat
from server.domain.ports.process_board import ProcessBoard as ProcessBoard
from server.domain.ports.session_memory import SessionClaims as SessionClaims
from server.domain.ports.session_memory import SessionMemory as SessionMemory
from server.domain.ports.sheet_printer import SheetPrinter as SheetPrinter
from server.domain.ports.sheet_printer import SheetToPrint as SheetToPrint
from server.domain.ports.sms import SmsSender as SmsSender
from server.domain.ports.tables import Cell as Cell
from server.domain.ports.tables import LongSheet as LongSheet
from server.domain.ports.tables import LongWorkbook as LongWorkbook
from server.domain.ports.tables import Mark as Mark
from server.domain.ports.tables import SheetToWrite as SheetToWrite
from server.domain.ports.tables import TableReader as TableReader
from server.domain.ports.tables import WorkbookWriter as WorkbookWriter
from server.domain.ports.tracing import TracedSpan as TracedSpan
from server.domain.ports.tracing import Tracing as Tracing
from server.domain.ports.wechat import Alarm as Alarm
from server.domain.ports.wechat import ApiUsage as ApiUsage
from server.domain.ports.wechat import ClosedApi as ClosedApi
from server.domain.ports.wechat import MessageTemplate as MessageTemplate
from server.domain.ports.wechat import OfficialUsage as OfficialUsage
from server.domain.ports.wechat import Push as Push
from server.domain.ports.wechat import Reachability as Reachability
from server.domain.ports.wechat import TokenStanding as TokenStanding
from server.domain.ports.wechat import WeChatCalls as WeChatCalls
from server.domain.ports.wechat import WeChatConsole as WeChatConsole
from server.domain.ports.wechat import WeChatHealth as WeChatHealth
from server.domain.ports.wechat import WeChatIdentity as WeChatIdentity
from server.domain.ports.wechat import WeChatLinks as WeChatLinks
from server.domain.ports.wechat import WeChatLogins as WeChatLogins
from server.domain.ports.wechat import WeChatPushes as WeChatPushes
from server.domain.ports.wechat import WeChatQuota as WeChatQuota
from server.domain.ports.wechat import WeChatSender as WeChatSender
from server.settings import Settings


class Clock(Protocol):
    """The time, aware and in UTC."""

    def now(self) -> datetime: ...
    def unix(self) -> float:
        """The same in seconds since 1970: a third of the cost, for what every request asks."""


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """Everything that the printed certificate shows, ready as text; nothing else reaches the page.

    No field for an officer exists, on purpose (S87: 签名不体现在证书上).
    """

    number: str
    name: str
    id_masked: str
    certificate_title: str  # 社会心理服务职业技能等级证书
    level: str  # 初级
    standard_version: str  # 2021年3.0版
    plan_name: str
    exam_date: str  # 2023年9月22日
    issued_on: str  # 2023年10月20日
    issuer: str  # S8
    school: str
    verification_url: str
    statement: str
    photo_jpeg: bytes | None = None
    portal_number: str = ""  # 国家门户's, when it is known; otherwise a line is left for it (S94)


class PdfRenderer(Protocol):
    """Makes the sealed PDF."""

    async def make(self, page: CertificatePage) -> bytes:
        """Draw, then seal picture and PAdES signature in one act.

        Raises Refused("glyph_missing") when the font cannot print a character.
        """

    def missing_glyphs(self, text: str) -> str:
        """The characters of `text` that the certificate's font cannot print."""

    def page_image(self, page: CertificatePage) -> bytes:
        """PNG of the page, as sharp as paper needs (wechat.md §8)."""

    def page_preview(self, page: CertificatePage) -> bytes:
        """JPEG of the page for a phone's screen: some 40 kB, its QR still readable."""

    def qr_png(self, text: str) -> bytes:
        """A QR of `text` for a screen: black on white with its quiet zone, as PNG."""


@dataclass(frozen=True, slots=True)
class TimeMark:
    """The time stamp over a signature: when somebody else saw it."""

    moment: datetime | None  # None: there is something, and it cannot be read
    authority: str
    is_genuine: bool  # it is of this signature, and signed by the authority it names


@dataclass(frozen=True, slots=True)
class SealMark:
    """One signature found in a PDF."""

    key_id: str | None  # of the published seal key; None: not ours
    signer: str
    moment: datetime | None  # as the signer says
    is_genuine: bool  # the signed part is unchanged and signed by this key
    is_whole: bool  # nothing was added after it
    is_padded_clean: bool = True  # the room left beside the signature holds zeros
    valid: tuple[datetime, datetime] | None = None  # of the signer's certificate
    stamp: TimeMark | None = None


@dataclass(frozen=True, slots=True)
class PdfRevision:
    """What was added to a PDF after its seal. Revisions and pages count from 1.

    Args:
        objects: numbers of the objects that it defines anew.
        pages: those that show something of them.
        kinds: page, content, annotation, form, attachment, metadata, signature, catalog, other.
    """

    number: int
    objects: tuple[int, ...]
    pages: tuple[int, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SealedPdf:
    """What a PDF holds: its signatures, the text of its first page without spaces, the address for verification.

    `sealed_url` and `sealed_revision` are of the part that our seal covers, `later` of what was added to it.
    """

    marks: tuple[SealMark, ...]
    printed: str
    verification_url: str
    held: tuple[int, int] = (
        0,
        0,
    )  # in its document security store: certificates, and words on their revocation
    later: tuple[PdfRevision, ...] = ()
    sealed_revision: int = 0  # counted from 1; 0: none of ours
    sealed_url: str = ""


class PdfReader(Protocol):
    """Reads PDFs that strangers give, apart from the service: whatever becomes of it, here is an answer."""

    async def read(self, data: bytes) -> SealedPdf:
        """What a PDF holds, its seals judged with the published keys.

        Raises Refused("pdf_unreadable"), also when the reader died or took too long · OutsideFailure: too many at once.
        """


class Queue(Protocol):
    """Background jobs. `put` joins the caller's database transaction, if there is one."""

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
        """`lock`: jobs of one lock run one at a time. `once`: no second job of this name while one waits.

        `urgent`: a person waits for it; before everything else that waits.
        """

    async def is_waited_for(self, *, besides: str) -> bool:
        """Whether any other job than this one could be done now, so that a long one should make room."""


class EventBus(Protocol):
    """What happens now, for every process that listens (a desktop page waiting for a phone)."""

    async def publish(self, channel: str, event: Mapping[str, Any]) -> None: ...
    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[dict[str, Any] | None]]:
        """Yields events; None every 15 s so that a connection can be kept alive."""


class RateLimiter(Protocol):
    """Counters with a window, shared by all processes. Never fails: at worst each process counts for itself."""

    async def hit(self, key: str, *, window: int) -> int:
        """Add one and return the count within the current window of `window` seconds."""

    async def count(self, key: str) -> int: ...
    async def take_back(self, *keys: str) -> None:
        """Take one off each: what was counted beforehand could not be judged, for no fault of the person."""

    async def clear(self, *keys: str) -> None: ...


class Cache(Protocol):
    """Ready bytes by key, shared by all processes. Losing everything must only cost time.

    Every verb raises OutsideFailure when the store is away, at once while that is known.
    """

    async def get(self, key: str) -> bytes | None: ...
    async def set(self, key: str, value: bytes, *, seconds: float) -> None: ...
    async def add(self, key: str, value: bytes, *, seconds: float) -> bool:
        """Set only if absent; False if it was there (deduplication)."""

    async def take(self, *keys: str) -> list[bytes | None]:
        """Get and delete, each in one step (once-only values)."""

    async def delete(self, *keys: str) -> None: ...


class ImageCheck(Protocol):
    """Draws the picture of an image check: readable for people, tiresome for programs."""

    def picture(self, text: str) -> bytes:
        """PNG, 264×100 pixels (shown at half that size)."""


class FaultInjector(Protocol):
    """Named places where a test may kill the process; production does nothing there."""

    async def reach(self, place: str) -> None: ...


class NoFaultInjector:
    """Production: nothing ever breaks here on purpose."""

    async def reach(self, place: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Services:
    """One of each port."""

    settings: Settings
    clock: Clock
    keys: Keys
    pdf_renderer: PdfRenderer
    pdf_reader: PdfReader  # of foreign files
    receipt_printer: ReceiptPrinter
    sheet_printer: SheetPrinter  # of paper certificates
    file_store: FileStore
    queue: Queue
    event_bus: EventBus
    rate_limiter: RateLimiter
    cache: Cache
    password_hasher: PasswordHasher  # of staff's passwords
    pin_hasher: PasswordHasher  # of officers' PINs
    one_time_codes: OneTimeCodes
    passkeys: Passkeys
    table_reader: TableReader
    workbook_writer: WorkbookWriter
    image_check: ImageCheck
    wechat_pushes: WeChatPushes
    wechat_logins: WeChatLogins
    wechat_sender: WeChatSender
    wechat_console: WeChatConsole
    wechat_links: WeChatLinks
    wechat_quota: WeChatQuota
    wechat_health: WeChatHealth
    process_board: ProcessBoard
    faults: FaultInjector = field(default_factory=NoFaultInjector)
    session_memory: SessionMemory = field(default_factory=SessionMemory)
    pay: PayGateway | None = None  # None: no merchant number is configured
    sms: SmsSender | None = None  # None: no vendor is connected
    doctor: Doctor | None = None  # None: this process cannot ask it
    second_register: FileStore | None = None  # of erasures, apart from the files; None: no place is named
    log_witnesses: LogWitnesses | None = None  # None: nobody witnesses the public log
    tracing: Tracing | None = None  # None: no collector is named
    lookup_watch: LookupWatch | None = None  # None: every look-up reads the database
