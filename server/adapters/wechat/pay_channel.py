"""Signed HTTP to WeChat Pay, and answers that are believed only with WeChat Pay's signature (wechat.md §7.1, §7.2)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

from server.adapters.otlp_tracing import CallTrace
from server.adapters.wechat.pay_errors import refusal
from server.adapters.wechat.pay_signing import Merchant, PlatformKeys
from server.domain.ports import Clock, Tracing
from server.errors import OutsideFailure, Unverified

log = logging.getLogger("xcert.pay")

SECONDS, CONNECT_SECONDS = 8.0, 3.0
BILL_SECONDS = 120.0
LARGEST = 1024 * 1024  # bytes of an answer
LARGEST_BILL = 64 * 1024 * 1024  # bytes of a packed bill
OFFICIAL = frozenset({URL("https://api.mch.weixin.qq.com"), URL("https://api2.mch.weixin.qq.com")})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: `headers` with names in lower case, `body` the raw bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PayChannel:
    """One merchant's calls to WeChat Pay."""

    def __init__(
        self,
        base: str,
        merchant: Merchant,
        keys: PlatformKeys,
        clock: Clock,
        *,
        answer_serial: str = "",
        seconds: float = SECONDS,
        tracing: Tracing | None = None,
    ) -> None:
        """
        Args:
            base: WECHAT_PAY_URL.
            answer_serial: PUB_KEY_ID_… when we hold the public key: WeChat Pay then signs its answers with it.
            seconds: how long one call may take, from the first byte to the last.
        """
        self.merchant, self.keys = merchant, keys
        self._base = URL(base.rstrip("/"))
        self._clock, self._answer_serial, self._seconds = clock, answer_serial, seconds
        self._session: aiohttp.ClientSession | None = None
        self._trace = CallTrace(tracing)

    async def call(
        self, method: str, target: str, data: Mapping[str, Any] | None = None, *, serial: str = ""
    ) -> dict[str, Any]:
        """One call; the answer's JSON, proven to be WeChat Pay's ({} for an empty one).

        An answer with a wrong signature is asked for once more: WeChat Pay sends such ones as a test of us,
        and every call here may be repeated, as its number makes it the same call.

        Args:
            target: path with query, percent-encoded.
            serial: of WeChat Pay's key that parts of `data` are sealed with.

        Raises:
            PayRefused: WeChat Pay said no.
            OutsideFailure: no answer, or none that is proven; `unknown` when the call may have been done.
        """
        body, changes = b"" if data is None else orjson.dumps(data), method != "GET"
        for _ in range(2):
            reply = await self.exchange(method, target, body, serial=serial)
            try:
                is_signed = self.proven(reply)
                break
            except Unverified as wrong:
                _tell_unproven(reply, target, wrong)
        else:
            raise OutsideFailure("微信支付的回答没有通过验签", unknown=changes)
        if reply.status >= 300:
            problem = refusal(reply.status, reply.body, _id(reply), changes=changes, is_signed=is_signed)
            log.warning(
                "WeChat Pay refused",
                extra={
                    "refusal": getattr(problem, "code", ""),
                    "target": _bare(target),
                    "status": reply.status,
                    "wechat_request": _id(reply),
                },
            )
            raise problem
        try:
            answer = orjson.loads(reply.body) if reply.body else {}
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise OutsideFailure("微信支付的回答无法理解", unknown=changes)
        return answer

    def proven(self, reply: Reply) -> bool:
        """True: WeChat Pay signed this answer. False: a refusal without any signature, a hint and no more.

        Raises:
            Unverified: a wrong signature, or none where there must be one.
        """
        if reply.status >= 400 and "wechatpay-signature" not in reply.headers:
            return False
        self.keys.verify(reply.headers, reply.body, self._clock.now())
        return True

    async def exchange(self, method: str, target: str, body: bytes = b"", *, serial: str = "") -> Reply:
        """Send one signed request and take the answer, whatever it is. Raises OutsideFailure."""
        began, url = self._trace.begin(), self._base.join(URL(target, encoded=True))
        name = f"wechat pay {'/'.join(url.path.split('/')[:4])}"  # what follows may be an order's number
        try:
            reply = await self._send(method, url, body, self._seconds, LARGEST, serial)
        except OutsideFailure:
            self._trace.end(began, name, is_failed=True, outcome="no_answer")
            raise
        self._trace.end(began, name, is_failed=reply.status >= 400, outcome=str(reply.status))
        return reply

    async def download(self, url: str) -> bytes:
        """A file by its signed GET; its answer carries no signature.

        Raises:
            OutsideFailure: also when the address is not WeChat Pay's: our signature goes nowhere else.
        """
        address = URL(url, encoded=True)
        allowed = OFFICIAL if self._base.origin() in OFFICIAL else {self._base.origin()}
        if not address.is_absolute() or address.origin() not in allowed:
            raise OutsideFailure("微信支付给出的下载地址不是微信支付的网址")
        reply = await self._send("GET", address, b"", BILL_SECONDS, LARGEST_BILL)
        if reply.status != 200:
            raise refusal(reply.status, reply.body, _id(reply), changes=False, is_signed=False)
        return reply.body

    async def _send(
        self, method: str, url: URL, body: bytes, seconds: float, largest: int, serial: str = ""
    ) -> Reply:
        limits = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, CONNECT_SECONDS))
        for is_last in (method != "GET", True):
            try:
                async with self._open().request(
                    method,
                    url,
                    data=body or None,
                    headers=self._headers(method, url, body, serial),
                    timeout=limits,
                    allow_redirects=False,
                ) as response:
                    content = await _whole(response, largest)
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    return Reply(response.status, headers, content)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as problem:
                raise OutsideFailure(f"无法连接微信支付（{type(problem).__name__}）") from None
            except (TimeoutError, aiohttp.ClientError) as problem:
                if (
                    isinstance(problem, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
                    and not is_last
                ):
                    continue  # a kept connection had been closed meanwhile; asking twice does no harm
                raise OutsideFailure(
                    f"微信支付没有及时回答（{type(problem).__name__}）", unknown=method != "GET"
                ) from None
        raise AssertionError("unreachable")

    def _headers(self, method: str, url: URL, body: bytes, serial: str) -> dict[str, str]:
        """Signed anew each time: a nonce is used once."""
        stamp = int(self._clock.now().timestamp())
        headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "user-agent": "xcert (aiohttp)",
            "authorization": self.merchant.authorization(method, url.raw_path_qs, body, stamp=stamp),
        }
        if serial or self._answer_serial:
            headers["wechatpay-serial"] = serial or self._answer_serial
        return headers

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64, ttl_dns_cache=60))
            # aiohttp would send a GET that was cut off again as it is, with a nonce that has been used.
            self._session._retry_connection = False
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _whole(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """All of the answer's bytes: a part of them would be another answer."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > largest:
            raise aiohttp.ClientPayloadError("the answer is too large")
        parts.append(part)
    return b"".join(parts)


def _tell_unproven(reply: Reply, target: str, wrong: Unverified) -> None:
    log.warning(
        "answer of WeChat Pay without a right signature",
        extra={
            "why": wrong.code,
            "target": _bare(target),
            "status": reply.status,
            "serial": reply.headers.get("wechatpay-serial", ""),
        },
    )


def _id(reply: Reply) -> str:
    return reply.headers.get("request-id", "")


def _bare(target: str) -> str:
    return target.partition("?")[0]
