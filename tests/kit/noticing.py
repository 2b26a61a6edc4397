"""Notices in a queue, and what became of them."""

from __future__ import annotations

from typing import Any

from tortoise.transactions import in_transaction

from server.domain.notices import delivery
from server.domain.ports import Services
from server.models import Delivery
from tests.kit.fake_wechat import FakeWeChatSender
from tests.kit.fakes import FakeClock, ListQueue

OPENID = "o-candidate-000000000000000"
FIELDS = {"plan": "2023年第四批全国统考", "exam_date": "2023年9月22日", "released_at": "2026年11月23日 12:00"}


async def put(services: Services, dedup: str = "results:1", openid: str = OPENID) -> bool:
    async with in_transaction():
        return await delivery.enqueue(
            services.clock,
            services.queue,
            "results_released",
            dedup=dedup,
            to=delivery.Addressee(openid=openid),
            fields=FIELDS,
            path="/h5/results",
        )


async def the_row(dedup: str = "results:1") -> Delivery:
    return await Delivery.get(dedup=dedup)


def wechat(services: Services) -> FakeWeChatSender:
    assert isinstance(services.wechat_sender, FakeWeChatSender)
    return services.wechat_sender


def clock(services: Services) -> FakeClock:
    assert isinstance(services.clock, FakeClock)
    return services.clock


def jobs(services: Services) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(services.queue, ListQueue)
    return services.queue.jobs
