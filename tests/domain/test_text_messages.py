"""Text messages, the last way: only where a vendor is connected, once, to whom nothing in WeChat reaches and who wants it."""

from __future__ import annotations

import logging

import pytest

from server.adapters.wechat.errcodes import refusal_of
from server.domain.actor import Actor
from server.domain.notices import choices, sender
from server.domain.notices.telling import Notice, tell
from server.domain.ports import Services
from server.errors import OutsideFailure, Refused
from server.models import Candidate, Delivery
from tests.kit import make
from tests.kit.campaigning import bind
from tests.kit.exchange import exchange
from tests.kit.fake_sms import FakeSmsSender, Text
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.noticing import FIELDS, clock, wechat

pytestmark = pytest.mark.rule("C3")
PHONE, SCHOOLS = "19900001234", "19900005678"


@pytest.fixture
def sms(services: Services) -> FakeSmsSender:
    vendor = FakeSmsSender()
    exchange(services, sms=vendor)
    return vendor


async def somebody(s: Services, *, follows: bool = False, given: str = PHONE) -> Candidate:
    who = await make.candidate(s)
    await bind(who, follows=follows)
    sealed = s.keys.encrypt(given, about="candidate.given_phone") if given else None
    schools = s.keys.encrypt(SCHOOLS, about="candidate.mobile")
    await Candidate.filter(id=who.id).update(given_phone_sealed=sealed, mobile_sealed=schools)
    return who


async def told(s: Services, who: Candidate, topic: str = "results_released") -> None:
    fields = FIELDS
    if topic == "fee_closing":
        fields = {
            "what": "初级考试费",
            "amount": "¥280.00",
            "closes_at": "2026年11月23日 12:20",
            "order": "A1",
        }
    path = "/h5/results" if topic == "results_released" else "/h5/orders/7"
    await tell(s.settings, s.clock, s.queue, topic, [Notice(who.id, f"{topic}:{who.id}", fields, path)])


async def turn(s: Services) -> tuple[str, str, str]:
    """A minute's sweep and what it wakes; the row afterwards: its state, channel and reason."""
    await sender.sweep(s)
    await sender.send(s)
    row = await Delivery.get()
    return row.state, row.channel, row.last_error


async def test_without_a_vendor_nothing_changes(services: Services) -> None:
    await told(services, await somebody(services))
    state, channel, _ = await turn(services)
    assert (state, channel) == ("no_way", "none")


async def test_whom_wechat_does_not_reach_gets_one_text(
    services: Services, sms: FakeSmsSender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    who = await somebody(services)
    await told(services, who)
    assert await turn(services) == ("accepted", "sms", "")
    assert await turn(services) == ("accepted", "sms", "")
    assert sms.sent == [Text(PHONE, "results_released", FIELDS, f"results_released:{who.id}")]
    row = await Delivery.get()
    assert (row.msgid, row.openid, row.account, row.tried) == ("sms-1", "", "", None)
    assert PHONE not in caplog.text
    clock(services).forward(days=2)
    assert await turn(services) == ("unreported", "sms", "短信服务受理后没有回报是否送达")


async def test_the_schools_number_where_the_holder_gave_none_and_nobody_without_any(
    services: Services, sms: FakeSmsSender
) -> None:
    who = await somebody(services, given="")
    await told(services, who)
    assert (await turn(services))[0] == "accepted"
    assert [text.phone for text in sms.sent] == [SCHOOLS]
    other = await somebody(services)
    await Candidate.filter(id=other.id).update(given_phone_sealed=None, mobile_sealed=None)
    await told(services, other)
    await sender.sweep(services)
    assert (await Delivery.get(candidate_id=other.id)).state == "no_way"


async def test_after_wechat_closed_the_last_way(services: Services, sms: FakeSmsSender) -> None:
    await told(services, await somebody(services, follows=True))
    wechat(services).answers = [refusal_of(43004, "require subscribe")]
    await sender.send(services)
    assert (await Delivery.get()).state == "refused"
    assert (await turn(services))[:2] == ("accepted", "sms")
    assert len(sms.sent) == 1
    [tried] = (await Delivery.get()).tried or []
    assert tried["channel"] == "template"
    assert "43004" in tried["why"]


async def test_who_refused_us_in_wechat_or_has_seen_it_gets_none(
    services: Services, sms: FakeSmsSender
) -> None:
    await told(services, await somebody(services, follows=True))
    await Delivery.all().update(
        state="refused"
    )  # as an event says when the person does not take our messages
    assert (await turn(services))[0] == "refused"
    await Delivery.all().delete()
    await told(services, await somebody(services))
    await Delivery.all().update(seen_at=services.clock.now())
    assert (await turn(services))[0] == "no_way"
    await Delivery.all().update(seen_at=None)
    clock(services).forward(minutes=61)
    assert (await turn(services))[0] == "no_way"
    assert sms.sent == []


async def test_who_does_not_want_it_gets_none_also_at_the_last_moment(
    services: Services, sms: FakeSmsSender
) -> None:
    who = await somebody(services)
    me = Actor("candidate", who.id, "考生", address="127.0.0.1", request_id="test")
    await choices.choose(services.clock, who.id, "fees", wants=False, actor=me)
    await told(services, who, "fee_closing")
    assert (await turn(services))[0] == "no_way"
    await choices.choose(services.clock, who.id, "fees", wants=True, actor=me)
    await sender.sweep(services)
    await choices.choose(services.clock, who.id, "fees", wants=False, actor=me)
    await sender.send(services)
    assert (await Delivery.get()).state == "refused"
    assert sms.sent == []


async def test_a_topic_without_an_approved_text_is_not_sent(services: Services, sms: FakeSmsSender) -> None:
    sms.approved = ("fee_paid",)
    await told(services, await somebody(services))
    assert (await turn(services))[0] == "no_way"


async def test_what_the_vendor_says(services: Services, sms: FakeSmsSender) -> None:
    await told(services, await somebody(services))
    sms.answers = [OutsideFailure("短信服务连接不上")]
    assert await turn(services) == ("pending", "sms", "短信服务连接不上")
    clock(services).forward(minutes=2)
    sms.answers = [Refused("sms_refused", "模板未审核")]
    assert await turn(services) == ("refused", "sms", "短信服务没有受理：模板未审核")
    assert await turn(services) == ("refused", "sms", "短信服务没有受理：模板未审核")


async def test_what_may_have_been_sent_is_never_sent_again(services: Services, sms: FakeSmsSender) -> None:
    await told(services, await somebody(services))
    sms.answers = [OutsideFailure("没有等到短信服务的回答", unknown=True)]
    assert await turn(services) == ("unknown", "sms", "没有等到短信服务的回答")
    clock(services).forward(hours=1)
    assert (await turn(services))[0] == "unknown"
    assert sms.sent == []


async def test_a_process_that_dies_around_the_call_sends_no_second_one(
    services: Services, sms: FakeSmsSender
) -> None:
    await told(services, await somebody(services))
    await sender.sweep(services)
    exchange(services, faults=KillerFaultInjector("notices.after_send"))
    with pytest.raises(Killed):
        await sender.send(services)
    exchange(services, faults=KillerFaultInjector())
    clock(services).forward(minutes=2)
    assert await turn(services) == ("unknown", "sms", "没有收到短信服务的回答")
    assert len(sms.sent) == 1
