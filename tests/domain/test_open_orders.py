"""An open order whose fees are meanwhile waived or settled, opened twice, or asked after by everybody at once."""

from __future__ import annotations

import asyncio

import pytest

from server.domain.payments import (
    open_orders,
    order_limits,
    orders,
    payment_polling,
    refund_sending,
    waivers,
)
from server.domain.payments.order_states import OrderState
from server.domain.ports import Services
from server.domain.ports.payments import PayOrder, PayTransaction
from server.errors import Conflict, OutsideFailure, TooMany
from server.models import Fee, FeeOrder, FeeRefund, FinanceAlarm
from tests.kit import jobs, make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE


async def waive(s: Services, fee: Fee) -> None:
    asked = await waivers.ask(s.clock, fee.id, "家庭经济困难", actor=FINANCE)
    await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)


async def open_again(s: Services, pay: FakePay, order: FeeOrder, fee: Fee, account: str = "oa") -> Conflict:
    with pytest.raises(Conflict) as refused:
        by = paying.payer(fee, account=account)
        await orders.open_cashier(paying.box(s), pay, order.id, by, "getBrandWCPayRequest")
    return refused.value


def counted(pay: FakePay) -> list[str]:
    """Every query from now on."""
    asked: list[str] = []
    query = pay.query

    async def count(out_trade_no: str) -> PayTransaction | None:
        asked.append(out_trade_no)
        return await query(out_trade_no)

    pay.query = count  # type: ignore[method-assign]
    return asked


# Overtaken


@pytest.mark.rule("S57")
async def test_the_cashier_does_not_open_over_a_waived_fee_and_the_order_is_closed(
    services: Services, pay: FakePay
) -> None:
    s = services
    plan = await paying.priced(s)
    fee = await paying.owing(s, plan)
    order = await paying.ordered(s, pay, fee)
    await waive(s, fee)
    refused = await open_again(s, pay, order, fee)
    assert (refused.code, str(refused)) == (
        "fee_waived",
        "这个订单里有费用已经减免，不用再付；订单已关闭，还有要缴的请重新下单。",
    )
    assert (await FeeOrder.get()).state == "closed" and pay.orders[order.number].state == "CLOSED"
    assert not pay._pay(order.number)


async def test_the_cashier_does_not_open_over_what_another_order_settled_in_part(
    services: Services, pay: FakePay
) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    one, two = [await paying.owing(s, plan, school=school) for _ in range(2)]
    both = await paying.ordered(s, pay, one, two)
    await paying.paid(s, pay, one)
    with pytest.raises(Conflict) as refused:
        await orders.native_code(paying.box(s), pay, both.id, paying.payer(one))
    assert refused.value.code == "fee_settled"
    assert "重新下单" in str(refused.value)
    assert (await FeeOrder.get(id=both.id)).state == "closed"
    again = await paying.paid(s, pay, two)
    assert again.state == "paid"
    await paying.check_books()


async def test_a_waiver_and_a_payment_ask_for_the_other_open_orders_to_be_closed(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    one = await paying.ordered(s, pay, fee)
    two = await paying.ordered(s, pay, fee, by=paying.payer(fee, account="mp"))
    assert pay._pay(one.number)
    await paying.notify(s, pay, one.number)
    [job] = jobs.waiting(s, open_orders.JOB)
    assert job == {"order_id": two.id}
    await payment_polling.close_overtaken(paying.box(s), pay, two.id)
    assert (await FeeOrder.get(id=two.id)).state == "closed"
    assert pay.orders[two.number].state == "CLOSED"
    other = await paying.owing(s, await paying.priced(s))
    three = await paying.ordered(s, pay, other)
    await waive(s, other)
    assert jobs.waiting(s, open_orders.JOB)[-1] == {"order_id": three.id}
    # Lost on the way: the sweep that asks after every open order sees it, too.
    paying.forward(s, minutes=1)
    await paying.sweep(s, pay)
    assert (await FeeOrder.get(id=three.id)).state == "closed"


async def test_a_payment_that_wins_against_the_waiver_is_booked_and_goes_back_by_itself(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await paying.ordered(s, pay, fee)
    await waive(s, fee)
    assert pay._pay(order.number)
    await payment_polling.close_overtaken(paying.box(s), pay, order.id)
    [refund] = await FeeRefund.all()
    await refund_sending.send(paying.box(s), pay, refund.id)
    assert (await FeeOrder.get()).state == "refunding"
    assert [alarm.kind for alarm in await FinanceAlarm.all()] == ["paid_waived"]
    await paying.check_books()


async def test_an_overtaken_order_is_closed_later_when_wechat_does_not_answer(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await paying.ordered(s, pay, fee)
    await waive(s, fee)
    pay.losing = 1
    refused = await open_again(s, pay, order, fee)
    assert refused.code == "fee_waived" and (await FeeOrder.get()).state == "pending"
    assert str(refused) == "这个订单里有费用已经减免，不用再付；请不要再付这个订单，还有要缴的请重新下单。"
    await payment_polling.close_overtaken(
        paying.box(s), pay, order.id
    )  # asked a moment ago: the sweep has it
    paying.forward(s, seconds=payment_polling.LEAST_BETWEEN.total_seconds() + 1)
    await paying.sweep(s, pay)
    assert (await FeeOrder.get()).state == "closed"


async def test_a_cashier_that_opens_while_its_order_is_closed_leaves_nothing_to_pay(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    ordered = pay.order_jsapi

    async def slow(asked: PayOrder, *, openid: str) -> str:
        await waive(s, fee)
        await payment_polling.close_overtaken(paying.box(s), pay, order.id)
        return await ordered(asked, openid=openid)

    pay.order_jsapi = slow  # type: ignore[method-assign, assignment]
    refused = await open_again(s, pay, order, fee)
    assert refused.code == "order_moved"
    assert (await FeeOrder.get()).state == "closed" and not pay._pay(order.number)


# Opened twice


async def test_a_second_tab_shows_the_same_code_and_kills_no_first(services: Services, pay: FakePay) -> None:
    s, school = services, await make.school()
    fee = await paying.owing(s, await paying.priced(s, kind="school"), school=school)
    order = await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    first = await orders.native_code(paying.box(s), pay, order.id, paying.payer(fee))
    paying.forward(s, minutes=100)
    assert await orders.native_code(paying.box(s), pay, order.id, paying.payer(fee)) == first
    assert first == pay.codes[order.number]


async def test_a_second_tap_opens_the_cashier_by_the_same_prepay_id(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    handed = [
        await orders.open_cashier(paying.box(s), pay, order.id, paying.payer(fee), "getBrandWCPayRequest")
        for _ in range(2)
    ]
    assert handed[0]["package"] == handed[1]["package"]
    await FeeOrder.filter(id=order.id).update(handle_until=s.clock.now())
    fresh = await orders.open_cashier(paying.box(s), pay, order.id, paying.payer(fee), "getBrandWCPayRequest")
    assert fresh["package"] != handed[0]["package"]


async def test_two_that_open_at_once_ask_wechat_once(services: Services, pay: FakePay) -> None:
    s, school = services, await make.school()
    fee = await paying.owing(s, await paying.priced(s, kind="school"), school=school)
    order = await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    held, ordered = asyncio.Event(), pay.order_native

    async def slow(asked: PayOrder) -> str:
        await held.wait()
        return await ordered(asked)

    pay.order_native = slow  # type: ignore[method-assign, assignment]
    first = asyncio.create_task(orders.native_code(paying.box(s), pay, order.id, paying.payer(fee)))
    async with asyncio.timeout(10):
        while (await FeeOrder.get()).opening_until is None:
            await asyncio.sleep(0.01)
    with pytest.raises(Conflict) as refused:
        await orders.native_code(paying.box(s), pay, order.id, paying.payer(fee))
    assert refused.value.code == "cashier_opening"
    held.set()
    assert await first == pay.codes[order.number]
    assert (
        await orders.native_code(paying.box(s), pay, order.id, paying.payer(fee)) == pay.codes[order.number]
    )


async def test_an_answer_that_is_lost_lets_the_next_ask_at_once(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    pay.losing = 1
    with pytest.raises(OutsideFailure):
        await orders.open_cashier(paying.box(s), pay, order.id, paying.payer(fee), "getBrandWCPayRequest")
    handed = await orders.open_cashier(
        paying.box(s), pay, order.id, paying.payer(fee), "getBrandWCPayRequest"
    )
    assert handed["package"].startswith("prepay_id=wx")


# Brakes


async def test_an_order_is_asked_after_every_few_seconds_whoever_asks(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = counted(pay)
    box = paying.box(s)
    assert set(await asyncio.gather(*(payment_polling.look(box, pay, order.number) for _ in range(6)))) == {
        OrderState.PENDING
    }
    assert len(asked) == 1
    paying.forward(s, seconds=payment_polling.LEAST_BETWEEN.total_seconds())
    await payment_polling.look(box, pay, order.number)
    assert len(asked) == 2


async def test_one_payer_has_so_many_open_orders_and_no_more(services: Services, pay: FakePay) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    owed = [await paying.owing(s, plan, school=school) for _ in range(order_limits.MOST_OPEN + 1)]
    for fee in owed[:-1]:
        await orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN)
    with pytest.raises(Conflict) as refused:
        await orders.create(s.clock, [owed[-1].id], paying.payer(owed[-1]), actor=make.ADMIN)
    assert (refused.value.code, str(refused.value)) == (
        "orders_open",
        f"您已有 {order_limits.MOST_OPEN} 个订单没有付款，请先付款，或等它们到期关闭后再下单。",
    )
    same = await orders.create(s.clock, [owed[0].id], paying.payer(owed[0]), actor=make.ADMIN)
    assert same.id == (await FeeOrder.all().order_by("id").first()).id  # type: ignore[union-attr]
    paying.forward(s, hours=2, minutes=1)  # past their time they hinder nobody, closed or not
    await orders.create(s.clock, [owed[-1].id], paying.payer(owed[-1]), actor=make.ADMIN)


async def test_orders_at_once_do_not_slip_past_the_limit(services: Services, pay: FakePay) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    owed = [await paying.owing(s, plan, school=school) for _ in range(order_limits.MOST_OPEN + 4)]
    made = await asyncio.gather(
        *(orders.create(s.clock, [fee.id], paying.payer(fee), actor=make.ADMIN) for fee in owed),
        return_exceptions=True,
    )
    assert sum(isinstance(one, FeeOrder) for one in made) == order_limits.MOST_OPEN
    assert await FeeOrder.all().count() == order_limits.MOST_OPEN


async def test_orders_are_made_so_often_and_no_more(services: Services) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    for _ in range(order_limits.TRIES):
        await order_limits.count(s.rate_limiter, paying.payer(fee).who)
    with pytest.raises(TooMany) as refused:
        await order_limits.count(s.rate_limiter, paying.payer(fee, account="mp").who)
    assert (refused.value.code, refused.value.retry_after) == ("too_many_orders", order_limits.WINDOW)
    other = await paying.owing(s, await paying.priced(s))
    await order_limits.count(s.rate_limiter, paying.payer(other).who)
