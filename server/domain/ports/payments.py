"""What the domain needs of WeChat Pay (API v3, direct merchant): the `PayGateway` port and what it speaks of.

Money is integer fen, times are aware. Every call may be repeated with the same number: WeChat Pay recognises
out_trade_no and out_refund_no, so a repetition asks again for the same thing and never pays or refunds twice.
A *new* number for something whose outcome is unknown does (wechat.md §7.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol

LONGEST_REASON_BYTES = 80  # of a refund's reason, in UTF-8 (wechat.md §7.4): WeChat Pay counts no characters

Cashier = Literal["getBrandWCPayRequest", "requestPayment"]


@dataclass(frozen=True, slots=True)
class PayOrder:
    """What somebody is asked to pay. With the same number everything else must be the same, too.

    `account` (oa, mp) says whose appid the order belongs to; `out_trade_no` 6–32 letters, digits, `_` and `-`;
    `description` ≤ 127 and `attach` ≤ 128 bytes, no persons' names (a rare character is refused by
    WeChat Pay); `expires_at`: the end of payability, not the closing of the order.
    """

    account: str
    out_trade_no: str
    description: str
    total_fen: int
    expires_at: datetime
    attach: str = ""


@dataclass(frozen=True, slots=True)
class PayTransaction:
    """An order as WeChat Pay sees it: an answer to a query, or in a genuine notification.

    `state` is WeChat's: NOTPAY, SUCCESS, REFUND (a refund was *asked for*, it may have failed), CLOSED, and for
    code payment REVOKED, USERPAYING, PAYERROR. What is None is known only once the order is paid.
    """

    appid: str
    mchid: str
    out_trade_no: str
    state: str
    state_text: str = ""
    transaction_id: str | None = None
    trade_type: str | None = None  # JSAPI, NATIVE, …
    total_fen: int | None = None
    payer_total_fen: int | None = None  # less than the total when WeChat gave a coupon
    currency: str = "CNY"
    openid: str | None = field(default=None, repr=False)
    bank: str | None = None
    paid_at: datetime | None = None
    attach: str = ""


@dataclass(frozen=True, slots=True)
class PayRefundOrder:
    """What to give back of a paid order. The same `out_refund_no` again is the same refund.

    `out_refund_no` ≤ 64 letters, digits, `_` and `-`; `reason` ≤ `LONGEST_REASON_BYTES`, shown to the payer;
    `total_fen` is the whole order's.
    """

    out_trade_no: str
    out_refund_no: str
    refund_fen: int
    total_fen: int
    reason: str = ""


# 开户银行 whose debit cards take an abnormal refund, as WeChat Pay names them.
CARD_BANKS = {
    "ICBC_DEBIT": "工商银行",
    "ABC_DEBIT": "农业银行",
    "BOC_DEBIT": "中国银行",
    "CCB_DEBIT": "建设银行",
    "COMM_DEBIT": "交通银行",
    "PSBC_DEBIT": "邮储银行",
    "CMB_DEBIT": "招商银行",
    "CITIC_DEBIT": "中信银行",
    "CEB_DEBIT": "光大银行",
    "CMBC_DEBIT": "民生银行",
    "SPDB_DEBIT": "浦发银行",
    "CIB_DEBIT": "兴业银行",
    "GDB_DEBIT": "广发银行",
    "PAB_DEBIT": "平安银行",
    "NBCB_DEBIT": "宁波银行",
}


@dataclass(frozen=True, slots=True)
class BankCard:
    """Somebody's debit card; kept nowhere and never shown. `bank`: one of `CARD_BANKS`."""

    bank: str
    account: str = field(repr=False)
    holder: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PayRefund:
    """A refund as WeChat Pay sees it. `status`: PROCESSING, SUCCESS, CLOSED, ABNORMAL (the card cannot take it)."""

    out_trade_no: str
    transaction_id: str
    out_refund_no: str
    refund_id: str
    status: str
    refund_fen: int
    total_fen: int
    payer_refund_fen: int | None = None
    channel: str | None = None  # ORIGINAL, BALANCE, …; notifications leave it out
    received_by: str = field(default="", repr=False)  # 招商银行信用卡0403: somebody's card
    created_at: datetime | None = None  # notifications leave it out
    succeeded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PayNotification:
    """A genuine notification, opened, of our merchant number. It may come again, late and in any order.

    `event` is WeChat's event_type. Either `transaction` or `refund` is there; neither for events of other kinds,
    such as SECURITY_ECHO.SUCCESS, WeChat's test of the way to us.
    """

    id: str
    event: str
    created_at: datetime
    transaction: PayTransaction | None = None
    refund: PayRefund | None = None


@dataclass(frozen=True, slots=True)
class PayBillRow:
    """One line of a trade bill: a payment or the acceptance of a refund, whose state never changes later."""

    traded_at: datetime
    appid: str
    mchid: str
    transaction_id: str
    out_trade_no: str
    openid: str = field(repr=False)
    trade_type: str
    state: str  # SUCCESS, REFUND, REVOKED
    bank: str
    currency: str
    settlement_fen: int  # 应结订单金额
    coupon_fen: int
    refund_id: str  # empty for payments
    out_refund_no: str
    refund_fen: int  # 退款金额: what was really given back
    coupon_refund_fen: int
    refund_type: str
    refund_state: str
    description: str
    attach: str
    fee_yuan: Decimal  # 手续费, to five decimals of a yuan: WeChat counts parts of a fen
    rate: str
    order_fen: int  # 订单金额
    requested_refund_fen: int  # 申请退款金额


@dataclass(frozen=True, slots=True)
class PayBillSummary:
    """The last line of a trade bill: how many rows, and the sums of their columns."""

    rows: int
    settlement_fen: int
    refund_fen: int
    coupon_refund_fen: int
    fee_yuan: Decimal
    order_fen: int
    requested_refund_fen: int


@dataclass(frozen=True, slots=True)
class PayBill:
    """The trade bill of one day in Beijing, complete (its hash was right)."""

    day: date
    rows: tuple[PayBillRow, ...]
    summary: PayBillSummary


@dataclass(frozen=True, slots=True)
class FundBillRow:
    """One line of a fund bill: money that came into the merchant's account or went out of it, and what was left then.

    `number` is ours (商户单号), `wechat_number` WeChat's number of the payment or refund; a withdrawal has neither of ours.
    """

    booked_at: datetime
    wechat_number: str  # 微信支付业务单号
    flow_number: str  # 资金流水单号
    number: str  # 业务凭证号
    name: str  # 业务名称
    kind: str  # 业务类型: 交易, 退款, 扣除交易手续费, 提现, …
    amount_fen: int  # below zero: it went out
    balance_fen: int


@dataclass(frozen=True, slots=True)
class FundBill:
    """The fund bill of one day in Beijing, complete: its hash was right, and its rows come to its last line."""

    day: date
    rows: tuple[FundBillRow, ...]


@dataclass(frozen=True, slots=True)
class PayFinding:
    """What `probe` found about one thing; `text` says in Chinese what it is or what to do where."""

    what: str
    ok: bool
    text: str


class PayGateway(Protocol):
    """WeChat Pay for one merchant number.

    Calls raise:
        Refused: what was asked cannot be sent so (pay_text, pay_amount, pay_number); nothing was sent.
        PayRefused: WeChat Pay said no. `is_code` compares; `may_repeat`: the same again, with the same number,
            may succeed later; `unknown`: it may have been done nevertheless.
        OutsideFailure: no answer that can be trusted; `unknown` when the call may have been done: repeat it
            with the same number, or query.
    """

    async def order_jsapi(self, order: PayOrder, *, openid: str) -> str:
        """Order, to be paid by `openid` (of the order's appid) in WeChat. Returns prepay_id, which lives 2 hours.

        Order again with the same number and fields for a fresh one. Codes: OUT_TRADE_NO_USED (other fields, or
        paid), ORDER_CLOSED (take a new number), OPENID_MISMATCH, APPID_MCHID_NOT_MATCH.
        """

    async def order_native(self, order: PayOrder) -> str:
        """Order, to be paid by whoever scans. Returns code_url for a QR, which lives 2 hours; see order_jsapi."""

    async def query(self, out_trade_no: str) -> PayTransaction | None:
        """The order by our number; None: WeChat Pay knows none."""

    async def close(self, out_trade_no: str) -> None:
        """End an order that is not paid; closing a closed one is fine. Raises PayRefused ORDER_PAID: refund it.

        Query afterwards: a payment may have won the race. Its number is never used again.
        """

    async def refund(self, order: PayRefundOrder) -> PayRefund:
        """Ask for a refund; the answer means accepted. Codes: NOT_ENOUGH (our balance: repeat later), RULE_LIMIT."""

    async def query_refund(self, out_refund_no: str) -> PayRefund | None:
        """The refund by our number; None: WeChat Pay knows none."""

    async def redirect_refund(self, refund_id: str, out_refund_no: str, to: BankCard) -> PayRefund:
        """Pay an ABNORMAL refund to a debit card instead; the answer means accepted. Again it is the same refund.

        `refund_id` is WeChat Pay's. Number and name of the card go out sealed with WeChat Pay's public key.
        """

    async def bill(self, day: date) -> PayBill | None:
        """The trade bill (ALL) of a day in Beijing, there after 10:00 of the next; None: nothing was traded.

        Raises PayRefused STATEMENT_CREATING (may_repeat, in half an hour); Refused bill_day for a day that
        has no bill any more (three months) or not yet.
        """

    async def fund_bill(self, day: date) -> FundBill | None:
        """The fund bill (BASIC account) of a day, as `bill`; None: nothing moved."""

    def pay_parameters(self, prepay_id: str, cashier: Cashier) -> dict[str, str]:
        """What a page hands to WeChat to open the cashier, signed for this minute (wechat.md §7.5).

        `requestPayment` is the mini-program's, for its orders; the other is for orders of the official account.
        """

    def open_notification(self, headers: Mapping[str, str], body: bytes) -> PayNotification:
        """Verify, decrypt and read a notification. `body`: the bytes as they came; header names in any case.

        Raises:
            Unverified: pay_headers, pay_window, pay_serial, pay_signature — not WeChat's, or not now.
            Refused: pay_undecryptable (the APIv3 key), pay_unreadable, pay_not_ours (another merchant or appid).
        """

    async def probe(self) -> list[PayFinding]:
        """Try key, serial, clock, public key and APIv3 key against WeChat Pay without changing anything."""


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One kind of thing on a receipt, ready as text."""

    what: str
    count: int
    amount: str


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Everything that a printed receipt (收据, no invoice) shows; nothing else reaches the page.

    `capitals`: the total in 大写; `given_back`: empty while nothing is; `transaction`: WeChat Pay's, empty for other ways;
    `as_of`: the moment whose state it shows.
    """

    number: str
    payer: str
    order: str
    way: str
    transaction: str
    lines: tuple[ReceiptLine, ...]
    total: str
    capitals: str
    given_back: str
    state: str
    issuer: str
    paid_at: datetime
    issued_at: datetime
    as_of: datetime


class ReceiptPrinter(Protocol):
    """Draws receipts."""

    async def receipt(self, page: ReceiptPage) -> bytes:
        """A PDF. Raises Refused("glyph_missing") when the font cannot print a character."""
