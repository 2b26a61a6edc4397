"""What `/metrics` says of certificates in the making: how many wait, and how many of them failed the last time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from server.domain import health
from server.domain.issuance.certificate_query import InTheMaking, in_the_making

log = logging.getLogger("xcert.ops")
SECONDS = 2.0


class SealingMetrics(Collector):
    """One look at the database; while it is away, nothing is said."""

    def __init__(self, waits: InTheMaking | None) -> None:
        self._waits = waits

    @classmethod
    async def now(cls) -> SealingMetrics:
        try:
            async with asyncio.timeout(SECONDS):
                return cls(await in_the_making())
        except Exception as error:  # the other metrics are worth having all the more then
            log.warning("certificates cannot be counted: %s", health.cause_of(error) or type(error).__name__)
            return cls(None)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        if self._waits is None:
            return
        for name, about, value in (
            ("xcert_certificates_waiting", "Certificates of handed-over batches without their file", self._waits.waiting),
            ("xcert_certificates_failing", "Those of them that failed the last time: seal, time stamp, font, disk", self._waits.failing),
        ):  # fmt: skip
            yield GaugeMetricFamily(name, about, value=float(value))
