"""The reader of fund bills: amounts exact to the fen, and nothing believed of a bill of another shape."""

from __future__ import annotations

from datetime import date

import pytest

from server.adapters.wechat import pay_fund_bills
from server.errors import OutsideFailure

DAY = date(2026, 11, 22)
BILL = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n"
    "`2026-11-22 09:00:00,`4200001,`1900001,`交易,`交易,`收入,`90071992547409.93,`90071992547410.00,`system,`某某,`xc1\r\n"
    "`2026-11-22 09:00:00,`4200001,`1900001,`交易,`扣除交易手续费,`支出,`0.03,`90071992547409.97,`system,`a,b,`xc1\r\n"
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n"
    "`2,`1,`90071992547409.93,`1,`0.03\r\n"
)


def test_a_bill_is_read_to_the_fen() -> None:
    bill = pay_fund_bills.read(BILL.encode("utf-8-sig"), DAY)
    assert [row.amount_fen for row in bill.rows] == [9_007_199_254_740_993, -3]  # no float has the first
    assert bill.rows[1].balance_fen == 9_007_199_254_740_997
    first = bill.rows[0]
    assert (first.kind, first.number, first.wechat_number, first.flow_number) == (
        "交易",
        "xc1",
        "4200001",
        "1900001",
    )
    assert first.booked_at.isoformat() == "2026-11-22T09:00:00+08:00"
    assert "某某" not in repr(bill)  # what a person wrote is not read


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("支出,`0.03", "支出,`0.04"),  # the rows do not come to the last line
        ("`0.03,`9007", "`0.035,`9007"),
        ("`0.03,`9007", "`NaN,`9007"),
        ("`支出", "`转出"),
        ("收支类型", "方向"),
        ("2026-11-22 09", "2026-11-21 09"),
        ("`2,`1,", "`3,`1,"),
        ("`4200001", "`" + "4" * 65),
        ("资金流水总笔数", "`资金流水总笔数"),
        ("`xc1\r\n资", "`xc1,`more\r\n资"),
    ],
)
def test_a_bill_of_another_shape_is_not_believed(old: str, new: str) -> None:
    assert old in BILL
    with pytest.raises(OutsideFailure, match="资金账单无法读取"):
        pay_fund_bills.read(BILL.replace(old, new).encode(), DAY)
