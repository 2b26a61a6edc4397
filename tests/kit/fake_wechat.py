"""Stand-ins for WeChat, one for each of its ports; each remembers what it was told and never judges it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from server.domain.ports import (
    Alarm,
    ApiUsage,
    ClosedApi,
    MessageTemplate,
    Push,
    Reachability,
    TokenStanding,
    WeChatCalls,
    WeChatConsole,
    WeChatHealth,
    WeChatIdentity,
    WeChatLinks,
    WeChatLogins,
    WeChatPushes,
    WeChatQuota,
    WeChatSender,
)
from server.errors import Refused, Unverified
from tests.kit.fakes import outside


@dataclass
class Sent:
    openid: str
    template: str
    fields: dict[str, str]
    url: str | None
    dedup_id: str


@dataclass
class Subscribed:
    """A subscription message that was sent."""

    account: str
    openid: str
    template: str
    fields: dict[str, str]
    page: str | None


class FakeWeChatPushes:
    """Bodies that a test prepared stand for pushes; everything else is not genuine."""

    def __init__(self) -> None:
        self.genuine: dict[tuple[str, bytes], Push] = {}  # account, body
        self.replies: list[tuple[Push, str]] = []

    def echo(self, account: str, query: Mapping[str, str]) -> str:
        if query.get("signature") != account:
            raise Unverified("push_signature", "签名不正确。")
        return query["echostr"]

    def open_push(self, account: str, query: Mapping[str, str], body: bytes) -> Push:
        if (account, body) not in self.genuine:
            raise Unverified("push_signature", "签名不正确。")
        return self.genuine[account, body]

    def answer(self, push: Push, text: str, *, now: int) -> bytes:
        self.replies.append((push, text))
        return f"{now} {push.openid} {text}".encode()


@outside
class FakeWeChatLogins:
    """Codes that a test prepared stand for people, once."""

    def __init__(self) -> None:
        self.codes: dict[str, WeChatIdentity] = {}
        self.phones: dict[str, str] = {}  # code of the phone button → number

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        return (
            f"https://open.weixin.qq.com/connect/oauth2/authorize?redirect_uri={redirect_uri}&state={state}"
        )

    async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
        return self._take(code)

    async def exchange_login_code(self, code: str) -> WeChatIdentity:
        return self._take(code)

    async def phone_number(self, code: str) -> str:
        if code not in self.phones:
            raise Unverified("code_invalid", "手机号授权已失效，请重新点击获取手机号。")
        return self.phones.pop(code)

    def _take(self, code: str) -> WeChatIdentity:
        if code not in self.codes:
            raise Refused("code_invalid", "微信登录已失效，请重新打开页面。")
        return self.codes.pop(code)


@outside
class FakeWeChatSender:
    """Messages are remembered."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.texts: list[tuple[str, str, str]] = []  # account, openid, text
        self.subscribed: list[Subscribed] = []
        self.answers: list[Exception] = []  # raised by the next sends of any kind, in this order

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        self._may_fail()
        self.sent.append(Sent(openid, template, dict(fields), url, dedup_id))
        return str(1000 + len(self.sent))

    async def send_text(self, account: str, openid: str, text: str) -> None:
        self._may_fail()
        self.texts.append((account, openid, text))

    async def send_subscription(
        self, account: str, openid: str, template: str, fields: Mapping[str, str], *, page: str | None
    ) -> str:
        self._may_fail()
        self.subscribed.append(Subscribed(account, openid, template, dict(fields), page))
        return str(5000 + len(self.subscribed)) if account == "mp" else ""

    def _may_fail(self) -> None:
        if self.answers:
            raise self.answers.pop(0)


@outside
class FakeWeChatConsole:
    def __init__(self) -> None:
        self.menus: list[dict[str, Any]] = []
        self.kept_templates: dict[str, list[MessageTemplate]] = {"oa": [], "mp": []}

    async def create_menu(self, menu: Mapping[str, Any]) -> None:
        self.menus.append(dict(menu))

    async def current_menu(self) -> Mapping[str, Any] | None:
        return self.menus[-1] if self.menus else None

    async def templates(self, account: str) -> list[MessageTemplate]:
        return list(self.kept_templates[account])


@outside
class FakeWeChatLinks:
    def __init__(self) -> None:
        self.links: list[tuple[str, str, int]] = []  # path, query, seconds
        self.renewed = 0  # how often a new JS-SDK ticket was fetched

    async def url_link(self, path: str, query: str, *, seconds: int) -> str:
        self.links.append((path, query, seconds))
        return f"https://wxaurl.cn/{len(self.links)}"

    async def scan_code_image(self, scene: str) -> bytes:
        return b"\x89PNG scene " + scene.encode()

    async def js_config(self, url: str, *, renew: bool = False) -> dict[str, str | int]:
        self.renewed += renew
        signed = hashlib.sha1(url.partition("#")[0].encode(), usedforsecurity=False).hexdigest()
        return {"appId": "wxfake", "timestamp": 1, "nonceStr": "nonce", "signature": signed}


@outside
class FakeWeChatQuota:
    def __init__(self) -> None:
        self.called: list[WeChatCalls] = []
        self.used: dict[str, list[ApiUsage]] = {"oa": [], "mp": []}
        self.cleared: list[str] = []

    async def calls(self) -> list[WeChatCalls]:
        return list(self.called)

    async def usage(self, account: str) -> list[ApiUsage]:
        return list(self.used[account])

    async def closed(self, account: str) -> list[ClosedApi]:
        return [ClosedApi(one.path, one.closed_until) for one in self.used[account] if one.closed_until]

    async def clear(self, account: str) -> None:
        self.cleared.append(account)
        self.used[account] = []


@outside
class FakeWeChatHealth:
    """All is well, unless a test says otherwise."""

    def __init__(self) -> None:
        self.refusals: dict[str, Exception] = {}  # account → why WeChat gives it no token
        self.ahead: dict[str, float] = {}
        self.reached: Reachability | None = Reachability(("192.0.2.1",), ("192.0.2.1",))
        self.sounded: list[Alarm] = []
        self.kept_tokens = [TokenStanding("oa", 600.0, 6600.0), TokenStanding("mp", None, None)]

    async def check_credentials(self, account: str) -> None:
        if account in self.refusals:
            raise self.refusals[account]

    def seconds_ahead(self, account: str) -> float | None:
        return self.ahead.get(account)

    async def reachability(self) -> Reachability | None:
        return self.reached

    async def tokens(self) -> list[TokenStanding]:
        return list(self.kept_tokens)

    async def alarms(self) -> list[Alarm]:
        return list(self.sounded)


class WholeWeChat(
    WeChatPushes,
    WeChatLogins,
    WeChatSender,
    WeChatConsole,
    WeChatLinks,
    WeChatQuota,
    WeChatHealth,
    Protocol,
):
    """What `WeChatApi` is: every port in one."""


def wechat_ports(whole: WholeWeChat | None = None) -> dict[str, Any]:
    """The fields of `Services` that are WeChat's: all on `whole`, or a stand-in for each."""
    pushes: WeChatPushes = whole or FakeWeChatPushes()
    logins: WeChatLogins = whole or FakeWeChatLogins()
    sender: WeChatSender = whole or FakeWeChatSender()
    console: WeChatConsole = whole or FakeWeChatConsole()
    links: WeChatLinks = whole or FakeWeChatLinks()
    quota: WeChatQuota = whole or FakeWeChatQuota()
    health: WeChatHealth = whole or FakeWeChatHealth()
    return {
        "wechat_pushes": pushes,
        "wechat_logins": logins,
        "wechat_sender": sender,
        "wechat_console": console,
        "wechat_links": links,
        "wechat_quota": quota,
        "wechat_health": health,
    }
