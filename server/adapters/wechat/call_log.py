"""What is kept of every call of one account: whether it may be made, how it ended, and who must hear of it."""

from __future__ import annotations

import logging

from redis import asyncio as aioredis

from server.adapters.wechat.alerts import Alarms
from server.adapters.wechat.errcodes import CALL_SOMEBODY, field_at_fault, refusal_of, remedy, rid
from server.adapters.wechat.quota import BEIJING, Quota
from server.domain.ports import Clock
from server.errors import Remedy

log = logging.getLogger("xcert.wechat")

QUOTA_USED_UP = 45009


class Books:
    """Of one account (`kind`: oa, mp)."""

    def __init__(self, redis: aioredis.Redis, clock: Clock, kind: str, appid: str) -> None:
        self.kind, self.appid = kind, appid
        self.quota, self.alarms = Quota(redis, clock), Alarms(redis, clock)

    async def permit(self, path: str) -> None:
        """Raises WeChatRefused(45009), without asking WeChat, while this API is closed."""
        until = await self.quota.closed_until(self.appid, path)
        if until is None:
            return
        await self.quota.note(self.kind, self.appid, path, "closed")
        reason = f"not sent: closed until {until.astimezone(BEIJING).isoformat(timespec='minutes')}"
        raise refusal_of(QUOTA_USED_UP, reason, path)

    async def failed(self, path: str, how: str) -> None:
        """No answer of WeChat's: timeout, unreachable, http_502."""
        log.warning("wechat did not answer", extra={"account": self.kind, "path": path, "outcome": how})
        await self.quota.note(self.kind, self.appid, path, how)

    async def answered(self, path: str, errcode: int, errmsg: str) -> None:
        """WeChat answered; an errcode is written down with its rid, and leads to what it asks for."""
        await self.quota.note(self.kind, self.appid, path, str(errcode) if errcode else "ok")
        if not errcode:
            return
        what = remedy(errcode, path)
        if what is not Remedy.ABSENT:
            log.warning(
                "wechat refused",
                extra={
                    "account": self.kind,
                    "path": path,
                    "errcode": errcode,
                    "remedy": what.value,
                    "rid": rid(errmsg),
                    "field": field_at_fault(errmsg),
                },
            )
        if errcode == QUOTA_USED_UP:
            until = await self.quota.close(self.appid, path)
            log.error(
                "微信接口额度已用完，恢复前不再调用；可运行 xcert wechat quota 查看",
                extra={
                    "account": self.kind,
                    "path": path,
                    "errcode": errcode,
                    "rid": rid(errmsg),
                    "until": until.isoformat(),
                },
            )
        if what in CALL_SOMEBODY:
            await self.alarms.sound(self.kind, path, errcode, errmsg)
