"""One account of ours at WeChat: its token, and the calls made in its name."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from redis import asyncio as aioredis

from server.adapters.wechat.call_log import Books
from server.adapters.wechat.errcodes import STABLE_TOKEN, TOKEN_ERRORS
from server.adapters.wechat.tokens import TokenKeeper
from server.adapters.wechat.transport import SECONDS, Answer, Transport, checked
from server.domain.ports import Clock, TokenStanding
from server.errors import OutsideFailure, WeChatRefused

log = logging.getLogger("xcert.wechat")

BUSY = -1
READ_PAUSE_SECONDS = 0.3  # before a read is asked once more


class Account:
    """One appid (`kind`: oa, mp): its token and the calls made in its name."""

    def __init__(
        self,
        kind: str,
        appid: str,
        secret: str,
        api_url: str,
        redis: aioredis.Redis,
        clock: Clock,
        *,
        seconds: float = SECONDS,
    ) -> None:
        """`seconds`: how long one call may take."""
        self.kind, self.appid, self.secret = kind, appid, secret
        self.books = Books(redis, clock, kind, appid)
        self.transport = Transport(api_url, seconds=seconds, books=self.books)
        self.tokens = TokenKeeper(redis, clock, appid, self.fetch_token)

    async def close(self) -> None:
        await self.books.quota.close_books()
        await self.transport.close()

    async def standing(self) -> TokenStanding:
        """How it stands with the kept token. Raises OutsideFailure."""
        kept = await self.tokens.kept()
        now = self.tokens.now()
        if kept is None:
            return TokenStanding(self.kind, None, None)
        return TokenStanding(self.kind, float(max(0, now - kept.renewed_at)), float(kept.ends - now))

    async def fetch_token(self) -> tuple[str, int]:
        body = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            "force_refresh": False,
        }
        answer = await self.transport.call("POST", STABLE_TOKEN, data=body)
        try:
            return str(answer["access_token"]), int(answer["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise OutsideFailure("微信没有给出访问凭证") from None

    async def post(self, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """A call that may change something: never repeated, but for a token that WeChat refused.

        Args:
            path: below the API's host, e.g. /cgi-bin/menu/create.
            data: sent as JSON, Chinese as raw UTF-8.

        Raises:
            WeChatRefused: WeChat said no.
            OutsideFailure: `unknown` when WeChat may have done it nevertheless.
        """
        _, answer = await self._ask("POST", path, {}, data)
        return _object(answer)

    async def picture(self, path: str, data: Mapping[str, Any]) -> Answer:
        """As `post`, for what answers with a file; an answer that is JSON and no errcode comes back as it is."""
        answer, _ = await self._ask("POST", path, {}, data)
        return answer

    async def read(
        self, path: str, *, params: Mapping[str, str] | None = None, data: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A call that changes nothing: asked once more when no answer came, or WeChat was busy (-1).

        Args:
            path: below the API's host.
            params: of the query, beside the token.
            data: sent as JSON by POST; without it the call is a GET.
        """
        method = "GET" if data is None else "POST"

        async def once() -> dict[str, Any]:
            _, answer = await self._ask(method, path, params or {}, data)
            return _object(answer)

        try:
            return await once()
        except WeChatRefused as refusal:
            if refusal.errcode != BUSY:
                raise
            await asyncio.sleep(READ_PAUSE_SECONDS)
        except OutsideFailure as failure:
            if not failure.unknown:
                raise
        return await once()

    async def _ask(
        self, method: str, path: str, params: Mapping[str, str], data: Mapping[str, Any] | None
    ) -> tuple[Answer, Any]:
        """The answer, and its JSON if it is any. A refused token is renewed once and the call made once more."""
        body = None if data is None else dict(data)
        for is_last in (False, True):
            token = await self.tokens.get()
            answer = await self.transport.send(
                method, path, params={**params, "access_token": token}, data=body
            )
            content = _parsed(answer)
            if not isinstance(content, dict):
                return answer, content
            try:
                return answer, checked(content, path, unknown=True)
            except WeChatRefused as refusal:
                if refusal.errcode not in TOKEN_ERRORS or is_last:
                    raise
            await self.tokens.renew(token)
        raise AssertionError("unreachable")


_LENIENT = json.JSONDecoder(strict=False)


def _parsed(answer: Answer) -> Any:
    """The JSON of an answer, None for anything else. WeChat writes bare control characters into its texts."""
    try:
        return _LENIENT.decode(answer.content.decode(errors="ignore"))
    except ValueError:
        return None


def _object(content: Any) -> dict[str, Any]:
    """What WeChat told, which must be an object. A page of some proxy says nothing of what WeChat did."""
    if not isinstance(content, dict):
        log.warning("an answer that cannot be read: %s", type(content).__name__)
        raise OutsideFailure("微信的回答无法理解", unknown=True)
    return content
