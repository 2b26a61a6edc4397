"""What `/metrics` gathers from tables, Redis and keys at each scrape: every collector bounded, and none takes the others down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.domain import health
from server.domain.ports import Services
from server.errors import OutsideFailure

log = logging.getLogger("xcert.ops")
SECONDS = 2.0
AT_ONCE = (
    3  # connections that a scrape takes from the pool, at most; all of it stays below Prometheus' ten seconds
)
Collect = Callable[[Services], Awaitable[list[Metric]]]


class _Gathered(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def gathered(s: Services, collectors: Mapping[str, Collect]) -> CollectorRegistry:
    """Ask all of them; `xcert_collector_up` says which could not tell anything."""
    some = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, collect: Collect) -> list[Metric] | None:
        try:
            async with some, asyncio.timeout(SECONDS):
                return await collect(s)
        except Exception as error:  # the other metrics are worth having all the more then
            cause = health.cause_of(error) or (str(error) if isinstance(error, OutsideFailure) else None)
            log.warning("nothing can be told of %s: %s", name, cause or type(error).__name__)
            return None

    told = await asyncio.gather(*(one(name, collect) for name, collect in collectors.items()))
    up = GaugeMetricFamily(
        "xcert_collector_up", "0: this part of the metrics could not be gathered", labels=["collector"]
    )
    for name, metrics in zip(collectors, told, strict=True):
        up.add_metric([name], float(metrics is not None))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathered([up, *(metric for metrics in told for metric in metrics or [])]))
    return registry


def gauge(name: str, about: str, value: float) -> Metric:
    """A number without labels."""
    return GaugeMetricFamily(name, about, value=float(value))


def gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    """One number for each value of one label, which must be from a closed set."""
    family = GaugeMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
