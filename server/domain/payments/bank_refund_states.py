"""The life of a refund by bank on one screen: one of finance records it, another, who has seen the proof, decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.payments.yuan import yuan
from server.domain.steps import Reason, Step, step, table
from server.errors import Forbidden


class BankRefundState(Enum):
    """value: how it is stored; label: how it is written."""

    RECORDED = "recorded"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"recorded": "待批准", "approved": "已退回", "declined": "未批准", "withdrawn": "已撤回"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BankRefundFacts:
    """What the guards look at, gathered while the order is held. The defaults refuse.

    Attributes:
        is_another: who decides is not who recorded it.
        is_recorder: who withdraws is who recorded it.
        is_paid_by_bank: a bank transfer paid the order.
        amount_fen: what the bank has paid back.
        left_fen: of the order, neither given back nor said by another waiting refund to have been.
    """

    is_another: bool = False
    is_recorder: bool = False
    is_paid_by_bank: bool = False
    amount_fen: int = 0
    left_fen: int = 0


def another_has_seen_the_slip(facts: BankRefundFacts) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "登记和批准须是两位同事；请由另一位财务处理。", Forbidden)


def who_recorded_it_withdraws(facts: BankRefundFacts) -> Reason | None:
    if facts.is_recorder:
        return None
    return Reason("not_the_recorder", "只有登记人可以撤回；不同意的，请选“不批准”。", Forbidden)


def the_bank_was_paid(facts: BankRefundFacts) -> Reason | None:
    if facts.is_paid_by_bank:
        return None
    return Reason(
        "paid_by_wechat",
        "这个订单是微信支付付的，不能登记银行退款；请在订单页点“提出退款”，由微信支付原路退回。",
    )


def no_more_than_is_left(facts: BankRefundFacts) -> Reason | None:
    if 0 < facts.amount_fen <= facts.left_fen:
        return None
    message = f"退款金额须大于零，且不超过这个订单还可以退的 {yuan(facts.left_fen)}（已退的和待批准的不算）；请核对。"
    return Reason("refund_too_much", message, pointer="/amount_fen")


STEPS: dict[str, Step[BankRefundState, BankRefundFacts]] = table(
    step(
        "approve",
        "recorded",
        BankRefundState.APPROVED,
        "另一位财务",
        another_has_seen_the_slip,
        the_bank_was_paid,
        no_more_than_is_left,
        label="批准",
    ),
    step(
        "decline",
        "recorded",
        BankRefundState.DECLINED,
        "另一位财务",
        another_has_seen_the_slip,
        label="不批准",
    ),
    step(
        "withdraw", "recorded", BankRefundState.WITHDRAWN, "登记人", who_recorded_it_withdraws, label="撤回"
    ),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        lines.append(
            f"| {one.source.label} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
