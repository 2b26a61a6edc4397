"""Campaigns in any state, their people, and the turns by which they are sent."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from server.domain.actor import Actor
from server.domain.campaigns import drafts, handling, queries, slices, upkeep
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.drafts import Draft
from server.domain.campaigns.letters import Way
from server.domain.ports import MessageTemplate, Services
from server.models import Binding, Campaign, Candidate, Follower, Plan, Registration, Site
from tests.kit import make
from tests.kit.fake_wechat import FakeWeChatConsole
from tests.kit.fakes import Killed
from tests.kit.noticing import clock

WRITER = Actor("staff", 21, "通知员甲", role="notifier", address="127.0.0.1", request_id="test")
APPROVER = Actor("staff", 22, "通知员乙", role="notifier", address="127.0.0.1", request_id="test")
TEMPLATE = MessageTemplate(
    "tpl-exam", "考试安排提醒", {"thing1": "考试名称", "name2": "考生姓名", "thing3": "备注"}
)
WAY = Way(
    channel="template",
    template="tpl-exam",
    constants={"thing3": "请带好身份证和准考证"},
    personal={"thing1": "plan", "name2": "name"},
)


def console(s: Services) -> FakeWeChatConsole:
    assert isinstance(s.wechat_console, FakeWeChatConsole)
    return s.wechat_console


def with_templates(s: Services) -> None:
    console(s).kept_templates["oa"] = [TEMPLATE]


async def bind(who: Candidate, *, account: str = "oa", follows: bool | None = None) -> str:
    openid = f"{account}-person-{who.id:08d}"
    await Binding.create(
        account=account, openid=openid, candidate=who, bound_at=who.created_at, unbound_at=None
    )
    if follows is not None:
        await Follower.create(openid=openid, is_following=follows, changed_at=who.created_at)
    return openid


async def people(
    s: Services, count: int, *, on: Plan | None = None, at: Site | None = None, **more: Any
) -> list[Registration]:
    """So many registered people, all bound in the official account."""
    on, at = on or await make.plan(), at or await make.site()
    found = []
    for _ in range(count):
        found.append(await make.registration(s, on=on, at=at, **more))
        await bind(await found[-1].candidate)
    return found


def draft_for(s: Services, plan: Plan, **more: Any) -> Draft:
    draft = Draft(
        name="考前提醒",
        kind="exam",
        ways=[WAY],
        audience=Audience(plans=(plan.id,)),
        not_after=s.clock.now() + timedelta(days=1),
        path="/h5/results",
        per_second=50,
        per_day=10_000,
    )
    return replace(draft, **more)


async def written(s: Services, plan: Plan, **more: Any) -> Campaign:
    with_templates(s)
    return await drafts.create(s, draft_for(s, plan, **more), actor=WRITER)


async def submitted(s: Services, plan: Plan, **more: Any) -> Campaign:
    campaign = await written(s, plan, **more)
    await handling.submit(s, campaign.id, actor=WRITER)
    await upkeep.freeze(s, campaign.id)
    return await again(campaign)


async def approved(s: Services, plan: Plan, **more: Any) -> Campaign:
    campaign = await submitted(s, plan, **more)
    await handling.approve(s.clock, campaign.id, actor=APPROVER)
    return await again(campaign)


async def running(s: Services, plan: Plan, **more: Any) -> Campaign:
    campaign = await approved(s, plan, **more)
    await handling.start(s.clock, s.queue, campaign.id, actor=WRITER)
    return await again(campaign)


async def again(campaign: Campaign) -> Campaign:
    return await Campaign.get(id=campaign.id)


async def state(campaign: Campaign) -> str:
    return (await again(campaign)).state


async def sent_on(s: Services, *, turns: int, seconds: float = 1.0) -> None:
    """So many turns, a moment after one another."""
    for _ in range(turns):
        await slices.send(s)
        clock(s).forward(seconds=seconds)


async def ends(campaign: Campaign) -> Counter[str]:
    return Counter(await queries.ends(campaign.id))


@dataclass
class Mortal:
    """A process that dies at one of its next fault points, and does nothing afterwards."""

    left: int

    async def reach(self, place: str) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Killed(place)


async def life(s: Services, moments: int) -> None:
    """One process, until it dies."""
    mortal = replace(s, faults=Mortal(moments))
    with contextlib.suppress(Killed):
        for _ in range(3):
            await slices.send(mortal)
