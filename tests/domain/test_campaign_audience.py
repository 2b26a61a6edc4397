"""An audience before and after it is written down: how many, who, and why some cannot be reached."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from server.domain.campaigns import campaign_views, handling, rehearsal, upkeep
from server.domain.campaigns.campaign_views import AudienceView, Shown, Unreached
from server.domain.ports import Services
from server.errors import NotFound, Refused
from server.models import Binding, Candidate, Plan, Registration, database
from tests.kit import campaigning, make
from tests.kit.campaigning import WRITER

pytestmark = pytest.mark.rule("C3")


async def mixed(s: Services) -> Plan:
    """Two who are reached, one who is not bound, one who does not follow; and one of another plan."""
    plan = await make.plan()
    await campaigning.people(s, 2, on=plan)
    await make.registration(s, on=plan)
    away = await make.registration(s, on=plan)
    await campaigning.bind(await away.candidate, follows=False)
    await campaigning.people(s, 1)
    return plan


def reasons(seen: AudienceView) -> tuple[Any, ...]:
    return (
        seen.people,
        seen.reachable,
        seen.unreached,
        [(one.channel, one.why_not) for one in seen.sample],
        [one.why_not for one in seen.without_way],
    )


async def test_a_draft_shows_how_many_are_reached_and_why_others_are_not(services: Services) -> None:
    plan = await mixed(services)
    campaign = await campaigning.written(services, plan)
    seen = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    assert not seen.is_frozen
    assert reasons(seen) == (
        4,
        2,
        [Unreached("没有关注公众号，也没有剩余的订阅授权", 1), Unreached("没有绑定微信", 1)],
        [("template", ""), ("template", "")],
        ["没有绑定微信", "没有关注公众号，也没有剩余的订阅授权"],
    )
    assert {one.plan for one in (*seen.sample, *seen.without_way)} == {plan.name}


async def test_an_audience_of_nobody(services: Services) -> None:
    campaign = await campaigning.written(services, await make.plan())
    seen = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    assert reasons(seen) == (0, 0, [], [], [])
    with pytest.raises(NotFound, match="受众里没有这个人"):
        await rehearsal.preview(services.clock, campaign.id, actor=WRITER)


async def test_once_written_down_it_shows_the_snapshot_whatever_changed_since(services: Services) -> None:
    plan = await mixed(services)
    campaign = await campaigning.written(services, plan)
    draft = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    await handling.submit(services, campaign.id, actor=WRITER)
    await upkeep.freeze(services, campaign.id)
    before = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    await Binding.all().update(unbound_at=services.clock.now())
    await campaigning.people(services, 3, on=plan)
    after = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    assert before == after
    assert after.is_frozen
    assert reasons(after)[:2] == (4, 2)
    assert sorted(reasons(after)[4]) == ["没有关注公众号，也没有剩余的订阅授权", "没有绑定微信"]
    assert by_number(after.sample) == by_number(draft.sample)
    assert by_number(after.without_way) == by_number(draft.without_way)
    first = await Registration.filter(plan=plan).order_by("candidate_id").first()
    assert first is not None
    shown = draft.sample[0]
    assert (shown.plan, shown.admission_number_tail) == (plan.name, first.admission_number[-4:])
    assert (shown.channel, shown.why_not) == ("template", "")
    assert shown.name_masked.endswith("*")


def by_number(shown: list[Shown]) -> list[Shown]:
    return sorted(shown, key=lambda one: one.admission_number_tail)


async def test_the_preview_is_of_the_first_of_them_or_of_whom_one_asks_for(services: Services) -> None:
    plan = await make.plan()
    first, second = await campaigning.people(services, 2, on=plan)
    await Candidate.filter(id=first.candidate_id).update(name="第一位")
    await Candidate.filter(id=second.candidate_id).update(name="第二位")
    campaign = await campaigning.written(services, plan)

    async def named(number: str = "") -> str:
        [seen] = await rehearsal.preview(services.clock, campaign.id, number, actor=WRITER)
        return next(line.value for line in seen.lines if line.label == "考生姓名")

    assert (await named(), await named(second.admission_number)) == ("第一位", "第二位")


async def test_an_audience_that_takes_too_long_says_what_to_do(services: Services, db: str) -> None:
    campaign = await campaigning.written(services, await mixed(services))
    await database.close()
    await database.connect(db, patience=database.Patience(statement=0.3, lock=30.0))
    other = await asyncpg.connect(db)
    async with other.transaction():
        await other.execute("LOCK TABLE follower IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Refused, match="请缩小范围，或直接提交批准") as refused:
            await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    await other.close()
    assert refused.value.code == "audience_slow"
    assert (await campaign_views.audience(services.clock, campaign.id, actor=WRITER)).people == 4
