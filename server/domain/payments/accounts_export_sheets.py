"""The sheets of the accountant's workbook. Amounts are numbers in yuan with two decimals, exactly the fen of the books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from server.domain import beijing
from server.domain.payments.accounts_export_rows import Books, Row
from server.domain.payments.fee_states import FeeState
from server.domain.payments.ledger import Account
from server.domain.payments.posting_words import ACCOUNTS, told
from server.domain.payments.reconciliation_differences import KINDS, THINGS
from server.domain.payments.refund_states import RefundState
from server.domain.ports import Cell, Mark, SheetToWrite

PERSON = "考生本人"
Line = list[Cell]


def sheets(books: Books, title: str, made: str) -> list[SheetToWrite]:
    above = [[_text(title, Mark.BOLD)], [_text(made)], []]
    return [
        _sheet("日记账", above, DAY_BOOK, _day_book(books.entries), (8, 18, 30, 14, 24, 24, 16, 14, 14)),
        _sheet("科目合计", above, SUMS, _sums(books.accounts), (18, 16, 16, 16, 16)),
        _sheet("院校和考试计划的收费", above, INCOME, _income(books.income), (28, 36, 16, 16, 16)),
        _sheet("应缴费用", above, FEES, _fees(books.owed), (28, 36, 12, 10, 16)),
        _sheet("未结事项", above, OPEN, _open(books), (18, 30, 28, 20, 16, 16)),
    ]


DAY_BOOK = ("序号", "记账时间", "凭证", "事项", "订单号", "院校", "科目", "借方", "贷方")
SUMS = ("科目", "期初余额", "借方", "贷方", "期末余额")
INCOME = ("院校", "考试计划或培训", "收入", "退回", "净额")
FEES = ("院校", "考试计划或培训", "状态", "项数", "金额")
OPEN = ("事项", "单号", "院校或说明", "时间", "金额", "账上金额")


def _sheet(
    name: str, above: Sequence[Line], head: Sequence[str], lines: Iterable[Line], widths: Sequence[int]
) -> SheetToWrite:
    def every() -> Iterator[Line]:
        yield from above
        yield [_text(one, Mark.HEAD) for one in head]
        yield from lines

    return SheetToWrite(name, every(), widths=dict(enumerate(widths, 1)), frozen=len(above) + 1)


def _day_book(entries: Sequence[Row]) -> Iterator[Line]:
    debit = credit = 0
    for serial, one in enumerate(entries, 1):
        fen = int(one["amount_fen"])
        debit, credit = debit + max(fen, 0), credit + max(-fen, 0)
        about = (one["source"], told(one["source"]), one["order_number"] or "", one["school"] or "")
        yield [
            Cell(serial),
            _text(f"{beijing.local(one['at']):%Y-%m-%d %H:%M:%S}"),
            *map(_text, about),
            _text(ACCOUNTS[one["account"]]),
            _amount(fen) if fen > 0 else Cell(None),
            _amount(-fen) if fen < 0 else Cell(None),
        ]
    yield [_text("合计", Mark.BOLD), *[Cell(None)] * 6, _amount(debit), _amount(credit)]


def _sums(accounts: Sequence[Row]) -> Iterator[Line]:
    known = {row["account"]: row for row in accounts}
    names = ("opening", "debit", "credit", "closing")
    total = dict.fromkeys(names, 0)
    for account in Account:
        of = known.get(account.value, dict.fromkeys(names, 0))
        yield [_text(ACCOUNTS[account.value]), *(_amount(int(of[name])) for name in names)]
        for name in names:
            total[name] += int(of[name])
    yield [_text("合计", Mark.BOLD), *(_amount(total[name]) for name in names)]


def _income(income: Sequence[Row]) -> Iterator[Line]:
    names = ("came", "back", "fen")
    for one in income:
        school, plan = one["school"] or PERSON, one["plan"] or "多个考试计划或培训"
        yield [_text(school), _text(plan), *(_amount(int(one[name])) for name in names)]
    sums = (_amount(sum(int(one[name]) for one in income)) for name in names)
    yield [_text("合计", Mark.BOLD), Cell(None), *sums]


def _fees(owed: Sequence[Row]) -> Iterator[Line]:
    for one in owed:
        about = (one["school"] or PERSON, one["plan"], FeeState(one["state"]).label)
        yield [*map(_text, about), Cell(int(one["fees"])), _amount(int(one["fen"]))]
    sums = (Cell(sum(int(one["fees"]) for one in owed)), _amount(sum(int(one["fen"]) for one in owed)))
    yield [_text("合计", Mark.BOLD), Cell(None), Cell(None), *sums]


def _open(books: Books) -> Iterator[Line]:
    """What is not done at the moment of the export."""
    for one in books.owed:
        if one["state"] == FeeState.OWED.value:
            about = f"{one['school'] or PERSON}　{one['fees']} 项"
            yield _item("待缴费用", one["plan"], about, "", int(one["fen"]))
    for one in books.refunds:
        about = f"{one['school'] or PERSON}　{RefundState(one['state']).label}"
        yield _item("未完成的退款", one["number"], about, _when(one["asked_at"]), int(one["amount_fen"]))
    for one in books.transfers:
        yield _item(
            "待批准的转账", one["number"], one["school"], _when(one["recorded_at"]), int(one["amount_fen"])
        )
    for one in books.bank_refunds:
        about = f"{one['school']}　订单 {one['order_number']}"
        yield _item(
            "待批准的银行退款", one["number"], about, _when(one["recorded_at"]), int(one["amount_fen"])
        )
    for one in books.differences:
        about = f"{KINDS[one['kind']]}　{THINGS[one['what']]}"
        line = _item("对账差异", one["number"], about, one["day"].isoformat(), one["theirs_fen"])
        yield [*line, Cell(None) if one["ours_fen"] is None else _amount(int(one["ours_fen"]))]


def _item(what: str, number: str, about: str, at: str, fen: int | None) -> Line:
    amount = Cell(None) if fen is None else _amount(int(fen))
    return [*map(_text, (what, number, about, at)), amount]


def _when(at: object) -> str:
    return f"{beijing.local(at):%Y-%m-%d %H:%M}"  # type: ignore[arg-type]  # a column of time


def _amount(fen: int) -> Cell:
    """Yuan. A Decimal is written digit by digit, so the workbook has the fen exactly."""
    return Cell(Decimal(fen).scaleb(-2), Mark.AMOUNT)


def _text(value: str, mark: Mark = Mark.NONE) -> Cell:
    return Cell("".join(c for c in value if c.isprintable() or c == "\u3000"), mark)
