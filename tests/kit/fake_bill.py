"""Trade bills in memory: the rows of a payment and of a refund, and the last line that sums them up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from server.domain.ports.payments import FundBillRow, PayBill, PayBillRow, PayBillSummary, PayRefund

RATE = Decimal("0.006")


PAYMENT = PayBillRow(
    traded_at=datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=8))),
    appid="wx",
    mchid="1900000001",
    transaction_id="",
    out_trade_no="",
    openid="oPayer",
    trade_type="JSAPI",
    state="SUCCESS",
    bank="OTHERS",
    currency="CNY",
    settlement_fen=0,
    coupon_fen=0,
    refund_id="",
    out_refund_no="",
    refund_fen=0,
    coupon_refund_fen=0,
    refund_type="",
    refund_state="",
    description="考试费",
    attach="",
    fee_yuan=Decimal(0),
    rate="0.60%",
    order_fen=0,
    requested_refund_fen=0,
)


def payment_row(number: str, transaction_id: str, fen: int, at: datetime) -> PayBillRow:
    return replace(
        PAYMENT,
        traded_at=at,
        transaction_id=transaction_id,
        out_trade_no=number,
        settlement_fen=fen,
        order_fen=fen,
        fee_yuan=charge(fen),
    )


def refund_row(refund: PayRefund) -> PayBillRow:
    assert refund.created_at is not None
    return replace(
        PAYMENT,
        traded_at=refund.created_at,
        transaction_id=refund.transaction_id,
        out_trade_no=refund.out_trade_no,
        state="REFUND",
        refund_id=refund.refund_id,
        out_refund_no=refund.out_refund_no,
        refund_fen=refund.refund_fen,
        requested_refund_fen=refund.refund_fen,
        refund_type="ORIGINAL",
        refund_state="PROCESSING",
        fee_yuan=-charge(refund.refund_fen),
    )


def charge(fen: int) -> Decimal:
    """In yuan, rounded to fen, as WeChat Pay charges it."""
    return (fen * RATE / 100).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def bill_of(day: date, rows: Iterable[PayBillRow]) -> PayBill:
    found = tuple(rows)
    summary = PayBillSummary(
        rows=len(found),
        settlement_fen=sum(row.settlement_fen for row in found),
        refund_fen=sum(row.refund_fen for row in found),
        coupon_refund_fen=0,
        fee_yuan=sum((row.fee_yuan for row in found), Decimal(0)),
        order_fen=sum(row.order_fen for row in found),
        requested_refund_fen=sum(row.requested_refund_fen for row in found),
    )
    return PayBill(day, found, summary)


def flows_of(row: PayBillRow) -> list[FundBillRow]:
    """What a line of the trade bill moved: a payment and its charge, or a refund less what it gives back of it."""
    kept = int(row.fee_yuan * 100)
    if row.state != "SUCCESS":
        went = -row.requested_refund_fen - kept
        return [flow("退款", went, row.traded_at, row.out_refund_no, row.refund_id)]
    numbers = (row.traded_at, row.out_trade_no, row.transaction_id)
    charged = [flow("扣除交易手续费", -kept, *numbers)] if kept else []
    return [flow("交易", row.order_fen, *numbers), *charged]


def flow(kind: str, fen: int, at: datetime, number: str = "", wechat_number: str = "") -> FundBillRow:
    """A movement; what it leaves comes with `running`."""
    flow_number = f"19{wechat_number[2:]}" if wechat_number else f"1900{at:%Y%m%d%H%M%S}{abs(fen)}"
    wechat_number = wechat_number or flow_number
    return FundBillRow(at, wechat_number, flow_number, number, kind, kind, fen, 0)


def running(start_fen: int, flows: Iterable[FundBillRow]) -> list[FundBillRow]:
    """Each with what it leaves."""
    left, found = start_fen, []
    for one in flows:
        left += one.amount_fen
        found.append(replace(one, balance_fen=left))
    return found
