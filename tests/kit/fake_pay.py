"""WeChat Pay in memory: orders, payments and refunds as it keeps them, and answers that get lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from server.domain import beijing
from server.domain.ports import Clock
from server.domain.ports.payments import (
    BankCard,
    Cashier,
    FundBill,
    FundBillRow,
    PayBill,
    PayBillRow,
    PayFinding,
    PayNotification,
    PayOrder,
    PayRefund,
    PayRefundOrder,
    PayTransaction,
)
from server.errors import OutsideFailure, PayRefused
from server.settings import Settings
from tests.kit import fake_bill
from tests.kit.fakes import outside


@dataclass
class Kept:
    order: PayOrder
    state: str = "NOTPAY"
    transaction: str | None = None
    refunded_fen: int = 0
    paid_at: datetime | None = None


@outside
class FakePay:
    """The port `PayGateway`; what a payer does is `_pay`, what WeChat sends is `_notification` and `_refund_notification`.

    Attributes:
        codes: the code_url of each native order that still works: the newest.
        losing: so many of the next calls are done, and their answers lost.
        balance_fen: what the merchant has; None: enough.
        refund_status: what becomes of a refund.
        redirected: to which cards abnormal refunds were sent.
        is_bill_creating: the bill is still in work.
        misprint: what the bill says instead of the truth.
        moved: what moved beside payments and refunds, such as a withdrawal.
        fund_misprint: what the fund bill says instead of the truth.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._serial = itertools.count(1)
        self.orders: dict[str, Kept] = {}
        self.refunds: dict[str, PayRefund] = {}
        self.redirected: list[BankCard] = []
        self.codes: dict[str, str] = {}
        self.losing = 0
        self.balance_fen: int | None = None
        self.refund_status = "SUCCESS"
        self.is_bill_creating = False
        self.misprint: Callable[[list[PayBillRow]], list[PayBillRow]] = list
        self.moved: list[FundBillRow] = []
        self.fund_misprint: Callable[[list[FundBillRow]], list[FundBillRow]] = list

    def _answered(self) -> None:
        if self.losing:
            self.losing -= 1
            raise OutsideFailure("微信支付没有回答", unknown=True)

    async def order_jsapi(self, order: PayOrder, *, openid: str) -> str:
        return self._ordered(order)

    async def order_native(self, order: PayOrder) -> str:
        self.codes[order.out_trade_no] = f"weixin://wxpay/bizpayurl?pr={self._ordered(order)}"
        return self.codes[order.out_trade_no]

    def _ordered(self, order: PayOrder) -> str:
        kept = self.orders.setdefault(order.out_trade_no, Kept(order))
        if kept.order != order or kept.state in ("SUCCESS", "REFUND"):
            raise PayRefused("OUT_TRADE_NO_USED", "商户订单号重复", status=403)
        if kept.state == "CLOSED":
            raise PayRefused("ORDER_CLOSED", "订单已关闭", status=400)
        self._answered()
        return f"wx{next(self._serial):030d}"

    def _pay(self, number: str) -> bool:
        """The payer pays. False: WeChat does not let him, the order is closed or paid."""
        kept = self.orders.get(number)
        if kept is None or kept.state != "NOTPAY":
            return False
        kept.state, kept.transaction = "SUCCESS", f"42000{next(self._serial):023d}"
        kept.paid_at = self._clock.now()
        return True

    async def query(self, out_trade_no: str) -> PayTransaction | None:
        self._answered()
        return self._transaction(out_trade_no) if out_trade_no in self.orders else None

    def _transaction(self, number: str) -> PayTransaction:
        kept = self.orders[number]
        appid = self._settings.oa_appid if kept.order.account == "oa" else self._settings.mp_appid
        known = PayTransaction(appid, self._settings.pay_mchid, number, kept.state)
        if kept.transaction is None:
            return known
        return replace(
            known,
            transaction_id=kept.transaction,
            total_fen=kept.order.total_fen,
            payer_total_fen=kept.order.total_fen,
            openid="oPayer",
            paid_at=kept.paid_at,
        )

    async def close(self, out_trade_no: str) -> None:
        kept = self.orders.get(out_trade_no)
        if kept is None:
            raise PayRefused("ORDER_NOT_EXIST", "订单不存在", status=404)
        if kept.state in ("SUCCESS", "REFUND"):
            raise PayRefused("ORDER_PAID", "订单已支付", status=400)
        kept.state = "CLOSED"
        self._answered()

    async def refund(self, order: PayRefundOrder) -> PayRefund:
        if order.out_refund_no not in self.refunds:
            kept = self.orders[order.out_trade_no]
            if kept.refunded_fen + order.refund_fen > kept.order.total_fen:
                raise PayRefused("INVALID_REQUEST", "退款金额大于可退金额", status=400)
            if self.balance_fen is not None and order.refund_fen > self.balance_fen:
                raise PayRefused("NOT_ENOUGH", "余额不足", status=403, may_repeat=True)
            assert kept.transaction is not None
            kept.state, kept.refunded_fen = "REFUND", kept.refunded_fen + order.refund_fen
            self.refunds[order.out_refund_no] = PayRefund(
                order.out_trade_no,
                kept.transaction,
                order.out_refund_no,
                f"503{next(self._serial):020d}",
                "PROCESSING",
                order.refund_fen,
                order.total_fen,
                created_at=self._clock.now(),
            )
        self._answered()
        return self.refunds[order.out_refund_no]

    def _end_refund(self, number: str) -> None:
        self.refunds[number] = replace(self.refunds[number], status=self.refund_status)

    async def query_refund(self, out_refund_no: str) -> PayRefund | None:
        self._answered()
        return self.refunds.get(out_refund_no)

    async def redirect_refund(self, refund_id: str, out_refund_no: str, to: BankCard) -> PayRefund:
        refund = self.refunds[out_refund_no]
        if refund.refund_id != refund_id or refund.status not in ("ABNORMAL", "PROCESSING"):
            raise PayRefused("INVALID_REQUEST", "退款单不是异常状态", status=400)
        if refund.status == "ABNORMAL":
            self.refunds[out_refund_no] = replace(refund, status="PROCESSING")
            self.redirected.append(to)
        self._answered()
        return self.refunds[out_refund_no]

    async def bill(self, day: date) -> PayBill | None:
        self._answered()
        if self.is_bill_creating:
            raise PayRefused("STATEMENT_CREATING", "账单生成中", status=400, may_repeat=True)
        said = self.misprint([row for row in self._rows() if beijing.day(row.traded_at) == day])
        return fake_bill.bill_of(day, said) if said else None

    def _rows(self) -> list[PayBillRow]:
        """Of all days."""
        found = [
            fake_bill.payment_row(number, kept.transaction, kept.order.total_fen, kept.paid_at)
            for number, kept in self.orders.items()
            if kept.transaction and kept.paid_at
        ]
        return found + [fake_bill.refund_row(refund) for refund in self.refunds.values() if refund.created_at]

    async def fund_bill(self, day: date) -> FundBill | None:
        self._answered()
        if self.is_bill_creating:
            raise PayRefused("STATEMENT_CREATING", "账单生成中", status=400, may_repeat=True)
        before = [row for row in self._rows() if beijing.day(row.traded_at) < day]
        moved = [one for row in before for one in self._flows(row)]
        moved += [one for one in self.moved if beijing.day(one.booked_at) < day]
        traded = self.misprint([row for row in self._rows() if beijing.day(row.traded_at) == day])
        flows = [one for row in traded for one in self._flows(row)]
        flows += [one for one in self.moved if beijing.day(one.booked_at) == day]
        start = sum(one.amount_fen for one in moved)
        said = self.fund_misprint(fake_bill.running(start, flows))
        return FundBill(day, tuple(said)) if said else None

    def _flows(self, row: PayBillRow) -> list[FundBillRow]:
        """A refund that was closed is in the trade bill of its day, and moved nothing."""
        refund = self.refunds.get(row.out_refund_no)
        return [] if refund is not None and refund.status == "CLOSED" else fake_bill.flows_of(row)

    def pay_parameters(self, prepay_id: str, cashier: Cashier) -> dict[str, str]:
        return {
            "timeStamp": "1795406400",
            "nonceStr": "nonce",
            "package": f"prepay_id={prepay_id}",
            "signType": "RSA",
            "paySign": cashier,
        }

    def open_notification(self, headers: Mapping[str, str], body: bytes) -> PayNotification:
        raise NotImplementedError("the sandbox's WeChat Pay signs notifications")

    def _notification(self, number: str) -> PayNotification:
        """As WeChat sends it: the same id for the same happening."""
        paid = replace(self._transaction(number), state="SUCCESS")
        return PayNotification(f"EV-{number}", "TRANSACTION.SUCCESS", self._clock.now(), transaction=paid)

    def _refund_notification(self, number: str) -> PayNotification:
        refund = self.refunds[number]
        event = f"REFUND.{refund.status}"
        return PayNotification(f"EV-{number}-{refund.status}", event, self._clock.now(), refund=refund)

    async def probe(self) -> list[PayFinding]:
        return []
