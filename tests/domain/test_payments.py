"""What is owed, paid once, booked once and given back once, whatever comes twice, late or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from server.domain.levels import Level
from server.domain.payments import (
    alarms,
    fees,
    ledger,
    notifications,
    orders,
    payment_polling,
    prices,
    refund_sending,
    settlement,
)
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import OrderState
from server.domain.payments.orders import Payer
from server.domain.payments.prices import NewPrice
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import (
    AuditEntry,
    Fee,
    FeeOrder,
    FeeRefund,
    FinanceAlarm,
    LedgerEntry,
    LedgerPosting,
    PayInboxEntry,
    Price,
)
from server.models.database import rows
from tests.kit import make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

# What is owed


@pytest.mark.rule("S57")
async def test_a_registration_owes_once_what_the_price_of_its_day_says(services: Services) -> None:
    s = services
    plan = await paying.priced(s)
    fee = await paying.owing(s, plan)
    assert (fee.amount_fen, fee.state, fee.school_id) == (PRICE_FEN, "owed", None)
    later = NewPrice(plan.id, Level.PRIMARY, "social", 99_900, date(2030, 1, 1))
    await prices.set_price(s.clock, s.queue, later, actor=FINANCE)
    assert await fees.raise_fees(s.clock) == 0
    assert (await Fee.get()).amount_fen == PRICE_FEN
    first, second = await Price.all().order_by("id")
    assert (first.to_on, second.to_on) == (date(2029, 12, 31), None)


async def test_the_school_owes_for_its_own_people_and_nobody_without_a_price(services: Services) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    fee = await paying.owing(s, plan, school=school)
    assert fee.school_id == school.id
    who = await make.candidate(s)
    await make.registration(s, who, on=await make.plan(), outcome="pending")
    assert await fees.raise_fees(s.clock) == 0
    assert await rows("SELECT * FROM registration_unpriced") == []


async def test_a_price_that_is_set_late_finds_those_who_registered_before(services: Services) -> None:
    s, plan = services, await make.plan()
    await make.registration(s, on=plan, outcome="pending")
    assert await fees.raise_fees(s.clock) == 0
    await paying.priced(s, kind="school", on=plan)
    assert await fees.raise_fees(s.clock) == 1


async def test_two_that_raise_fees_at_once_make_each_once(services: Services) -> None:
    s, plan = services, await paying.priced(services, kind="school")
    for _ in range(30):
        await make.registration(s, on=plan, outcome="pending")
    made = await asyncio.gather(*(fees.raise_fees(s.clock) for _ in range(4)))
    assert sum(made) == await Fee.all().count() == 30


# Ordering and paying


async def test_a_payment_is_booked_once_however_often_it_is_told(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await paying.ordered(s, pay, fee)
    assert pay._pay(order.number)
    notification = pay._notification(order.number)
    assert await notifications.receive(s.clock, s.queue, notification)
    assert not await notifications.receive(s.clock, s.queue, notification)
    await asyncio.gather(*(notifications.apply(paying.box(s), notification.id) for _ in range(4)))
    paying.forward(s, minutes=1)
    await paying.sweep(s, pay)
    assert await paying.states() == (["settled"], ["paid"])
    assert await ledger.balances(order.id) == {
        Account.WECHAT: PRICE_FEN,
        Account.BANK: 0,
        Account.INCOME: -PRICE_FEN,
        Account.OWED_BACK: 0,
        Account.CHARGES: 0,
    }
    assert await LedgerPosting.all().count() == 1
    assert await AuditEntry.filter(action="order.pay").count() == 1
    [kept] = await PayInboxEntry.all()
    assert "oPayer" not in str(kept.content)
    await paying.check_books()


async def test_a_payment_is_found_without_any_notification(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    paying.forward(s, seconds=31)
    pay.losing = 1
    await paying.sweep(s, pay)
    assert (await FeeOrder.get()).state == "pending"
    paying.forward(s, seconds=31)
    await paying.sweep(s, pay)
    assert await paying.states() == (["settled"], ["paid"])


async def test_the_same_wish_is_the_same_order_and_what_is_paid_is_not_ordered_again(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    first, second = [await paying.ordered(s, pay, fee) for _ in range(2)]
    assert first.number == second.number
    assert pay._pay(first.number)
    await paying.notify(s, pay, first.number)
    with pytest.raises(Conflict) as refused:
        await paying.ordered(s, pay, fee)
    assert refused.value.code == "fee_settled"
    with pytest.raises(Conflict) as refused:
        await orders.open_cashier(paying.box(s), pay, first.id, paying.payer(fee), "getBrandWCPayRequest")
    assert refused.value.code == "order_moved"


async def test_nobody_orders_or_pays_what_another_owes(services: Services, pay: FakePay) -> None:
    s = services
    plan = await paying.priced(s)
    mine, yours = await paying.owing(s, plan), await paying.owing(s, plan)
    with pytest.raises(NotFound):
        await orders.create(s.clock, [mine.id, yours.id], paying.payer(mine), actor=make.ADMIN)
    order = await paying.ordered(s, pay, yours)
    with pytest.raises(NotFound):
        await orders.open_cashier(paying.box(s), pay, order.id, paying.payer(mine), "getBrandWCPayRequest")
    school = await make.school()
    theirs = await paying.owing(s, await paying.priced(s, kind="school"), school=school)
    for by in (Payer(candidate_id=theirs.candidate_id), Payer(school_id=(await make.school()).id)):
        with pytest.raises(NotFound):
            await orders.create(s.clock, [theirs.id], by, actor=make.ADMIN)
    with pytest.raises(Invalid):
        await orders.create(s.clock, [], paying.payer(mine), actor=make.ADMIN)
    assert await FeeOrder.all().count() == 1


async def test_a_school_pays_for_many_with_one_qr(services: Services, pay: FakePay) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    owed = [await paying.owing(s, plan, school=school) for _ in range(3)]
    order = await paying.paid(s, pay, *owed)
    assert (order.way, order.total_fen, order.state) == ("native", 3 * PRICE_FEN, "paid")
    assert [fee.settled_by_id for fee in await Fee.all()] == [order.id] * 3


async def test_of_two_payments_for_one_fee_the_second_goes_back_by_itself(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    one = await paying.ordered(s, pay, fee)
    two = await paying.ordered(s, pay, fee, by=paying.payer(fee, account="mp"))
    for order in (one, two):
        assert pay._pay(order.number)
    await asyncio.gather(paying.notify(s, pay, one.number), paying.notify(s, pay, two.number))
    [refund] = await FeeRefund.all()
    assert (refund.amount_fen, refund.is_automatic, refund.state) == (PRICE_FEN, True, "sending")
    await paying.check_books()
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay._end_refund(refund.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert sorted((await paying.states())[1]) == ["paid", "refunded"]
    assert (await Fee.get()).state == "settled"
    assert [alarm.kind for alarm in await FinanceAlarm.all()] == ["paid_twice"]
    await paying.check_books()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"total_fen": PRICE_FEN - 1}, "payment_amount"),
        ({"total_fen": None}, "payment_amount"),
        ({"currency": "USD"}, "payment_of_another"),
        ({"mchid": "1900000000"}, "payment_of_another"),
        ({"appid": "wxother"}, "payment_of_another"),
        ({"state": "NOTPAY"}, "payment_not_made"),
        ({"transaction_id": None}, "payment_not_made"),
    ],
)
async def test_what_does_not_fit_the_order_is_an_alarm_and_never_paid(
    services: Services, pay: FakePay, said: dict[str, object], why: str
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    genuine = pay._notification(order.number)
    assert genuine.transaction is not None
    wrong = replace(genuine, transaction=replace(genuine.transaction, **said))  # type: ignore[arg-type]
    await notifications.receive(s.clock, s.queue, wrong)
    await notifications.apply(paying.box(s), wrong.id)
    assert await paying.states() == (["owed"], ["pending"])
    [alarm] = await FinanceAlarm.all()
    assert (alarm.kind, alarm.order_id, alarm.content["why"]) == ("payment_mismatch", order.id, why)
    assert await LedgerEntry.all().count() == 0
    paying.forward(s, minutes=1)
    await paying.sweep(s, pay)  # the truth is asked for all the same
    assert await paying.states() == (["settled"], ["paid"])


async def test_a_payment_of_nothing_of_ours_is_an_alarm(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    genuine = pay._notification(order.number)
    assert genuine.transaction is not None
    foreign = replace(genuine.transaction, out_trade_no="xc20260101ffffffffffffffff")
    for _ in range(2):
        assert await settlement.settle(paying.box(s), foreign) is None
    assert [alarm.kind for alarm in await FinanceAlarm.all()] == ["payment_unknown"]
    alarm = await FinanceAlarm.get()
    with pytest.raises(Forbidden):
        await alarms.settle(s.clock, alarm.id, "已与微信支付核对", actor=make.OPERATOR)
    for nothing in ("", " 　", "好的", "长" * 201):
        with pytest.raises(Invalid):
            await alarms.settle(s.clock, alarm.id, nothing, actor=FINANCE)
    await alarms.settle(s.clock, alarm.id, "已与微信支付核对", actor=FINANCE)
    await alarms.settle(s.clock, alarm.id, "再处理一次试试", actor=OTHER_FINANCE)
    alarm = await FinanceAlarm.get()
    assert (alarm.settled_by_name, alarm.note) == ("财务甲", "已与微信支付核对")
    with pytest.raises(NotFound):
        await alarms.settle(s.clock, 0, "已与微信支付核对", actor=FINANCE)


# Closing


async def test_an_order_past_its_time_is_closed_there_first(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    paying.forward(s, hours=2, minutes=1)
    await paying.sweep(s, pay)
    assert (await paying.states(), pay.orders[order.number].state) == ((["owed"], ["closed"]), "CLOSED")
    assert (await FeeOrder.get()).next_query_at is None


async def test_an_order_that_wechat_never_heard_of_is_closed_when_its_time_is_over(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    paying.forward(s, minutes=1)
    await paying.sweep(s, pay)
    assert (await FeeOrder.get()).state == "pending"
    paying.forward(s, hours=2)
    await paying.sweep(s, pay)
    assert (await FeeOrder.get()).state == "closed"


async def test_a_payment_that_wins_the_race_against_closing_is_honoured(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    paying.forward(s, hours=2, minutes=1)
    query = pay.query

    async def raced(out_trade_no: str) -> object:
        known = await query(out_trade_no)
        pay._pay(out_trade_no)  # between the question and the closing
        return known

    pay.query = raced  # type: ignore[method-assign, assignment]
    assert await payment_polling.look(paying.box(s), pay, order.number) is OrderState.PAID
    await paying.sweep(s, pay)
    assert await paying.states() == (["settled"], ["paid"])


async def test_a_payment_told_of_after_closing_is_honoured(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    paying.forward(s, hours=2, minutes=1)
    await payment_polling.look(paying.box(s), pay, order.number)
    assert (await FeeOrder.get()).state == "closed"
    pay.orders[order.number].state = "NOTPAY"  # WeChat Pay took money after all
    assert pay._pay(order.number)
    await paying.notify(s, pay, order.number)
    assert await paying.states() == (["settled"], ["paid"])
    await paying.check_books()


async def test_a_rush_of_orders_is_asked_after_in_one_sweep(services: Services, pay: FakePay) -> None:
    s, plan = services, await paying.priced(services)
    for _ in range(payment_polling.SLICE + 3):
        order = await paying.ordered(s, pay, await paying.owing(s, plan))
        assert pay._pay(order.number)
    paying.forward(s, seconds=31)
    await payment_polling.sweep(paying.box(s), pay)
    assert await FeeOrder.filter(state="pending").count() == 0


async def test_one_order_that_cannot_be_booked_keeps_no_other_waiting(
    services: Services, pay: FakePay, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever its booking stumbles over: here the database refuses what WeChat Pay says."""
    s = services
    plan = await paying.priced(s)
    bad, good = [await paying.ordered(s, pay, await paying.owing(s, plan)) for _ in range(2)]
    for order in (bad, good):
        assert pay._pay(order.number)
    pay.orders[bad.number].transaction = "9" * 40  # longer than the column
    paying.forward(s, seconds=31)
    await payment_polling.sweep(paying.box(s), pay)
    assert (await FeeOrder.get(id=bad.id)).state == "pending"
    assert (await FeeOrder.get(id=good.id)).state == "paid"
    [told] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert (told.getMessage(), vars(told)["order"]) == ("order not asked after", bad.number)
