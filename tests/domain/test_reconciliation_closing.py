"""Days of the reconciliation: explained and closed, compared by themselves, killed in the middle, and large."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from tortoise.exceptions import BaseORMException

from server.domain import beijing
from server.domain.payments import reconciliation
from server.domain.payments.reconciliation_states import ReconciliationState as State
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound, OutsideFailure, PayRefused
from server.models import (
    FeeOrder,
    LedgerPosting,
    PayBillLine,
    ReconciliationDay,
    ReconciliationDifference,
)
from server.models.database import rows
from tests.kit import fake_bill, make, paying
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN
from tests.kit.reconciling import compared, differences, nothing, one_paid_and_over, today
from tests.kit.statements import statements

ROWS = 10_000


# Explaining and closing


async def test_a_day_with_an_open_difference_cannot_be_closed(services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    pay.misprint = nothing
    await compared(s, pay, day)
    with pytest.raises(Conflict) as refused:
        await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)
    assert (refused.value.code, str(refused.value)) == (
        "differences_open",
        "还有 1 项差异没有处理，请逐项说明后再结账。",
    )
    [line] = await ReconciliationDifference.all()
    with pytest.raises(Invalid):
        await reconciliation.settle(s.clock, line.id, "短", actor=FINANCE)
    await reconciliation.settle(s.clock, line.id, "微信次日补账，已与客服核对", actor=FINANCE)
    with pytest.raises(Conflict) as again:
        await reconciliation.settle(s.clock, line.id, "另一种说法", actor=OTHER_FINANCE)
    assert again.value.code == "difference_settled"
    assert await compared(s, pay, day) is State.DIFFERING  # what was explained stays so
    line = await ReconciliationDifference.get()
    assert (line.note, line.settled_by_name) == ("微信次日补账，已与客服核对", "财务甲")
    await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)
    for late in (
        reconciliation.reconcile(s.clock, s.faults, pay, day, actor=FINANCE),
        reconciliation.settle(s.clock, line.id, "结账以后", actor=FINANCE),
    ):
        with pytest.raises(Conflict) as closed:
            await late
        assert (closed.value.code, str(closed.value)) == (
            "day_closed",
            f"{day} 已由财务甲结账，不能再改。",
        )
    with pytest.raises(Conflict) as moved:
        await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)
    assert moved.value.code == "day_moved"


async def test_what_is_heard_of_later_settles_itself_and_may_come_back(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.ordered(s, pay, await paying.owing(s, await paying.priced(s)))
    assert pay._pay(order.number)
    day = today(s)
    paying.forward(s, days=1)
    assert await compared(s, pay, day) is State.DIFFERING
    theirs = ("theirs_only", "payment", order.number, PRICE_FEN, None)
    assert await differences() == [(*theirs, False)]
    await paying.notify(s, pay, order.number)
    assert await compared(s, pay, day) is State.MATCHED
    assert await differences() == [(*theirs, True)]
    assert (await ReconciliationDifference.get()).note == "再次对账时已相符"
    pay.misprint = lambda found: [replace(found[0], transaction_id="4200009")]
    await compared(s, pay, day)
    assert [line[5] for line in await differences()] == [False, True, False]
    pay.misprint = list
    assert await compared(s, pay, day) is State.MATCHED
    await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)


async def test_who_may_and_what_cannot_be(services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    for refused in (
        reconciliation.reconcile(s.clock, s.faults, pay, day, actor=make.OPERATOR),
        reconciliation.settle(s.clock, 1, "说明说明", actor=make.OPERATOR),
        reconciliation.close(s.clock, s.faults, day, actor=make.OPERATOR),
    ):
        with pytest.raises(Forbidden):
            await refused
    with pytest.raises(Invalid):
        await reconciliation.reconcile(s.clock, s.faults, pay, today(s), actor=FINANCE)
    with pytest.raises(NotFound):
        await reconciliation.settle(s.clock, 10**9, "说明说明", actor=FINANCE)
    with pytest.raises(NotFound) as unknown:
        await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)
    assert unknown.value.code == "day_unknown"
    pay.is_bill_creating = True
    with pytest.raises(PayRefused):
        await reconciliation.reconcile(s.clock, s.faults, pay, day, actor=FINANCE)
    with pytest.raises(Conflict) as open_still:
        await reconciliation.close(s.clock, s.faults, day, actor=FINANCE)
    assert str(open_still.value) == "这一天现在是“待对账”，不能结账；请刷新后再看。"


# By itself


async def test_at_half_past_ten_yesterday_is_compared_and_a_bill_in_work_is_asked_for_again(
    services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    paid_on = today(s)
    local = beijing.local(s.clock.now())
    paying.forward(s, hours=24 + 9 - local.hour, minutes=-local.minute)  # nine the next morning
    await reconciliation.sweep(s.clock, s.faults, pay)
    assert await ReconciliationDay.all().count() == 0
    paying.forward(s, hours=1, minutes=31)
    pay.is_bill_creating = True
    await reconciliation.sweep(s.clock, s.faults, pay)
    of = await ReconciliationDay.get()
    assert (of.day, of.state, of.trouble) == (paid_on, "open", "微信支付还在生成这一天的账单。")
    pay.is_bill_creating = False
    await reconciliation.sweep(s.clock, s.faults, pay)
    assert (await ReconciliationDay.get()).state == "open"
    paying.forward(s, minutes=30)
    await reconciliation.sweep(s.clock, s.faults, pay)
    of = await ReconciliationDay.get()
    assert (of.state, of.trouble, of.next_try_at) == ("matched", "", None)
    paying.forward(s, days=3)  # nobody was there for three days
    await reconciliation.sweep(s.clock, s.faults, pay)
    days = await ReconciliationDay.all().order_by("day")
    assert [(one.day - paid_on).days for one in days] == [0, 1, 2, 3]
    assert {one.state for one in days} == {"matched"}
    assert (await FeeOrder.get()).number == order.number


async def test_a_bill_whose_sums_are_wrong_is_not_believed(services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    bill = await pay.bill(day)
    assert bill is not None

    async def damaged(_: date) -> object:
        return replace(bill, summary=replace(bill.summary, order_fen=1))

    object.__setattr__(pay, "bill", damaged)
    with pytest.raises(OutsideFailure, match="合计与各行不符"):
        await reconciliation.reconcile(s.clock, s.faults, pay, day, actor=FINANCE)
    of = await ReconciliationDay.get()
    assert (of.state, of.trouble) == ("open", "微信支付账单的合计与各行不符，请稍后重试")


@pytest.mark.parametrize(
    "place",
    [
        "reconciliation.reconcile: the bill is kept",
        "reconciliation.reconcile: the charges are booked",
        "reconciliation.reconcile: before the commit",
        "reconciliation.reconcile: after the commit",
    ],
)
async def test_a_process_that_dies_while_comparing_compares_once(
    services: Services, pay: FakePay, place: str
) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await reconciliation.reconcile(s.clock, s.faults, pay, day, actor=FINANCE)
    await paying.check_books()
    assert (await ReconciliationDay.get()).state == ("matched" if "after" in place else "open")
    paying.forward(s, hours=12)
    await reconciliation.sweep(s.clock, s.faults, pay)
    assert {one.state for one in await ReconciliationDay.all()} == {"matched"}
    assert await LedgerPosting.filter(source__startswith="charges:").count() == 1
    assert await PayBillLine.all().count() == 1
    await paying.check_books()


async def test_a_posting_of_no_order_is_of_a_days_charges(services: Services) -> None:
    with pytest.raises(BaseORMException):
        await rows("INSERT INTO ledger_posting (source, at) VALUES ('paid:x', now())")


# Size

FILL = (
    """INSERT INTO fee_order (number, candidate_id, account, way, openid, description, total_fen, refunded_fen, state,
         expires_at, created_at, transaction_id, paid_at)
       SELECT 'x' || lpad(n::text, 9, '0'), $1, 'oa', 'jsapi', '', '考试费', 12050, 0, 'paid', $2, $2, '4200' || n, $2
       FROM generate_series(1, $3) n""",
    "INSERT INTO ledger_posting (source, order_id, at) SELECT 'paid:' || number, id, paid_at FROM fee_order",
    """INSERT INTO ledger_entry (posting_id, account, amount_fen)
       SELECT p.id, line.account, line.fen FROM ledger_posting p,
         (VALUES ('wechat', 12050), ('income', -12050)) AS line (account, fen)""",
)


async def test_a_large_bill_is_compared_in_few_statements(services: Services, pay: FakePay) -> None:
    """10,000 payments and 3 differences among them; linear, so no statement for each row."""
    s = services
    candidate = await make.candidate(s)
    day, at = today(s), s.clock.now()
    await rows(FILL[0], candidate.id, at, ROWS)
    for statement in FILL[1:]:
        await rows(statement)
    bill = [
        fake_bill.payment_row(f"x{n:09}", f"4200{n}", PRICE_FEN if n != 7 else 1, at)
        for n in range(2, ROWS + 2)
    ]
    pay.misprint = lambda found: bill
    paying.forward(s, days=1)
    with statements() as sent:
        await reconciliation.reconcile(s.clock, s.faults, pay, day, actor=FINANCE)
    assert len(sent) < 40
    assert [line[:3] for line in await differences()] == [
        ("amount", "payment", "x000000007"),
        ("ours_only", "payment", "x000000001"),
        ("theirs_only", "payment", f"x{ROWS + 1:09}"),
    ]
