"""Subscription messages as deliveries: grants spent and given back, sends without an answer, and who is told where."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from server.adapters.wechat.errcodes import refusal_of
from server.domain.notices import delivery, grants, mini_pages, release_announcements, routing, sender
from server.domain.notices.grants import Taker
from server.domain.ports import Services
from server.errors import OutsideFailure
from server.models import Binding, Candidate, Delivery, Follower
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatSender, Subscribed
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.granting import OPENID, clock, popup, push, remaining

FIELDS = {"plan": "2023年第四批全国统考", "exam_date": "2023年9月22日", "released_at": "2026年11月23日 12:00"}
SHOWN = {"thing1": "2023年第四批全国统考", "date2": "2023年9月22日", "time3": "2026年11月23日 12:00"}
NO_ANSWER = OutsideFailure("微信没有及时回答", unknown=True)
NO_CONNECTION = OutsideFailure("无法连接微信")


def wechat(services: Services) -> FakeWeChatSender:
    assert isinstance(services.wechat_sender, FakeWeChatSender)
    return services.wechat_sender


async def put(s: Services, dedup: str = "d", channel: str = "mp_subscription", **more: Any) -> None:
    to = delivery.Addressee(more.pop("openid", OPENID), channel)
    said = {"fields": FIELDS, "path": "/h5/results", **more}
    await delivery.enqueue(s.clock, s.queue, "results_released", to, dedup=dedup, **said)


async def row(dedup: str = "d") -> tuple[str, str, str]:
    found = await Delivery.get(dedup=dedup)
    return found.state, found.msgid, found.last_error


async def sent_event(
    s: Services, msgid: str, code: str = "0", template: str = "mp-template-result", **more: Any
) -> None:
    listed = {"TemplateId": template, "MsgID": msgid, "ErrorCode": code, "ErrorStatus": "success"}
    await grants.taken_in(s, push(s, "sent", listed, **more))


async def test_a_grant_is_spent_the_message_sent_and_its_event_settles_it(services: Services) -> None:
    await popup(services)
    await put(services)
    assert await sender.send(services) == 1
    assert wechat(services).subscribed == [
        Subscribed("mp", OPENID, "mp-template-result", SHOWN, "pages/results/index")
    ]
    assert (await row(), await remaining()) == (("accepted", "5001", ""), 0)
    for _ in range(2):
        await sent_event(services, "5001")
    assert (await row(), await remaining()) == (("delivered", "5001", ""), 0)


@pytest.mark.parametrize(
    ("code", "settled"),
    [
        ("43101", ("refused", "5001", "对方拒收订阅消息")),
        ("20004", ("failed", "5001", "微信发送失败（20004）")),
    ],
)
async def test_an_event_that_says_no(services: Services, code: str, settled: tuple[str, str, str]) -> None:
    await popup(services)
    await put(services)
    await sender.send(services)
    await sent_event(services, "5001", code)
    assert await row() == settled


async def test_without_a_grant_wechat_is_not_called(services: Services) -> None:
    await popup(services)
    for dedup in ("a", "b"):
        await put(services, dedup)
    await sender.send(services)
    assert len(wechat(services).subscribed) == 1
    states = sorted([await row("a"), await row("b")])
    assert states == [("accepted", "5001", ""), ("refused", "", "对方没有剩余的订阅授权")]


@pytest.mark.parametrize("answer", [NO_CONNECTION, refusal_of(-1, "busy"), refusal_of(45009, "quota")])
async def test_what_certainly_was_not_sent_gives_the_grant_back_and_is_tried_again(
    services: Services, answer: Exception
) -> None:
    await popup(services)
    await put(services)
    wechat(services).answers.append(answer)
    await sender.send(services)
    assert ((await row())[0], await remaining()) == ("pending", 1)
    waiting = await Delivery.get(dedup="d")
    assert waiting.next_try_at is not None
    clock(services).set(waiting.next_try_at)
    await sender.send(services)
    assert ((await row())[0], await remaining(), len(wechat(services).subscribed)) == ("accepted", 0, 1)


@pytest.mark.parametrize("answer", [refusal_of(47003, "data.thing1.value invalid"), refusal_of(40003, "no")])
async def test_what_will_never_be_sent_gives_the_grant_back(services: Services, answer: Exception) -> None:
    await popup(services)
    await put(services)
    wechat(services).answers.append(answer)
    await sender.send(services)
    assert ((await row())[0] in ("failed", "refused"), await remaining()) == (True, 1)


async def test_no_answer_is_unknown_never_repeated_and_settled_by_the_event(services: Services) -> None:
    await popup(services)
    await popup(services)
    await put(services)
    wechat(services).answers.append(NO_ANSWER)
    await sender.send(services)
    assert (await row(), await remaining()) == (("unknown", "", "微信没有及时回答"), 1)
    clock(services).forward(minutes=5)
    await sender.sweep(services)
    assert (await sender.send(services), wechat(services).subscribed) == (0, [])
    await sent_event(services, "777", openid="m-somebody-else")
    await sent_event(services, "777", template="mp-template-certificate")
    assert (await row())[0] == "unknown"
    await sent_event(services, "777")
    assert (await row(), await remaining()) == (("delivered", "777", ""), 1)


async def test_killed_with_a_grant_in_hand_is_unknown_and_without_one_it_is_sent(services: Services) -> None:
    await popup(services)
    await put(services)
    exchange(services, faults=KillerFaultInjector("notices.before_send"))
    with pytest.raises(Killed):
        await sender.send(services)
    exchange(services, faults=KillerFaultInjector())
    assert await remaining() == 0
    await popup(services)
    await put(services, "b")
    now = services.clock.now()  # taken by a process that died before it took the grant
    await Delivery.filter(dedup="b").update(state="sending", attempts=1, sent_at=now, next_try_at=now)
    clock(services).forward(minutes=1)
    await sender.send(services)
    assert ((await row())[0], (await row("b"))[0]) == ("unknown", "accepted")
    assert (len(wechat(services).subscribed), await remaining()) == (1, 0)


async def test_wechat_says_that_nothing_is_left(services: Services) -> None:
    for _ in range(3):
        await popup(services)
    await put(services)
    wechat(services).answers.append(refusal_of(43101, "user refuse to accept the msg"))
    await sender.send(services)
    assert (await row(), await remaining()) == (
        ("refused", "", "微信返回错误 43101：对方没有授权或已拒收这类消息"),
        0,
    )
    await put(services, "b")
    await sender.send(services)
    assert (await row("b"))[2] == "对方没有剩余的订阅授权"


async def test_the_official_accounts_message_has_no_number_until_its_event(services: Services) -> None:
    mine = {"openid": "o-1", "account": "oa"}
    await popup(services, {"TemplateId": "oa-subscribe-result", "SubscribeStatusString": "accept"}, **mine)
    await put(services, channel="oa_subscription", openid="o-1")
    await sender.send(services)
    assert wechat(services).subscribed == [
        Subscribed("oa", "o-1", "oa-subscribe-result", SHOWN, "http://127.0.0.1:8000/h5/results")
    ]
    assert await row() == ("accepted", "", "")
    await sent_event(services, "888", template="oa-subscribe-result", **mine)
    assert await row() == ("delivered", "888", "")


@pytest.mark.parametrize("channel", ["template", "mp_subscription"])
async def test_a_value_that_must_not_be_cut_fails_before_wechat_is_called(
    services: Services, channel: str
) -> None:
    await popup(services, {"TemplateId": "mp-template-certificate", "SubscribeStatusString": "accept"})
    fields = {"certificate": "证书" * 15, "number": "证书23SPS100000001K", "issued_on": "昨天"}
    to, path = delivery.Addressee(OPENID, channel), "/h5/certificates/23SPS100000001K"
    await delivery.enqueue(
        services.clock, services.queue, "certificate_issued", to, dedup="d", fields=fields, path=path
    )
    await sender.send(services)
    assert await row() == (
        "failed",
        "",
        "内容不符合模板：character_string2 应为32位以内的数字、字母或符号；date3 应为日期，例如 2019年10月1日",
    )
    assert (wechat(services).sent, wechat(services).subscribed) == ([], [])
    assert (await grants.remaining("mp", OPENID, ["certificate_issued"])) == {"certificate_issued": 1}


async def test_a_template_whose_keywords_wechat_numbered_otherwise(services: Services) -> None:
    """WECHAT_TEMPLATE_KEYWORDS: other numbers and types, fields left out, in one channel alone."""
    chosen = (
        "WECHAT_MP_TEMPLATE_RESULT: plan=thing9, exam_date=time4；WECHAT_OA_TEMPLATE_RESULT:plan=short_thing2"
    )
    exchange(services, settings=dataclasses.replace(services.settings, template_keywords=chosen))
    await popup(services)
    await put(services)
    await put(services, "t", "template")
    await put(services, "o", "oa_subscription", openid="o-1")
    await sender.send(services)
    assert await row() == ("failed", "", "内容不符合模板：time4 应为时间，例如 2019年10月1日 15:01")
    assert [sent.fields for sent in wechat(services).sent] == [{"short_thing2": "2023年"}]
    exchange(
        services,
        settings=dataclasses.replace(services.settings, template_keywords=chosen.replace("time4", "date4")),
    )
    await put(services, "e")
    await sender.send(services)
    assert wechat(services).subscribed[-1].fields == {"thing9": FIELDS["plan"], "date4": FIELDS["exam_date"]}
    wrong = "WECHAT_MP_TEMPLATE_RESULT: rain=thing9"
    exchange(services, settings=dataclasses.replace(services.settings, template_keywords=wrong))
    await put(services, "f")
    await sender.send(services)
    assert await row("f") == ("failed", "", "WECHAT_TEMPLATE_KEYWORDS 写了“成绩公布”没有的字段：rain。")


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/h5/results", "pages/results/index"),
        ("/h5/certificates", "pages/certificates/index"),
        ("/h5/certificates/23SPS100000001K", "pages/certificates/index?number=23SPS100000001K"),
        ("/h5/orders", "pages/orders/index"),
        ("/h5/orders/417", "pages/orders/index?id=417"),
        ("/h5/officer", "pages/index/index"),
        ("", "pages/index/index"),
    ],
)
def test_pages_of_the_mini_program(path: str, page: str) -> None:
    assert mini_pages.program_page(path) == page


# Who is told where


async def person(s: Services, **facts: Any) -> Candidate:
    """`oa`, `mp`: bound there; `follows`: as pushes told; `oa_left`, `mp_left`: grants."""
    who = await make.candidate(s)
    for account in ("oa", "mp"):
        if facts.get(account):
            openid = f"{account}-{who.id}"
            await Binding.create(account=account, openid=openid, candidate=who, bound_at=s.clock.now())
            for number in range(facts.get(f"{account}_left", 0)):
                taker = Taker(account, openid, "results_released")
                await grants.accept(s.clock, taker, source=f"{openid}:{number}", teller="event")
    if "follows" in facts:
        await Follower.create(openid=f"oa-{who.id}", is_following=facts["follows"], changed_at=s.clock.now())
    return who


async def told(who: Candidate) -> list[tuple[str, str]]:
    found = await Delivery.filter(candidate_id=who.id).order_by("id")
    assert all(one.openid == f"{one.account}-{who.id}" for one in found if one.channel != "none")
    return [(one.channel, one.state) for one in found]


async def test_each_person_is_told_once_and_by_the_best_way(services: Services) -> None:
    """A release: followers by template message, others where a grant is left, in one slice and safe to repeat."""
    both = {"oa": True, "mp": True}
    expected = [
        (await person(services, oa=True, follows=True), ["template"]),
        (await person(services, oa=True), ["template"]),  # nobody told us whether
        (await person(services, **both, follows=True, mp_left=2), ["template"]),
        (await person(services, **both, follows=False, mp_left=1), ["mp_subscription"]),
        (await person(services, **both, follows=False, mp_left=1, oa_left=1), ["mp_subscription"]),
        (await person(services, **both, follows=False, oa_left=1), ["oa_subscription"]),
        (await person(services, **both, follows=False), ["none"]),
        (await person(services, mp=True, mp_left=1), ["mp_subscription"]),
        (await person(services, mp=True), ["none"]),
        (await person(services), []),
    ]
    plan = await make.plan(release_at=services.clock.now() - timedelta(minutes=1))
    for who, _ in expected:
        await make.registration(services, who, on=plan)
    exchange(services, faults=KillerFaultInjector("releases.slice_told"))
    with pytest.raises(Killed):
        await release_announcements.announce(services, plan_id=plan.id)
    exchange(services, faults=KillerFaultInjector())
    first = expected[0][0]
    await Follower.filter(openid=f"oa-{first.id}").update(is_following=False)  # between two tries of the job
    await release_announcements.announce(services, plan_id=plan.id)
    assert [[channel for channel, _ in await told(who)] for who, _ in expected] == [
        ways for _, ways in expected
    ]
    await sender.send(services)
    assert {end for who, _ in expected for end in await told(who) if end[0] != "none"} == {
        ("template", "accepted"),
        ("mp_subscription", "accepted"),
        ("oa_subscription", "accepted"),
    }
    assert set(await Delivery.filter(channel="none").values_list("state", "last_error")) == {
        ("no_way", "没有关注公众号，也没有剩余的订阅授权")
    }
    assert {sent.url for sent in wechat(services).sent} == {"http://127.0.0.1:8000/h5/results"}
    assert len(wechat(services).sent) + len(wechat(services).subscribed) == 7


async def test_a_way_that_wechat_closes_gives_place_to_the_next(services: Services) -> None:
    who = await person(services, oa=True, mp=True, mp_left=1, oa_left=1)
    alone = await person(services, oa=True)
    async with in_transaction():
        found = await routing.ways(services.settings, "results_released", [who.id, alone.id])
        for one in (who, alone):
            await delivery.enqueue(
                services.clock,
                services.queue,
                "results_released",
                found[one.id][0],
                dedup=f"n:{one.id}",
                fields=FIELDS,
                path="/h5/results",
            )
    wechat(services).answers += [
        refusal_of(43004, "require subscribe"),
        refusal_of(43004, "require subscribe"),
    ]
    await sender.send(services)
    wechat(services).answers.append(refusal_of(43101, "user refuse to accept the msg"))
    await sender.send(services)
    assert await told(who) == [("oa_subscription", "pending")]
    assert await told(alone) == [("template", "refused")]
    await sender.send(services)
    assert await told(who) == [("oa_subscription", "accepted")]
    done = await Delivery.get(candidate_id=who.id)
    assert delivery.explained(done.tried, done.last_error) == (
        "公众号模板消息：微信返回错误 43004：对方没有关注；小程序订阅消息：微信返回错误 43101：对方没有授权或已拒收这类消息"
    )
    (sent,) = wechat(services).subscribed
    assert (sent.fields, sent.page) == (SHOWN, "http://127.0.0.1:8000/h5/results")
    assert await sender.send(services) == 0


async def test_channels_without_a_template_are_no_way(services: Services) -> None:
    exchange(
        services,
        settings=dataclasses.replace(services.settings, mp_template_result="", oa_subscribe_result=""),
    )
    who = await person(services, oa=True, mp=True, follows=False, mp_left=1, oa_left=1)
    assert await routing.ways(services.settings, "results_released", [who.id]) == {}
    assert grants.asked_for(services.settings, "mp") == {"certificate_issued": "mp-template-certificate"}
