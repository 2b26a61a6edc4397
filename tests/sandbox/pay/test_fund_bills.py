"""Fund bills of the sandbox: its own books, told in the bill's words, and read by the service's own reader."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal

import pytest

from server.adapters.wechat import pay_fund_bills
from server.sandbox.pay import fund_bills
from tests.kit.bill_files import rows
from tests.sandbox.pay.conftest import Answer, Pay


async def fund_bill(pay: Pay, day: str = "2026-11-23", account: str = "BASIC") -> Answer:
    query = f"bill_date={day}&account_type={account}&tar_type=GZIP"
    return await pay.send("GET", f"/v3/bill/fundflowbill?{query}")


async def test_a_day_of_the_account(pay: Pay) -> None:
    await pay.paid("A2026112300001", 10050)
    pay.platform.clock.forward(60)
    assert (await pay.refund("A2026112300001", "R1", 5000, 10050)).status == 200
    pay.platform.clock.forward(60)
    with pytest.raises(ValueError, match="余额不足"):
        fund_bills.withdraw(pay.desk, 10**6)
    assert (await pay.control("withdraw", {"fen": 4000}))["balance_fen"] == 1020
    assert (await fund_bill(pay)).code in ("INVALID_REQUEST", "STATEMENT_CREATING")
    pay.platform.clock.forward(86400)
    told = (await fund_bill(pay)).json
    file = gzip.decompress((await pay.send("GET", told["download_url"][len(pay.url) :])).raw)
    details, summary = rows(file.decode("utf-8-sig"))
    assert ",".join(details[0]) == fund_bills.COLUMNS
    lines = [(row["业务类型"], row["收支类型"], row["收支金额(元)"], row["账户结余(元)"]) for row in details]
    assert lines == [
        ("交易", "收入", "100.50", "100.50"),
        ("扣除交易手续费", "支出", "0.60", "99.90"),
        ("退款", "支出", "49.70", "50.20"),  # less the 0.30 that are given back
        ("提现", "支出", "40.00", "10.20"),
    ]
    assert [row["业务凭证号"] for row in details] == ["A2026112300001", "A2026112300001", "R1", ""]
    assert summary == {
        "资金流水总笔数": "4", "收入笔数": "1", "收入金额": "100.50", "支出笔数": "3", "支出金额": "90.30",
    }  # fmt: skip
    assert sum(Decimal(row["收支金额(元)"]) for row in details) == Decimal("190.80")
    read = pay_fund_bills.read(file, date(2026, 11, 23))
    assert [row.amount_fen for row in read.rows] == [10050, -60, -4970, -4000]
    assert read.rows[-1].balance_fen == 1020
    for account in ("OPERATION", "FEES"):
        assert (await fund_bill(pay, account=account)).code == "NO_STATEMENT_EXIST"
    assert (await fund_bill(pay, account="OTHER")).code == "PARAM_ERROR"
    assert (await fund_bill(pay, day="2026-11-22")).code == "NO_STATEMENT_EXIST"
