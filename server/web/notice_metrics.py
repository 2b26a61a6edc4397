"""What `/metrics` says of notices: what waits and for how long, what nobody knows, and which of WeChat's APIs rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from server.domain import health
from server.domain.notices.backlog import Backlog, backlog
from server.domain.ports import ClosedApi, Services

log = logging.getLogger("xcert.ops")
SECONDS = 2.0
ACCOUNTS = ("oa", "mp")


class NoticeMetrics(Collector):
    """One look at the database and at Redis; while the database is away, its part is left out."""

    def __init__(self, waits: Backlog | None, resting: list[tuple[str, ClosedApi, float]]) -> None:
        self._waits, self._resting = waits, resting

    @classmethod
    async def of(cls, s: Services) -> NoticeMetrics:
        waits = None
        try:
            async with asyncio.timeout(SECONDS):
                waits = await backlog(s.clock)
        except Exception as error:  # the other metrics are worth having all the more then
            log.warning("the notices cannot be counted: %s", health.cause_of(error) or type(error).__name__)
        now = s.clock.now()
        resting = [
            (account, one, max(0.0, (one.until - now).total_seconds()))
            for account in ACCOUNTS
            for one in await s.wechat_quota.closed(account)
        ]
        return cls(waits, resting)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        if (waits := self._waits) is not None:
            for name, about, value in (
                ("xcert_notices_waiting", "Notices of the system that wait to be sent (10000 at most)", waits.waiting),
                ("xcert_notices_oldest_seconds", "Age of the oldest of them", waits.oldest_seconds),
                ("xcert_notices_overdue_seconds", "How long the most urgent of them has been due", waits.overdue_seconds),
                ("xcert_notices_unknown", "Messages of unknown outcome, for a person to decide (10000 at most)", waits.unknown),
                ("xcert_notices_held", "1 while notices are kept back after a restore", int(waits.is_held)),
                ("xcert_campaigns_running", "Campaigns that are being sent", waits.running),
                ("xcert_campaigns_paused", "Campaigns that are paused", waits.paused),
                ("xcert_campaigns_unserved_seconds", "How long a running campaign has had no turn", waits.unserved_seconds),
            ):  # fmt: skip
                yield GaugeMetricFamily(name, about, value=float(value))
        closed = GaugeMetricFamily(
            "xcert_wechat_rest_seconds",
            "How long until an API whose quota is used up (45009) is called again",
            labels=["account", "path"],
        )
        for account, one, seconds in self._resting:
            closed.add_metric([account, one.path], seconds)
        yield closed
