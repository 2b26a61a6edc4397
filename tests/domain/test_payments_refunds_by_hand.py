"""Refunds that somebody made in WeChat Pay's merchant console: heard at any moment, booked once, never lost in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.domain.payments import notifications, refund_sending, refunds
from server.domain.payments.refund_states import RefundState
from server.domain.ports import Services
from server.domain.ports.payments import PayNotification, PayRefund
from server.errors import Conflict
from server.models import FeeOrder, FeeRefund, FinanceAlarm, PayInboxEntry
from tests.kit import paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN


def by_hand(pay: FakePay, order: FeeOrder, number: str = "byhand1", *, fen: int = PRICE_FEN) -> PayRefund:
    """What WeChat Pay says of it; it gives it back there, too."""
    kept = pay.orders[order.number]
    assert kept.transaction is not None
    kept.state, kept.refunded_fen = "REFUND", kept.refunded_fen + fen
    said = PayRefund(order.number, kept.transaction, number, "5031", "SUCCESS", fen, kept.order.total_fen)
    pay.refunds[number] = said
    return said


async def told(s: Services, said: PayRefund) -> str:
    """The notification is kept in the inbox."""
    notification = PayNotification(f"EV-{said.out_refund_no}", "REFUND.SUCCESS", s.clock.now(), refund=said)
    await notifications.receive(s.clock, s.queue, notification)
    return notification.id


async def alarms_open() -> list[str]:
    return [one.kind for one in await FinanceAlarm.filter(settled_at=None).order_by("id")]


async def test_heard_before_the_payment_it_is_booked_when_the_payment_is(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    notification = await told(s, by_hand(pay, order))
    with pytest.raises(Conflict) as waits:
        await notifications.apply(paying.box(s), notification)
    assert waits.value.code == "refund_waits"
    assert (await PayInboxEntry.get()).applied_at is None
    assert await alarms_open() == ["refund_by_hand_waits"]  # told, though nothing could be booked
    await paying.notify(s, pay, order.number)
    paying.forward(s, minutes=5)
    await notifications.sweep(paying.box(s))
    assert await paying.states() == (["refunded"], ["refunded"])
    assert await alarms_open() == ["refund_by_hand"]
    assert await PayInboxEntry.filter(applied_at=None).count() == 0
    await paying.check_books()


async def test_heard_while_one_of_ours_is_under_way_it_waits_for_its_end(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    ours = await refunds.ask(s.clock, order.id, 50, "多收的退回", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, ours.id, actor=OTHER_FINANCE)
    await refund_sending.send(paying.box(s), pay, ours.id)
    notification = await told(s, by_hand(pay, order, fen=PRICE_FEN - 50))
    with pytest.raises(Conflict):
        await notifications.apply(paying.box(s), notification)
    assert (await FeeOrder.get()).state == "refunding"
    pay._end_refund(ours.number)
    for _ in range(2):
        paying.forward(s, minutes=5)
        await paying.sweep(s, pay)
    assert await paying.states() == (["refunded"], ["refunded"])
    assert sorted([one.amount_fen for one in await FeeRefund.all()]) == [50, PRICE_FEN - 50]
    await paying.check_books()


async def test_heard_while_one_of_ours_waits_for_approval_ours_gives_way(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    notification = await told(s, by_hand(pay, order))
    await notifications.apply(paying.box(s), notification)
    await asked.refresh_from_db()
    assert (asked.state, asked.decided_by_name) == ("declined", "系统")
    assert "byhand1" in asked.trouble
    with pytest.raises(Conflict):
        await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    assert await paying.states() == (["refunded"], ["refunded"])
    alarm = await FinanceAlarm.get()
    assert (alarm.kind, alarm.content["declined"]) == ("refund_by_hand", asked.number)
    await paying.check_books()


async def test_what_is_left_of_the_order_may_be_given_back_after_ours_gave_way(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    assert await refund_sending.hear(paying.box(s), by_hand(pay, order, fen=50)) is RefundState.DONE
    assert (await FeeOrder.get()).state == "part"
    rest = await refunds.ask(s.clock, order.id, PRICE_FEN - 50, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, rest.id, actor=OTHER_FINANCE)
    await refund_sending.send(paying.box(s), pay, rest.id)
    pay._end_refund(rest.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert await paying.states() == (["refunded"], ["refunded"])
    await paying.check_books()


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_fen": PRICE_FEN + 1},
        {"transaction_id": "4200000000000000000000000000"},
        {"refund_fen": 0},
        {"refund_fen": PRICE_FEN + 1},
    ],
    ids=lambda one: next(iter(one)),
)
async def test_what_does_not_fit_the_order_is_an_alarm_and_never_booked(
    services: Services, pay: FakePay, wrong: dict[str, int | str]
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    notification = await told(s, replace(by_hand(pay, order), **wrong))  # type: ignore[arg-type]
    await notifications.apply(paying.box(s), notification)
    assert (await FeeOrder.get()).state == "paid"
    assert await alarms_open() == ["refund_mismatch"]
    assert await FeeRefund.all().count() == 0


async def test_a_long_number_of_the_console_is_booked(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    number = "9" * 64
    assert await refund_sending.hear(paying.box(s), by_hand(pay, order, number)) is RefundState.DONE
    assert (await FeeRefund.get()).number == number
    await paying.check_books()


@pytest.mark.parametrize("status", ["PROCESSING", "ABNORMAL"])
async def test_one_that_is_not_done_is_told_and_booked_only_when_it_is(
    services: Services, pay: FakePay, status: str
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    said = by_hand(pay, order)
    assert await refund_sending.hear(paying.box(s), replace(said, status=status)) is None
    assert (await FeeOrder.get()).state == "paid"
    assert await alarms_open() == ["refund_by_hand_open"]
    assert await refund_sending.hear(paying.box(s), said) is RefundState.DONE
    assert await alarms_open() == ["refund_by_hand"]
    await paying.check_books()
