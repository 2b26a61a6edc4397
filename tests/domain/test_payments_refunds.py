"""Refunds: two people, one number, and whatever WeChat Pay says of it, again and late."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.domain.payments import (
    ledger,
    notifications,
    refund_sending,
    refunds,
)
from server.domain.payments.ledger import Account
from server.domain.payments.refund_states import RefundState
from server.domain.ports import Services
from server.domain.ports.payments import PayNotification, PayRefund
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import (
    FeeOrder,
    FeeRefund,
    FinanceAlarm,
    PayInboxEntry,
)
from tests.kit import make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

# Refunds


async def test_a_refund_takes_two_and_is_given_once(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    refund = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    assert (await FeeOrder.get()).state == "paid"
    with pytest.raises(Forbidden) as refused:
        await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=FINANCE)
    assert refused.value.code == "same_person"
    await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
    assert (await FeeOrder.get()).state == "refunding"
    pay.losing = 1  # done, and the answer lost: the same number again gives back nothing more
    for _ in range(2):
        await refund_sending.send(paying.box(s), pay, refund.id)
    pay._end_refund(refund.number)
    told = pay._refund_notification(refund.number)
    await notifications.receive(s.clock, s.queue, told)
    await asyncio.gather(*(notifications.apply(paying.box(s), told.id) for _ in range(3)))
    assert await paying.states() == (["refunded"], ["refunded"])
    assert (await FeeRefund.get()).state == "done"
    assert set((await ledger.balances(order.id)).values()) == {0}
    await paying.check_books()


async def test_parts_are_given_back_until_nothing_is_left(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    for fen, state in ((50, "part"), (PRICE_FEN - 50, "refunded")):
        refund = await refunds.ask(s.clock, order.id, fen, "多收的退回", actor=FINANCE)
        await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
        await refund_sending.send(paying.box(s), pay, refund.id)
        pay._end_refund(refund.number)
        paying.forward(s, minutes=3)
        await paying.sweep(s, pay)
        assert (await FeeOrder.get()).state == state
        await paying.check_books()


async def test_what_cannot_be_refunded(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    open_order = await paying.ordered(s, pay, fee)
    with pytest.raises(Conflict) as moved:
        await refunds.ask(s.clock, open_order.id, 1, "退款原因", actor=FINANCE)
    assert moved.value.code == "order_moved"
    assert pay._pay(open_order.number)
    await paying.notify(s, pay, open_order.number)
    for fen in (0, -1, PRICE_FEN + 1):
        with pytest.raises(Invalid):
            await refunds.ask(s.clock, open_order.id, fen, "退款原因", actor=FINANCE)
    with pytest.raises(Invalid):
        await refunds.ask(s.clock, open_order.id, 1, "短", actor=FINANCE)
    with pytest.raises(NotFound):
        await refunds.ask(s.clock, 0, 1, "退款原因", actor=FINANCE)
    with pytest.raises(Forbidden):
        await refunds.ask(s.clock, open_order.id, 1, "退款原因", actor=make.OPERATOR)
    first = await refunds.ask(s.clock, open_order.id, 1, "退款原因", actor=FINANCE)
    with pytest.raises(Conflict) as open_already:
        await refunds.ask(s.clock, open_order.id, 1, "退款原因", actor=OTHER_FINANCE)
    assert open_already.value.code == "refund_open"
    with pytest.raises(Forbidden):
        await refunds.decline(s.clock, first.id, actor=FINANCE)
    await refunds.decline(s.clock, first.id, actor=OTHER_FINANCE)
    for decide in (refunds.decline(s.clock, first.id, actor=OTHER_FINANCE),):
        with pytest.raises(Conflict):
            await decide
    with pytest.raises(NotFound):
        await refunds.approve(s.clock, s.queue, s.faults, 0, actor=OTHER_FINANCE)
    assert (await FeeRefund.get()).state == "declined"
    assert (await FeeOrder.get()).state == "paid"


@pytest.mark.parametrize(
    ("status", "refund_state", "order_state", "alarm"),
    [("CLOSED", "ended", "paid", "refund_ended"), ("ABNORMAL", "abnormal", "refunding", "refund_abnormal")],
)
async def test_a_refund_that_does_not_come_through(
    services: Services, pay: FakePay, status: str, refund_state: str, order_state: str, alarm: str
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    refund = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay.refund_status = status
    pay._end_refund(refund.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert ((await FeeRefund.get()).state, (await FeeOrder.get()).state) == (refund_state, order_state)
    assert [one.kind for one in await FinanceAlarm.all()] == [alarm]
    await paying.check_books()
    pay.refund_status = "SUCCESS"  # somebody has settled it in the merchant console
    if status == "ABNORMAL":
        pay._end_refund(refund.number)
        told = pay._refund_notification(refund.number)
        await notifications.receive(s.clock, s.queue, told)
        await notifications.apply(paying.box(s), told.id)
        assert await paying.states() == (["refunded"], ["refunded"])


@pytest.mark.parametrize("by_hand", [False, True])
async def test_what_did_not_go_back_by_itself_goes_back_by_two_people_and_the_books_are_right(
    services: Services, pay: FakePay, by_hand: bool
) -> None:
    """It never was income: it is not taken from income a second time."""
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    first = await paying.ordered(s, pay, fee, by=paying.payer(fee, account="mp"))
    again = await paying.ordered(s, pay, fee)
    for order in (first, again):
        assert pay._pay(order.number)
        await paying.notify(s, pay, order.number)
    for status, state in (("CLOSED", "paid"), ("CLOSED", "paid"), ("SUCCESS", "refunded")):
        waiting = await FeeRefund.filter(order_id=again.id, next_try_at__not_isnull=True).first()
        if waiting is None and by_hand and status == "SUCCESS":
            transaction = pay.orders[again.number].transaction
            assert transaction is not None
            done = PayRefund(again.number, transaction, "byhand1", "5031", status, PRICE_FEN, PRICE_FEN)
            await refund_sending.hear(paying.box(s), done)
        else:
            if waiting is None:
                waiting = await refunds.ask(s.clock, again.id, PRICE_FEN, "多付的退回", actor=FINANCE)
                await refunds.approve(s.clock, s.queue, s.faults, waiting.id, actor=OTHER_FINANCE)
            await paying.check_books()
            await refund_sending.send(paying.box(s), pay, waiting.id)
            pay.refund_status = status
            pay._end_refund(waiting.number)
            if status == "CLOSED":
                pay.orders[again.number].refunded_fen = 0
            paying.forward(s, minutes=3)
            await paying.sweep(s, pay)
        assert (await FeeOrder.get(id=again.id)).state == state
        owed = {"paid": -PRICE_FEN, "refunded": 0}[state]
        assert await ledger.balances(again.id) == {
            Account.WECHAT: -owed,
            Account.BANK: 0,
            Account.INCOME: 0,
            Account.OWED_BACK: owed,
            Account.CHARGES: 0,
        }
        await paying.check_books()


async def test_a_merchant_without_money_refunds_later(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    refund = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
    pay.balance_fen = 0
    await refund_sending.send(paying.box(s), pay, refund.id)
    assert [one.kind for one in await FinanceAlarm.all()] == ["balance_short"]
    pay.balance_fen = None
    paying.forward(s, minutes=10)
    await paying.sweep(s, pay)
    assert pay.refunds == {}
    paying.forward(s, minutes=21)
    await paying.sweep(s, pay)
    assert (await FeeRefund.get()).state == "accepted"


async def test_a_refund_made_by_hand_in_the_console_is_booked(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    kept = pay.orders[order.number]
    assert kept.transaction is not None
    by_hand = PayRefund(order.number, kept.transaction, "byhand1", "5031", "SUCCESS", PRICE_FEN, PRICE_FEN)
    for _ in range(2):
        assert await refund_sending.hear(paying.box(s), by_hand) is RefundState.DONE
    assert await paying.states() == (["refunded"], ["refunded"])
    assert [one.kind for one in await FinanceAlarm.all()] == ["refund_by_hand"]
    await paying.check_books()
    assert await refund_sending.hear(paying.box(s), replace(by_hand, out_trade_no="another")) is None


async def test_one_notification_that_cannot_be_booked_yet_keeps_no_other_waiting(
    services: Services, pay: FakePay
) -> None:
    """A refund by hand while one of ours is under way: booked once that has ended; others are booked meanwhile."""
    s = services
    plan = await paying.priced(s)
    order = await paying.paid(s, pay, await paying.owing(s, plan))
    ours = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, ours.id, actor=OTHER_FINANCE)
    kept = pay.orders[order.number]
    assert kept.transaction is not None
    by_hand = PayRefund(order.number, kept.transaction, "byhand1", "5031", "SUCCESS", PRICE_FEN, PRICE_FEN)
    notification = PayNotification("EV-hand", "REFUND.SUCCESS", s.clock.now(), refund=by_hand)
    await notifications.receive(s.clock, s.queue, notification)
    second = await paying.ordered(s, pay, await paying.owing(s, plan))
    assert pay._pay(second.number)
    await notifications.receive(s.clock, s.queue, pay._notification(second.number))
    await notifications.sweep(paying.box(s))
    assert (await FeeOrder.get(id=second.id)).state == "paid"
    assert await PayInboxEntry.filter(applied_at=None).count() == 1
    closed = PayRefund(order.number, kept.transaction, ours.number, "5032", "CLOSED", PRICE_FEN, PRICE_FEN)
    await refund_sending.hear(paying.box(s), closed)
    paying.forward(s, minutes=2)
    await notifications.sweep(paying.box(s))
    assert (await FeeOrder.get(id=order.id)).state == "refunded"
    assert await PayInboxEntry.filter(applied_at=None).count() == 0
    await paying.check_books()


async def approved(s: Services, pay: FakePay) -> FeeRefund:
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    return await FeeRefund.get(id=asked.id).prefetch_related("order")


async def test_a_refund_that_wechat_pay_does_not_take_is_an_alarm_and_not_asked_for_every_two_minutes(
    services: Services, pay: FakePay
) -> None:
    s, refund = services, await approved(services, pay)
    kept = pay.orders[refund.order.number]
    kept.refunded_fen = PRICE_FEN  # it was given back there already, and we have not heard of it
    await refund_sending.send(paying.box(s), pay, refund.id)
    assert [one.kind for one in await FinanceAlarm.all()] == ["refund_refused"]
    await refund.refresh_from_db()
    assert (refund.state, refund.next_try_at) == ("sending", s.clock.now() + refund_sending.LATER)
    assert "INVALID_REQUEST" in refund.trouble
    kept.refunded_fen = 0
    paying.forward(s, minutes=31)
    await paying.sweep(s, pay)
    assert (await FeeRefund.get()).state == "accepted"


async def test_one_refund_that_cannot_be_looked_after_keeps_no_other_waiting(
    services: Services, pay: FakePay
) -> None:
    s = services
    first, second = await approved(s, pay), await approved(s, pay)
    del pay.orders[first.order.number]  # whatever it is, it raises
    paying.forward(s, minutes=3)
    await refund_sending.sweep(paying.box(s), pay)
    assert (await FeeRefund.get(id=second.id)).state == "accepted"


async def test_a_reason_that_wechat_pay_cannot_print_is_refused_when_it_is_written(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    with pytest.raises(Invalid) as refused:
        await refunds.ask(s.clock, order.id, PRICE_FEN, "考生𠮷某不能参加考试", actor=FINANCE)
    assert [(one.pointer, one.code) for one in refused.value.errors] == [("/reason", "reason_character")]
    assert await FeeRefund.all().count() == 0
