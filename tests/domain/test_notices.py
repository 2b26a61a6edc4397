"""Notices: put once, sent once, settled by WeChat's events; nothing is sent twice blindly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from tortoise.transactions import in_transaction

from server.adapters.wechat.errcodes import refusal_of
from server.domain.notices import acceptances, delivery, sender, states
from server.domain.notices.acceptances import Accepted
from server.domain.notices.states import STEPS, NoticeState
from server.domain.ports import Services
from server.errors import OutsideFailure
from server.models import Delivery
from tests.kit import make
from tests.kit.columns import column
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatSender
from tests.kit.fakes import Killed, KillerFaultInjector, MemoryCache
from tests.kit.noticing import FIELDS, OPENID, clock, jobs, put, the_row, wechat

NO_ANSWER = OutsideFailure("微信没有及时回答", unknown=True)
NO_CONNECTION = OutsideFailure("无法连接微信")


async def test_put_and_sent(services: Services) -> None:
    assert await put(services) is True
    assert jobs(services) == [("notices.send", {})]
    assert await sender.send(services) == 1
    (sent,) = wechat(services).sent
    assert dataclasses.asdict(sent) == {
        "openid": OPENID,
        "template": "template-result",
        "fields": {
            "thing1": "2023年第四批全国统考",
            "date2": "2023年9月22日",
            "time3": "2026年11月23日 12:00",
        },
        "url": "http://127.0.0.1:8000/h5/results",
        "dedup_id": "results:1",
    }
    row = await the_row()
    assert (row.state, row.msgid, row.attempts, row.next_try_at, row.last_error) == (
        "accepted",
        "1001",
        1,
        None,
        "",
    )
    assert await sender.send(services) == 0


async def test_the_same_notice_is_put_once(services: Services) -> None:
    assert [await put(services), await put(services)] == [True, False]
    assert jobs(services) == [("notices.send", {})]
    assert await Delivery.all().count() == 1


async def test_put_with_a_transaction_that_fails_is_not_put(services: Services) -> None:
    with pytest.raises(RuntimeError):
        async with in_transaction():
            await delivery.enqueue(
                services.clock,
                services.queue,
                "results_released",
                dedup="d",
                to=delivery.Addressee(openid=OPENID),
                fields=FIELDS,
                path="/h5/results",
            )
            raise RuntimeError
    assert await Delivery.all().count() == 0


async def test_unknown_topics_and_fields_are_mistakes(services: Services) -> None:
    for topic, fields in (
        ("weather", {}),
        ("results_released", {**FIELDS, "rain": "no"}),
        ("results_released", {"plan": "第四批"}),
        ("certificate_issued", dict.fromkeys(("certificate", "number", "issued_on"), "1")),  # another page
    ):
        with pytest.raises(ValueError, match=r"unknown|missing|no such page"):
            await delivery.enqueue(
                services.clock,
                services.queue,
                topic,
                dedup="d",
                to=delivery.Addressee(openid=OPENID),
                fields=fields,
                path="/h5/results",
            )


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        ("success", "delivered", ""),
        ("failed:user block", "refused", "对方拒收公众号消息"),
        ("failed: system failed", "failed", "微信发送失败"),
        ("something new", "failed", "微信发送失败"),
    ],
)
async def test_the_event_settles_it(services: Services, status: str, state: str, error: str) -> None:
    await put(services)
    await sender.send(services)
    assert await delivery.finished(services, "1001", status, openid=OPENID) is True
    row = await the_row()
    assert (row.state, row.last_error, row.settled_at) == (state, error, services.clock.now())
    assert await delivery.finished(services, "1001", "success", openid=OPENID) is False  # settled is settled


@pytest.mark.parametrize("answer", [refusal_of(-1, "busy"), refusal_of(45011, "freq"), NO_CONNECTION])
async def test_what_certainly_was_not_sent_is_tried_again_later_and_not_for_ever(
    services: Services, answer: Exception
) -> None:
    await put(services)
    wechat(services).answers += [answer] * 5
    pauses = []
    for _ in range(5):
        await sender.send(services)
        row = await the_row()
        if row.next_try_at is not None:
            pauses.append((row.next_try_at - services.clock.now()).total_seconds())
            clock(services).set(row.next_try_at)
    assert pauses == [60, 240, 960, 3840]
    assert ((await the_row()).state, wechat(services).sent) == ("failed", [])


async def test_what_somebody_can_mend_waits_for_days_and_is_then_sent_or_given_up(services: Services) -> None:
    """An address off the whitelist must not cost ten thousand people their notice."""
    for dedup in ("mended", "never"):
        await put(services, dedup, f"o-{dedup}")
    begin = services.clock.now()
    for _ in range(states.MOST_ATTEMPTS_MENDED - 1):
        wechat(services).answers += [refusal_of(40164, "invalid ip")] * 2
        await sender.send(services)
        due = (await the_row("never")).next_try_at
        assert due is not None
        clock(services).set(due)
    assert services.clock.now() - begin > timedelta(days=3)
    await Delivery.filter(dedup="never").update(next_try_at=services.clock.now() + timedelta(seconds=1))
    await sender.send(services)
    clock(services).forward(seconds=1)
    wechat(services).answers.append(refusal_of(40164, "invalid ip"))
    await sender.send(services)
    assert [(await the_row(dedup)).state for dedup in ("mended", "never")] == ["accepted", "failed"]


async def unanswered(services: Services, of: int = 1) -> None:
    """Every try inside WeChat's window without an answer: at 0, ½, 1, 2, 4 and 8 minutes."""
    wechat(services).answers += [NO_ANSWER] * 6 * of
    for seconds in (0, 30, 30, 60, 120, 240):
        assert {row.state for row in await Delivery.all()} == {"pending"}
        clock(services).forward(seconds=seconds)
        assert await sender.send(services) == of
    assert wechat(services).answers == []


async def test_without_an_answer_one_more_try_inside_the_window(services: Services) -> None:
    await put(services)
    wechat(services).answers.append(NO_ANSWER)
    await sender.send(services)
    row = await the_row()
    assert (row.state, row.next_try_at) == ("pending", services.clock.now() + timedelta(seconds=30))
    clock(services).forward(seconds=30)
    await sender.send(services)
    assert ((await the_row()).state, len(wechat(services).sent)) == ("accepted", 1)


async def test_never_answered_is_unknown_and_stays_so(services: Services) -> None:
    await put(services)
    await unanswered(services)
    row = await the_row()
    assert (row.state, row.next_try_at) == ("unknown", None)
    clock(services).forward(days=3)
    await sender.sweep(services)
    assert await sender.send(services) == 0
    assert wechat(services).sent == []


async def test_outside_the_window_nothing_is_sent_again(services: Services) -> None:
    await put(services)
    wechat(services).answers.append(NO_ANSWER)
    await sender.send(services)
    clock(services).forward(minutes=9)
    await sender.send(services)
    assert ((await the_row()).state, wechat(services).sent) == ("unknown", [])


async def test_an_event_settles_an_unknown(services: Services) -> None:
    await put(services)
    await unanswered(services)
    assert await delivery.finished(services, "777", "success", openid="o-somebody-else") is False
    assert await delivery.finished(services, "777", "success", openid=OPENID) is True
    row = await the_row()
    assert (row.state, row.msgid) == ("delivered", "777")


async def test_an_event_between_two_unknowns_settles_neither(services: Services) -> None:
    for dedup in ("a", "b"):
        await put(services, dedup)
    await unanswered(services, of=2)
    assert await delivery.finished(services, "777", "success", openid=OPENID) is False
    assert [(await the_row(dedup)).state for dedup in ("a", "b")] == ["unknown", "unknown"]


async def test_an_event_that_comes_before_the_answer(services: Services) -> None:
    """WeChat delivers faster than it answers: two on their way, so the event waits for its number."""
    early: list[bool] = []

    class Hasty(FakeWeChatSender):
        async def send_template(
            self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
        ) -> str:
            if dedup_id == "a":
                early.append(await delivery.finished(services, "900", "success", openid=openid))
                return "900"
            raise NO_ANSWER

    exchange(services, wechat_sender=Hasty())
    for dedup in ("a", "b"):
        await put(services, dedup)
    await sender.send(services)
    row = await the_row("a")
    assert (early, row.state, row.msgid) == ([False], "delivered", "900")


async def test_an_event_and_its_answer_at_the_same_moment_do_not_miss_each_other(services: Services) -> None:
    """The event looked and found no number; the answer wrote it and found nothing kept; only then it is kept."""
    await put(services)
    row = await the_row()
    await Delivery.filter(id=row.id).update(state="sending", sent_at=services.clock.now())

    class AnswerInBetween(MemoryCache):
        async def set(self, key: str, value: bytes, *, seconds: float) -> None:
            await acceptances.accepted(services.clock, services.cache, [Accepted(row.id, "oa", "900")])
            await MemoryCache.set(self, key, value, seconds=seconds)

    await put(services, "results:2")  # with two on their way the event cannot tell whose it is
    await Delivery.filter(dedup="results:2").update(state="sending", sent_at=services.clock.now())
    exchange(services, cache=AnswerInBetween(clock(services)))
    assert await delivery.finished(services, "900", "success", openid=OPENID) is True
    states_now = await column(Delivery.all().order_by("id"), "state")
    assert states_now == ["delivered", "sending"]


async def test_an_event_that_comes_before_the_only_answer(services: Services) -> None:
    class Hasty(FakeWeChatSender):
        async def send_template(
            self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
        ) -> str:
            await delivery.finished(services, "900", "success", openid=openid)
            return "900"

    exchange(services, wechat_sender=Hasty())
    await put(services)
    await sender.send(services)
    row = await the_row()
    assert (row.state, row.msgid) == ("delivered", "900")


@pytest.mark.parametrize(("place", "sent_before"), [("notices.before_send", 0), ("notices.after_send", 1)])
async def test_killed_while_sending(services: Services, place: str, sent_before: int) -> None:
    """The row stays taken; its lease ends; WeChat suppresses the second message by the same client_msg_id."""
    await put(services)
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await sender.send(services)
    assert ((await the_row()).state, len(wechat(services).sent)) == ("sending", sent_before)
    assert await sender.send(services) == 0  # leased
    exchange(services, faults=KillerFaultInjector())
    clock(services).forward(minutes=1)
    jobs(services).clear()
    await sender.sweep(services)
    assert jobs(services) == [("notices.send", {})]
    await sender.send(services)
    assert (await the_row()).state == "accepted"
    assert {sent.dedup_id for sent in wechat(services).sent} == {"results:1"}


async def test_killed_and_found_too_late_is_unknown(services: Services) -> None:
    await put(services)
    exchange(services, faults=KillerFaultInjector("notices.after_send"))
    with pytest.raises(Killed):
        await sender.send(services)
    exchange(services, faults=KillerFaultInjector())
    clock(services).forward(minutes=30)
    await sender.send(services)
    assert ((await the_row()).state, len(wechat(services).sent)) == ("unknown", 1)


async def test_slices_put_the_next_one(services: Services) -> None:
    for serial in range(sender.SLICE + 3):
        await put(services, f"d{serial}", f"o-{serial}")
    jobs(services).clear()
    assert await sender.send(services) == sender.SLICE
    assert jobs(services) == [("notices.send", {})]
    assert await sender.send(services) == 3
    assert len({sent.dedup_id for sent in wechat(services).sent}) == sender.SLICE + 3


async def test_without_a_template_it_fails_and_says_so(services: Services) -> None:
    exchange(services, settings=dataclasses.replace(services.settings, oa_template_result=""))
    await put(services)
    await sender.send(services)
    row = await the_row()
    assert (row.state, row.last_error) == ("failed", "未配置消息模板编号")


async def test_for_a_candidate_or_an_officer(services: Services) -> None:
    who, officer = await make.candidate(services), await make.officer()
    await delivery.enqueue(
        services.clock,
        services.queue,
        "certificate_issued",
        dedup="c",
        to=delivery.Addressee(openid=OPENID, candidate_id=who.id, officer_id=officer.id),
        fields={
            "certificate": "社会心理服务职业技能等级证书（初级）",
            "number": "23SPS100000001K",
            "issued_on": "2026年11月23日",
        },
        path="/h5/certificates/23SPS100000001K",
    )
    row = await the_row("c")
    assert (row.candidate_id, row.officer_id) == (who.id, officer.id)
    assert row.fields_shown == {
        "thing1": "社会心理服务职业技能等级证书（初级）",
        "character_string2": "23SPS100000001K",
        "date3": "2026年11月23日",
    }


@pytest.mark.parametrize("name", sorted(STEPS))
async def test_every_step_moves_from_its_sources_alone(services: Services, name: str) -> None:
    step = STEPS[name]
    for state in NoticeState:
        await Delivery.filter().delete()
        await put(services)
        row = await the_row()
        await Delivery.filter(id=row.id).update(state=state.value, next_try_at=services.clock.now())
        if name == "take":
            moved = await sender.send(services) == 1
        else:
            moved = await delivery.advance(services.clock, row.id, name)
        assert moved == (state in step.sources), state
        if moved and name != "take":
            assert (await the_row()).state == step.target.value


def test_states_have_names_and_settled_ones_no_way_out_but_by_a_person_or_a_late_event() -> None:
    assert all(state.label for state in NoticeState)
    later = STEPS[
        "by_text"
    ]  # what has ended on WeChat may be told once more by a text message, where there is a vendor
    by_itself = [step for step in STEPS.values() if step.who in ("worker", "sweep") and step is not later]
    for state in NoticeState:
        assert state.is_settled == (not any(state in step.sources for step in by_itself))
    for state in (NoticeState.DELIVERED, NoticeState.REFUSED, NoticeState.CANCELLED, NoticeState.EXPIRED):
        assert not any(state in step.sources for step in STEPS.values() if step is not later), state
    assert states.may_repeat(None, datetime.now(UTC))
