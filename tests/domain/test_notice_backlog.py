"""How far behind the notices are, as metrics and the doctor tell it."""

from __future__ import annotations

from server.commands.doctor import notice_checks
from server.commands.doctor.findings import Level
from server.domain.actor import Actor
from server.domain.campaigns import slices
from server.domain.notices import hold, sender
from server.domain.notices.backlog import Backlog, backlog
from server.domain.ports import Services
from server.models import Delivery
from tests.kit import campaigning, make
from tests.kit.noticing import clock, put

NOTHING = Backlog(
    waiting=0,
    oldest_seconds=0.0,
    overdue_seconds=0.0,
    unknown=0,
    is_held=False,
    running=0,
    paused=0,
    unserved_seconds=0.0,
)


async def test_nothing_waits(services: Services) -> None:
    assert await backlog(services.clock) == NOTHING


async def test_what_waits_what_is_late_and_what_nobody_knows(services: Services) -> None:
    for number in range(3):
        await put(services, f"n:{number}")
        clock(services).forward(seconds=100)
    await Delivery.filter(dedup="n:0").update(state="unknown", next_try_at=None)
    seen = await backlog(services.clock)
    assert (seen.waiting, seen.oldest_seconds, seen.overdue_seconds, seen.unknown) == (2, 200.0, 200.0, 1)
    await sender.send(services)
    seen = await backlog(services.clock)
    assert (seen.waiting, seen.oldest_seconds, seen.overdue_seconds, seen.unknown) == (0, 0.0, 0.0, 1)


async def test_a_campaign_that_nobody_serves(services: Services) -> None:
    plan = await make.plan()
    await campaigning.people(services, 1, on=plan)
    await campaigning.running(services, plan)
    clock(services).forward(seconds=700)
    seen = await backlog(services.clock)
    assert (seen.running, seen.unserved_seconds, seen.waiting) == (1, 700.0, 0)
    found = {one.title: one for one in await notice_checks.check(services)}
    assert found["通知的发送"].level is Level.BAD and "已等了 11 分钟" in found["通知的发送"].text
    await slices.send(services)
    assert (await backlog(services.clock)).unserved_seconds == 0.0


async def test_the_doctor_says_what_is_late_and_what_to_decide(services: Services) -> None:
    await put(services, "n:1")
    await put(services, "n:2")
    await Delivery.filter(dedup="n:2").update(state="unknown", next_try_at=None)
    found = {one.title: one for one in await notice_checks.check(services)}
    assert (found["通知的发送"].level, found["通知的发送"].text) == (Level.OK, "等待 1 条，进行中的群发 0 个")
    assert found["结果未知的通知"].level is Level.LOOK and "有 1 条" in found["结果未知的通知"].text
    clock(services).forward(minutes=11)
    assert [one.level for one in await notice_checks.check(services)] == [Level.BAD, Level.LOOK]
    await hold.begin(services.clock, "恢复备份", actor=Actor("system", None, "系统"))
    assert [one.level for one in await notice_checks.check(services)] == [Level.OK, Level.LOOK]
