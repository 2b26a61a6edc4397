"""The payer is told (C1): once for each happening, and nobody who cannot be reached or need not know."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from server.domain.notices import keywords
from server.domain.notices.topics import TOPICS
from server.domain.payments import notifications, orders, payment_polling, refund_sending, refunds
from server.domain.payments.yuan import template_amount
from server.domain.ports import Services
from server.models import Binding, Delivery, Fee, FeeOrder
from tests.kit import make, paying
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

OPENID = "openid-oa"


async def bound(s: Services, *, kind: str = "social") -> Fee:
    """Somebody who owes and follows the official account, which has the templates of money."""
    templates = {f"oa_template_fee_{name}": f"tpl-{name}" for name in ("paid", "refunded", "closing")}
    exchange(s, settings=replace(s.settings, **templates))  # type: ignore[arg-type]  # all are text
    school = await make.school() if kind == "school" else None
    fee = await paying.owing(s, await paying.priced(s, kind=kind), school=school)
    await Binding.create(account="oa", openid=OPENID, candidate_id=fee.candidate_id, bound_at=s.clock.now())
    return fee


async def told() -> list[tuple[str, str, dict[str, str], str]]:
    return [
        (one.dedup, one.openid, dict(one.fields_shown), one.path)
        for one in await Delivery.all().order_by("id")
    ]


def reads(topic: str, shown: dict[str, str]) -> dict[str, str]:
    """The values by our names; every one of them is such as WeChat takes."""
    assert keywords.check(shown) == {}
    return {name: shown[keyword] for name, keyword in TOPICS[topic].keywords.items()}


@pytest.mark.rule("C1")
async def test_a_payment_is_told_once_however_often_wechat_pay_tells(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.ordered(s, pay, await bound(s))
    assert await told() == []
    assert pay._pay(order.number)
    notification = pay._notification(order.number)
    for one in (notification, replace(notification, id="EV-another")):
        await notifications.receive(s.clock, s.queue, one)
        await asyncio.gather(*(notifications.apply(paying.box(s), one.id) for _ in range(3)))
    paying.forward(s, minutes=1)
    await paying.sweep(s, pay)
    [(dedup, openid, shown, path)] = await told()
    assert (dedup, openid, path) == (f"fee_paid:{order.number}", OPENID, f"/h5/orders/{order.id}")
    assert reads("fee_paid", shown) == {
        "what": "社会心理服务证书考试费",
        "amount": "¥120.50",
        "paid_at": "2026年11月23日 12:00",
        "order": order.number,
    }


async def test_what_is_not_booked_is_not_told(services: Services, pay: FakePay) -> None:
    """Killed before the transaction ends, nothing is told; done again, it is told once."""
    s = services
    order = await paying.ordered(s, pay, await bound(s))
    assert pay._pay(order.number)
    notification = pay._notification(order.number)
    await notifications.receive(s.clock, s.queue, notification)
    box = replace(paying.box(s), faults=KillerFaultInjector("settlement.settle: the books are written"))
    with pytest.raises(Killed):
        await notifications.apply(box, notification.id)
    assert await told() == []
    await notifications.sweep(paying.box(s))
    assert [dedup for dedup, *_ in await told()] == [f"fee_paid:{order.number}"]


async def test_nobody_is_told_who_is_not_bound_and_no_school(services: Services, pay: FakePay) -> None:
    s = services
    await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    await paying.paid(s, pay, await bound(s, kind="school"))
    assert [one.state for one in await FeeOrder.all()] == ["paid", "paid"]
    assert await told() == []


@pytest.mark.rule("C1")
async def test_every_refund_is_told_once_and_why(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await bound(s))
    await Delivery.all().delete()
    for fen, reason in ((50, "多收的退回"), (PRICE_FEN - 50, "考生因病不能参加这一次考试，院校已经核实")):
        refund = await refunds.ask(s.clock, order.id, fen, reason, actor=FINANCE)
        await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
        await refund_sending.send(paying.box(s), pay, refund.id)
        assert [dedup for dedup, *_ in await told() if refund.number in dedup] == []
        pay._end_refund(refund.number)
        said = pay.refunds[refund.number]
        await asyncio.gather(*(refund_sending.hear(paying.box(s), said) for _ in range(3)))
    part, rest = await told()
    assert (part[1], part[3], rest[3]) == (OPENID, f"/h5/orders/{order.id}", f"/h5/orders/{order.id}")
    assert reads("fee_refunded", part[2]) == {
        "reason": "多收的退回",
        "amount": "¥0.50",
        "refunded_at": "2026年11月23日 12:00",
        "order": order.number,
    }
    assert reads("fee_refunded", rest[2])["amount"] == "¥120.00"
    assert len(reads("fee_refunded", rest[2])["reason"]) == 20


async def test_a_fee_paid_twice_is_told_as_paid_once_and_given_back_once(
    services: Services, pay: FakePay
) -> None:
    s = services
    fee = await bound(s)
    first = await paying.ordered(s, pay, fee)
    second = await paying.ordered(s, pay, fee, by=paying.payer(fee, account="mp"))
    for order in (first, second):
        assert pay._pay(order.number)
        await paying.notify(s, pay, order.number)
    [refund] = pay.refunds or [None]
    assert refund is None  # not sent yet
    await paying.sweep(s, pay)
    [number] = pay.refunds
    pay._end_refund(number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert [dedup for dedup, *_ in await told()] == [f"fee_paid:{first.number}", f"fee_refunded:{number}"]
    assert reads("fee_refunded", (await told())[1][2])["reason"] == "重复支付，自动退回"
    await paying.check_books()


async def sweep_every_minute(s: Services, pay: FakePay, *, minutes: int) -> None:
    for _ in range(minutes):
        paying.forward(s, minutes=1)
        await paying.sweep(s, pay)


@pytest.mark.rule("C1")
async def test_whoever_has_little_time_left_is_told_once(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await bound(s))
    await sweep_every_minute(s, pay, minutes=99)
    assert await told() == []
    await sweep_every_minute(s, pay, minutes=19)
    [(dedup, _, shown, path)] = await told()
    assert (dedup, path) == (f"fee_closing:{order.number}", f"/h5/orders/{order.id}")
    assert reads("fee_closing", shown) == {
        "what": "社会心理服务证书考试费",
        "amount": "¥120.50",
        "closes_at": "2026年11月23日 14:00",
        "order": order.number,
    }
    await sweep_every_minute(s, pay, minutes=5)
    assert (await FeeOrder.get()).state == "closed"
    assert len(await told()) == 1


async def test_who_has_paid_or_owes_nothing_more_is_not_told_that_it_closes(
    services: Services, pay: FakePay
) -> None:
    """Paid and not heard of; and a second order over what the first one has settled."""
    s = services
    fee = await bound(s)
    first = await paying.ordered(s, pay, fee)
    await paying.ordered(s, pay, fee, by=paying.payer(fee, account="mp"))
    await sweep_every_minute(s, pay, minutes=99)
    assert pay._pay(first.number)
    await sweep_every_minute(s, pay, minutes=19)
    assert await paying.states() == (["settled"], ["paid", "closed"])
    assert [dedup for dedup, *_ in await told()] == [f"fee_paid:{first.number}"]


def test_every_open_order_is_looked_at_while_it_closes() -> None:
    assert timedelta(minutes=1) + payment_polling.LONGEST_PAUSE < payment_polling.CLOSING < orders.LIFETIME


@pytest.mark.parametrize(
    ("fen", "written"), [(1, "¥0.01"), (123_450, "¥1234.50"), (100_000_000, "¥1000000.00")]
)
def test_an_amount_as_a_template_takes_it(fen: int, written: str) -> None:
    assert template_amount(fen) == written
    assert keywords.check({"amount2": written}) == {}
