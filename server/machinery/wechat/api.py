"""Calls to WeChat: wechatpy's API classes unmodified, run through the greenlet bridge (the WeChat port)."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from redis import asyncio as aioredis
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatException
from wechatpy.oauth import WeChatOAuth

from server.domain.ports import Cache, Clock, Push, WeChatIdentity
from server.errors import Forbidden, OutsideFailure, Refused, WeChatRefused
from server.machinery.wechat import bridge, messages
from server.machinery.wechat.errors import TOKEN_ERRORS, login_refusal
from server.machinery.wechat.tokens import TokenKeeper
from server.machinery.wechat.transport import SECONDS, Answer, Transport, checked, refuse
from server.settings import Settings

T = TypeVar("T")

SCENE_LONGEST = 32
SCENE_CHARACTERS = frozenset(string.ascii_letters + string.digits + "!#$&'()*+,/:;=?@-._~`")
SESSION_KEY_SECONDS = 2 * 24 * 3600
SCAN_PAGE = "pages/scan/index"


class _Client(WeChatClient):  # type: ignore[misc]  # wechatpy publishes no types
    """wechatpy's client with our transport, our token and no repeats of its own."""

    def __init__(self, appid: str, secret: str, transport: Transport, tokens: TokenKeeper) -> None:
        super().__init__(appid, secret, auto_retry=False)
        self._http.close()  # wechatpy opened a pool of its own
        self._http: Any = transport
        self._tokens = tokens

    @property
    def access_token(self) -> str:
        return bridge.wait(self._tokens.get())

    def fetch_access_token(self) -> None:
        raise RuntimeError("the token keeper alone fetches tokens")


class _Account:
    """One appid: its token and the calls made in its name."""

    def __init__(
        self, appid: str, secret: str, transport: Transport, redis: aioredis.Redis, clock: Clock
    ) -> None:
        self.appid, self.secret, self.transport = appid, secret, transport
        self.tokens = TokenKeeper(redis, clock, appid, self._fetch)
        self.client = _Client(appid, secret, transport, self.tokens)

    async def _fetch(self) -> tuple[str, int]:
        asked = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            "force_refresh": False,
        }
        told = await self.transport.call("POST", "/cgi-bin/stable_token", data=asked)
        try:
            return str(told["access_token"]), int(told["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise OutsideFailure("微信没有给出访问凭证") from None

    async def call(self, work: Callable[[_Client], T]) -> T:
        """Run a method of wechatpy; a token that WeChat refuses is renewed once and the call made once more."""
        for is_last in (False, True):
            try:
                return await bridge.run(lambda: work(self.client))
            except WeChatException as problem:
                if problem.errcode in TOKEN_ERRORS and not is_last:
                    await self.tokens.renew(_token_of(problem))
                    continue
                refuse(int(problem.errcode or 0), str(problem.errmsg), _asked(problem).get("path", ""))
        raise AssertionError("unreachable")


def _asked(problem: WeChatException) -> dict[str, Any]:
    """What was asked: wechatpy hands on what the transport put into its answer."""
    return getattr(problem, "request", None) or {}


def _token_of(problem: WeChatException) -> str:
    return str(_asked(problem).get("params", {}).get("access_token", ""))


class WeChatApi:
    """Implements the WeChat port for one official account and one mini-program."""

    def __init__(
        self,
        settings: Settings,
        redis: aioredis.Redis,
        cache: Cache,
        clock: Clock,
        *,
        seconds: float = SECONDS,
    ) -> None:
        """`seconds`: how long one call to WeChat may take."""
        self._settings, self._cache = settings, cache
        self._transport = Transport(settings.api_url, seconds=seconds)
        self._oa = _Account(settings.oa_appid, settings.oa_secret, self._transport, redis, clock)
        self._mp = _Account(settings.mp_appid, settings.mp_secret, self._transport, redis, clock)
        self._tickets = TokenKeeper(redis, clock, settings.oa_appid, self._fetch_ticket, kind="jsapi")
        self._clock = clock
        self._accounts = {
            "oa": messages.Account(
                "oa",
                settings.oa_appid,
                settings.oa_token,
                settings.oa_aes_key,
                settings.oa_previous_aes_key,
                settings.oa_mode,
            ),
            "mp": messages.Account("mp", settings.mp_appid, settings.mp_token, settings.mp_aes_key),
        }

    async def close(self) -> None:
        await self._transport.close()

    # Pushes

    def echo(self, account: str, query: Mapping[str, str]) -> str:
        return messages.echo(self._accounts[account], query)

    def open_push(self, account: str, query: Mapping[str, str], body: bytes) -> Push:
        return messages.open_push(self._accounts[account], query, body)

    def answer(self, push: Push, text: str, *, now: int) -> bytes:
        return messages.answer(self._accounts[push.account], push, text, now=now)

    # Log-ins

    def _oauth(self, redirect_uri: str = "", state: str = "") -> Any:
        oauth = WeChatOAuth(self._settings.oa_appid, self._settings.oa_secret, redirect_uri, state=state)
        oauth._http.close()
        oauth._http = self._transport
        oauth.OAUTH_BASE_URL = self._settings.open_url.rstrip("/") + "/connect/"
        return oauth

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        return str(self._oauth(redirect_uri, state).authorize_url)

    async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
        oauth = self._oauth()
        try:
            told = await bridge.run(lambda: oauth.fetch_access_token(code))
        except WeChatException as problem:
            raise _login_failure(int(problem.errcode or 0), str(problem.errmsg)) from None
        except (KeyError, ValueError):
            raise OutsideFailure("微信没有给出登录身份") from None
        if int(told.get("is_snapshotuser") or 0):
            raise Forbidden(
                "snapshot_user",
                "您正在用“快照页”浏览，微信没有给出您的真实身份。请点页面上的“使用完整服务”后重试。",
            )
        return WeChatIdentity("oa", str(told["openid"]), told.get("unionid") or None)

    async def exchange_login_code(self, code: str) -> WeChatIdentity:
        asked = {
            "appid": self._settings.mp_appid,
            "secret": self._settings.mp_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        try:
            told = await self._transport.call("GET", "/sns/jscode2session", params=asked)
        except WeChatRefused as refusal:
            raise login_refusal(refusal) or refusal from None
        if not told.get("openid") or not told.get("session_key"):
            raise OutsideFailure("微信没有给出登录身份")
        who = WeChatIdentity("mp", str(told["openid"]), told.get("unionid") or None)
        await self._cache.set(
            f"mp:session_key:{hashlib.sha256(who.openid.encode()).hexdigest()}",
            str(told["session_key"]).encode(),
            seconds=SESSION_KEY_SECONDS,
        )
        return who

    # Messages, menu, codes

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        data: dict[str, Any] = {
            "touser": openid,
            "template_id": template,
            "client_msg_id": hashlib.sha256(dedup_id.encode()).hexdigest()[:32],
            "data": {name: {"value": value} for name, value in fields.items()},
        }
        if url:
            data["url"] = url
        told = await self._oa.call(lambda client: client.post("message/template/send", data=data))
        if not isinstance(told, dict) or not told.get("msgid"):
            raise OutsideFailure("微信的回答里没有消息编号", unknown=True)
        return str(told["msgid"])

    async def create_menu(self, menu: Mapping[str, Any]) -> None:
        await self._oa.call(lambda client: client.menu.create(dict(menu)))

    async def scan_code_image(self, scene: str) -> bytes:
        if not 1 <= len(scene) <= SCENE_LONGEST or not SCENE_CHARACTERS.issuperset(scene):
            raise Refused("scene_invalid", "小程序码的参数过长或含有不允许的字符。")
        asked = {
            "scene": scene,
            "page": SCAN_PAGE,
            "check_path": False,
            "env_version": "develop" if self._settings.uses_sandbox else "release",
            "width": 430,
        }
        told = await self._mp.call(
            lambda client: client.post("https://api.weixin.qq.com/wxa/getwxacodeunlimit", data=asked)
        )
        if isinstance(told, Answer) and told.content_type.startswith("image/"):
            return told.content
        raise OutsideFailure("微信没有给出小程序码")

    # JS-SDK

    async def _fetch_ticket(self) -> tuple[str, int]:
        told = await self._oa.call(lambda client: client.jsapi.get_ticket("jsapi"))
        checked(told, "/cgi-bin/ticket/getticket")
        return str(told["ticket"]), int(told["expires_in"])

    async def js_config(self, url: str) -> dict[str, str | int]:
        """What wx.config needs for a page: {appId, timestamp, nonceStr, signature} (wechat.md §3.2)."""
        stamp, nonce = int(self._clock.now().timestamp()), secrets.token_hex(8)
        return {
            "appId": self._settings.oa_appid,
            "timestamp": stamp,
            "nonceStr": nonce,
            "signature": js_signature(await self._tickets.get(), nonce, stamp, url),
        }


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The signature of wx.config: keys in lower case and alphabetical order, the page without its fragment."""
    page = url.partition("#")[0]
    said = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest()


def _login_failure(errcode: int, errmsg: str) -> Exception:
    try:
        refuse(errcode, errmsg, "/sns/oauth2/access_token")
    except WeChatRefused as refusal:
        return login_refusal(refusal) or refusal
    raise AssertionError("unreachable")
