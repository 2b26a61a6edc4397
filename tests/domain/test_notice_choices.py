"""Notices that people do not want: not written down for, looked at once more before the sending, and told to staff as why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from server.domain.actor import Actor
from server.domain.campaigns import campaign_views
from server.domain.notices import choices, routing, sender
from server.domain.notices.choices import CHOICES
from server.domain.notices.telling import Notice, tell
from server.domain.notices.topics import TOPICS
from server.domain.ports import Services
from server.errors import NotFound
from server.models import AuditEntry, Candidate, Delivery, NoticeOptOut
from tests.kit import campaigning, make
from tests.kit.campaigning import WRITER, bind, ends, people, sent_on
from tests.kit.exchange import exchange
from tests.kit.noticing import wechat

pytestmark = pytest.mark.rule("C3")
CLOSING = {"what": "初级考试费", "amount": "280元", "closes_at": "2026年11月23日 12:20", "order": "A1"}


def me(who: Candidate) -> Actor:
    return Actor("candidate", who.id, "考生", address="127.0.0.1", request_id="test")


async def no(s: Services, who: Candidate, choice: str = "exam") -> None:
    await choices.choose(s.clock, who.id, choice, wants=False, actor=me(who))


async def test_a_choice_is_made_once_undone_once_and_leaves_a_trace(services: Services) -> None:
    who = await make.candidate(services)
    for wants in (False, False, True, True):
        await choices.choose(services.clock, who.id, "fees", wants=wants, actor=me(who))
        assert await choices.wanted_by(who.id) == {"exam": True, "fees": wants, "other": True}
    trail = await AuditEntry.filter(action="notices.choose").order_by("id")
    assert [entry.became for entry in trail] == [
        {"choice": "fees", "wants": False},
        {"choice": "fees", "wants": True},
    ]


@pytest.mark.parametrize("choice", ["results", "certificates", "results_released", ""])
async def test_what_is_ones_own_is_no_choice(services: Services, choice: str) -> None:
    who = await make.candidate(services)
    with pytest.raises(NotFound) as refused:
        await no(services, who, choice)
    assert refused.value.code == "choice_unknown"
    assert await NoticeOptOut.all().count() == 0


def test_only_what_reminds_can_be_done_without() -> None:
    assert {name for name, topic in TOPICS.items() if topic.choice} == {"fee_due", "fee_closing"}
    assert {topic.choice for topic in TOPICS.values() if topic.choice} <= CHOICES.keys()


async def test_who_does_not_want_it_is_counted_as_such_and_not_sent_to(services: Services) -> None:
    plan = await make.plan()
    first, second = await people(services, 2, on=plan)
    await make.registration(services, on=plan)  # bound nowhere
    await no(services, await first.candidate)
    await no(services, await second.candidate, "fees")  # another kind: says nothing of this campaign
    draft = await campaigning.written(services, plan)
    before = await campaign_views.audience(services.clock, draft.id, actor=WRITER)
    campaign = await campaigning.running(services, plan, name="第二个")
    after = await campaign_views.audience(services.clock, campaign.id, actor=WRITER)
    for seen in (before, after):
        assert (seen.people, seen.reachable) == (3, 1)
        assert {one.why: one.count for one in seen.unreached} == {"不愿接收这类通知": 1, "没有绑定微信": 1}
        assert {one.why_not for one in seen.without_way} == {"不愿接收这类通知", "没有绑定微信"}
    await sent_on(services, turns=3)
    assert await ends(campaign) == {"accepted": 1, "no_way": 2}


async def test_a_choice_after_the_snapshot_is_heeded_before_the_sending(services: Services) -> None:
    plan = await make.plan()
    first, _ = await people(services, 2, on=plan)
    campaign = await campaigning.running(services, plan)
    await no(services, await first.candidate)
    await sent_on(services, turns=3)
    assert await ends(campaign) == {"accepted": 1, "refused": 1}
    refused = await Delivery.get(state="refused")
    assert (refused.candidate_id, refused.last_error) == (first.candidate_id, routing.UNWILLING)


async def test_a_campaign_about_results_asks_nobody(services: Services) -> None:
    plan = await make.plan()
    [one] = await people(services, 1, on=plan)
    for choice in CHOICES:
        await no(services, await one.candidate, choice)
    campaign = await campaigning.running(services, plan, kind="results")
    await sent_on(services, turns=3)
    assert await ends(campaign) == {"accepted": 1}


async def closing(s: Services, who: Candidate, **more: Any) -> None:
    notice = Notice(who.id, f"fee_closing:{who.id}", CLOSING, "/h5/orders/7")
    await tell(s.settings, s.clock, s.queue, more.get("topic", "fee_closing"), [notice])


async def with_template(s: Services) -> None:
    exchange(
        s, settings=replace(s.settings, oa_template_fee_closing="tpl-closing", oa_template_fee_paid="paid")
    )


async def test_a_reminder_of_money_is_not_put_for_whom_does_not_want_it(services: Services) -> None:
    await with_template(services)
    who = await make.candidate(services)
    await bind(who)
    await no(services, who, "fees")
    await closing(services, who)
    row = await Delivery.get()
    assert (row.state, row.channel, row.last_error) == ("no_way", "none", routing.UNWILLING)
    assert await sender.send(services) == 0


async def test_a_choice_before_a_reminder_is_sent_stops_it_and_no_receipt(services: Services) -> None:
    await with_template(services)
    who = await make.candidate(services)
    await bind(who)
    await closing(services, who)
    paid = {"what": "初级考试费", "amount": "280元", "paid_at": "2026年11月23日 12:01", "order": "A1"}
    notice = Notice(who.id, "fee_paid:A1", paid, "/h5/orders/7")
    await tell(services.settings, services.clock, services.queue, "fee_paid", [notice])
    await no(services, who, "fees")
    await sender.send(services)
    assert dict(await Delivery.all().values_list("topic", "state")) == {
        "fee_closing": "refused",
        "fee_paid": "accepted",
    }
    assert [sent.template for sent in wechat(services).sent] == ["paid"]


async def test_whom_nothing_reaches_has_a_row_with_the_reason_and_who_bound_nothing_has_none(
    services: Services,
) -> None:
    bound, unbound = await make.candidate(services), await make.candidate(services)
    await bind(bound, follows=False)
    for who in (bound, unbound):
        await closing(services, who)
    row = await Delivery.get()
    assert (row.candidate_id, row.state, row.last_error) == (bound.id, "no_way", "这种通知没有配置消息模板")
    await with_template(services)
    other = await make.candidate(services)
    await bind(other, follows=False)
    await closing(services, other)
    await closing(services, other)
    assert (await Delivery.get(candidate_id=other.id)).last_error == routing.NO_WAY
