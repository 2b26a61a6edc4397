"""Notices while WeChat's quota is used up: they wait for the next day in Beijing, or until it is back earlier."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.notices import sender
from server.domain.ports import Services
from tests.kit.noticing import clock, jobs, put, the_row, wechat


@pytest.mark.parametrize("errcode", [45009, 45109])
async def test_a_used_up_quota_waits_for_the_next_day_in_beijing(services: Services, errcode: int) -> None:
    await put(services)
    wechat(services).answers.append(refusal_of(errcode, "reach max api daily quota limit"))
    await sender.send(services)
    row = await the_row()
    assert (row.state, row.next_try_at) == ("pending", datetime(2026, 11, 23, 16, 5, tzinfo=UTC))
    clock(services).set(datetime(2026, 11, 23, 16, 5, tzinfo=UTC))
    await sender.send(services)
    assert (await the_row()).state == "accepted"


async def test_a_quota_that_is_back_early_brings_forward_what_waits_for_it_and_nothing_else(
    services: Services,
) -> None:
    for dedup, errcode in (("used up", 45009), ("busy", -1)):
        await put(services, dedup)
        wechat(services).answers.append(refusal_of(errcode, "no"))
        await sender.send(services)
    busy_until = (await the_row("busy")).next_try_at
    jobs(services).clear()
    assert (await sender.quota_is_back(services.clock, services.queue, "mp"), jobs(services)) == (0, [])
    assert (await sender.quota_is_back(services.clock, services.queue, "oa"), jobs(services)) == (
        1,
        [("notices.send", {})],
    )
    assert await sender.send(services) == 1
    assert [(await the_row(dedup)).state for dedup in ("used up", "busy")] == ["accepted", "pending"]
    assert (await the_row("busy")).next_try_at == busy_until
