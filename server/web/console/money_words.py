"""How the console's pages say money: tones of states, the books' accounts and postings, and what an alarm tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.payments.order_detail import Posting
from server.domain.payments.queries import AlarmView
from server.domain.payments.refund_states import OPEN
from server.domain.payments.yuan import yuan

OPEN_REFUNDS = OPEN
# The badge of a state. No two lives give one name another tone.
TONES = {
    "owed": "wait", "settled": "good", "refunded": "later", "waived": "later",
    "pending": "wait", "paid": "good", "refunding": "wait", "part": "later", "closed": "later",
    "asked": "wait", "sending": "wait", "accepted": "wait", "abnormal": "bad", "done": "good",
    "declined": "later", "ended": "bad",
    "recorded": "wait", "approved": "good", "withdrawn": "later",
}  # fmt: skip
ACCOUNTS = {"wechat": "微信支付账户", "bank": "银行账户", "income": "考试费收入", "owed_back": "应退付款人"}
_POSTINGS = {
    ("paid", ""): "收款",
    ("refund", ""): "批准退款",
    ("refund", "done"): "退回",
    ("refund", "ended"): "没有退成",
}
_AMOUNTS = {
    "too_much_fen": "多付",
    "paid_fen": "微信支付收到",
    "total_fen": "订单金额",
    "amount_fen": "金额",
    "refund_fen": "退款金额",
}
_NUMBERS = {
    "transaction_id": "微信支付单号",
    "refund": "退款单号",
    "day": "账单日",
    "differences": "待说明的差异",
}
_WHY = {
    "payment_of_another": "商户号、AppID 或币种不符",
    "payment_not_made": "没有说已支付",
    "payment_amount": "金额不同",
}


@dataclass(frozen=True, slots=True)
class BookLine:
    """One line of the books; exactly one of `debit` and `credit` is not empty. `told`: only with the posting's first line."""

    told: str
    at: datetime | None
    account: str
    debit: str
    credit: str


def books(postings: Sequence[Posting]) -> list[BookLine]:
    """The postings of one order, line by line."""
    lines = []
    for posting in postings:
        for serial, (account, fen) in enumerate(posting.entries):
            told, at = (_told(posting.source), posting.at) if serial == 0 else ("", None)
            debit, credit = (yuan(fen), "") if fen > 0 else ("", yuan(-fen))
            lines.append(BookLine(told, at, ACCOUNTS.get(account.value, account.value), debit, credit))
    return lines


def _told(source: str) -> str:
    kind, _, rest = source.partition(":")
    return _POSTINGS.get((kind, rest.partition(":")[2]), source)


def alarm_facts(alarm: AlarmView) -> list[str]:
    """What an alarm tells beside its kind, in words; what has no words is left out."""
    content: dict[str, Any] = alarm.content
    said = [_WHY[content["why"]]] if content.get("why") in _WHY else []
    if alarm.order_number is None and content.get("number"):
        said.append(f"订单号 {content['number']}")
    said += [
        f"{label} {yuan(content[name])}" for name, label in _AMOUNTS.items() if _is_fen(content.get(name))
    ]
    return said + [f"{label} {content[name]}" for name, label in _NUMBERS.items() if content.get(name)]


def _is_fen(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
