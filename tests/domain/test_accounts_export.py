"""导出账目: what stands in the workbook, read back by other means, is the ledger to the fen."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from server.domain.payments import accounts_export, reconciliation, transfers
from server.domain.payments import accounts_export_sheets as heads
from server.domain.payments.accounts_export import ExportDesk
from server.domain.payments.posting_words import ACCOUNTS
from server.domain.ports import Services
from server.errors import Forbidden, Invalid
from server.models import AuditEntry, LedgerEntry, ReconciliationDifference, School
from server.models.database import rows
from tests.kit import cells, fake_bill, make, paying, training, transferring
from tests.kit.fake_pay import FakePay
from tests.kit.money_desk import a_busy_till
from tests.kit.paying import FINANCE, OTHER_FINANCE
from tests.kit.reconciling import compared, given_back, today


async def exported(s: Services, first: date, last: date) -> dict[str, list[list[str]]]:
    desk = ExportDesk(s.clock, s.workbook_writer, s.settings.issuer)
    return cells.sheets(await accounts_export.workbook(desk, first, last, actor=FINANCE))


async def ledger() -> dict[str, int]:
    found = await rows("SELECT account, sum(amount_fen)::bigint AS fen FROM ledger_entry GROUP BY account")
    return {ACCOUNTS[row["account"]]: int(row["fen"]) for row in found}


async def a_month(s: Services, pay: FakePay) -> date:
    """Payments, a refund that is done, another on its way, a transfer, charges and a withdrawal. Returns the first day."""
    first = today(s)
    plan = await paying.priced(s)
    orders = [await paying.paid(s, pay, await paying.owing(s, plan)) for _ in range(3)]
    await paying.owing(s, plan)  # and somebody who has not paid
    pay.moved = [fake_bill.flow("提现", -20_000, s.clock.now())]
    paying.forward(s, days=1)
    await compared(s, pay, first)
    [line] = await ReconciliationDifference.all()
    await reconciliation.book(s.clock, s.faults, line.id, actor=FINANCE)
    number = await given_back(s, pay, orders[0], 5_001)
    pay._end_refund(number)
    paying.forward(s, hours=1)
    await paying.sweep(s, pay)
    await given_back(s, pay, orders[1], 7)
    pay.fund_misprint = lambda found: []
    second = today(s)
    paying.forward(s, days=1)
    await compared(s, pay, second)
    return first


async def test_the_sums_of_the_workbook_are_the_ledgers(services: Services, pay: FakePay) -> None:
    s = services
    first = await a_month(s, pay)
    book = await exported(s, first, today(s))
    known = await ledger()
    *entries, total = cells.table(book["日记账"], heads.DAY_BOOK)
    assert len(entries) == await LedgerEntry.all().count()
    by_account = dict.fromkeys(ACCOUNTS.values(), 0)
    for one in entries:
        by_account[one["科目"]] += cells.fen(one["借方"]) - cells.fen(one["贷方"])
    assert by_account == dict.fromkeys(ACCOUNTS.values(), 0) | known
    assert cells.fen(total["借方"]) == cells.fen(total["贷方"]) > 0
    *accounts, _ = cells.table(book["科目合计"], heads.SUMS)
    for one in accounts:
        movement = cells.fen(one["借方"]) - cells.fen(one["贷方"])
        assert cells.fen(one["期初余额"]) + movement == cells.fen(one["期末余额"]) == by_account[one["科目"]]
    *income, total = cells.table(book["院校和考试计划的收费"], heads.INCOME)
    assert sum(cells.fen(one["净额"]) for one in income) == cells.fen(total["净额"])
    assert cells.fen(total["净额"]) == -known[ACCOUNTS["income"]]
    *fees, total = cells.table(book["应缴费用"], heads.FEES)
    [owed] = await rows("SELECT sum(amount_fen)::bigint AS fen, count(*) AS n FROM fee")
    assert (cells.fen(total["金额"]), int(total["项数"])) == (owed["fen"], owed["n"])
    assert sum(cells.fen(one["金额"]) for one in fees) == owed["fen"]
    opened = cells.table(book["未结事项"], heads.OPEN)
    assert [(one["事项"], cells.fen(one["金额"])) for one in opened][:2] == [
        ("待缴费用", paying.PRICE_FEN),
        ("未完成的退款", 7),
    ]
    assert {one["事项"] for one in opened} == {"待缴费用", "未完成的退款", "对账差异"}
    told = {one["事项"] for one in entries}
    assert told == {"收款", "批准退款", "退回", "手续费", "提现到银行"}
    entry = await AuditEntry.get(action="accounts.export")
    assert (entry.actor_name, entry.became["entries"]) == (FINANCE.name, len(entries))


async def test_days_that_follow_carry_their_balance_on(services: Services, pay: FakePay) -> None:
    """Three exports over three days are the one over all of them, and each begins with what the one before left."""
    s = services
    first = await a_month(s, pay)
    days = [first + timedelta(days=n) for n in range(3)]
    books = [await exported(s, day, day) for day in days]
    whole = await exported(s, days[0], days[-1])
    parts = [cells.table(book["日记账"], heads.DAY_BOOK)[:-1] for book in books]
    assert [len(part) > 0 for part in parts] == [True, True, True]
    same = ("记账时间", "凭证", "科目", "借方", "贷方")
    assert [[one[name] for name in same] for part in parts for one in part] == [
        [one[name] for name in same] for one in cells.table(whole["日记账"], heads.DAY_BOOK)[:-1]
    ]
    sums = [cells.table(book["科目合计"], heads.SUMS) for book in books]
    for before, after in pairwise(sums):
        assert [one["期末余额"] for one in before] == [one["期初余额"] for one in after]


async def test_a_schools_transfer_and_its_income_stand_by_school_and_plan(services: Services) -> None:
    s = services
    school = await make.school()
    till = await a_busy_till(s, school)
    recorded = await transferring.recorded(s, *till.owed)
    await transfers.approve(paying.box(s), recorded.id, actor=OTHER_FINANCE)
    book = await exported(s, today(s), today(s))
    *income, total = cells.table(book["院校和考试计划的收费"], heads.INCOME)
    of_school = [one for one in income if one["院校"] == school.name]
    assert [cells.fen(one["净额"]) for one in of_school] == [sum(fee.amount_fen for fee in till.owed)]
    assert cells.fen(total["净额"]) == -(await ledger())[ACCOUNTS["income"]]
    assert (await ledger())["银行账户"] == cells.fen(of_school[0]["净额"])


async def test_what_went_back_by_bank_is_in_the_books_and_what_waits_is_open(services: Services) -> None:
    s = services
    order = await transferring.paid_by_bank(s, *await transferring.owing(s))
    await transferring.given_back(s, order, amount_fen=5_000, bank_reference="BACK-1")
    await transferring.recorded_back(s, order, amount_fen=701, bank_reference="BACK-2")
    assert order.school_id is not None
    school = (await School.get(id=order.school_id)).name
    book = await exported(s, today(s), today(s))
    *entries, _ = cells.table(book["日记账"], heads.DAY_BOOK)
    back = [one for one in entries if one["事项"] == "从银行退回"]
    assert [(one["科目"], cells.fen(one["借方"]), cells.fen(one["贷方"])) for one in back] == [
        ("考试费和培训费收入", 5_000, 0),
        ("银行账户", 0, 5_000),
    ]
    assert {(one["订单号"], one["院校"]) for one in back} == {(order.number, school)}
    known = await ledger()
    *accounts, _ = cells.table(book["科目合计"], heads.SUMS)
    assert {one["科目"]: cells.fen(one["期末余额"]) for one in accounts} == dict.fromkeys(
        ACCOUNTS.values(), 0
    ) | known
    assert known["银行账户"] == order.total_fen - 5_000
    *income, total = cells.table(book["院校和考试计划的收费"], heads.INCOME)
    [of_school] = [one for one in income if one["院校"] == school]
    assert [cells.fen(of_school[name]) for name in ("收入", "退回", "净额")] == [
        order.total_fen,
        5_000,
        order.total_fen - 5_000,
    ]
    assert cells.fen(total["净额"]) == -known[ACCOUNTS["income"]]
    opened = cells.table(book["未结事项"], heads.OPEN)
    assert [(one["事项"], one["单号"], one["院校或说明"], cells.fen(one["金额"])) for one in opened] == [
        ("待批准的银行退款", "BACK-2", f"{school}　订单 {order.number}", 701)
    ]


async def test_one_order_over_an_examination_and_a_course_is_divided(
    services: Services, pay: FakePay
) -> None:
    """By its fees, when it is paid; of what goes back of it nobody can say for which."""
    s = services
    school = await make.school()
    examined = await paying.owing(s, await paying.priced(s, kind="school"), school=school)
    taught = await training.owing(s, await training.course(s), school)
    order = await paying.paid(s, pay, examined, taught)
    number = await given_back(s, pay, order, 3)
    pay._end_refund(number)
    paying.forward(s, hours=1)
    await paying.sweep(s, pay)
    book = await exported(s, today(s), today(s))
    *income, total = cells.table(book["院校和考试计划的收费"], heads.INCOME)
    sums = {one["考试计划或培训"]: cells.fen(one["净额"]) for one in income}
    assert sorted(sums.values()) == sorted([examined.amount_fen, taught.amount_fen, -3])
    assert sums["多个考试计划或培训"] == -3
    assert cells.fen(total["净额"]) == -(await ledger())[ACCOUNTS["income"]]
    fees = cells.table(book["应缴费用"], heads.FEES)
    assert {one["考试计划或培训"] for one in fees} - {""} == sums.keys() - {"多个考试计划或培训"}


async def test_who_may_and_which_days(
    services: Services, monkeypatch: pytest.MonkeyPatch, pay: FakePay
) -> None:
    s = services
    await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    desk, day = ExportDesk(s.clock, s.workbook_writer, s.settings.issuer), today(s)
    with pytest.raises(Forbidden):
        await accounts_export.workbook(desk, day, day, actor=make.OPERATOR)
    for first, last, code in (
        (day, day - timedelta(days=1), "days_reversed"),
        (day - timedelta(days=366), day, "too_many_days"),
        (day, day + timedelta(days=1), "day_to_come"),
    ):
        with pytest.raises(Invalid) as refused:
            await accounts_export.workbook(desk, first, last, actor=FINANCE)
        assert [one.code for one in refused.value.errors] == [code]
    monkeypatch.setattr(accounts_export, "MOST_ENTRIES", 1)
    with pytest.raises(Invalid) as much:
        await accounts_export.workbook(desk, day, day, actor=FINANCE)
    assert [one.code for one in much.value.errors] == ["too_many_entries"]
    assert not await AuditEntry.filter(action="accounts.export").exists()
