"""Payers of the sandbox who pay twice, late or after closing, and what our books make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.domain.payments import notifications as pay_notifications
from server.domain.payments import open_orders, orders, payment_polling, refund_sending, waivers
from server.domain.payments.orders import Payer
from server.domain.ports import Services
from server.errors import Conflict
from server.models import Fee, FeeOrder, FeeRefund, FinanceAlarm, LedgerPosting, PayInboxEntry
from tests.kit import jobs, make, paying
from tests.kit.pay_platform import PayPlatform
from tests.kit.paying import FINANCE, OTHER_FINANCE
from tests.web.pay_both_ways import World, pay_world


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def world(services: Services, pay_platform: PayPlatform) -> AsyncIterator[World]:
    async with pay_world(services, pay_platform) as one:
        yield one


@pytest.fixture
async def fee(world: World) -> Fee:
    return await paying.owing(world.services, await paying.priced(world.services))


async def opened(world: World, fee: Fee, account: str) -> tuple[FeeOrder, str]:
    """An order over the fee with its cashier open, and the prepay_id that the payer holds."""
    s = world.services
    payer = Payer(candidate_id=fee.candidate_id, account=account, openid=world.openid(account))
    order = await orders.create(s.clock, [fee.id], payer, actor=make.ADMIN)
    cashier = "requestPayment" if account == "mp" else "getBrandWCPayRequest"
    handed = await orders.open_cashier(paying.box(s), world.pay, order.id, payer, cashier)  # type: ignore[arg-type]
    return order, handed["package"].removeprefix("prepay_id=")


async def act(world: World, path: str, **said: Any) -> dict[str, Any]:
    """As a person does at the sandbox, or a test for him."""
    url = f"{world.services.settings.pay_url}/sandbox/api/pay/{path}"
    async with world.desk.platform.http.post(url, json=said) as answer:
        told: dict[str, Any] = await answer.json()
    await world.settled()
    return told


async def booked(world: World) -> None:
    """Everything that waits is worked off."""
    await pay_notifications.sweep(paying.box(world.services))
    await payment_polling.sweep(paying.box(world.services), world.pay)
    await refund_sending.sweep(paying.box(world.services), world.pay)
    await world.settled()


async def test_who_pays_both_orders_of_one_fee_has_one_back(world: World, fee: Fee) -> None:
    one, first = await opened(world, fee, "oa")
    two, second = await opened(world, fee, "mp")
    assert (await act(world, "pay", handle=first))["trade_state"] == "SUCCESS"
    assert await act(world, "pay", handle=first) == {"problem": "该订单已支付"}
    assert (await act(world, "pay", handle=second))["trade_state"] == "SUCCESS"
    await booked(world)
    assert [alarm.kind for alarm in await FinanceAlarm.all()] == ["paid_twice"]
    world.forward(600)
    await booked(world)
    await booked(world)
    [refund] = await FeeRefund.all()
    assert (refund.state, refund.is_automatic) == ("done", True)
    assert sorted((await paying.states())[1]) == ["paid", "refunded"]
    assert (await Fee.get()).settled_by_id in (one.id, two.id)
    await paying.check_books()


async def test_who_pays_one_order_cannot_pay_the_other_once_it_is_closed(world: World, fee: Fee) -> None:
    s = world.services
    one, first = await opened(world, fee, "oa")
    two, second = await opened(world, fee, "mp")
    await act(world, "pay", handle=first)
    await pay_notifications.sweep(paying.box(s))
    assert jobs.waiting(s, open_orders.JOB) == [{"order_id": two.id}]
    await payment_polling.close_overtaken(paying.box(s), world.pay, two.id)
    assert await act(world, "pay", handle=second) == {"problem": "该订单已关闭"}
    assert [(await FeeOrder.get(id=o.id)).state for o in (one, two)] == ["paid", "closed"]
    assert await FinanceAlarm.all().count() == 0
    await paying.check_books()


async def test_a_waived_fee_is_paid_by_nobody(world: World, fee: Fee) -> None:
    s = world.services
    order, prepay_id = await opened(world, fee, "oa")
    asked = await waivers.ask(s.clock, fee.id, "家庭经济困难", actor=FINANCE)
    await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    with pytest.raises(Conflict) as refused:
        await opened_again(world, order, fee)
    assert refused.value.code == "fee_waived"
    assert await act(world, "pay", handle=prepay_id) == {"problem": "该订单已关闭"}
    assert (await paying.states()) == (["waived"], ["closed"])


async def opened_again(world: World, order: FeeOrder, fee: Fee) -> None:
    payer = Payer(candidate_id=fee.candidate_id, account="oa", openid=world.openid("oa"))
    await orders.open_cashier(paying.box(world.services), world.pay, order.id, payer, "getBrandWCPayRequest")


async def test_a_payment_is_told_a_day_late_twice_and_after_our_own_question(world: World, fee: Fee) -> None:
    world.turn(notify_seconds=86400.0)
    _, prepay_id = await opened(world, fee, "oa")
    await act(world, "pay", handle=prepay_id)
    assert await PayInboxEntry.all().count() == 0
    world.forward(31)
    await booked(world)
    assert (await FeeOrder.get()).state == "paid"  # found by asking
    world.forward(86400)
    await world.settled()
    assert world.notes() == [("TRANSACTION.SUCCESS", "heard", 1)]
    await booked(world)
    [kept] = await PayInboxEntry.all()
    assert await act(world, f"notifications/{kept.id}") == {"id": kept.id}
    await booked(world)
    assert world.notes() == [("TRANSACTION.SUCCESS", "heard", 2)]
    assert await PayInboxEntry.all().count() == await LedgerPosting.all().count() == 1
    await paying.check_books()


async def test_who_pays_after_the_time_is_over_is_refused_and_the_order_closes(
    world: World, fee: Fee
) -> None:
    _, prepay_id = await opened(world, fee, "oa")
    world.forward(7199)
    world.forward(1)
    told = await act(world, "pay", handle=prepay_id)
    assert told["problem"] in ("订单已超过支付截止时间", "支付会话已过期，请重新下单")
    await booked(world)
    assert await paying.states() == (["owed"], ["closed"])
    assert "problem" in await act(world, "pay", handle=prepay_id)
    await paying.check_books()
