"""How the console's pages say money: tones of states, the books' accounts and postings, and what an alarm tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain.payments.order_detail import Posting
from server.domain.payments.posting_words import ACCOUNTS, told
from server.domain.payments.queries import AlarmView
from server.domain.payments.reconciliation_differences import KINDS, THINGS
from server.domain.payments.reconciliation_queries import DifferenceView
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
# What finance is shown at home, and where it is dealt with.
WAITING = {
    "refunds": ("退款待您批准", "/console/refunds?state=asked"),
    "waivers": ("减免待您批准", "/console/waivers?state=asked"),
    "transfers": ("转账待您批准", "/console/transfers?state=recorded"),
    "bank_refunds": ("银行退款待您批准", "/console/bank-refunds?state=recorded"),
    "alarms": ("缴费提醒", "/console/finance-alarms"),
    "days": ("对账有差异的日子", "/console/reconciliation?state=differing"),
}
DAY_TONES = {"open": "wait", "differing": "bad", "matched": "good", "closed": "later"}
_ASK = "仍有差异的，请向微信支付核实，然后写明原因。"
# What to do for a difference, by what it is of and its kind; then by its kind alone.
_ADVICE = {
    ("withdrawal", "theirs_only"): "请核对银行账户，确认后点“记账”；不是我们办理的，请立即联系微信支付。",
    ("withdrawal", "amount"): "记账的金额与资金账单不同，请核对银行账户后写明原因。",
    ("other", "theirs_only"): "这笔资金与付款、退款无关，请向微信支付核实，然后写明是什么。",
    ("payment", "theirs_only"): f"可能是迟到的付款通知：请点“再对一次”；{_ASK}",
    ("payment", "ours_only"): f"可能记在前后一天的账单里：请次日再对一次；{_ASK}",
    ("refund", "theirs_only"): "可能是在商户平台上手工退的款：请查清是谁退的，然后写明原因。",
    ("flow", "ours_only"): f"可能记在次日的资金账单里：请次日再对一次；{_ASK}",
}
_KIND_ADVICE = {
    "theirs_only": f"账上没有这一笔：请点“再对一次”；{_ASK}",
    "ours_only": f"账单里没有这一笔：请次日再对一次；{_ASK}",
    "amount": "金额不同：请向微信支付核实，然后写明原因。",
    "charge": "手续费与费率算出的不同：请核对商户平台上的费率，然后写明原因。",
    "balance": "余额接不上：请核对前一天的资金账单和商户平台上的余额，然后写明原因。",
}
# What to do about an alarm, for whoever of finance opens it.
ADVICE = {
    "payment_unknown": "在微信商户平台按微信支付单号查这笔付款；不属于本服务的，请联系技术同事核对商户号的用途。",
    "payment_mismatch": "这笔付款没有入账。请在微信商户平台核对金额和商户号；确是考生付的，在那里退回，请考生重新付款。",
    "paid_twice": "多付的会自动原路退回。请过一会儿在订单里看退款是否“已退回”，没有退成的按退款的提醒处理。",
    "paid_waived": "费用已减免，付的会自动原路退回。请过一会儿在订单里看退款是否“已退回”。",
    "notification_unknown": "不影响收款。请把这一条告诉技术同事。",
    "refund_unknown": "在微信商户平台按退款单号查这笔退款是谁办的、退给谁；不属于本服务的，写明即可。",
    "refund_by_hand": "已照实记账，不用再退。请问明是谁在商户平台退的、为什么，写下来；以后请在本服务里提出退款。",
    "refund_mismatch": "请在微信商户平台核对这笔退款的金额和状态，与订单里的退款比对，写明哪一边对。",
    "refund_abnormal": "付款人的卡已注销或冻结。请联系付款人，在微信商户平台把这笔退款退到别的卡。",
    "refund_ended": "钱还在商户账户里，费用没有退。请在订单里看原因，需要退的重新提出退款。",
    "refund_refused": "请在订单里看微信支付说的原因，查明并改正；不用重新提出，系统会隔半小时再试。",
    "balance_short": "请给微信支付商户账户充值；充值以后退款会自动继续。",
    "refund_by_hand_waits": "不用再退，系统会自己再试着记账。请问明是谁在商户平台退的、为什么，写下来。",
    "refund_by_hand_open": "不用再退，退成以后自动记账。请问明是谁在商户平台发起的、为什么，写下来。",
    "notification_stuck": "请把这一条和微信支付单号告诉技术同事；系统会慢慢再试，不要让考生重复付款。",
    "day_differs": "请打开这一天的对账，逐项核对并说明差异；没有说明的不能结账。",
}
_GENERAL = "请打开订单核对，写明怎样处理的。"
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
    "declined": "不再办理的退款",
    "day": "账单日",
    "differences": "待说明的差异",
}
_WHY = {
    "payment_of_another": "商户号、AppID 或币种不符",
    "payment_not_made": "没有说已支付",
    "payment_amount": "金额不同",
    "transaction_of_another": "微信支付单号已属于另一个订单",
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
            said, at = (told(posting.source), posting.at) if serial == 0 else ("", None)
            debit, credit = (yuan(fen), "") if fen > 0 else ("", yuan(-fen))
            lines.append(BookLine(said, at, ACCOUNTS.get(account.value, account.value), debit, credit))
    return lines


@dataclass(frozen=True, slots=True)
class DifferenceWords:
    """`advice`: what finance does about it; `may_book`: it is money between WeChat Pay and the bank, to be booked."""

    kind: str
    what: str
    number: str
    advice: str
    may_book: bool


def difference_words(one: DifferenceView) -> DifferenceWords:
    advice = _ADVICE.get((one.what, one.kind)) or _KIND_ADVICE[one.kind]
    may_book = (one.what, one.kind) == ("withdrawal", "theirs_only")
    number = one.number.removesuffix(":in")
    return DifferenceWords(KINDS[one.kind], THINGS[one.what], number, advice, may_book)


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


def advice(kind: str) -> str:
    """One sentence of what to do about an alarm of this kind."""
    return ADVICE.get(kind, _GENERAL)


def _is_fen(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
