"""Fund bills: each movement of the merchant's account with what was left after it, from the sandbox's own books.

Columns as in PAYDOC 《资金账单文件格式说明》. A refund goes out less the charge that is given back with it, in one line.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from server.sandbox.clock import BEIJING
from server.sandbox.pay import bills, orders, refunds
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.gate import Answer, PayCall
from server.sandbox.pay.refusals import PayError, wrong_field

ACCOUNTS = ("BASIC", "OPERATION", "FEES")
COLUMNS = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"


@dataclass(frozen=True, slots=True)
class Flow:
    """One movement; `fen` below zero: it goes out."""

    at: float
    serial: int  # of movements in one moment: a charge comes after its payment
    wechat_number: str
    flow_number: str
    name: str
    kind: str
    fen: int
    remark: str
    number: str


def ask(call: PayCall) -> Answer:
    """Where the fund bill of a day can be fetched, as `bills.ask`.

    Raises:
        PayError: PARAM_ERROR, INVALID_REQUEST, STATEMENT_CREATING, NO_STATEMENT_EXIST.
    """
    account = call.query.get("account_type", "BASIC")
    if account not in ACCOUNTS:
        raise wrong_field(
            "account_type", account, "输入源“/query/account_type”枚举校验失败", location="query"
        )
    day, packing = bills.asked(call)
    return bills.listed(call.desk, _bill_of(call.desk, day, account), packing)


def withdraw(desk: PayDesk, fen: int) -> str:
    """Money goes to the merchant's bank account. Returns the flow number. Raises ValueError: there is not so much."""
    if not 0 < fen <= balance(desk):
        raise ValueError("余额不足")
    number = f"{desk.merchant.mchid}{secrets.randbelow(10**18):018d}"
    desk.store.put("pay.withdrawal", number, {"number": number, "fen": fen, "at": desk.clock.now()})
    return number


def balance(desk: PayDesk) -> int:
    return sum(flow.fen for flow in flows(desk))


def flows(desk: PayDesk) -> list[Flow]:
    """Everything that ever moved, the oldest first."""
    found: list[Flow] = []
    for order in orders.everything(desk):
        if order.get("paid"):
            found += _payment(order)
    for refund in refunds.everything(desk):
        of = orders.find(desk, refund["order"])
        if of is not None:
            found += _refund(of, refund)
    for one in desk.store.all("pay.withdrawal").values():
        text = ("提现", "提现", -one["fen"], "提现到银行账户", "")
        found.append(Flow(one["at"], 0, one["number"], one["number"], *text))
    return sorted(found, key=lambda flow: (flow.at, flow.wechat_number, flow.serial))


def _payment(order: orders.Order) -> list[Flow]:
    total, charge = order["total"], bills.fee(order["total"])
    number, flow = order["transaction_id"], f"19{order['transaction_id'][2:]}"
    said = f"结算总金额 {bills.yuan(total)} 元;含手续费 {bills.yuan(charge)} 元"
    came = Flow(order["paid"], 0, number, flow, "交易", "交易", total, said, order["out_trade_no"])
    kept = (number, flow, "交易", "扣除交易手续费", -charge, said, order["out_trade_no"])
    return [came, Flow(order["paid"], 1, *kept)] if charge else [came]


def _refund(order: orders.Order, refund: refunds.Refund) -> list[Flow]:
    charge = bills.fee(refund["refund"])
    net = refund["refund"] - charge
    said = f"退款总金额{bills.yuan(refund['refund'])}元;含手续费{bills.yuan(charge)}元"
    about = (refund["refund_id"], order["transaction_id"], "退款", "退款")
    went = [Flow(refund["created"], 0, *about, -net, said, refund["out_refund_no"])]
    if refund["status"] == "CLOSED":  # it did not come about, and the money is the merchant's again
        went.append(
            Flow(
                float(refund.get("ended") or refund["created"]), 1, *about, net, said, refund["out_refund_no"]
            )
        )
    return went


def _bill_of(desk: PayDesk, day: date, account: str) -> str:
    """The fund bill of a day; made once. Only the BASIC account has any money."""
    key = f"{day} {account}"
    bill = desk.store.get("pay.fund_bill", key)
    if bill is not None:
        return str(bill["text"])
    lines: list[str] = []
    came: list[int] = []
    went: list[int] = []
    left = 0
    for flow in flows(desk) if account == "BASIC" else ():
        left += flow.fen
        if datetime.fromtimestamp(flow.at, BEIJING).date() == day:
            lines.append(_line(flow, left))
            (came if flow.fen > 0 else went).append(abs(flow.fen))
    if not lines:
        raise PayError("NO_STATEMENT_EXIST")
    sums = (len(lines), len(came), bills.yuan(sum(came)), len(went), bills.yuan(sum(went)))
    text = "".join(line + "\r\n" for line in (COLUMNS, *lines, SUMMARY, bills.line(sums)))
    desk.store.put("pay.fund_bill", key, {"text": text})
    return text


def _line(flow: Flow, left: int) -> str:
    at = datetime.fromtimestamp(flow.at, BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    way = "收入" if flow.fen > 0 else "支出"
    about = (at, flow.wechat_number, flow.flow_number, flow.name, flow.kind, way)
    return bills.line(
        (*about, bills.yuan(abs(flow.fen)), bills.yuan(left), "system", flow.remark, flow.number)
    )
