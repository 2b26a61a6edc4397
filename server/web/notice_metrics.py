"""What `/metrics` says of notices: what waits and for how long, what nobody knows, and which of WeChat's APIs rest."""

from __future__ import annotations

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from server.domain.notices.backlog import backlog
from server.domain.operations import standing
from server.domain.ports import Services
from server.web.collecting import gauge, gauges

ACCOUNTS = ("oa", "mp")


async def notices(s: Services) -> list[Metric]:
    waits = await backlog(s.clock)
    return [
        gauge("xcert_notices_waiting", "Notices of the system that wait to be sent (10000 at most)", waits.waiting),
        gauge("xcert_notices_oldest_seconds", "Age of the oldest of them", waits.oldest_seconds),
        gauge("xcert_notices_overdue_seconds", "How long the most urgent of them has been due", waits.overdue_seconds),
        gauge("xcert_notices_unknown", "Messages of unknown outcome, for a person to decide (10000 at most)", waits.unknown),
        gauge("xcert_notices_held", "1 while notices are kept back after a restore", int(waits.is_held)),
        gauge("xcert_campaigns_running", "Campaigns that are being sent", waits.running),
        gauge("xcert_campaigns_paused", "Campaigns that are paused", waits.paused),
        gauge("xcert_campaigns_unserved_seconds", "How long a running campaign has had no turn", waits.unserved_seconds),
    ]  # fmt: skip


async def deliveries(_: Services) -> list[Metric]:
    found = await standing.deliveries()
    return [
        gauges("xcert_deliveries", "Messages that stand in this state (10000 at most)", "state", found.standing),
        gauges("xcert_deliveries_newest", "Of the newest 10000 messages, how many are in this state", "state", found.newest),
    ]  # fmt: skip


async def resting(s: Services) -> list[Metric]:
    closed = GaugeMetricFamily(
        "xcert_wechat_rest_seconds",
        "How long until an API whose quota is used up (45009) is called again",
        labels=["account", "path"],
    )
    now = s.clock.now()
    for account in ACCOUNTS:
        for one in await s.wechat_quota.closed(account):
            closed.add_metric([account, one.path], max(0.0, (one.until - now).total_seconds()))
    return [closed]
