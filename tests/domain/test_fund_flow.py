"""资金账单: the account at WeChat Pay against the trade bill and the books, line by line and by its balance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from server.domain.payments import fund_flow, reconciliation
from server.domain.payments.reconciliation_states import ReconciliationState as State
from server.domain.ports import Services
from server.domain.ports.payments import FundBillRow
from server.errors import Conflict, Forbidden
from server.models import FundBillLine, LedgerPosting, ReconciliationDay, ReconciliationDifference
from server.models.database import rows
from tests.kit import fake_bill, make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.paying import FINANCE, PRICE_FEN
from tests.kit.reconciling import compared, differences, given_back, one_paid_and_over, today

CHARGE_FEN = 72  # 0.60 % of 120.50
Misprint = Callable[[list[FundBillRow]], list[FundBillRow]]


async def books_at(account: str) -> int:
    [row] = await rows(
        "SELECT coalesce(sum(amount_fen), 0)::bigint AS fen FROM ledger_entry WHERE account = $1", account
    )
    return int(row["fen"])


async def test_payments_refunds_and_charges_leave_what_the_books_have(
    services: Services, pay: FakePay
) -> None:
    s = services
    order, day = await one_paid_and_over(s, pay)
    await given_back(s, pay, order, 5_000)
    second = today(s)
    paying.forward(s, days=1)
    assert await compared(s, pay, day) is State.MATCHED
    assert await compared(s, pay, second) is State.MATCHED
    one, two = await ReconciliationDay.all().order_by("day")
    assert (one.flows, one.flows_in_fen, one.flows_out_fen) == (2, PRICE_FEN, CHARGE_FEN)
    assert (one.start_fen, one.end_fen, one.books_end_fen) == (0, 11_978, 11_978)
    assert (two.start_fen, two.flows_out_fen, two.end_fen) == (11_978, 4_970, 7_008)
    assert two.books_end_fen == two.end_fen  # the refund is accepted, and not yet done
    assert await FundBillLine.all().count() == 3
    await compared(s, pay, day)
    assert await FundBillLine.all().count() == 3


async def test_a_withdrawal_is_booked_once_and_the_books_have_what_wechat_has(
    services: Services, pay: FakePay
) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    pay.moved = [fake_bill.flow("提现", -10_000, s.clock.now() - timedelta(days=1))]
    assert await compared(s, pay, day) is State.DIFFERING
    flow = pay.moved[0].flow_number
    assert await differences() == [("theirs_only", "withdrawal", flow, -10_000, None, False)]
    with pytest.raises(Conflict) as still_open:
        await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)
    assert still_open.value.code == "differences_open"
    [line] = await ReconciliationDifference.all()
    with pytest.raises(Forbidden):
        await reconciliation.book(s.clock, s.faults, line.id, actor=make.OPERATOR)
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = "reconciliation.book: before the commit"
    with pytest.raises(Killed):
        await reconciliation.book(s.clock, s.faults, line.id, actor=FINANCE)
    assert await books_at("bank") == 0
    await reconciliation.book(s.clock, s.faults, line.id, actor=FINANCE)
    with pytest.raises(Conflict) as again:
        await reconciliation.book(s.clock, s.faults, line.id, actor=FINANCE)
    assert again.value.code == "difference_settled"
    assert await LedgerPosting.filter(source=f"withdrawal:{flow}").count() == 1
    of = await ReconciliationDay.get()
    assert (await books_at("wechat"), await books_at("bank")) == (of.end_fen, 10_000) == (1_978, 10_000)
    assert of.books_end_fen == of.end_fen
    await compared(s, pay, day)  # and once more it is found in the books
    assert [one[5] for one in await differences()] == [True]
    assert (await ReconciliationDay.get()).books_end_fen == 1_978
    await paying.check_books()
    await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)


async def test_a_withdrawal_that_comes_back_is_a_posting_of_its_own(services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    at = s.clock.now() - timedelta(days=1)
    pay.moved = [fake_bill.flow("提现", fen, at, "", "1900777") for fen in (-10_000, 10_000)]
    await compared(s, pay, day)
    for line in await ReconciliationDifference.all():
        await reconciliation.book(s.clock, s.faults, line.id, actor=FINANCE)
    assert (await books_at("bank"), await LedgerPosting.filter(source__startswith="withdrawal:").count()) == (
        0,
        2,
    )


def without_first(found: list[FundBillRow]) -> list[FundBillRow]:
    return fake_bill.running(0, found[1:])


def other_amount(found: list[FundBillRow]) -> list[FundBillRow]:
    return fake_bill.running(0, [replace(found[0], amount_fen=1), found[1]])


def other_charge(found: list[FundBillRow]) -> list[FundBillRow]:
    return fake_bill.running(0, [found[0], replace(found[1], amount_fen=-100)])


def unknown_number(found: list[FundBillRow]) -> list[FundBillRow]:
    stranger = replace(found[0], number="x1", wechat_number="4299")
    return fake_bill.running(0, [*found, stranger])


def something_else(found: list[FundBillRow]) -> list[FundBillRow]:
    return fake_bill.running(0, [*found, fake_bill.flow("其他扣款", -300, found[0].booked_at, "", "1900888")])


def other_start(found: list[FundBillRow]) -> list[FundBillRow]:
    return fake_bill.running(500, found)


def leap(found: list[FundBillRow]) -> list[FundBillRow]:
    return [found[0], replace(found[1], balance_fen=1)]


NET = PRICE_FEN - CHARGE_FEN


@pytest.mark.parametrize(
    ("misprint", "expected"),
    [
        (without_first, ("amount", "flow", "number", -CHARGE_FEN, NET)),
        (other_amount, ("amount", "flow", "number", 1 - CHARGE_FEN, NET)),
        (other_charge, ("charge", "flow", "number", PRICE_FEN - 100, NET)),
        (unknown_number, ("theirs_only", "flow", "x1", PRICE_FEN, None)),
        (something_else, ("theirs_only", "other", "1900888", -300, None)),
        (other_start, ("balance", "day", fund_flow.START, 500, 0)),
        (leap, ("balance", "day", fund_flow.END, 1, NET)),
        (lambda found: [], ("ours_only", "flow", "number", None, NET)),
    ],
)
async def test_each_kind_of_difference_is_a_named_line(
    services: Services,
    pay: FakePay,
    misprint: Misprint,
    expected: tuple[str, str, str, int | None, int | None],
) -> None:
    s = services
    order, day = await one_paid_and_over(s, pay)
    pay.fund_misprint = misprint
    assert await compared(s, pay, day) is State.DIFFERING
    kind, what, number, theirs, ours = expected
    named = order.number if number == "number" else number
    assert await differences() == [(kind, what, named, theirs, ours, False)]
    [line] = await ReconciliationDifference.all()
    with pytest.raises(Conflict) as refused:
        await reconciliation.book(s.clock, s.faults, line.id, actor=FINANCE)
    assert refused.value.code == "not_a_withdrawal"
    pay.fund_misprint = list
    assert await compared(s, pay, day) is State.MATCHED


async def test_the_balance_goes_on_from_the_day_before(services: Services, pay: FakePay) -> None:
    """Also over a day on which nothing moved, and whichever way round the bill has its lines."""
    s = services
    order, day = await one_paid_and_over(s, pay)
    await compared(s, pay, day)
    paying.forward(s, days=1)
    quiet = today(s) - timedelta(days=1)
    await compared(s, pay, quiet)
    of = await ReconciliationDay.get(day=quiet)
    assert (of.flows, of.start_fen, of.end_fen) == (0, NET, NET)
    await given_back(s, pay, order, 2_000)
    await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    third = today(s)
    paying.forward(s, days=1)
    pay.fund_misprint = lambda found: found[::-1]
    assert await compared(s, pay, third) is State.MATCHED
    of = await ReconciliationDay.get(day=third)
    assert (of.start_fen, of.end_fen) == (NET, of.books_end_fen)
