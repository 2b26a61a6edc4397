"""The life of an order on one screen. WeChat Pay's word moves it, or the bank's proof that two people saw; never a page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table

BY_BANK = "transfer"  # the way of an order that a bank transfer paid


class OrderState(Enum):
    """value: how it is stored; label: how it is written."""

    PENDING = "pending"
    PAID = "paid"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    PART_REFUNDED = "part"
    CLOSED = "closed"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {
    "pending": "待支付",
    "paid": "已支付",
    "refunding": "退款中",
    "refunded": "已退款",
    "part": "部分退款",
    "closed": "已关闭",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What the guards look at, gathered in the step's transaction. The defaults refuse.

    Attributes:
        is_ours: merchant number, appid, number and currency are the order's.
        is_success: WeChat Pay says that it was paid.
        is_seen_by_two: one of finance recorded what the bank did, another approved.
        is_in_wechat: WeChat Pay has the money, and can give it back.
        is_in_bank: a bank transfer paid it, and the bank has given back.
        paid_fen: as WeChat Pay or the bank says; None: it does not.
        total_fen: of the order.
        is_closed_there: WeChat Pay has closed the order, or never heard of it: nobody can pay it any more.
        giving_back_fen: the refund at hand.
        refunded_fen: what the payer has back, that refund included once it is done.
    """

    is_ours: bool = False
    is_success: bool = False
    is_seen_by_two: bool = False
    is_in_wechat: bool = False
    is_in_bank: bool = False
    paid_fen: int | None = None
    total_fen: int = 0
    is_closed_there: bool = False
    giving_back_fen: int = 0
    refunded_fen: int = 0


def it_is_our_order(facts: OrderFacts) -> Reason | None:
    if facts.is_ours:
        return None
    return Reason("payment_of_another", "微信支付说的商户号、AppID、币种与订单不符。")


def wechat_says_success(facts: OrderFacts) -> Reason | None:
    if facts.is_success:
        return None
    return Reason("payment_not_made", "微信支付没有说这个订单已支付。")


def the_amount_is_the_orders(facts: OrderFacts) -> Reason | None:
    if facts.paid_fen == facts.total_fen > 0:
        return None
    return Reason("payment_amount", "微信支付收到的金额与订单不同。")


def two_have_seen_it(facts: OrderFacts) -> Reason | None:
    if facts.is_seen_by_two:
        return None
    return Reason("transfer_not_approved", "银行的这笔收付还没有由另一位财务批准。")


def the_money_is_in_wechat(facts: OrderFacts) -> Reason | None:
    if facts.is_in_wechat:
        return None
    return Reason(
        "paid_by_bank",
        "这个订单是对公转账付的，不能由微信退款；请从银行退回后，在订单页点“登记银行退款”。",
    )


def the_money_is_in_the_bank(facts: OrderFacts) -> Reason | None:
    if facts.is_in_bank:
        return None
    return Reason("paid_by_wechat", "这个订单是微信支付付的，不能由银行退回。")


def nobody_can_pay_it(facts: OrderFacts) -> Reason | None:
    if facts.is_closed_there:
        return None
    return Reason("still_payable", "微信支付那边还没有关闭这个订单。")


def the_rest_suffices(facts: OrderFacts) -> Reason | None:
    if 0 < facts.giving_back_fen <= facts.total_fen - facts.refunded_fen:
        return None
    return Reason(
        "refund_too_much", "退款金额须大于零，且不超过这个订单还没有退的部分。", pointer="/amount_fen"
    )


def all_is_back(facts: OrderFacts) -> Reason | None:
    return None if facts.refunded_fen == facts.total_fen > 0 else Reason("not_all_back", "还没有全部退回。")


def a_part_is_back(facts: OrderFacts) -> Reason | None:
    return None if 0 < facts.refunded_fen < facts.total_fen else Reason("no_part_back", "没有部分退回。")


def nothing_is_back(facts: OrderFacts) -> Reason | None:
    return None if facts.refunded_fen == 0 < facts.total_fen else Reason("some_is_back", "已经退回了一部分。")


STEPS: dict[str, Step[OrderState, OrderFacts]] = table(
    step(
        "pay",
        "pending closed",  # a payment may win the race against closing: it is honoured (wechat.md §7.4)
        OrderState.PAID,
        "微信支付",
        it_is_our_order,
        wechat_says_success,
        the_amount_is_the_orders,
        label="支付",
    ),
    step(
        "receive",
        "pending",
        OrderState.PAID,
        "另一位财务",
        two_have_seen_it,
        the_amount_is_the_orders,
        label="转账入账",
    ),
    step("close", "pending", OrderState.CLOSED, "系统", nobody_can_pay_it, label="关闭"),
    step(
        "give_back",
        "paid part",
        OrderState.REFUNDING,
        "另一位财务",
        the_money_is_in_wechat,
        the_rest_suffices,
        label="退款",
    ),
    step("gave_all", "refunding", OrderState.REFUNDED, "微信支付", all_is_back, label="全部退回"),
    step("gave_part", "refunding", OrderState.PART_REFUNDED, "微信支付", a_part_is_back, label="部分退回"),
    step("gave_nothing", "refunding", OrderState.PAID, "微信支付", nothing_is_back, label="没有退成"),
    step(
        "return_part",
        "paid part",
        OrderState.PART_REFUNDED,
        "另一位财务",
        two_have_seen_it,
        the_money_is_in_the_bank,
        a_part_is_back,
        label="银行退回一部分",
    ),
    step(
        "return_all",
        "paid part",
        OrderState.REFUNDED,
        "另一位财务",
        two_have_seen_it,
        the_money_is_in_the_bank,
        all_is_back,
        label="银行全部退回",
    ),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in OrderState if state in one.sources)
        lines.append(
            f"| {before} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
