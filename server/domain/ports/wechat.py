"""What the domain needs of WeChat, by use: pushes, log-ins, messages, the console, ways in; for operators quota and health.

An `account` is `oa` (the official account) or `mp` (the mini-program). Every asynchronous call raises OutsideFailure;
WeChatRefused keeps the errcode. What only reads is asked once more when the answer is lost; what sends or changes
something never is: then OutsideFailure(unknown=True) is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


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
    """A message template as WeChat keeps it.

    Args:
        keywords: "thing1" → what people read before its value. is_long_term: one accept counts for any number of messages.
    """

    id: str
    title: str
    keywords: Mapping[str, str]
    is_long_term: bool = False


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


@dataclass(frozen=True, slots=True)
class ClosedApi:
    """An API that is not called until a moment, as its quota is used up."""

    path: str
    until: datetime


@dataclass(frozen=True, slots=True)
class OfficialUsage:
    """WeChat's own figures of one API today."""

    limit: int
    used: int
    remain: int


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """One API today: our count beside WeChat's. `why_not`: why `official` is missing."""

    path: str
    ours: int
    official: OfficialUsage | None
    why_not: str
    closed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Reachability:
    """The addresses that WeChat resolved our host to, and those of them that answered its one ping."""

    addresses: tuple[str, ...]
    answering: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenStanding:
    """The access token of one account, without it. Both None while nobody has needed one, or it has run out."""

    account: str
    age_seconds: float | None
    left_seconds: float | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """What only a person can mend. `advice`: what to do and where, in Chinese. No token, no openid."""

    at: datetime
    account: str
    errcode: int
    path: str
    rid: str
    advice: str


class WeChatPushes(Protocol):
    """WeChat's pushes, opened and answered."""

    def echo(self, account: str, query: Mapping[str, str]) -> str:
        """The `echostr` of a genuine verification request. Raises Unverified push_signature."""

    def open_push(self, account: str, query: Mapping[str, str], body: bytes) -> Push:
        """Verify, decrypt and parse a push of `account`.

        Raises Unverified: push_signature, push_clear (a clear push where encryption is demanded),
        push_unreadable; Refused push_malformed.
        """

    def answer(self, push: Push, text: str, *, now: int) -> bytes:
        """The passive text reply to a push, encrypted when the push was."""


class WeChatLogins(Protocol):
    """Who somebody is."""

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        """Where a page inside WeChat sends its visitor to be recognised (wechat.md §3.1)."""

    async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
        """Raises Refused code_used (40163), code_invalid (40029), snapshot_user (wechat.md §3.1)."""

    async def exchange_login_code(self, code: str) -> WeChatIdentity:
        """Mini-program wx.login; keeps session_key on the server (wechat.md §4.1)."""

    async def phone_number(self, code: str) -> str:
        """The number behind a code of the mini-program's phone button; WeChat charges for each (wechat.md §4.2).

        Digits alone for numbers of China, with + and the country's code before them for others.
        Raises Refused code_used (40163), code_invalid (40029).
        """


class WeChatSender(Protocol):
    """Messages to people; none is ever repeated behind the caller's back."""

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        """Returns msgid. A time-out raises OutsideFailure(unknown=True): not failed, unknown."""

    async def send_text(self, account: str, openid: str, text: str) -> None:
        """A customer-service message inside its window (wechat.md §6.5).

        WeChat knows no key by which a second one is recognised: never repeated here.
        """

    async def send_subscription(
        self, account: str, openid: str, template: str, fields: Mapping[str, str], *, page: str | None
    ) -> str:
        """A subscription message against one grant: the mini-program's (`mp`, returns msgid) or the service
        account's (`oa`, returns "") (wechat.md §4.5, §5). `page`: a page with its query; for `oa` a URL.
        """


class WeChatConsole(Protocol):
    """What is kept in WeChat's consoles: the menu and the message templates."""

    async def create_menu(self, menu: Mapping[str, Any]) -> None:
        """Put the menu; one that is there is replaced."""

    async def current_menu(self) -> Mapping[str, Any] | None:
        """The menu as it was given to WeChat: {"button": […]}; None when there is none."""

    async def templates(self, account: str) -> list[MessageTemplate]:
        """All message templates of `account` (oa: template messages and subscription notices; mp)."""


class WeChatLinks(Protocol):
    """Ways into our pages: links and codes for the mini-program, the JS-SDK for pages inside WeChat."""

    async def url_link(self, path: str, query: str, *, seconds: int) -> str:
        """A link that opens the mini-program from outside WeChat, for at most 30 days (wechat.md §4.3).

        Args:
            path: a page without a leading slash and without a query.
            query: at most 1,024 characters, percent-encoded.
            seconds: how long it opens.
        """

    async def scan_code_image(self, scene: str) -> bytes:
        """Mini-program code (getwxacodeunlimit) with this scene, as an image."""

    async def js_config(self, url: str, *, renew: bool = False) -> dict[str, str | int]:
        """What wx.config needs for the page `url`: appId, timestamp, nonceStr, signature (wechat.md §3.2).

        `renew`: WeChat refused a signature made with the kept ticket, so another is fetched first.
        """


class WeChatQuota(Protocol):
    """How often we call WeChat, and what it still lets us (wechat.md §2)."""

    async def calls(self) -> list[WeChatCalls]:
        """What was called and how it ended, by all processes since the counting began."""

    async def usage(self, account: str) -> list[ApiUsage]:
        """Every API that was called today or is closed, by path."""

    async def closed(self, account: str) -> list[ClosedApi]:
        """What is closed now, by path."""

    async def clear(self, account: str) -> None:
        """Begin all of WeChat's counters of this account anew, ten times a month at most, and open what was closed.

        Raises WeChatRefused: 48006, none left this month.
        """


class WeChatHealth(Protocol):
    """Whether WeChat and we still fit together: for operators."""

    async def check_credentials(self, account: str) -> None:
        """Ask WeChat for a token, past the kept one, so that a changed secret shows at once.

        Raises WeChatRefused: why WeChat gives none.
        """

    def seconds_ahead(self, account: str) -> float | None:
        """By how much this machine's clock was ahead of WeChat's at the last answer; None before the first."""

    async def reachability(self) -> Reachability | None:
        """Whether WeChat reaches our address for pushes; None when its console holds no address yet."""

    async def tokens(self) -> list[TokenStanding]:
        """How old the kept access token of each account is, and how long it works. WeChat is not asked."""

    async def alarms(self) -> list[Alarm]:
        """The last alarms of both accounts and all processes, newest first."""
