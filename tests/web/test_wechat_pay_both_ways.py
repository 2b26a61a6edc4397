"""Service and WeChat Pay over real HTTP, both ways: order, cashier, notification, query, refund, bill; and everything that goes wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from server.adapters.wechat.pay import WeChatPay
from server.domain import beijing
from server.domain.payments import notifications as pay_notifications
from server.domain.payments import orders as fee_orders
from server.domain.payments import reconciliation, refund_redirecting, refund_sending, refunds
from server.domain.payments.orders import Payer
from server.domain.ports import Clock, Queue, Services
from server.domain.ports.payments import Cashier, PayNotification, PayRefundOrder
from server.errors import OutsideFailure, PayRefused
from server.models import FeeOrder, FeeRefund, PayInboxEntry, ReconciliationDay
from server.sandbox.pay import cashier, forgeries, orders, probes
from tests.kit import make, paying
from tests.kit.pay_platform import PayPlatform
from tests.web.pay_both_ways import NUMBER, World, pay_world


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def world(services: Services, pay_platform: PayPlatform) -> AsyncIterator[World]:
    async with pay_world(services, pay_platform) as one:
        yield one


@pytest.fixture
def inbox(world: World, monkeypatch: pytest.MonkeyPatch) -> list[PayNotification]:
    """Every notification, whole, in place of the kept inbox."""

    async def take(_: Clock, __: Queue, notification: PayNotification) -> bool:
        world.taken.append(notification)
        return True

    monkeypatch.setattr(pay_notifications, "receive", take)
    return world.taken


async def test_order_pay_notify_query_refund_bill(world: World, inbox: list[PayNotification]) -> None:
    first = await world.ordered()
    assert await world.ordered()  # a fresh handle for the same order
    with pytest.raises(PayRefused) as changed:
        await world.pay.order_jsapi(replace(world.order(), total_fen=101), openid=world.openid())
    assert changed.value.is_code("OUT_TRADE_NO_USED") and changed.value.is_signed
    unpaid = await world.pay.query(NUMBER)
    assert unpaid is not None and (unpaid.state, unpaid.transaction_id) == ("NOTPAY", None)
    assert first.startswith("wx")

    await world.paid()
    (note,) = inbox
    found = await world.pay.query(NUMBER)
    assert found is not None and note.transaction == found
    assert (found.state, found.total_fen, found.openid, found.paid_at) == (
        "SUCCESS",
        100,
        world.openid(),
        world.services.clock.now(),
    )
    assert await world.pay.query("xc202611239999") is None
    with pytest.raises(PayRefused) as closed:
        await world.pay.close(NUMBER)
    assert closed.value.is_code("ORDER_PAID")

    ask = PayRefundOrder(NUMBER, "xr202611230001", 60, 100, "重复支付")
    accepted = await world.pay.refund(ask)
    again = await world.pay.refund(ask)
    assert (accepted.status, accepted.refund_id) == ("PROCESSING", again.refund_id)
    world.forward(61)
    await world.settled()
    done = await world.pay.query_refund("xr202611230001")
    refund = inbox[1].refund
    assert done is not None and refund is not None
    assert (done.status, done.refund_fen, done.total_fen) == ("SUCCESS", 60, 100)
    assert (inbox[1].event, refund.status, refund.refund_id) == ("REFUND.SUCCESS", "SUCCESS", done.refund_id)
    with pytest.raises(PayRefused):
        await world.pay.refund(PayRefundOrder(NUMBER, "xr202611230002", 41, 100))
    assert await world.pay.query_refund("xr202611230002") is None
    after = await world.pay.query(NUMBER)
    assert after is not None and after.state == "REFUND"

    world.forward(86400)
    bill = await world.pay.bill(date(2026, 11, 23))
    assert bill is not None
    payment, returned = sorted(bill.rows, key=lambda row: row.refund_fen)
    assert (payment.out_trade_no, payment.order_fen, payment.openid) == (NUMBER, 100, world.openid())
    assert (returned.out_refund_no, returned.refund_fen, returned.refund_id) == (
        "xr202611230001",
        60,
        done.refund_id,
    )
    assert (bill.summary.order_fen, bill.summary.refund_fen) == (100, 60)
    assert await world.pay.bill(date(2026, 11, 22)) is None


@pytest.mark.parametrize(
    ("way", "called", "kind"),
    [
        ("requestPayment", "requestPayment", "mp"),
        ("getBrandWCPayRequest", "WeixinJSBridge", "oa"),
    ],
)
async def test_the_cashier_opens_with_our_parameters(
    world: World, way: Cashier, called: str, kind: str
) -> None:
    order = world.order(account=kind)
    prepay_id = await world.pay.order_jsapi(order, openid=world.openid(kind))
    page = world.services.settings.public_url + "/h5/orders/"
    params = world.pay.pay_parameters(prepay_id, way)
    opened = cashier.open_by_page(world.desk, world.person, called, dict(params), page)
    assert "problem" not in opened
    wrong = dict(params) | {"paySign": world.pay.pay_parameters(prepay_id + "x", way)["paySign"]}
    assert "problem" in cashier.open_by_page(world.desk, world.person, called, wrong, page)


async def test_native_orders_close_and_end(world: World) -> None:
    assert (await world.pay.order_native(world.order())).startswith("weixin://wxpay/bizpayurl")
    await world.pay.close(NUMBER)
    await world.pay.close(NUMBER)
    closed = await world.pay.query(NUMBER)
    assert closed is not None and closed.state == "CLOSED"


async def test_while_we_cannot_keep_them_notifications_wait_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not kept is sent again by WeChat Pay's schedule, until it is."""
    receive = pay_notifications.receive

    async def fails(*_: Any) -> bool:
        raise OutsideFailure("数据库不在")

    monkeypatch.setattr(pay_notifications, "receive", fails)
    await world.ordered()
    await world.paid()
    assert world.notes() == [("TRANSACTION.SUCCESS", "waiting", 1)]
    world.forward(15)
    await world.settled()
    assert world.notes() == [("TRANSACTION.SUCCESS", "waiting", 2)]
    monkeypatch.setattr(pay_notifications, "receive", receive)
    world.forward(15)
    await world.settled()
    assert world.notes() == [("TRANSACTION.SUCCESS", "heard", 3)]
    assert [kept.event for kept in await PayInboxEntry.all()] == ["TRANSACTION.SUCCESS"]


async def test_a_fee_is_paid_in_wechat_refunded_and_paid_back(world: World) -> None:
    """The whole way over the wire: fee, order, cashier, payment, notification, job, refund by two, notification."""
    s, pay = world.services, world.pay
    fee = await paying.owing(s, await paying.priced(s))
    box = paying.box(s)
    payer = Payer(candidate_id=fee.candidate_id, account="mp", openid=world.openid())
    order = await fee_orders.create(s.clock, [fee.id], payer, actor=make.ADMIN)
    handed = await fee_orders.open_cashier(box, pay, order.id, payer, "requestPayment")
    assert handed["package"].startswith("prepay_id=wx")
    await world.paid(order.number)
    await pay_notifications.sweep(box)
    assert (await FeeOrder.get()).state == "paid"
    refund = await refunds.ask(s.clock, order.id, 50, "多收的退回", actor=paying.FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=paying.OTHER_FINANCE)
    await refund_sending.send(box, pay, refund.id)
    world.forward(3600)
    await world.settled()
    await pay_notifications.sweep(box)
    await refund_sending.sweep(box, pay)
    assert ((await FeeRefund.get()).state, (await FeeOrder.get()).state) == ("done", "part")
    await paying.check_books()

    day = beijing.day(s.clock.now())  # and the day after, WeChat Pay's own bill says the same as the books
    world.forward(86400)
    await reconciliation.sweep(s.clock, s.faults, pay)
    of = await ReconciliationDay.get(day=day)
    assert (of.state, of.payments, of.payments_fen) == ("matched", 1, paying.PRICE_FEN)
    assert (of.refunds, of.refunds_fen, of.charges_fen) == (1, 50, 72)
    await reconciliation.close(s.clock, s.faults, day, actor=paying.FINANCE)
    await paying.check_books()


@pytest.mark.parametrize("share", [0, 50, 100])
async def test_either_key_signs_while_a_merchant_moves(
    world: World, inbox: list[PayNotification], share: int
) -> None:
    """The grey share of serials; copies too."""
    world.turn(public_key_share=share)
    world.desk.platform.switchboard.turn({"push_copies": 2})
    numbers = [f"xc20261123{n:04d}" for n in range(6)]
    for number in numbers:
        await world.ordered(number)
        await world.paid(number)
    assert {note[1:] for note in world.notes()} == {("heard", 1)}
    assert sorted(n.transaction.out_trade_no for n in inbox if n.transaction) == sorted(numbers * 2)
    serials = {row["serial"] for row in world.desk.platform.timeline.rows() if row.get("serial")}
    own, public = world.desk.keys.used().serial, world.desk.keys.public_key_id
    assert serials >= {0: {own}, 50: {own, public}, 100: {public}}[share]


async def test_probes_and_forgeries_are_refused_and_wechat_says_so(
    world: World, inbox: list[PayNotification]
) -> None:
    world.turn(probe_share=100)
    for number in range(4):
        await world.ordered(f"xc20261123{number:04d}")
        await world.paid(f"xc20261123{number:04d}")
    found = probes.everything(world.desk)
    assert len(found) == 4 and {one["verdict"] for one in found} == {"rejected"}
    assert {one["status"] for one in found} == {401}
    assert {note[1:] for note in world.notes()} == {("heard", 1)}  # the genuine ones came by themselves
    assert len(inbox) == 4
    await world.ordered("xc202611239999")
    order = orders.find(world.desk, "xc202611239999")
    assert order is not None
    for kind in forgeries.KINDS:
        met = await forgeries.send(world.desk, forgeries.claim(world.desk, order), kind)
        assert met["refused"] is True, (kind, met)
        assert met["status"] == (400 if kind == "wrong_cipher" else 401), (kind, met)
    assert len(inbox) == 4


async def test_a_probe_in_an_answer_is_noticed_and_the_question_asked_again(world: World) -> None:
    world.turn(probe_answers=1)
    prepay_id = await world.ordered()
    (probe,) = probes.everything(world.desk)
    assert (probe["of"], probe["verdict"]) == ("answer", "rejected")
    params = world.pay.pay_parameters(prepay_id, "requestPayment")
    assert "problem" not in cashier.open_by_page(world.desk, world.person, "requestPayment", dict(params), "")
    assert [one["verdict"] for one in probes.everything(world.desk)] == ["rejected"]


async def test_lost_and_late_answers_are_unknown_and_the_same_number_settles_them(world: World) -> None:
    """Never paid or refunded twice, whatever happened to the first answer."""
    board = world.desk.platform.switchboard
    impatient = WeChatPay(world.services.settings, world.services.clock, seconds=0.5)
    board.turn({"drop_next": 1, "drop_path": "/v3/pay/transactions/jsapi"})
    with pytest.raises(OutsideFailure) as lost:
        await world.ordered()
    assert lost.value.unknown and orders.find(world.desk, NUMBER) is not None
    assert await world.ordered()
    await world.paid()
    ask = PayRefundOrder(NUMBER, "xr202611230001", 60, 100)
    board.turn({"drop_next": 1, "drop_path": "/v3/refund/domestic/refunds"})
    with pytest.raises(OutsideFailure) as lost:
        await world.pay.refund(ask)
    assert lost.value.unknown
    world.turn(forced=[{"path": "*", "code": "SYSTEM_ERROR", "times": 1, "after": True}])
    with pytest.raises(PayRefused) as hidden:
        await world.pay.refund(ask)
    assert (hidden.value.unknown, hidden.value.may_repeat, hidden.value.status) == (True, True, 500)
    board.turn({"slow_seconds": 1.0, "slow_path": "/v3/refund/domestic/refunds"})
    with pytest.raises(OutsideFailure) as late:
        await impatient.refund(ask)
    assert late.value.unknown
    board.turn({"slow_seconds": 0.0})
    assert (await world.pay.refund(ask)).refund_fen == 60
    assert world.desk.store.get("pay.order", NUMBER) is not None
    with pytest.raises(PayRefused):
        await world.pay.refund(replace(ask, out_refund_no="xr202611230002", refund_fen=41))
    world.turn(not_enough=True)
    with pytest.raises(PayRefused) as poor:
        await world.pay.refund(replace(ask, out_refund_no="xr202611230003", refund_fen=40))
    assert (poor.value.may_repeat, poor.value.unknown) == (True, False)
    await impatient.close_connections()


async def test_an_abnormal_refund_goes_to_another_card_when_the_balance_was_dry(world: World) -> None:
    """Over the wire: no balance, then some; the payer's card is closed; two of finance type another, sealed for WeChat."""
    s, pay, box = world.services, world.pay, paying.box(world.services)
    fee = await paying.owing(s, await paying.priced(s))
    payer = Payer(candidate_id=fee.candidate_id, account="mp", openid=world.openid())
    order = await fee_orders.create(s.clock, [fee.id], payer, actor=make.ADMIN)
    await fee_orders.open_cashier(box, pay, order.id, payer, "requestPayment")
    await world.paid(order.number)
    await pay_notifications.sweep(box)
    refund = await refunds.ask(s.clock, order.id, paying.PRICE_FEN, "考" * 26, actor=paying.FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=paying.OTHER_FINANCE)
    world.turn(balance_fen=paying.PRICE_FEN - 1, refund_outcome="ABNORMAL")
    await refund_sending.send(box, pay, refund.id)
    assert (await FeeRefund.get()).trouble == refund_sending.SHORT
    world.turn(balance_fen=paying.PRICE_FEN)
    world.forward(31 * 60)
    await refund_sending.sweep(box, pay)
    assert (await FeeRefund.get()).state == "accepted"
    world.forward(3600)
    await world.settled()
    await pay_notifications.sweep(box)
    assert (await FeeRefund.get()).state == "abnormal"
    card = refund_redirecting.card("ICBC_DEBIT", "6222020200112233445", "张三丰")
    await refund_redirecting.ask(box, s.keys, refund.id, card, actor=paying.FINANCE)
    await refund_redirecting.confirm(box, s.keys, pay, refund.id, card, actor=paying.OTHER_FINANCE)
    assert (await FeeRefund.get()).state == "accepted"
    world.forward(3600)
    await world.settled()
    await pay_notifications.sweep(box)
    assert ((await FeeRefund.get()).state, (await FeeOrder.get()).state) == ("done", "refunded")
    await paying.check_books()


async def test_a_new_certificate_is_learnt_before_it_is_used(world: World) -> None:
    """A merchant with certificates alone: rotation goes by unnoticed, as long as somebody looks at the list."""
    bare = replace(world.services.settings, pay_public_key_id="", pay_public_key="")
    pay = WeChatPay(bare, world.services.clock, seconds=15)
    deaf = WeChatPay(bare, world.services.clock, seconds=15)
    made = world.desk.keys.rotate(3600.0)
    assert await pay.download_certificates() == 1
    assert await pay.download_certificates() == 0
    world.forward(3601)
    assert world.desk.keys.used().serial == made.serial
    order = world.order()
    assert await pay.order_native(order)
    with pytest.raises(OutsideFailure, match="验签"):
        await deaf.order_native(order)
    world.turn(new_merchant=True)
    with pytest.raises(PayRefused) as refusal:
        await world.pay.download_certificates()
    assert refusal.value.is_code("RESOURCE_NOT_EXISTS")
    for one in (pay, deaf):
        await one.close_connections()


async def test_the_doctor_finds_what_is_wrong(world: World, pay_platform: PayPlatform) -> None:
    async def found(**changed: Any) -> dict[str, bool]:
        clock = world.services.clock
        pay = WeChatPay(dataclasses.replace(world.services.settings, **changed), clock, seconds=15)
        findings = await pay.probe()
        await pay.close_connections()
        return {one.what: one.ok for one in findings}

    right = dict.fromkeys(("时钟", "商户私钥", "商户证书序列号", "微信支付公钥", "APIv3 密钥"), True)
    assert await found() == right
    assert (await found(pay_mch_serial="5F" * 20))["商户证书序列号"] is False
    other = pay_platform.account["SANDBOX_PAY_CERTIFICATE_PRIVATE"]
    assert (await found(pay_mch_key=other))["商户私钥"] is False
    assert (await found(pay_apiv3_key="k" * 32))["APIv3 密钥"] is False
    public = (pay_platform.folder / "merchant.pem").read_text()
    assert (await found(pay_public_key=public))["微信支付公钥"] is False
    world.desk.clock.forward(400)
    late = await found()
    assert (late["时钟"], "商户私钥" in late) == (False, False)
    world.desk.clock.forward(-400)
    world.turn(new_merchant=True)
    assert await found() == right
