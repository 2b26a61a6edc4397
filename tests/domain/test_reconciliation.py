"""每日对账: a day's trade bill against the books, each kind of difference, and the day closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from server.domain.payments import reconciliation
from server.domain.payments.reconciliation_states import ReconciliationState as State
from server.domain.ports import Services
from server.domain.ports.payments import PayBillRow
from server.models import (
    FinanceAlarm,
    LedgerPosting,
    PayBillLine,
    ReconciliationDay,
)
from server.models.database import rows
from tests.kit import fake_bill, paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import OTHER_FINANCE, PRICE_FEN
from tests.kit.reconciling import compared, differences, given_back, nothing, one_paid_and_over, today

CHARGE_FEN = 72  # 0.60 % of 120.50


# Days that match


async def test_a_day_that_matches_is_booked_and_closed(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    await given_back(s, pay, order, 5_000)
    day = today(s)
    paying.forward(s, days=1)
    assert await compared(s, pay, day) is State.MATCHED
    of = await ReconciliationDay.get()
    assert (of.payments, of.payments_fen, of.refunds, of.refunds_fen) == (1, PRICE_FEN, 1, 5_000)
    assert of.charges_fen == CHARGE_FEN - 30
    [charges] = await rows("SELECT amount_fen FROM ledger_entry WHERE account = 'charges'")
    assert charges["amount_fen"] == of.charges_fen
    await reconciliation.close(s.clock, s.faults, day, actor=OTHER_FINANCE)
    of = await ReconciliationDay.get()
    assert (of.state, of.closed_by_name) == ("closed", "财务乙")
    assert await differences() == []


async def test_a_daynothing_a_bill_and_with_nothing_of_ours_matches(services: Services, pay: FakePay) -> None:
    day = today(services) - timedelta(days=1)
    assert await compared(services, pay, day) is State.MATCHED
    assert await LedgerPosting.all().count() == 0


async def test_the_same_day_again_gives_the_same_rows(services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    pay.misprint = lambda found: [replace(found[0], out_trade_no="another")]
    seen = []
    for _ in range(3):
        assert await compared(s, pay, day) is State.DIFFERING
        seen.append((await differences(), await PayBillLine.all().count(), await LedgerPosting.all().count()))
    assert seen[0] == seen[1] == seen[2]
    assert await FinanceAlarm.filter(kind="day_differs").count() == 1


# Each kind of difference


def _another_amount(found: list[PayBillRow]) -> list[PayBillRow]:
    return [
        replace(
            found[0],
            order_fen=PRICE_FEN - 1,
            settlement_fen=PRICE_FEN - 1,
        )
    ]


def _dearer(found: list[PayBillRow]) -> list[PayBillRow]:
    return [replace(found[0], fee_yuan=Decimal("0.95"))]


def _twice(found: list[PayBillRow]) -> list[PayBillRow]:
    return [found[0], found[0]]


@pytest.mark.parametrize(
    ("misprint", "expected"),
    [
        (nothing, ("ours_only", "payment", None, PRICE_FEN)),
        (_another_amount, ("amount", "payment", PRICE_FEN - 1, PRICE_FEN)),
        (_dearer, ("charge", "payment", 95, CHARGE_FEN)),
        (_twice, ("amount", "payment", 2 * PRICE_FEN, PRICE_FEN)),
    ],
)
async def test_what_differs_in_a_payment_is_a_named_line(
    services: Services,
    pay: FakePay,
    misprint: Callable[[list[PayBillRow]], list[PayBillRow]],
    expected: tuple[str, str, int | None, int | None],
) -> None:
    order, day = await one_paid_and_over(services, pay)
    pay.misprint = misprint
    assert await compared(services, pay, day) is State.DIFFERING
    kind, what, theirs, ours = expected
    assert await differences() == [(kind, what, order.number, theirs, ours, False)]


async def test_a_payment_that_no_order_knows_is_theirs_only(services: Services, pay: FakePay) -> None:
    _, day = await one_paid_and_over(services, pay)
    stranger = fake_bill.payment_row("shop17", "4200009", 300, services.clock.now())
    pay.misprint = lambda found: [*found, stranger]
    assert await compared(services, pay, day) is State.DIFFERING
    assert await differences() == [("theirs_only", "payment", "shop17", 300, None, False)]


async def test_a_payment_under_another_number_of_wechats_is_two_lines(
    services: Services, pay: FakePay
) -> None:
    order, day = await one_paid_and_over(services, pay)
    pay.misprint = lambda found: [replace(found[0], transaction_id="4200009")]
    await compared(services, pay, day)
    assert await differences() == [
        ("ours_only", "payment", order.number, None, PRICE_FEN, False),
        ("theirs_only", "payment", order.number, PRICE_FEN, None, False),
    ]


async def test_what_differs_in_a_refund_is_a_named_line(services: Services, pay: FakePay) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    number = await given_back(s, pay, order, 5_000)
    day = today(s)
    paying.forward(s, days=1)
    pay.misprint = lambda found: [row for row in found if not row.refund_id]
    await compared(s, pay, day)
    assert await differences() == [("ours_only", "refund", number, None, 5_000, False)]
    pay.misprint = lambda found: [
        replace(row, requested_refund_fen=4_999) if row.refund_id else row for row in found
    ]
    await compared(s, pay, day)
    assert await differences() == [
        ("amount", "refund", number, 4_999, 5_000, False),
        # the refund's part of the charge is booked once; a bill that says something else later is a line
        ("charge", "day", day.isoformat(), CHARGE_FEN - 30, CHARGE_FEN, False),
        ("ours_only", "refund", number, None, 5_000, True),
    ]
    pay.misprint = lambda found: [
        *found,
        *(replace(row, out_refund_no="by-hand", refund_id="503x") for row in found if row.refund_id),
    ]
    await compared(s, pay, day)
    assert ("theirs_only", "refund", "by-hand", 5_000, None, False) in await differences()


async def test_a_refund_accepted_on_another_day_than_we_heard_of_it_is_compared_once(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    number = await given_back(s, pay, order, 5_000)
    first = today(s)
    paying.forward(s, days=1)
    await rows("UPDATE fee_refund SET accepted_at = $1", s.clock.now())  # heard of a day late
    paying.forward(s, days=1)
    assert await compared(s, pay, first) is State.MATCHED
    assert await compared(s, pay, first + timedelta(days=1)) is State.MATCHED
    assert await PayBillLine.filter(number=number).count() == 1
