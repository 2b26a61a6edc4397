"""What the domain needs of the world: the ports, and `Services`, which holds one of each.

Adapters implement these; only `server.app` chooses; tests build another `Services`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from server.domain.ports.keys import KeyEvent as KeyEvent
from server.domain.ports.keys import Keys as Keys
from server.domain.ports.keys import PublicKey as PublicKey
from server.domain.ports.keys import Signed as Signed
from server.domain.ports.lookups import LookupWatch as LookupWatch
from server.domain.ports.payments import PayGateway as PayGateway
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
class SealMark:
    """One signature found in a PDF."""

    key_id: str | None  # of the published seal key; None: not ours
    signer: str
    moment: datetime | None  # as the signer says
    is_genuine: bool  # the signed part is unchanged and signed by this key
    is_whole: bool  # nothing was added after it
    is_padded_clean: bool = True  # the room left beside the signature holds zeros
    valid: tuple[datetime, datetime] | None = None  # of the signer's certificate


@dataclass(frozen=True, slots=True)
class SealedPdf:
    """What a PDF holds: its signatures, the text of its first page without spaces, the address for verification."""

    marks: tuple[SealMark, ...]
    printed: str
    verification_url: str


class FileStore(Protocol):
    """Files by key. Writing is atomic: a key holds a whole file or nothing."""

    async def put(self, key: str, data: bytes) -> None:
        """Store, in place of what stood there. Raises OutsideFailure: the storage is full or does not answer."""

    async def put_once(self, key: str, data: bytes) -> bytes:
        """Store unless the key holds a file already. Returns what it holds then; raises as `put`."""

    async def get(self, key: str) -> bytes:
        """Raises NotFound."""

    async def exists(self, key: str) -> bool: ...
    async def delete(self, key: str) -> None: ...
    async def sweep(self) -> int:
        """Clear away what writers that died left half-written. Returns how many files that were."""

    async def check(self) -> None:
        """Raises OutsideFailure: nothing can be written now."""


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

    async def take(self, key: str) -> bytes | None:
        """Get and delete in one step (once-only values)."""

    async def delete(self, *keys: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WeChatIdentity:
    """Who WeChat says this is, in one account (`oa` or `mp`)."""

    account: str
    openid: str
    unionid: str | None = None
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """One genuine push of WeChat, opened. `fields` holds everything it said, unknown elements too."""

    account: str  # oa | mp
    kind: str  # text, image, … or the event's name in lower case
    is_event: bool
    openid: str
    to: str  # our account's original id
    created: int  # Unix seconds
    key: str  # what makes it the same push when it comes again (wechat.md §1.4)
    text: str = ""  # Content of a text, what was heard in a voice message
    event_key: str = ""
    message_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_sealed: bool = True  # came encrypted, so the answer goes encrypted


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """A message template as WeChat keeps it. `keywords`: "thing1" → what people read before its value."""

    id: str
    title: str
    keywords: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WeChatCalls:
    """How often calls of one path ended one way.

    `account`: oa, mp. `outcome`: ok, an errcode, timeout, unreachable, http_502, or closed: not sent, as the quota is
    used up.
    """

    account: str
    path: str
    outcome: str
    count: int


class WeChat(Protocol):
    """Calls to WeChat, and its pushes opened and answered.

    Calls raise OutsideFailure; WeChatRefused keeps the errcode. What only reads is asked once more when the answer
    is lost; what sends or changes something never is: then OutsideFailure(unknown=True) is raised.
    """

    def echo(self, account: str, query: Mapping[str, str]) -> str:
        """The `echostr` of a genuine verification request. Raises Unverified push_signature."""

    def open_push(self, account: str, query: Mapping[str, str], body: bytes) -> Push:
        """Verify, decrypt and parse a push of `account` (oa, mp).

        Raises Unverified: push_signature, push_clear (a clear push where encryption is demanded),
        push_unreadable; Refused push_malformed.
        """

    def answer(self, push: Push, text: str, *, now: int) -> bytes:
        """The passive text reply to a push, encrypted when the push was."""

    def authorize_url(self, redirect_uri: str, state: str) -> str: ...
    async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
        """Raises Refused code_used (40163), code_invalid (40029), snapshot_user (wechat.md §3.1)."""

    async def exchange_login_code(self, code: str) -> WeChatIdentity:
        """Mini-program wx.login; keeps session_key on the server (wechat.md §4.1)."""

    async def phone_number(self, code: str) -> str:
        """The number behind a code of the mini-program's phone button; WeChat charges for each (wechat.md §4.2).

        Digits alone for numbers of China, with + and the country's code before them for others.
        Raises Refused code_used (40163), code_invalid (40029).
        """

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        """Returns msgid. A time-out raises OutsideFailure(unknown=True): not failed, unknown."""

    async def send_text(self, account: str, openid: str, text: str) -> None:
        """A customer-service message in `account` (oa, mp), inside its window (wechat.md §6.5).

        WeChat knows no key by which a second one is recognised: never repeated here.
        """

    async def send_subscription(
        self, account: str, openid: str, template: str, fields: Mapping[str, str], *, page: str | None
    ) -> str:
        """A subscription message against one grant: the mini-program's (`mp`, returns msgid) or the service
        account's (`oa`, returns "") (wechat.md §4.5, §5). `page`: a page with its query; for `oa` a URL.
        """

    async def create_menu(self, menu: Mapping[str, Any]) -> None: ...
    async def current_menu(self) -> Mapping[str, Any] | None:
        """The menu as it was given to WeChat: {"button": […]}; None when there is none."""

    async def templates(self, account: str) -> list[MessageTemplate]:
        """All message templates of `account` (oa: template messages and subscription notices; mp)."""

    async def url_link(self, path: str, query: str, *, seconds: int) -> str:
        """A link that opens the mini-program from outside WeChat, for at most 30 days (wechat.md §4.3).

        Args:
            path: a page without a leading slash and without a query.
            query: at most 1,024 characters, percent-encoded.
        """

    async def js_config(self, url: str, *, renew: bool = False) -> dict[str, str | int]:
        """What wx.config needs for the page `url`: appId, timestamp, nonceStr, signature (wechat.md §3.2).

        `renew`: WeChat refused a signature made with the kept ticket, so another is fetched first.
        """

    async def scan_code_image(self, scene: str) -> bytes:
        """Mini-program code (getwxacodeunlimit) with this scene, as an image."""

    async def calls(self) -> list[WeChatCalls]:
        """What was called and how it ended, by all processes since the counting began."""


class ImageCheck(Protocol):
    """Draws the picture of an image check: readable for people, tiresome for programs."""

    def picture(self, text: str) -> bytes:
        """PNG, 264×100 pixels (shown at half that size)."""


class NoImageCheck:
    """For worlds that never ask for an image check."""

    def picture(self, text: str) -> bytes:
        raise NotImplementedError("no image check was given to these services")


class FaultInjector(Protocol):
    """Named places where a test may kill the process; production does nothing there."""

    async def reach(self, place: str) -> None: ...


class NoFaultInjector:
    """Production: nothing ever breaks here on purpose."""

    async def reach(self, place: str) -> None:
        return None


@dataclass(slots=True)
class Services:
    """One of each port."""

    settings: Settings
    clock: Clock
    keys: Keys
    pdf_renderer: PdfRenderer
    file_store: FileStore
    queue: Queue
    event_bus: EventBus
    rate_limiter: RateLimiter
    cache: Cache
    wechat: WeChat
    faults: FaultInjector = field(default_factory=NoFaultInjector)
    image_check: ImageCheck = field(default_factory=NoImageCheck)
    # found genuine by this process: claims, and the blind indexes of whom they speak of
    known_tokens: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = field(default_factory=dict)
    ended_persons: dict[str, int] = field(default_factory=dict)  # blind index → Unix seconds: see entry.ended
    pay: PayGateway | None = None  # None: no merchant number is configured
    lookup_watch: LookupWatch | None = None  # None: every look-up reads the database
