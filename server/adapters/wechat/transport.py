"""HTTP to WeChat: one pool, a limit on every wait, and what it means when nothing comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from yarl import URL

from server.adapters.otlp_tracing import CallTrace
from server.adapters.wechat.call_log import Books
from server.adapters.wechat.errcodes import refusal_of
from server.domain.ports import Tracing
from server.errors import OutsideFailure

LARGEST = 4 * 1024 * 1024  # bytes of an answer; the largest is a picture
SECONDS, CONNECT_SECONDS = 6.0, 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of WeChat with a good HTTP status."""

    content: bytes
    content_type: str


def checked(result: Any, path: str, *, unknown: bool = False) -> dict[str, Any]:
    """The JSON of an answer. Raises WeChatRefused when it holds an errcode other than 0.

    Args:
        result: as it was read.
        path: of the call.
        unknown: whether WeChat may have acted when nobody understands its answer.
    """
    if not isinstance(result, dict):
        raise OutsideFailure("微信的回答无法理解", unknown=unknown)
    try:
        errcode = int(result.get("errcode") or 0)
    except (TypeError, ValueError):
        raise OutsideFailure("微信的回答无法理解", unknown=unknown) from None
    if errcode:
        raise refusal_of(errcode, str(result.get("errmsg", "")), path)
    return result


def _verdict(content: bytes) -> tuple[int, str]:
    """errcode and errmsg of an answer; (0, "") of one that has none, as pictures and most reads."""
    if content.lstrip()[:1] != b"{":
        return 0, ""
    try:
        answer = orjson.loads(content)
        return int(answer.get("errcode") or 0), str(answer.get("errmsg", ""))
    except (ValueError, TypeError):
        return 0, ""


class _NoAnswer(Exception):
    """`how`, in a word for the books; `unknown` when WeChat may have acted nevertheless."""

    def __init__(self, message: str, how: str, unknown: bool) -> None:
        super().__init__(message)
        self.how, self.unknown = how, unknown


async def _whole(stream: aiohttp.StreamReader) -> bytes:
    """All of an answer, whose chunks come one by one; a giant one counts as no answer."""
    content = bytearray()
    async for chunk in stream.iter_any():
        content += chunk
        if len(content) > LARGEST:
            raise _NoAnswer("微信的回答过大", "too_large", True)
    return bytes(content)


class Transport:
    """HTTP calls to WeChat; what they mean is `Account`'s."""

    def __init__(
        self,
        api_url: str,
        *,
        seconds: float = SECONDS,
        books: Books | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`seconds`: how long one call may take, from the first byte to the last."""
        self.trace = CallTrace(tracing)
        self.ahead: float | None = None  # seconds by which this machine's clock is ahead of WeChat's
        self._url: tuple[tuple[object, ...], URL] = (), URL()  # of the last call: mostly the next one's
        self._date = ""  # of the last answer: it changes once a second
        self._books = books
        self._timeout = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, CONNECT_SECONDS))
        self._api_url = api_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, path: str, *, params: dict[str, Any] | None = None, data: Any = None
    ) -> Answer:
        """One call.

        Raises:
            WeChatRefused: 45009, not sent, while this API is closed.
            OutsideFailure: nothing came back; `unknown` when WeChat may have acted on it nevertheless.
        """
        if self._books is not None:
            await self._books.permit(path)
        body, began = orjson.dumps(data) if isinstance(data, dict | list) else data, self.trace.begin()
        try:
            answer = await self._send(method, path, params, body)
        except _NoAnswer as problem:
            self.trace.end(began, f"wechat {path}", is_failed=True, outcome=problem.how)
            if self._books is not None:
                await self._books.failed(path, problem.how)
            raise OutsideFailure(str(problem), unknown=problem.unknown) from None
        errcode, errmsg = _verdict(answer.content)
        self.trace.end(began, f"wechat {path}", is_failed=bool(errcode), outcome=str(errcode or "ok"))
        if self._books is not None:
            await self._books.answered(path, errcode, errmsg)
        return answer

    async def _send(
        self, method: str, path: str, params: dict[str, Any] | None, body: bytes | str | None
    ) -> Answer:
        try:
            async with self._open().request(
                method.upper(), self._address(path, params), data=body, headers=_headers(body)
            ) as response:
                content = await _whole(response.content)
                self._compare(response.headers.get("date", ""))
                if response.status >= 400:
                    unknown = response.status >= 500
                    raise _NoAnswer(f"微信返回 HTTP {response.status}", f"http_{response.status}", unknown)
                return Answer(content, response.content_type)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as problem:
            raise _NoAnswer(f"无法连接微信（{type(problem).__name__}）", "unreachable", False) from None
        except (TimeoutError, aiohttp.ClientError) as problem:
            raise _NoAnswer(f"微信没有及时回答（{type(problem).__name__}）", "timeout", True) from None

    def _address(self, path: str, params: dict[str, Any] | None) -> URL:
        key = (path, *(params or {}).items())
        if self._url[0] != key:
            self._url = key, URL(self._api_url + path).update_query(params or {})
        return self._url[1]

    def _compare(self, date: str) -> None:
        """The Date of an answer against this machine's clock."""
        if date == self._date:
            return
        self._date = date
        try:
            self.ahead = time.time() - parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return

    async def call(
        self, method: str, path: str, *, params: dict[str, Any] | None = None, data: Any = None
    ) -> dict[str, Any]:
        """One call whose answer is JSON. Raises WeChatRefused and OutsideFailure."""
        answer = await self.send(method, path, params=params, data=data)
        try:
            result = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise OutsideFailure("微信的回答无法理解", unknown=True) from None
        return checked(result, path)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=64, ttl_dns_cache=60)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
            # aiohttp would send a GET that was cut off once more by itself, and a log-in code is good for one use.
            self._session._retry_connection = False
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _headers(body: bytes | str | None) -> dict[str, str]:
    return {"content-type": "application/json; charset=utf-8"} if body else {}
