"""People are counted while a form is written; those of a campaign that is over are counted once, not by every list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from server.domain.campaigns import campaign_views, delivery_list, queries, unsaved_count, upkeep
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.campaign_views import CampaignView, Unreached
from server.domain.campaigns.letters import Way
from server.domain.campaigns.unsaved_count import AudienceCount, Unsaved
from server.domain.notices.states import NoticeState
from server.domain.ports import Services
from server.errors import Forbidden, Invalid, Refused, TooMany
from server.models import Campaign, Delivery, NoticeOptOut, Plan, database
from tests.kit import campaigning, make
from tests.kit.campaigning import WAY, WRITER
from tests.kit.noticing import clock
from tests.kit.statements import statements

pytestmark = pytest.mark.rule("C3")


def form_for(plan: Plan, **more: object) -> Unsaved:
    chosen: dict[str, object] = {"kind": "exam", "audience": Audience(plans=(plan.id,)), "ways": [WAY]}
    return Unsaved(**{**chosen, **more})  # type: ignore[arg-type]


async def counted(s: Services, form: Unsaved) -> AudienceCount:
    return await unsaved_count.count(s, form, actor=WRITER)


async def test_a_form_that_is_not_saved_is_counted_and_nothing_is_kept(services: Services) -> None:
    plan = await make.plan()
    _, unwilling = await campaigning.people(services, 2, on=plan)
    await make.registration(services, on=plan)
    await NoticeOptOut.create(
        candidate_id=unwilling.candidate_id, choice="fees", made_at=services.clock.now()
    )
    unbound = Unreached("没有绑定微信", 1)
    assert await counted(services, form_for(plan)) == AudienceCount(3, 2, [unbound])
    of_fees = await counted(services, form_for(plan, kind="fees"))
    assert of_fees == AudienceCount(3, 1, [unbound, Unreached("不愿接收这类通知", 1)])
    no_template = await counted(services, form_for(plan, ways=[]))
    assert (no_template.people, no_template.reachable) == (3, 0)
    nobodys = Way(channel="mp_subscription", template="of-nobody")
    assert (await counted(services, form_for(plan, ways=[nobodys]))).reachable == 0
    assert not await Campaign.all().exists()


async def test_the_people_of_a_list_are_those_of_the_draft_it_was_handed_in_for(services: Services) -> None:
    plan = await make.plan()
    first, _ = await campaigning.people(services, 2, on=plan)
    draft = await campaigning.written(services, plan)
    await database.rows(
        "INSERT INTO campaign_listed (campaign_id, candidate_id) VALUES ($1, $2)",
        draft.id,
        first.candidate_id,
    )
    listed = Audience(plans=(plan.id,), uses_list=True)
    assert (await counted(services, form_for(plan, audience=listed, campaign_id=draft.id))).people == 1
    assert (await counted(services, form_for(plan, audience=listed))).people == 0


async def test_what_cannot_be_counted_is_refused(services: Services) -> None:
    plan = await make.plan()
    with pytest.raises(Invalid) as nobody:
        await counted(services, form_for(plan, audience=Audience()))
    assert [one.code for one in nobody.value.errors] == ["audience_empty"]
    with pytest.raises(Invalid) as unknown:
        await counted(services, form_for(plan, kind="other-kind"))
    assert [one.code for one in unknown.value.errors] == ["choice_unknown"]
    with pytest.raises(Forbidden):
        await unsaved_count.count(services, form_for(plan), actor=make.OPERATOR)


async def test_counting_is_bounded_in_number_and_in_time(services: Services, db: str) -> None:
    plan = await make.plan()
    await campaigning.people(services, 1, on=plan)
    async with locked_followers(db):
        with pytest.raises(Refused, match="受众太大") as slow:
            await counted(services, form_for(plan))
    assert slow.value.code == "audience_slow"
    for _ in range(unsaved_count.COUNTS - 1):
        await counted(services, form_for(plan))
    with pytest.raises(TooMany, match="一分钟后再改") as often:
        await counted(services, form_for(plan))
    assert often.value.code == "counts_too_many"
    clock(services).forward(seconds=61)
    assert (await counted(services, form_for(plan))).people == 1


@asynccontextmanager
async def locked_followers(db: str) -> AsyncIterator[None]:
    other = await asyncpg.connect(db)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE follower IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await other.close()


async def of_list(s: Services) -> CampaignView:
    [found] = (await campaign_views.page(s.settings, s.clock, actor=WRITER)).items
    return found


async def test_one_that_is_over_is_counted_by_the_sweep_and_the_list_shows_that(services: Services) -> None:
    plan = await make.plan()
    await campaigning.people(services, 2, on=plan)
    campaign = await campaigning.running(services, plan)
    await campaigning.sent_on(services, turns=4)
    assert await campaigning.state(campaign) == "done"
    live = await of_list(services)
    assert (live.ends, live.counted_at) == ({NoticeState.ACCEPTED: 2}, None)
    await upkeep.sweep(services)
    kept = await of_list(services)
    assert (kept.ends, kept.counted_at) == ({NoticeState.ACCEPTED: 2}, services.clock.now())
    await Delivery.filter(campaign_id=campaign.id).update(state="delivered")
    with statements() as sent:
        assert (await of_list(services)).ends == {NoticeState.ACCEPTED: 2}
    assert sent and not [text for text in sent if "delivery" in text], "however many people it had"
    exact = await campaign_views.one(services.settings, services.clock, campaign.id, actor=WRITER)
    assert (exact.ends, exact.counted_at) == ({NoticeState.DELIVERED: 2}, None)
    clock(services).forward(seconds=61)
    await upkeep.sweep(services)
    assert (await of_list(services)).ends == {NoticeState.DELIVERED: 2}


async def test_it_is_counted_the_seldomer_the_older_it_is_and_at_once_after_a_decision(
    services: Services,
) -> None:
    plan = await make.plan()
    await campaigning.people(services, 1, on=plan)
    campaign = await campaigning.running(services, plan)
    await campaigning.sent_on(services, turns=4)
    ended = (await campaigning.again(campaign)).ended_at
    assert ended is not None
    times = 0
    for minutes in range(0, 200 * 24 * 60, 30):
        now = ended + timedelta(minutes=minutes)
        if await queries.uncounted(now, 5):
            times += 1
            await Campaign.filter(id=campaign.id).update(counted_at=now)
    assert 10 < times < 50
    await Delivery.filter(campaign_id=campaign.id).update(state="unknown")
    [row] = await Delivery.filter(campaign_id=campaign.id)
    assert await queries.uncounted(services.clock.now(), 5) == []
    await delivery_list.let_be(services.clock, services.queue, row.id, actor=WRITER)
    assert await queries.uncounted(services.clock.now(), 5) == [campaign.id]
