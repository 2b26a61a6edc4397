"""收据: one number for an order, without gaps, for whoever may have it, and true to what has been given back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tortoise.exceptions import BaseORMException

from server.domain.actor import Actor
from server.domain.payments import bank_refunds, fee_receipts, refund_sending, refunds, transfers
from server.domain.payments.fee_receipts import ReceiptDesk
from server.domain.ports import Services
from server.domain.ports.payments import ReceiptLine, ReceiptPage
from server.errors import Conflict, Forbidden, NotFound
from server.models import AuditEntry, Candidate, FeeOrder, FeeReceipt, Plan
from server.models.database import rows
from tests.kit import make, paying, transferring
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import NOON, FakeReceiptPrinter, Killed, KillerFaultInjector
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

MYSELF = Actor("candidate", 1, "考生")


def desk(s: Services) -> ReceiptDesk:
    return ReceiptDesk(s.clock, s.faults, s.receipt_printer, s.settings.issuer)


def last_page(s: Services) -> ReceiptPage:
    assert isinstance(s.receipt_printer, FakeReceiptPrinter)
    return s.receipt_printer.pages[-1]


async def paid(s: Services, pay: FakePay, plan: Plan | None = None) -> FeeOrder:
    return await paying.paid(s, pay, await paying.owing(s, plan or await paying.priced(s)))


async def own(s: Services, order: FeeOrder) -> str:
    assert order.candidate_id is not None
    return (await fee_receipts.own(desk(s), order.id, order.candidate_id, actor=MYSELF)).number


async def test_a_receipt_says_who_paid_what_and_when(services: Services, pay: FakePay) -> None:
    s = services
    order = await paid(s, pay)
    [plan, who] = [await Plan.get(), await Candidate.get(id=order.candidate_id)]
    assert await own(s, order) == "SJ2026000001"
    assert last_page(s) == ReceiptPage(
        number="SJ2026000001",
        payer=who.name,
        order=order.number,
        way="微信支付",
        transaction=order.transaction_id or "-",
        lines=(ReceiptLine(f"{plan.name}　初级考试费", 1, "¥120.50"),),
        total="¥120.50",
        capitals="壹佰贰拾元零伍角整",
        given_back="",
        state="已支付",
        issuer=s.settings.issuer,
        paid_at=NOON,
        issued_at=NOON,
        as_of=NOON,
    )
    [entry] = await AuditEntry.filter(action="fee_receipt.give")
    assert (entry.actor_kind, entry.became) == (
        "candidate",
        {"order": order.id, "number": "SJ2026000001"},
    )


async def test_a_number_is_given_once_and_none_is_left_out(services: Services, pay: FakePay) -> None:
    """Asked for again and at the same time; killed after counting; and two orders at once."""
    s = services
    plan = await paying.priced(s)
    orders = [await paid(s, pay, plan) for _ in range(4)]
    killed = replace(desk(s), faults=KillerFaultInjector("fee_receipts.number: the number is counted"))
    with pytest.raises(Killed):
        await fee_receipts.own(killed, orders[0].id, orders[0].candidate_id or 0, actor=MYSELF)
    assert await FeeReceipt.all().count() == 0
    numbers = await asyncio.gather(*(own(s, order) for order in [*orders, *orders, *orders]))
    assert sorted(set(numbers)) == [f"SJ202600000{serial}" for serial in (1, 2, 3, 4)]
    assert numbers[:4] == numbers[4:8] == numbers[8:]
    paying.forward(s, days=60)
    assert await own(s, orders[0]) == numbers[0]  # the year of the first time


async def test_numbers_begin_anew_with_the_year_of_beijing(services: Services, pay: FakePay) -> None:
    s = services
    plan = await paying.priced(s)
    first, second = await paid(s, pay, plan), await paid(s, pay, plan)
    assert await own(s, first) == "SJ2026000001"
    paying.forward(s, seconds=(datetime(2026, 12, 31, 16, 30, tzinfo=UTC) - s.clock.now()).total_seconds())
    assert await own(s, second) == "SJ2027000001"


async def test_what_was_given_back_is_on_it(services: Services, pay: FakePay) -> None:
    s = services
    order = await paid(s, pay)
    for fen, back, state in ((50, "¥0.50", "部分退款"), (PRICE_FEN - 50, "¥120.50（全部）", "已退款")):
        refund = await refunds.ask(s.clock, order.id, fen, "多收的退回", actor=FINANCE)
        await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
        await refund_sending.send(paying.box(s), pay, refund.id)
        pay._end_refund(refund.number)
        await refund_sending.hear(paying.box(s), pay.refunds[refund.number])
        assert await own(s, order) == "SJ2026000001"
        assert (last_page(s).given_back, last_page(s).state, last_page(s).total) == (back, state, "¥120.50")


async def test_there_is_none_of_what_is_not_paid(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    for ask in (
        fee_receipts.own(desk(s), order.id, order.candidate_id or 0, actor=MYSELF),
        fee_receipts.for_staff(desk(s), order.id, actor=FINANCE),
    ):
        with pytest.raises(Conflict, match="这个订单还没有付款，没有收据；付款以后再来下载。") as refused:
            await ask
        assert refused.value.code == "receipt_unpaid"
    assert await rows("SELECT * FROM number_series") == []


async def test_who_may_have_it(services: Services, pay: FakePay) -> None:
    """The payer with the whole name; finance with a masked one; a school its own; nobody else."""
    s = services
    mine, school, other = await paid(s, pay), await make.school(), await make.school()
    await Candidate.filter(id=mine.candidate_id).update(name="崔子涵")
    with pytest.raises(NotFound) as refused:
        await fee_receipts.own(desk(s), mine.id, (mine.candidate_id or 0) + 1, actor=MYSELF)
    assert (refused.value.code, str(refused.value)) == ("order_unknown", "没有这个订单，请刷新后重试。")
    await own(s, mine)
    assert last_page(s).payer == "崔子涵"
    await fee_receipts.for_staff(desk(s), mine.id, actor=FINANCE)
    assert last_page(s).payer == "崔**"
    plan = await paying.priced(s, kind="school")
    theirs = await paying.paid(s, pay, *[await paying.owing(s, plan, school=school) for _ in range(3)])
    cashier = replace(FINANCE, role="school", school_id=school.id)
    await fee_receipts.for_staff(desk(s), theirs.id, actor=cashier)
    assert (last_page(s).payer, last_page(s).total) == (school.name, "¥361.50")
    assert last_page(s).lines == (ReceiptLine(f"{plan.name}　初级考试费", 3, "¥361.50"),)
    for order, who in ((mine, cashier), (theirs, replace(cashier, school_id=other.id))):
        with pytest.raises(NotFound):
            await fee_receipts.for_staff(desk(s), order.id, actor=who)
    with pytest.raises(NotFound):
        await fee_receipts.for_staff(desk(s), 10**9, actor=FINANCE)
    with pytest.raises(Forbidden):
        await fee_receipts.for_staff(desk(s), mine.id, actor=make.OPERATOR)


@pytest.mark.parametrize(
    "change", ["UPDATE fee_receipt SET number = 'SJ2026000009'", "DELETE FROM fee_receipt"]
)
async def test_a_number_that_was_given_stands(services: Services, pay: FakePay, change: str) -> None:
    await own(services, await paid(services, pay))
    with pytest.raises(BaseORMException, match="账目不可修改或删除"):
        await rows(change)


async def test_what_came_by_bank_transfer_says_so(services: Services) -> None:
    s = services
    transfer = await transferring.recorded(s, *await transferring.owing(s))
    await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    order = await FeeOrder.get()
    printed = await fee_receipts.for_staff(desk(s), order.id, actor=FINANCE)
    assert (printed.number, last_page(s).way, last_page(s).transaction) == ("SJ2026000001", "对公转账", "")


async def test_the_receipt_says_what_the_bank_has_paid_back(services: Services) -> None:
    s = services
    order = await transferring.paid_by_bank(s, *await transferring.owing(s))

    async def shown() -> tuple[str, str, str]:
        await fee_receipts.for_staff(desk(s), order.id, actor=FINANCE)
        return last_page(s).way, last_page(s).given_back, last_page(s).state

    waiting = await transferring.recorded_back(s, order, amount_fen=5_000, bank_reference="BACK-1")
    assert await shown() == ("对公转账", "", "已支付")
    await bank_refunds.approve(s.clock, s.faults, waiting.id, actor=paying.OTHER_FINANCE)
    assert await shown() == ("对公转账", "¥50.00", "部分退款")
    rest = order.total_fen - 5_000
    await transferring.given_back(s, order, amount_fen=rest, bank_reference="BACK-2")
    assert await shown() == ("对公转账", "¥241.00（全部）", "已退款")
