"""What `/metrics` says of the public log: how long it is, what waits, whether it stands still, who has signed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from server.domain import health
from server.domain.ports import Services
from server.domain.public_log import log_health
from server.domain.public_log.log_health import LogHealth

log = logging.getLogger("xcert.ops")
SECONDS = 2.0


class LogMetrics(Collector):
    """One look at the database and the file store; while they are away, its part is left out."""

    def __init__(self, now: LogHealth | None) -> None:
        self._now = now

    @classmethod
    async def of(cls, s: Services) -> LogMetrics:
        try:
            async with asyncio.timeout(SECONDS):
                return cls(await log_health.look(s))
        except Exception as error:  # the other metrics are worth having all the more then
            log.warning(
                "the public log cannot be looked at: %s", health.cause_of(error) or type(error).__name__
            )
            return cls(None)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        if (now := self._now) is None:
            return
        for name, about, value in (
            ("xcert_log_entries", "Entries of the public log", now.size),
            ("xcert_log_signed", "Entries that the newest checkpoint covers", now.signed),
            ("xcert_log_waiting", "Events that wait for their place (10000 at most)", now.waiting),
            ("xcert_log_oldest_seconds", "Age of the oldest of them", now.oldest_seconds),
            (
                "xcert_log_stopped",
                "1 while the log, and with it the sealing, stands still",
                int(bool(now.problem)),
            ),
        ):
            yield GaugeMetricFamily(name, about, value=float(value))
        cosigned = GaugeMetricFamily(
            "xcert_log_cosigned",
            "Entries of the newest checkpoint that a witness has signed; -1: none",
            labels=["witness"],
        )
        for witness, size in now.cosigned.items():
            cosigned.add_metric([witness], float(size))
        yield cosigned
