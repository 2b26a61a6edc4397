"""What cannot be booked stays visible and is tried again, ever more slowly; what was settled may be told of again."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from server.domain.payments import alarms, notifications, refund_by_hand, refund_sending, refunds
from server.domain.ports import Services
from server.domain.ports.payments import LONGEST_REASON_BYTES, PayRefund, PayRefundOrder
from server.errors import Invalid, OutsideFailure, PayRefused
from server.models import FeeOrder, FeeRefund, FinanceAlarm, PayInboxEntry
from tests.kit import paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN


async def approved(s: Services, pay: FakePay) -> FeeRefund:
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    return await FeeRefund.get(id=asked.id).prefetch_related("order")


async def open_kinds() -> list[str]:
    return [one.kind for one in await FinanceAlarm.filter(settled_at=None).order_by("id")]


async def test_a_notification_that_can_never_be_booked_is_told_to_finance_and_tried_ever_more_slowly(
    services: Services, pay: FakePay, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    notification = pay._notification(order.number)
    await notifications.receive(s.clock, s.queue, notification)
    tried = []

    async def broken(*_: object) -> None:
        tried.append(s.clock.now())
        raise ValueError("whatever it is")

    with monkeypatch.context() as patched:
        patched.setattr("server.domain.payments.settlement.settle", broken)
        for _ in range(24 * 60):
            await notifications.sweep(paying.box(s))
            if len(tried) < notifications.STUCK_AFTER:
                assert await open_kinds() == []
            paying.forward(s, minutes=1)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert pauses == sorted(pauses) and pauses[0] <= timedelta(minutes=2)
    assert max(pauses) <= timedelta(hours=1, minutes=1) and len(tried) < 40
    [alarm] = await FinanceAlarm.all()
    assert (alarm.kind, alarm.content["number"]) == ("notification_stuck", order.number)
    paying.forward(s, hours=2)
    await notifications.sweep(paying.box(s))  # somebody has mended what was broken
    assert (await FeeOrder.get()).state == "paid"
    assert await open_kinds() == []
    assert (await PayInboxEntry.get()).applied_at is not None


async def test_a_payment_with_the_number_of_another_is_an_alarm(services: Services, pay: FakePay) -> None:
    s = services
    plan = await paying.priced(s)
    first = await paying.paid(s, pay, await paying.owing(s, plan))
    second = await paying.ordered(s, pay, await paying.owing(s, plan))
    assert pay._pay(second.number)
    pay.orders[second.number].transaction = pay.orders[first.number].transaction
    await paying.notify(s, pay, second.number)
    assert (await FeeOrder.get(id=second.id)).state == "pending"
    assert await open_kinds() == ["payment_mismatch"]
    assert await PayInboxEntry.filter(applied_at=None).count() == 0


async def test_the_same_trouble_after_it_was_settled_is_told_again(services: Services) -> None:
    s = services
    for _ in range(2):
        await alarms.raise_alarm(s.clock, "balance_short", "xr1", content={"amount_fen": 1})
    [first] = await FinanceAlarm.all()
    await alarms.settle(s.clock, first.id, "已向商户号充值", actor=FINANCE)
    for _ in range(2):
        await alarms.raise_alarm(s.clock, "balance_short", "xr1", content={"amount_fen": 2})
    assert [one.content["amount_fen"] for one in await FinanceAlarm.filter(settled_at=None)] == [2]
    assert await FinanceAlarm.all().count() == 2


async def test_an_abnormal_refund_is_asked_after_every_day(services: Services, pay: FakePay) -> None:
    s, refund = services, await approved(services, pay)
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay.refund_status = "ABNORMAL"
    pay._end_refund(refund.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    for _ in range(2):
        await refund.refresh_from_db()
        assert (refund.state, refund.next_try_at) == ("abnormal", s.clock.now() + timedelta(days=1))
        paying.forward(s, days=1)
        await paying.sweep(s, pay)
    pay.refund_status = "SUCCESS"  # settled in the merchant console, and the notification was lost
    pay._end_refund(refund.number)
    paying.forward(s, days=1)
    await paying.sweep(s, pay)
    assert await paying.states() == (["refunded"], ["refunded"])
    await paying.check_books()


async def test_a_dry_balance_is_said_so_and_the_refund_goes_on_by_itself(
    services: Services, pay: FakePay
) -> None:
    s, refund = services, await approved(services, pay)
    pay.balance_fen = 0
    await refund_sending.send(paying.box(s), pay, refund.id)
    await refund.refresh_from_db()
    assert (refund.state, refund.trouble) == ("sending", refund_sending.SHORT)
    assert await open_kinds() == ["balance_short"]
    pay.balance_fen = PRICE_FEN
    paying.forward(s, minutes=31)
    await paying.sweep(s, pay)
    await refund.refresh_from_db()
    assert (refund.state, refund.trouble) == ("accepted", "")
    assert await open_kinds() == []  # settled by itself


@pytest.mark.parametrize(("reason", "taken"), [("字" * 26, True), ("字" * 27, False), ("a" * 81, False)])
async def test_a_reason_is_as_long_as_wechat_pay_takes_it_in_bytes(
    services: Services, pay: FakePay, reason: str, taken: bool
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    if taken:
        await refunds.ask(s.clock, order.id, 1, reason, actor=FINANCE)
        return
    with pytest.raises(Invalid) as refused:
        await refunds.ask(s.clock, order.id, 1, reason, actor=FINANCE)
    [error] = refused.value.errors
    assert (error.pointer, error.code) == ("/reason", "reason_length")
    assert "26 个汉字" in error.detail


async def test_the_automatic_reasons_fit() -> None:
    for reason in (refunds.AUTOMATIC_REASON, refunds.WAIVED_REASON, refund_by_hand.REASON):
        assert len(reason.encode()) <= LONGEST_REASON_BYTES


async def test_a_refusal_says_wechat_pays_reason(
    services: Services, pay: FakePay, monkeypatch: pytest.MonkeyPatch
) -> None:
    s, refund = services, await approved(services, pay)

    async def refuse(*_: object) -> None:
        raise PayRefused("INVALID_REQUEST", "订单已全额退款", status=400)

    monkeypatch.setattr(pay, "refund", refuse)
    await refund_sending.send(paying.box(s), pay, refund.id)
    await refund.refresh_from_db()
    assert "订单已全额退款" in refund.trouble and "INVALID_REQUEST" in refund.trouble


async def test_an_accepted_refund_is_asked_after_ever_more_rarely_and_its_end_is_not_missed(
    services: Services, pay: FakePay
) -> None:
    s = services
    refund = await approved(s, pay)
    await refund_sending.send(paying.box(s), pay, refund.id)
    asked = []
    query = pay.query_refund

    async def counted(number: str) -> PayRefund | None:
        asked.append(s.clock.now())
        return await query(number)

    pay.query_refund = counted  # type: ignore[method-assign, assignment]
    began = s.clock.now()
    while s.clock.now() < began + timedelta(days=4):
        await refund_sending.sweep(paying.box(s), pay)
        await refund.refresh_from_db()
        assert refund.next_try_at is not None
        paying.forward(s, seconds=(refund.next_try_at - s.clock.now()).total_seconds())
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses == sorted(pauses) and pauses[0] == timedelta(minutes=2)
    assert pauses[-1] == timedelta(days=1) and len(asked) < 80
    pay._end_refund(refund.number)
    paying.forward(s, days=1)
    await refund_sending.sweep(paying.box(s), pay)
    await refund.refresh_from_db()
    assert (refund.state, refund.next_try_at) == ("done", None)


async def test_however_many_refunds_wait_one_sweep_sends_them_all(
    services: Services, pay: FakePay, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    monkeypatch.setattr(refund_sending, "SLICE", 2)
    for _ in range(5):
        await approved(s, pay)
    await refund_sending.sweep(paying.box(s), pay)
    assert await FeeRefund.filter(state="accepted").count() == 5


async def test_a_sweep_ends_though_everything_is_due_again_before_its_end(
    services: Services, pay: FakePay, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    monkeypatch.setattr(refund_sending, "SLICE", 1)
    for _ in range(2):
        await approved(s, pay)
    tried = []

    async def hanging(order: PayRefundOrder) -> PayRefund:
        tried.append(order.out_refund_no)
        paying.forward(s, minutes=3)
        raise OutsideFailure("微信支付没有回答")

    pay.refund = hanging  # type: ignore[method-assign]
    await refund_sending.sweep(paying.box(s), pay)
    await refund_sending.sweep(paying.box(s), pay)
    assert len(set(tried)) == len(tried) == 2
