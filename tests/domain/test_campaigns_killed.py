"""Two processes send one campaign and are killed over and over, while WeChat loses, delays and refuses: nobody is lost,
nobody has two messages, and whatever nobody knows is listed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.campaigns import handling, slices, upkeep
from server.domain.campaigns.states import CampaignState
from server.domain.notices.states import NoticeState
from server.domain.ports import Services
from server.errors import OutsideFailure
from server.models import Delivery
from tests.kit import campaigning, make
from tests.kit.campaigning import WRITER, ends, life
from tests.kit.noticing import clock

PEOPLE = 60
SEEDS = (1, 2)


@dataclass
class MoodyWeChat:
    """Keeps what it accepted, by `client_msg_id` for ten minutes; loses calls and answers, refuses some."""

    dice: random.Random
    now: Any
    accepted: Counter[str] = field(default_factory=Counter)
    kept: dict[str, tuple[str, float]] = field(default_factory=dict)
    is_moody: bool = True

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        await asyncio.sleep(0)
        mood = self.dice.random() if self.is_moody else 1.0
        if mood < 0.06:
            raise OutsideFailure("微信没有及时回答", unknown=True)  # lost on the way there
        if mood < 0.1:
            raise refusal_of(-1, "system busy")
        if mood < 0.14:
            raise refusal_of(40003, "invalid openid")
        msgid = self._take(openid, dedup_id)
        if mood < 0.2:
            raise OutsideFailure("微信没有及时回答", unknown=True)  # the answer was lost
        return msgid

    def _take(self, openid: str, dedup_id: str) -> str:
        msgid, until = self.kept.get(dedup_id, ("", 0.0))
        if until > self.now():
            return msgid
        self.accepted[openid] += 1
        msgid = f"m{sum(self.accepted.values())}"
        self.kept[dedup_id] = (msgid, self.now() + 600)
        return msgid


@pytest.mark.rule("C3")
@pytest.mark.parametrize("seed", SEEDS)
async def test_nobody_is_lost_and_nobody_has_two(services: Services, seed: int) -> None:
    dice = random.Random(seed)
    wechat = MoodyWeChat(dice, services.clock.unix)
    s = replace(services, wechat_sender=wechat)  # type: ignore[arg-type]  # template messages alone
    plan = await make.plan()
    await campaigning.people(s, PEOPLE, on=plan)
    campaign = await campaigning.running(s, plan, per_second=20)
    for turn in range(14):
        await asyncio.gather(*(life(s, dice.randint(1, 3 * slices.AT_ONCE)) for _ in range(2)))
        clock(s).forward(seconds=dice.choice([1, 5, 31, 61, 130]))
        await upkeep.sweep(s)
        if await campaigning.state(campaign) != CampaignState.RUNNING.value:
            continue
        if turn % 3 == 0:
            await handling.pause(s.clock, campaign.id, actor=WRITER)
            await life(s, 999)
            await handling.resume(s.clock, s.queue, campaign.id, actor=WRITER)
        if turn % 4 == 0:
            await handling.set_pace(
                s.settings,
                s.clock,
                s.queue,
                campaign.id,
                per_second=dice.randint(5, 40),
                per_day=5000,
                actor=WRITER,
            )
    wechat.is_moody = False
    for _ in range(40):
        await slices.send(s)
        clock(s).forward(seconds=240)
    found = await ends(campaign)
    assert sum(found.values()) == PEOPLE
    assert set(found) <= {state.value for state in NoticeState if state.is_settled} | {"accepted", "unknown"}
    assert await campaigning.state(campaign) == "done"
    assert max(wechat.accepted.values()) == 1, "nobody has two"
    state_of = dict(await Delivery.filter(campaign_id=campaign.id).values_list("openid", "state"))
    assert {state_of[openid] for openid in wechat.accepted} <= {"accepted", "unknown"}
    assert {openid for openid, state in state_of.items() if state == "accepted"} <= wechat.accepted.keys()
    assert found["accepted"] > PEOPLE / 6  # the weather takes many; it is not all that there is
