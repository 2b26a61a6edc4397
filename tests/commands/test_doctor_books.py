"""What the doctor says of money: each thing that waits for too long in its own line, with what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.commands.doctor import book_checks
from server.commands.doctor.findings import Level
from server.domain import beijing
from server.domain.payments import notifications, payment_polling, refunds
from server.domain.ports import Services
from server.models import FeeRefund
from server.models.database import rows
from tests.kit import paying
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE


@pytest.fixture
def pay(services: Services) -> FakePay:
    fake = FakePay(services.settings, services.clock)
    exchange(services, pay=fake)
    return fake


async def said(s: Services) -> dict[str, str]:
    return {one.title: str(one) for one in await book_checks.check(s)}


async def bad(s: Services) -> set[str]:
    return {one.title for one in await book_checks.check(s) if one.level is Level.BAD}


async def test_who_never_charged_hears_nothing_of_it(services: Services) -> None:
    assert await book_checks.check(services) == []


async def test_all_is_well(services: Services, pay: FakePay) -> None:
    s = services
    await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    assert list((await said(s)).values()) == [
        "✓ 支付通知：收到的都已入账",
        "✓ 待支付订单：都按时向微信支付查询",
        "✓ 退款：没有卡住的",
        "✓ 对账：没有拖下来的",
        "✓ 账目：2 笔分录借贷相等",
    ]


async def test_a_notification_that_nobody_books(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    await notifications.receive(s.clock, s.queue, pay._notification(order.number))
    paying.forward(s, minutes=9)
    assert await bad(s) == set()
    paying.forward(s, minutes=2)
    assert (await said(s))["支付通知"] == (
        "✗ 支付通知：有 1 条没有入账，最早的收到于 2026-11-23 12:00；"
        "请看 xcert worker 是否在运行，再看它日志里的 ERROR"
    )
    await notifications.sweep(paying.box(s))
    assert await bad(s) == set()


async def test_an_open_order_that_nobody_asks_after(services: Services, pay: FakePay) -> None:
    s = services
    await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    paying.forward(s, minutes=32)
    assert (await said(s))["待支付订单"] == (
        "✗ 待支付订单：有 1 个待支付的订单没有按时查询，最早的应在 2026-11-23 12:00 查；"
        "请看 xcert worker 是否在运行，再看它日志里的 ERROR"
    )
    await payment_polling.sweep(paying.box(s), pay)
    assert await bad(s) == set()


async def test_refunds_that_are_stuck(services: Services, pay: FakePay) -> None:
    s = services
    plan = await paying.priced(s)
    for _ in range(2):
        order = await paying.paid(s, pay, await paying.owing(s, plan))
        asked = await refunds.ask(s.clock, order.id, 100, "考生因病不能参加", actor=FINANCE)
        await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    paying.forward(s, hours=23)
    assert "退款" not in await bad(s)
    paying.forward(s, hours=2)
    first = await FeeRefund.all().order_by("id").first()
    assert first is not None
    await rows("UPDATE fee_refund SET state = 'abnormal' WHERE id = $1", first.id)
    assert (await said(s))["退款"] == (
        "✗ 退款：有 1 笔超过一天没有发出，请在工作台“退款”里看原因，常见的是商户号余额不足；"
        "有 1 笔退款异常，付款人的卡收不了，请财务在工作台“退款”里改退到付款人的另一张银行卡"
    )


async def test_days_that_are_left_lying(services: Services, pay: FakePay) -> None:
    s = services
    today = beijing.day(s.clock.now())
    for ago, compared in ((1, False), (3, False), (6, True), (8, True), (9, True)):
        await rows(
            "INSERT INTO reconciliation_day (day, state, payments, payments_fen, refunds, refunds_fen, charges_fen,"
            " trouble, closed_by_name, compared_at) VALUES ($1, $2, 0, 0, 0, 0, 0, '', '', $3)",
            today - timedelta(days=ago),
            "matched" if compared else "open",
            s.clock.now() if compared else None,
        )
    assert (await said(s))["对账"] == (
        "✗ 对账：有 1 天没有对上账单，最早是 2026-11-20，请运行 xcert pay reconcile 2026-11-20 看原因；"
        "有 2 天超过一周没有结账，最早是 2026-11-14，请财务处理差异后结账"
    )


async def test_books_that_do_not_add_up(services: Services, pay: FakePay) -> None:
    """As only somebody with the database's own password can bring about."""
    s = services
    await paying.paid(s, pay, await paying.owing(s, await paying.priced(s, fen=100)))
    await rows("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
    await rows("UPDATE ledger_entry SET amount_fen = amount_fen + 1 WHERE account = 'wechat'")
    assert (await said(s))["账目"] == (
        "✗ 账目：2 笔分录合计 ¥0.01，应为 0；请停止收费，不要改动数据库，保留备份并联系开发人员"
    )
