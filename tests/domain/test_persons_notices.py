"""What a person finds on the page: what did not reach them in WeChat, marked once; nothing that is not theirs or not begun."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.actor import Actor
from server.domain.campaigns import handling, persons_notices
from server.domain.notices import choices, sender
from server.domain.notices.telling import Notice, tell
from server.domain.people.names import mask_name
from server.domain.ports import Services
from server.models import Campaign, Candidate, Delivery
from tests.kit import campaigning, make
from tests.kit.campaigning import APPROVER, WRITER, bind, sent_on
from tests.kit.noticing import FIELDS, clock, wechat

pytestmark = pytest.mark.rule("C3")


async def titles(s: Services, who: Candidate) -> list[tuple[str, bool]]:
    return [(one.title, one.is_new) for one in await persons_notices.shown(s.clock, who.id)]


async def told(s: Services, who: Candidate, dedup: str = "results:1") -> None:
    await tell(
        s.settings, s.clock, s.queue, "results_released", [Notice(who.id, dedup, FIELDS, "/h5/results")]
    )


async def test_what_nothing_reached_is_new_once(services: Services) -> None:
    who = await make.candidate(services)
    await bind(who, follows=False)
    await told(services, who)
    assert await persons_notices.count_new(services.clock, who.id) == 1
    [shown] = await persons_notices.shown(services.clock, who.id)
    assert (shown.title, shown.path, shown.is_new, shown.at) == (
        "成绩发布通知",
        "/h5/results",
        True,
        services.clock.now(),
    )
    assert shown.lines == [
        ("考试名称", FIELDS["plan"]),
        ("考试日期", FIELDS["exam_date"]),
        ("发布时间", FIELDS["released_at"]),
    ]
    seen_at = (await Delivery.get()).seen_at
    clock(services).forward(minutes=5)
    assert await persons_notices.count_new(services.clock, who.id) == 0
    assert await titles(services, who) == [("成绩发布通知", False)]
    assert (await Delivery.get()).seen_at == seen_at == services.clock.now() - timedelta(minutes=5)


async def test_what_was_sent_is_there_and_not_new_and_what_waits_is_not(services: Services) -> None:
    who, other = await make.candidate(services), await make.candidate(services)
    await bind(who)
    await told(services, who)
    assert await titles(services, who) == []
    await sender.send(services)
    assert await titles(services, who) == [("成绩发布通知", False)]
    assert await titles(services, other) == []


async def test_of_campaigns_what_has_begun_and_was_not_withdrawn(services: Services) -> None:
    plan = await make.plan()
    person = await make.registration(services, on=plan)
    who = await person.candidate
    await bind(who, follows=False)
    reached, *_ = await campaigning.people(services, 1, on=plan)
    campaign = await campaigning.submitted(services, plan)
    assert await Delivery.filter(candidate_id=who.id, state="no_way").count() == 1
    assert await titles(services, who) == []
    await handling.approve(services.clock, campaign.id, actor=APPROVER)
    assert await persons_notices.count_new(services.clock, who.id) == 0
    clock(services).forward(minutes=10)
    await handling.start(services.clock, services.queue, campaign.id, actor=WRITER)
    assert await persons_notices.count_new(services.clock, who.id) == 1
    [shown] = await persons_notices.shown(services.clock, who.id)
    assert (shown.title, shown.is_new, shown.at) == ("考试安排提醒", True, services.clock.now())
    assert shown.lines == [
        ("考试名称", plan.name),
        ("考生姓名", mask_name(who.name)),
        ("备注", "请带好身份证和准考证"),
    ]
    await sent_on(services, turns=3)
    assert await titles(services, await reached.candidate) == [("考试安排提醒", False)]
    await Campaign.filter(id=campaign.id).update(state="cancelled")
    assert await titles(services, who) == []


async def test_a_refusal_by_wechat_is_found_on_the_page(services: Services) -> None:
    plan = await make.plan()
    [person] = await campaigning.people(services, 1, on=plan)
    who = await person.candidate
    await campaigning.running(services, plan)
    wechat(services).answers.append(refusal_of(43004, "require subscribe"))
    await sent_on(services, turns=2)
    assert await persons_notices.count_new(services.clock, who.id) == 1
    assert await titles(services, who) == [("考试安排提醒", True)]


async def test_what_one_does_not_want_is_not_on_the_page_either_and_old_things_go(services: Services) -> None:
    plan = await make.plan()
    person = await make.registration(services, on=plan)
    who = await person.candidate
    await bind(who, follows=False)
    await campaigning.people(services, 1, on=plan)
    await campaigning.running(services, plan)
    await told(services, who)
    me = Actor("candidate", who.id, "考生", address="127.0.0.1", request_id="test")
    assert await persons_notices.count_new(services.clock, who.id) == 2
    await choices.choose(services.clock, who.id, "exam", wants=False, actor=me)
    assert await persons_notices.count_new(services.clock, who.id) == 1
    assert await titles(services, who) == [("成绩发布通知", True)]
    clock(services).forward(days=91)
    assert await titles(services, who) == []
