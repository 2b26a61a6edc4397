"""A campaign before a WeChat that is slow: nobody waits for another's answer, other work gets its turn, no lease runs out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from server.domain.campaigns import handling, slices
from server.domain.notices.states import LEASE
from server.domain.ports import Services
from server.models import Campaign, Delivery
from tests.kit import campaigning, make
from tests.kit.campaigning import ends, state
from tests.kit.fakes import FakeClock, ListQueue
from tests.kit.noticing import clock

pytestmark = pytest.mark.rule("C3")
PEOPLE = 2 * slices.SLICE + 20


@dataclass
class SlowWeChat:
    """Answers at once, but for the first call, which hangs until it is let go."""

    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    openids: list[str] = field(default_factory=list)

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        self.openids.append(openid)
        if len(self.openids) == 1:
            await self.let_go.wait()
        return f"m{openid}"


async def begun(s: Services) -> Campaign:
    """A campaign that may call everybody at once."""
    plan = await make.plan()
    await campaigning.people(s, PEOPLE, on=plan)
    campaign = await campaigning.running(s, plan)
    await Campaign.filter(id=campaign.id).update(per_second=1000, allowance=1000, paced_at=s.clock.now())
    assert isinstance(s.queue, ListQueue)
    s.queue.jobs.clear()  # nothing else waits
    return campaign


def with_wechat(s: Services, wechat: object) -> Services:
    settings = replace(s.settings, campaign_per_second=1000)
    return replace(s, wechat_sender=wechat, settings=settings)  # type: ignore[arg-type]  # template messages alone


async def test_a_call_that_hangs_holds_up_nobody_of_the_slices_after_it(services: Services) -> None:
    wechat = SlowWeChat()
    campaign = await begun(services)
    sends = asyncio.create_task(slices.send_on(with_wechat(services, wechat)))
    async with asyncio.timeout(60):
        while await Delivery.filter(state="accepted").count() < PEOPLE - 1:
            await asyncio.sleep(0.02)
    assert await ends(campaign) == {"accepted": PEOPLE - 1, "sending": 1}
    wechat.let_go.set()
    await sends
    await slices.send_on(with_wechat(services, wechat))
    assert (await state(campaign), await ends(campaign)) == ("done", {"accepted": PEOPLE})
    assert len(wechat.openids) == PEOPLE


async def test_other_work_that_waits_gets_its_turn_after_one_slice(services: Services) -> None:
    wechat = SlowWeChat()
    wechat.let_go.set()
    campaign = await begun(services)
    assert isinstance(services.queue, ListQueue)
    services.queue.jobs[:] = [("payments.apply", {})]
    await slices.send_on(with_wechat(services, wechat))
    assert await ends(campaign) == {"accepted": slices.SLICE, "pending": PEOPLE - slices.SLICE}
    assert services.queue.jobs[-1] == (handling.SEND, {}), "and it goes on after that"


async def test_nobody_is_called_whose_lease_is_nearly_over(services: Services) -> None:
    """A process that stood still for long: what it took is another's soon."""

    @dataclass
    class Frozen(SlowWeChat):
        watch: FakeClock | None = None

        async def send_template(
            self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
        ) -> str:
            self.openids.append(openid)
            if len(self.openids) == slices.AT_ONCE and self.watch is not None:
                self.watch.forward(seconds=LEASE.total_seconds() - slices.LEFT.total_seconds() + 1)
            return f"m{openid}"

    wechat = Frozen(watch=clock(services))
    campaign = await begun(services)
    await slices.send(with_wechat(services, wechat))
    called = len(wechat.openids)
    assert slices.AT_ONCE <= called < slices.SLICE
    assert await ends(campaign) == {"accepted": called, "pending": PEOPLE - called}
    assert await Delivery.filter(state="pending").exclude(attempts=0).count() == 0
