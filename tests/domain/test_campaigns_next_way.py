"""WeChat closes a way to somebody in a campaign: the same row goes by the next one, and nobody ever has two messages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.campaigns import campaign_views, delivery_list, persons_notices, slices
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.campaigns.letters import Way
from server.domain.notices import delivery, grants, routing
from server.domain.notices.grants import Taker
from server.domain.ports import MessageTemplate, Services
from server.errors import Remedy
from server.models import Campaign, Delivery, Follower, Registration
from tests.kit import campaigning, make
from tests.kit.campaigning import TEMPLATE, WAY, WRITER, bind, console, ends, sent_on, state
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.noticing import clock, wechat

pytestmark = pytest.mark.rule("C3")
NOT_FOLLOWING = refusal_of(43004, "require subscribe")
NO_CONSENT = refusal_of(43101, "user refuse to accept the msg")
TEMPLATES = {"mp": "mp-template-result", "oa": "oa-subscribe-result"}
WAYS = [
    WAY,
    *(
        Way(
            channel=f"{account}_subscription", template=template, personal={"thing1": "plan", "name2": "name"}
        )
        for account, template in TEMPLATES.items()
    ),
]


async def grant(s: Services, account: str, openid: str) -> Taker:
    taker = Taker(account, openid, "results_released")
    await grants.accept(s.clock, taker, source=f"{account}:{openid}", teller="event")
    return taker


async def begun(s: Services, *accounts: str) -> tuple[Campaign, Registration, list[Taker]]:
    """A campaign with three ways to one person, who left a grant in these accounts."""
    for account, template in TEMPLATES.items():
        shown = {"thing1": "考试名称", "name2": "考生姓名"}
        console(s).kept_templates[account] = [MessageTemplate(template, "成绩发布通知", shown)]
    console(s).kept_templates["oa"].append(TEMPLATE)
    plan = await make.plan()
    person = await make.registration(s, on=plan)
    who = await person.candidate
    openids = {"oa": await bind(who), "mp": await bind(who, account="mp")}
    takers = [await grant(s, account, openids[account]) for account in accounts]
    campaign = await campaigning.running(s, plan, ways=WAYS)
    return campaign, person, takers


@pytest.fixture(autouse=True)
def own_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigning, "with_templates", lambda _: None)


async def row() -> Delivery:
    [one] = await Delivery.all()
    return one


async def left(*takers: Taker) -> Sequence[int]:
    return [(await grants.remaining(one.account, one.openid, [one.topic]))[one.topic] for one in takers]


async def test_who_does_not_follow_gets_the_subscription_message(services: Services) -> None:
    campaign, person, takers = await begun(services, "mp")
    wechat(services).answers.append(NOT_FOLLOWING)
    await sent_on(services, turns=3)
    one = await row()
    assert (one.channel, one.account, one.topic, one.state) == (
        "mp_subscription",
        "mp",
        "results_released",
        "accepted",
    )
    assert one.openid == takers[0].openid
    assert one.tried == [{"channel": "template", "why": "微信返回错误 43004：对方没有关注"}]
    assert delivery.explained(one.tried, one.last_error) == "公众号模板消息：微信返回错误 43004：对方没有关注"
    assert (len(wechat(services).sent), len(wechat(services).subscribed)) == (0, 1)
    assert wechat(services).subscribed[0].fields["name2"] == (await person.candidate).name
    assert await left(*takers) == [0]
    assert (await state(campaign), await ends(campaign)) == ("done", {"accepted": 1})


async def test_every_way_is_tried_once_and_the_last_refusal_keeps_the_earlier_ones(
    services: Services,
) -> None:
    campaign, _, takers = await begun(services, "mp", "oa")
    wechat(services).answers += [NOT_FOLLOWING, NO_CONSENT, NO_CONSENT]
    await sent_on(services, turns=6)
    one = await row()
    assert [tried["channel"] for tried in one.tried or []] == ["template", "mp_subscription"]
    assert (one.channel, one.state) == ("oa_subscription", "refused")
    assert delivery.explained(one.tried, one.last_error).count("；") == 2
    assert await left(*takers) == [0, 0]  # WeChat said that there is nothing
    assert (await state(campaign), await ends(campaign)) == ("done", {"refused": 1})
    assert (wechat(services).sent, wechat(services).subscribed) == ([], [])


async def test_without_another_way_it_is_refused(services: Services) -> None:
    campaign, _, _ = await begun(services)
    wechat(services).answers.append(NOT_FOLLOWING)
    await sent_on(services, turns=3)
    one = await row()
    assert (one.channel, one.state, one.tried) == ("template", "refused", None)
    assert await ends(campaign) == {"refused": 1}


async def test_a_ledger_that_was_emptied_meanwhile_is_no_way(services: Services) -> None:
    """The grant went to another message between the snapshot and the sending: WeChat is not even called."""
    campaign, _, takers = await begun(services, "mp", "oa")
    await Follower.create(openid=takers[1].openid, is_following=False, changed_at=services.clock.now())
    await Delivery.all().update(channel="mp_subscription", account="mp", openid=takers[0].openid)
    await Delivery.all().update(topic="results_released")
    assert await grants.spend(services.clock, takers[0], 999, "1")
    await sent_on(services, turns=4)
    one = await row()
    assert (one.channel, one.state) == ("oa_subscription", "accepted")
    assert one.tried == [{"channel": "mp_subscription", "why": "对方没有剩余的订阅授权"}]
    assert await ends(campaign) == {"accepted": 1}


async def test_what_may_have_been_accepted_goes_no_other_way(services: Services) -> None:
    """Killed after WeChat took the template message: a later 43004 does not make the first try undone."""
    campaign, _, takers = await begun(services, "mp")
    exchange(services, faults=KillerFaultInjector("notices.after_send"))
    with pytest.raises(Killed):
        await slices.send(services)
    exchange(services, faults=KillerFaultInjector())
    clock(services).forward(seconds=61)
    wechat(services).answers.append(NOT_FOLLOWING)
    await sent_on(services, turns=3)
    one = await row()
    assert (one.channel, one.state, one.tried) == ("template", "unknown", None)
    assert (len(wechat(services).sent), wechat(services).subscribed) == (1, [])
    assert await left(*takers) == [1]
    assert await ends(campaign) == {"unknown": 1}


@pytest.mark.parametrize(
    ("place", "end"), [("notices.before_send", "unknown"), ("notices.after_send", "unknown")]
)
async def test_killed_on_the_next_way_with_its_grant_in_hand_is_unknown(
    services: Services, place: str, end: str
) -> None:
    campaign, _, _ = await begun(services, "mp", "oa")
    wechat(services).answers.append(NOT_FOLLOWING)
    await sent_on(services, turns=1)
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await slices.send(services)
    exchange(services, faults=KillerFaultInjector())
    clock(services).forward(seconds=61)
    await sent_on(services, turns=3)
    assert await ends(campaign) == {end: 1}
    assert len(wechat(services).subscribed) <= 1


async def test_taken_on_the_next_way_by_a_process_that_died_is_sent_by_another(services: Services) -> None:
    """The earlier way's grant does not count as this one's: nothing was called, so it is no unknown."""
    campaign, _, takers = await begun(services, "mp", "oa")
    await Follower.create(openid=takers[1].openid, is_following=False, changed_at=services.clock.now())
    await Delivery.all().update(
        channel="mp_subscription", account="mp", openid=takers[0].openid, topic="results_released"
    )
    wechat(services).answers.append(NO_CONSENT)
    await sent_on(services, turns=1)
    now = services.clock.now()
    assert await delivery.take(now, now, 9, campaign_id=campaign.id)  # and no more is heard of who took it
    clock(services).forward(seconds=61)
    await sent_on(services, turns=3)
    one = await row()
    assert (one.channel, one.state, len(wechat(services).subscribed)) == ("oa_subscription", "accepted", 1)
    assert await left(*takers) == [0, 0]


async def test_that_somebody_does_not_follow_is_kept_until_a_push_says_otherwise(services: Services) -> None:
    _, person, _ = await begun(services)
    wechat(services).answers.append(NOT_FOLLOWING)
    await sent_on(services, turns=2)
    known = await Follower.get()
    assert (known.openid, known.is_following) == ((await row()).openid, False)
    assert known.changed_at < services.clock.now() - routing.SLOW_CLOCKS
    another = await campaigning.written(services, await person.plan)
    seen = await campaign_views.audience(services.clock, another.id, actor=WRITER)
    assert [one.why_not for one in seen.without_way] == ["没有关注公众号，也没有剩余的订阅授权"]
    assert await routing.ways(services.settings, "results_released", [person.candidate_id]) == {}


async def test_a_later_follow_is_not_overwritten(services: Services) -> None:
    _, _, _ = await begun(services)
    openid = (await row()).openid
    await Follower.create(openid=openid, is_following=True, changed_at=services.clock.now())
    taken = (
        await delivery.take(
            services.clock.now(), services.clock.now(), 1, campaign_id=(await Campaign.get()).id
        )
    )[0]
    trouble = delivery.Trouble("对方没有关注", Remedy.FOLLOW)
    await routing.heed(services.clock, taken, trouble)
    assert (await Follower.get()).is_following


async def test_staff_read_every_refusal_and_that_it_was_found_on_the_page(services: Services) -> None:
    _, person, _ = await begun(services, "mp")
    wechat(services).answers += [NOT_FOLLOWING, NO_CONSENT]
    await sent_on(services, turns=4)
    wanted = Wanted(candidate_id=person.candidate_id)
    [shown] = (await delivery_list.page(wanted, actor=WRITER)).items
    both = (
        "公众号模板消息：微信返回错误 43004：对方没有关注；微信返回错误 43101：对方没有授权或已拒收这类消息"
    )
    assert (shown.state.label, shown.reason) == ("被拒", both)
    await persons_notices.shown(services.clock, person.candidate_id)
    [shown] = (await delivery_list.page(wanted, actor=WRITER)).items
    assert shown.reason == f"{both}；本人于 2026年11月23日 12:00 在“通知”页看到"
