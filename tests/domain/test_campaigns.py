"""A campaign from its draft to its last person: two people, one snapshot, one message each, stopped when told so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.campaigns import handling, slices, upkeep
from server.domain.campaigns.audience import Audience
from server.domain.notices.short_names import short_plan
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, OutsideFailure
from server.models import AuditEntry, Binding, Campaign, Delivery, Plan
from tests.kit import campaigning, make
from tests.kit.campaigning import APPROVER, WRITER, ends, people, running, sent_on, state
from tests.kit.noticing import clock, put, wechat

pytestmark = pytest.mark.rule("C3")


async def plan_of(s: Services, count: int) -> Plan:
    plan = await make.plan()
    await people(s, count, on=plan)
    return plan


async def test_everybody_gets_one_message_with_their_own_fields(services: Services) -> None:
    plan = await plan_of(services, 3)
    campaign = await running(services, plan)
    await sent_on(services, turns=3)
    assert (await state(campaign), await ends(campaign)) == ("done", {"accepted": 3})
    bound = {one.openid for one in await Binding.all()}
    assert (len(bound), {sent.openid for sent in wechat(services).sent}) == (3, bound)
    sent = wechat(services).sent[0]
    row = await Delivery.filter(campaign_id=campaign.id).order_by("id").first()
    assert row is not None
    assert (sent.template, sent.url, sent.dedup_id) == (
        "tpl-exam",
        "http://127.0.0.1:8000/h5/results",
        f"campaign:{campaign.id}:{row.candidate_id}",
    )
    assert sent.fields["name2"] == "崔子涵"
    assert sent.fields["thing3"] == "请带好身份证和准考证"
    assert sent.fields["thing1"] == short_plan(plan.name)


async def test_the_trail_says_who_wrote_submitted_approved_and_began_it_for_how_many(
    services: Services,
) -> None:
    campaign = await running(services, await plan_of(services, 2))
    await sent_on(services, turns=3)
    trail = await AuditEntry.filter(subject_kind="campaign").order_by("id")
    assert [(entry.action, entry.actor_name) for entry in trail] == [
        ("campaign.write", "通知员甲"),
        ("campaign.submit", "通知员甲"),
        ("campaign.approve", "通知员乙"),
        ("campaign.start", "通知员甲"),
        ("campaign.finish", "系统"),
    ]
    assert trail[2].became == {"state": "approved", "kind": "exam", "people": 2, "reachable": 2}
    assert trail[4].became == {"state": "done", "kind": "exam", "accepted": 2}
    assert (await campaigning.again(campaign)).ended_at is not None


@pytest.mark.parametrize("who", [WRITER, replace(WRITER, name="同一人")])
async def test_nobody_approves_what_they_wrote_or_submitted(services: Services, who: object) -> None:
    campaign = await campaigning.submitted(services, await plan_of(services, 1))
    with pytest.raises(Forbidden, match="两位同事"):
        await handling.approve(services.clock, campaign.id, actor=who)  # type: ignore[arg-type]
    assert await state(campaign) == "submitted"
    await handling.approve(services.clock, campaign.id, actor=APPROVER)
    assert await state(campaign) == "approved"


@pytest.mark.parametrize("role", ["operator", "issuer", "finance", "auditor", "school"])
async def test_other_roles_neither_write_nor_approve(services: Services, role: str) -> None:
    plan = await plan_of(services, 1)
    campaign = await campaigning.submitted(services, plan)
    somebody = replace(APPROVER, id=77, role=role)
    with pytest.raises(Forbidden):
        await handling.approve(services.clock, campaign.id, actor=somebody)
    with pytest.raises(Forbidden):
        await handling.submit(services, campaign.id, actor=somebody)


async def test_a_campaign_whose_people_are_not_written_down_is_not_approved(services: Services) -> None:
    campaign = await campaigning.written(services, await plan_of(services, 1))
    await handling.submit(services, campaign.id, actor=WRITER)
    with pytest.raises(Conflict, match="名单还在生成"):
        await handling.approve(services.clock, campaign.id, actor=APPROVER)
    await upkeep.freeze(services, campaign.id)
    await upkeep.freeze(services, campaign.id)
    await handling.approve(services.clock, campaign.id, actor=APPROVER)
    assert await Delivery.all().count() == 1


async def test_nobody_reachable_is_not_approved(services: Services) -> None:
    plan = await make.plan()
    await make.registration(services, on=plan)
    campaign = await campaigning.submitted(services, plan)
    with pytest.raises(Conflict, match="没有能送达的人"):
        await handling.approve(services.clock, campaign.id, actor=APPROVER)


async def test_the_snapshot_is_kept_whoever_comes_later_and_says_why_some_have_no_way(
    services: Services,
) -> None:
    plan = await plan_of(services, 1)
    await make.registration(services, on=plan)  # not bound
    away = await make.registration(services, on=plan)
    await campaigning.bind(await away.candidate, follows=False)
    campaign = await campaigning.submitted(services, plan)
    await people(services, 2, on=plan)
    await handling.approve(services.clock, campaign.id, actor=APPROVER)
    await handling.start(services.clock, services.queue, campaign.id, actor=WRITER)
    await sent_on(services, turns=2)
    assert (campaign.people, campaign.reachable) == (3, 1)
    rows = await Delivery.filter(campaign_id=campaign.id).order_by("candidate_id")
    assert [(row.state, row.last_error) for row in rows] == [
        ("accepted", ""),
        ("no_way", "没有绑定微信"),
        ("no_way", "没有关注公众号，也没有剩余的订阅授权"),
    ]
    assert len(wechat(services).sent) == 1


async def test_back_to_a_draft_nothing_is_left_of_the_snapshot(services: Services) -> None:
    campaign = await campaigning.approved(services, await plan_of(services, 2))
    await handling.withdraw(services.clock, services.queue, campaign.id, actor=WRITER)
    await upkeep.freeze(services, campaign.id)
    again = await campaigning.again(campaign)
    assert (again.state, again.decided_by, again.people, await Delivery.all().count()) == (
        "draft",
        None,
        0,
        0,
    )


async def test_what_is_not_running_is_not_sent(services: Services) -> None:
    plan = await plan_of(services, 1)
    for arrange in (campaigning.written, campaigning.submitted, campaigning.approved):
        await arrange(services, plan)
        await sent_on(services, turns=2)
    assert wechat(services).sent == []


async def test_a_pause_between_two_calls_holds_back_the_rest_of_the_slice(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 60))
    await sent_on(services, turns=1)

    sender, is_paused = wechat(services), asyncio.Event()
    send = sender.send_template

    async def send_and_pause(*args: Any, **more: Any) -> str:
        answer = await send(*args, **more)
        if len(sender.sent) == 4:
            await handling.pause(services.clock, campaign.id, actor=WRITER)
            is_paused.set()
        elif len(sender.sent) > 4:  # calls that were under way: they end after the pause
            await is_paused.wait()
        return answer

    pausing: Any = type("PausingSender", (), {"send_template": staticmethod(send_and_pause)})()
    services = replace(services, wechat_sender=pausing)
    await slices.send(services)
    clock(services).forward(seconds=1)
    await slices.send(services)
    sent = len(sender.sent)
    assert 4 <= sent <= 4 + slices.AT_ONCE
    assert await ends(campaign) == {"accepted": sent, "pending": 60 - sent}
    assert await Delivery.filter(state="pending").exclude(attempts=0).count() == 0
    await handling.resume(services.clock, services.queue, campaign.id, actor=WRITER)
    clock(services).forward(seconds=1)
    await sent_on(services, turns=4)
    assert (await state(campaign), await ends(campaign), len(sender.sent)) == ("done", {"accepted": 60}, 60)


async def test_a_cancelled_one_writes_down_who_still_waited(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 3), per_second=1)
    await sent_on(services, turns=1)
    await handling.cancel(services.clock, services.queue, campaign.id, actor=WRITER)
    await upkeep.clear(services, campaign.id)
    await sent_on(services, turns=2)
    assert (await state(campaign), await ends(campaign)) == ("cancelled", {"accepted": 1, "cancelled": 2})
    row = await Delivery.filter(state="cancelled").first()
    assert row is not None
    assert (row.last_error, row.settled_at is not None, row.next_try_at) == ("群发已取消", True, None)


async def test_what_may_have_gone_is_unknown_when_it_is_cancelled(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 2))
    wechat(services).answers += [OutsideFailure("微信没有及时回答", unknown=True)]
    await sent_on(services, turns=1)
    await handling.cancel(services.clock, services.queue, campaign.id, actor=WRITER)
    await upkeep.clear(services, campaign.id)
    assert await ends(campaign) == {"unknown": 1, "cancelled": 1}


async def test_who_unbound_since_the_snapshot_is_not_written_to(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 2))
    first = await Binding.all().order_by("id").first()
    assert first is not None
    await Binding.filter(id=first.id).update(unbound_at=services.clock.now())
    await sent_on(services, turns=3)
    assert await ends(campaign) == {"accepted": 1, "failed": 1}
    assert first.openid not in {sent.openid for sent in wechat(services).sent}


async def test_past_its_time_nothing_is_begun_or_goes_on(services: Services) -> None:
    plan = await plan_of(services, 2)
    begun = await running(services, plan, per_second=1)
    other = await campaigning.approved(
        services,
        plan,
        kind="fees",
        start_at=services.clock.now() + timedelta(hours=30),
        not_after=services.clock.now() + timedelta(hours=40),
    )
    await sent_on(services, turns=1)
    clock(services).forward(seconds=86400)
    await slices.send(services)
    assert len(wechat(services).sent) == 1, "also before any sweep"
    await upkeep.sweep(services)
    await upkeep.clear(services, begun.id)
    assert (await state(begun), await ends(begun)) == ("expired", {"accepted": 1, "expired": 1})
    clock(services).forward(seconds=20 * 3600)
    await upkeep.sweep(services)
    assert await state(other) == "expired", "its minute came and went while nobody was there"
    for late in (begun, other):
        with pytest.raises(Conflict):
            await handling.start(services.clock, services.queue, late.id, actor=WRITER)


async def test_it_begins_by_itself_at_its_minute(services: Services) -> None:
    campaign = await campaigning.approved(
        services, await plan_of(services, 1), start_at=services.clock.now() + timedelta(hours=1)
    )
    await upkeep.sweep(services)
    assert await state(campaign) == "approved"
    clock(services).forward(seconds=3600)
    await upkeep.sweep(services)
    await upkeep.sweep(services)
    assert await state(campaign) == "running"


async def test_nobody_is_in_two_of_a_kind_at_once(services: Services) -> None:
    plan = await plan_of(services, 2)
    first = await running(services, plan)
    second = await campaigning.approved(services, plan)
    third = await campaigning.approved(services, plan, kind="fees")
    with pytest.raises(Conflict, match="有 2 人正在另一个同类的群发里"):
        await handling.start(services.clock, services.queue, second.id, actor=WRITER)
    await handling.start(services.clock, services.queue, third.id, actor=WRITER)
    await handling.pause(services.clock, first.id, actor=WRITER)
    with pytest.raises(Conflict, match="同类"):
        await handling.start(services.clock, services.queue, second.id, actor=WRITER)
    await handling.resume(services.clock, services.queue, first.id, actor=WRITER)
    await sent_on(services, turns=8)
    assert await state(first) == "done"
    await handling.start(services.clock, services.queue, second.id, actor=WRITER)


async def test_only_what_failed_is_sent_anew_and_as_another_message(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 3))
    wechat(services).answers += [
        refusal_of(47003, "argument invalid! data.thing1.value invalid"),
        refusal_of(40003, "no"),
    ]
    await sent_on(services, turns=5)
    assert (await state(campaign), await ends(campaign)) == (
        "done",
        {"accepted": 1, "failed": 1, "refused": 1},
    )
    assert await handling.retry_failed(services.clock, services.queue, campaign.id, actor=WRITER) == 1
    await sent_on(services, turns=3)
    assert (await state(campaign), await ends(campaign)) == ("done", {"accepted": 2, "refused": 1})
    assert wechat(services).sent[-1].dedup_id.endswith("#1")


async def test_the_rate_of_a_second_and_a_day_is_kept_and_changed_while_it_runs(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 12), per_second=2, per_day=8)
    counts = []
    for _ in range(4):
        before = len(wechat(services).sent)
        await slices.send(services)
        counts.append(len(wechat(services).sent) - before)
        clock(services).forward(seconds=1)
    assert counts == [1, 2, 2, 2]
    await handling.set_pace(
        services.settings, services.clock, services.queue, campaign.id, per_second=5, per_day=8, actor=WRITER
    )
    await sent_on(services, turns=3)
    assert len(wechat(services).sent) == 8, "of this day"
    clock(services).forward(seconds=12 * 3600)
    await sent_on(services, turns=3)
    assert len(wechat(services).sent) == 12


async def test_quiet_hours_are_kept(services: Services) -> None:
    await running(services, await plan_of(services, 1), quiet_from="11:00", quiet_until="13:00")
    await sent_on(services, turns=2)
    assert wechat(services).sent == []
    clock(services).forward(seconds=3600)
    await sent_on(services, turns=1)
    assert len(wechat(services).sent) == 1


async def test_two_campaigns_take_turns_and_share_the_rate(services: Services) -> None:
    plan = await plan_of(services, 10)
    both = [await running(services, plan, kind=kind) for kind in ("exam", "fees")]
    slow = replace(services, settings=replace(services.settings, campaign_per_second=4))
    await sent_on(slow, turns=6, seconds=0.5)
    shares = [(await ends(one))["accepted"] for one in both]
    assert abs(shares[0] - shares[1]) <= 2, shares
    assert sum(shares) <= 1 + 1 + 4 * 3


async def test_a_notice_of_ones_own_goes_first(services: Services) -> None:
    await running(services, await plan_of(services, 2))
    await put(services)
    await slices.send(services)
    assert wechat(services).sent[0].template == "template-result"


@pytest.mark.parametrize("errcode", [45009, 45109])
async def test_a_used_up_quota_stops_the_whole_until_the_next_day(services: Services, errcode: int) -> None:
    campaign = await running(
        services, await plan_of(services, 3), not_after=services.clock.now() + timedelta(days=2)
    )
    wechat(services).answers += [refusal_of(errcode, "reach max api daily quota limit")]
    await sent_on(services, turns=5)
    assert (await state(campaign), await ends(campaign)) == ("running", {"pending": 3})
    clock(services).forward(seconds=86400)
    await sent_on(services, turns=4)
    assert await ends(campaign) == {"accepted": 3}


async def test_a_wrong_template_pauses_it_with_the_reason(services: Services) -> None:
    campaign = await running(services, await plan_of(services, 3))
    wechat(services).answers += [refusal_of(40037, "template_id invalid")]
    await sent_on(services, turns=3)
    again = await campaigning.again(campaign)
    assert (again.state, await ends(campaign)) == ("paused", {"pending": 3})
    assert again.note.startswith("微信说账号或模板的设置有误，已自动暂停")


async def test_results_choose_people_only_once_they_are_released(services: Services) -> None:
    plan = await make.plan()
    await people(services, 2, on=plan)
    await people(services, 1, on=plan, outcome="failed")
    chosen = Audience(plans=(plan.id,), outcomes=("passed",))
    with pytest.raises(Invalid) as refused:
        await campaigning.written(services, plan, audience=chosen)
    assert [one.code for one in refused.value.errors] == ["results_not_released"]
    await Plan.filter(id=plan.id).update(release_at=services.clock.now())
    campaign = await campaigning.submitted(services, plan, audience=chosen)
    assert (campaign.people, campaign.reachable) == (2, 2)
    await Plan.filter(id=plan.id).update(release_at=None)
    with pytest.raises(Conflict, match="成绩还没有公布"):
        await handling.approve(services.clock, campaign.id, actor=APPROVER)


async def test_what_is_wrong_with_a_draft_is_told_in_every_place(services: Services) -> None:
    plan = await make.plan()
    now = services.clock.now()
    with pytest.raises(Invalid) as refused:
        await campaigning.written(
            services,
            plan,
            name=" ",
            kind="party",
            ways=[replace(campaigning.WAY, constants={"thing3": "很" * 21})],
            audience=Audience(),
            not_after=now,
            path="https://elsewhere.example",
            quiet_from="25:00",
            per_second=5000,
            per_day=0,
        )
    assert [(one.pointer, one.code) for one in refused.value.errors] == [
        ("/name", "missing"),
        ("/kind", "choice_unknown"),
        ("/not_after", "time_range"),
        ("/path", "path_form"),
        ("/quiet_from", "quiet_form"),
        ("/per_second", "out_of_range"),
        ("/per_day", "out_of_range"),
        ("/audience", "audience_empty"),
        ("/ways/0/fields/thing3", "value_wrong"),
    ]
    assert await Campaign.all().count() == 0
