"""What WeChat accepted and never spoke of again is closed after a day, with its reason; a later event still counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.notices import delivery, sender
from server.domain.ports import Services
from tests.kit.noticing import OPENID, clock, put, the_row, wechat


async def accepted_a_day_ago(services: Services) -> None:
    await put(services)
    await sender.send(services)
    clock(services).forward(seconds=timedelta(days=1).total_seconds())


async def test_a_day_without_a_word_closes_it_and_a_second_sweep_changes_nothing(services: Services) -> None:
    await accepted_a_day_ago(services)
    clock(services).forward(seconds=-1)
    await sender.sweep(services)
    assert (await the_row()).state == "accepted", "not before the day is over"
    clock(services).forward(seconds=1)
    at = services.clock.now()
    for _ in range(2):
        await sender.sweep(services)
        row = await the_row()
        assert (row.state, row.settled_at, row.last_error) == (
            "unreported",
            at,
            "微信受理后一天内没有回报是否送达",
        )
        clock(services).forward(seconds=60)
    assert len(wechat(services).sent) == 1


async def test_what_is_on_its_way_otherwise_is_left_alone(services: Services) -> None:
    await put(services)
    wechat(services).answers.append(refusal_of(-1, "busy"))
    await sender.send(services)
    clock(services).forward(seconds=3 * 86400)
    await sender.sweep(services)
    assert (await the_row()).state == "pending"


@pytest.mark.parametrize(
    ("status", "state"),
    [("success", "delivered"), ("failed:user block", "refused"), ("failed: system failed", "failed")],
)
async def test_an_event_after_that_day_is_still_the_truth(
    services: Services, status: str, state: str
) -> None:
    await accepted_a_day_ago(services)
    await sender.sweep(services)
    assert await delivery.finished(services, "1001", status, openid=OPENID) is True
    assert (await the_row()).state == state


async def test_what_is_not_let_by_is_said_in_words(services: Services) -> None:
    await put(services)
    wechat(services).answers.append(refusal_of(40003, "invalid openid"))
    await sender.send(services)
    row = await the_row()
    assert (row.state, row.last_error) == ("refused", "微信返回错误 40003：收件人不属于这个账号")
