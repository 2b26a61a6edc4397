"""After a restore nothing of a campaign is sent again: what was under way is over, and its open messages are unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tortoise import connections

from server.commands.restored_state import DatabaseState, after_loading
from server.domain.actor import SYSTEM
from server.domain.campaigns import handling, slices, upkeep
from server.domain.notices import hold
from server.domain.ports import Services
from server.errors import Conflict
from server.models import Campaign, Delivery
from tests.kit import campaigning, make
from tests.kit.campaigning import WRITER, ends, sent_on, state
from tests.kit.noticing import clock, wechat


@pytest.mark.rule("C3")
async def test_a_restored_campaign_is_over_and_sends_nothing(services: Services) -> None:
    plan = await make.plan()
    await campaigning.people(services, 3, on=plan)
    later = services.clock.now() + timedelta(hours=1)
    begun = await campaigning.running(services, plan, per_second=1)
    waiting = await campaigning.approved(services, plan, kind="fees", start_at=later)
    asked = await campaigning.submitted(services, plan, kind="other")
    draft = await campaigning.written(services, plan, kind="results")
    await sent_on(services, turns=1)
    script = after_loading(DatabaseState(15, is_later=True), skip=0, now=services.clock.now())
    await connections.get("default").execute_script(script)
    assert [await state(one) for one in (begun, waiting, asked, draft)] == ["cancelled"] * 3 + ["draft"]
    assert await ends(begun) == {"accepted": 1, "unknown": 2}
    assert await Delivery.filter(state__in=["pending", "sending"]).count() == 0
    await hold.end(services.clock, services.queue, discard=False, actor=SYSTEM)
    clock(services).forward(seconds=2 * 3600)
    await upkeep.sweep(services)
    for one in (begun, waiting, asked):
        await upkeep.clear(services, one.id)
        with pytest.raises(Conflict):
            await handling.start(services.clock, services.queue, one.id, actor=WRITER)
    await slices.send(services)
    assert len(wechat(services).sent) == 1
    notes = {one.note for one in await Campaign.filter(state="cancelled")}
    assert notes == {"从备份恢复时停止：备份之后可能已经发出"}


async def test_while_notices_are_held_no_campaign_is_sent(services: Services) -> None:
    plan = await make.plan()
    await campaigning.people(services, 2, on=plan)
    campaign = await campaigning.running(services, plan)
    await hold.begin(services.clock, "恢复", actor=SYSTEM)
    await sent_on(services, turns=3)
    assert (await ends(campaign), await state(campaign)) == ({"pending": 2}, "running")
    await hold.end(services.clock, services.queue, discard=True, actor=SYSTEM)
    await sent_on(services, turns=3)
    assert await ends(campaign) == {"accepted": 2}
