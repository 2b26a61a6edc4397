"""The life of a refund on one screen: one asks, another approves, WeChat Pay does it, with one number throughout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Forbidden


class RefundState(Enum):
    """value: how it is stored; label: how it is written."""

    ASKED = "asked"
    SENDING = "sending"
    ACCEPTED = "accepted"
    ABNORMAL = "abnormal"
    DONE = "done"
    DECLINED = "declined"
    ENDED = "ended"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {
    "asked": "待批准",
    "sending": "提交中",
    "accepted": "微信处理中",
    "abnormal": "退款异常",
    "done": "已退回",
    "declined": "未批准",
    "ended": "没有退成",
}
OPEN = (RefundState.ASKED, RefundState.SENDING, RefundState.ACCEPTED, RefundState.ABNORMAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFacts:
    """What the guards look at. The defaults refuse.

    Attributes:
        is_another: who decides is not who asked, or nobody did: it is the system's own.
        is_same: WeChat Pay speaks of this number, order and amount.
        is_overtaken: somebody has given back of the same order in the merchant console.
        is_at_rest: one of finance has asked to end it, and nothing that was sent before is still on its way.
        is_unknown_there: asked just before, WeChat Pay knows no refund of this number.
    """

    is_another: bool = False
    is_same: bool = False
    is_overtaken: bool = False
    is_at_rest: bool = False
    is_unknown_there: bool = False


def another_decides(facts: RefundFacts) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两位同事；请由另一位财务处理。", Forbidden)


def it_is_the_same_refund(facts: RefundFacts) -> Reason | None:
    if facts.is_same:
        return None
    return Reason("refund_of_another", "微信支付说的退款与这一笔的订单或金额不符。")


def it_was_overtaken(facts: RefundFacts) -> Reason | None:
    if facts.is_overtaken:
        return None
    return Reason("refund_not_overtaken", "没有人在微信商户平台退这个订单的款。")


def nothing_is_on_its_way(facts: RefundFacts) -> Reason | None:
    if facts.is_at_rest:
        return None
    return Reason(
        "refund_on_its_way", "请先由一位财务提出终止，满两分钟以后再由另一位确认：已经提交的可能还在路上。"
    )


def wechat_pay_does_not_know_it(facts: RefundFacts) -> Reason | None:
    if facts.is_unknown_there:
        return None
    return Reason("refund_known", "微信支付已经收到这笔退款，不能终止；请刷新后再看。")


STEPS: dict[str, Step[RefundState, RefundFacts]] = table(
    step("approve", "asked", RefundState.SENDING, "另一位财务", another_decides, label="批准"),
    step("decline", "asked", RefundState.DECLINED, "另一位财务", another_decides, label="不批准"),
    step("overtake", "asked", RefundState.DECLINED, "系统", it_was_overtaken, label="已在商户平台退款"),
    # an abnormal one that is paid to another card is in work again
    step("accept", "sending abnormal", RefundState.ACCEPTED, "微信支付", it_is_the_same_refund, label="受理"),
    step(
        "stall",
        "sending accepted",
        RefundState.ABNORMAL,
        "微信支付",
        it_is_the_same_refund,
        label="付款人的卡收不了",
    ),
    step(
        "finish",
        "sending accepted abnormal",
        RefundState.DONE,
        "微信支付",
        it_is_the_same_refund,
        label="退回",
    ),
    step(
        "end",
        "sending accepted abnormal",
        RefundState.ENDED,
        "微信支付",
        it_is_the_same_refund,
        label="没有退成",
    ),
    step(
        "give_up",
        "sending",
        RefundState.ENDED,
        "另一位财务",
        nothing_is_on_its_way,
        another_decides,
        wechat_pay_does_not_know_it,
        label="终止",
    ),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in RefundState if state in one.sources)
        lines.append(
            f"| {before} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
