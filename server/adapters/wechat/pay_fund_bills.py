"""WeChat Pay's fund bill: every movement of the merchant's account, and what was left after it (wechat.md §7.6).

What a person wrote (备注, 资金变更提交申请人) is not read.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import InvalidOperation

from server.adapters.wechat.pay_bills import BEIJING, fen, table, whole
from server.domain.ports.payments import FundBill, FundBillRow
from server.errors import OutsideFailure

_SIGNS = {"收入": 1, "支出": -1}
LONGEST = 64  # of a number; they have 32 at most


def read(data: bytes, day: date) -> FundBill:
    """The rows of a fund bill, which come to what its last line says.

    Raises:
        OutsideFailure: it is not a fund bill as we know it; nothing of it should be believed then.
    """
    try:
        found, sums = table(data)
        rows = tuple(_row(one) for one in found)
        _check(rows, sums, day)
    except (ValueError, InvalidOperation, KeyError, UnicodeDecodeError) as problem:
        raise OutsideFailure(f"微信支付资金账单无法读取（{type(problem).__name__}: {problem}）") from None
    return FundBill(day, rows)


def _row(of: dict[str, str]) -> FundBillRow:
    amount = fen(of["收支金额(元)"])
    if amount < 0:
        raise ValueError("an amount below zero")
    return FundBillRow(
        booked_at=datetime.strptime(of["记账时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING),
        wechat_number=_number(of["微信支付业务单号"]),
        flow_number=_number(of["资金流水单号"]),
        number=_number(of["业务凭证号"]),
        name=of["业务名称"][:32],
        kind=of["业务类型"][:32],
        amount_fen=_SIGNS[of["收支类型"]] * amount,
        balance_fen=fen(of["账户结余(元)"]),
    )


def _number(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError("a number that is too long")
    return text


def _check(rows: tuple[FundBillRow, ...], sums: dict[str, str], day: date) -> None:
    if any(row.booked_at.date() != day for row in rows):
        raise ValueError("a line of another day")
    came = [row.amount_fen for row in rows if row.amount_fen > 0]
    went = [-row.amount_fen for row in rows if row.amount_fen < 0]
    said = (whole(sums["资金流水总笔数"]), fen(sums["收入金额"]), fen(sums["支出金额"]))
    if (len(rows), sum(came), sum(went)) != said:
        raise ValueError("the rows do not come to the last line")
