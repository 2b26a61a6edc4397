"""The life of a bank transfer on one screen: one of finance records it, another, who has seen the proof, decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.payments.yuan import yuan
from server.domain.steps import Reason, Step, step, table
from server.errors import Forbidden


class TransferState(Enum):
    """value: how it is stored; label: how it is written."""

    RECORDED = "recorded"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"recorded": "待批准", "approved": "已入账", "declined": "未批准", "withdrawn": "已撤回"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFacts:
    """What the guards look at. The defaults refuse.

    Attributes:
        is_another: who decides is not who recorded it.
        is_recorder: who withdraws is who recorded it.
        are_owed: every fee that it is to pay is owed now.
        amount_fen, fees_fen: what came, and what the fees add up to.
    """

    is_another: bool = False
    is_recorder: bool = False
    are_owed: bool = False
    amount_fen: int = 0
    fees_fen: int = 0


def another_has_seen_it(facts: TransferFacts) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "登记和批准须是两位同事；请由另一位财务处理。", Forbidden)


def the_recorder_withdraws(facts: TransferFacts) -> Reason | None:
    if facts.is_recorder:
        return None
    return Reason("not_the_recorder", "只有登记人可以撤回；不同意的，请选“不批准”。", Forbidden)


def the_fees_are_owed(facts: TransferFacts) -> Reason | None:
    if facts.are_owed:
        return None
    return Reason("fee_not_owed", "其中有费用已经缴清或减免，不能再由这笔转账缴；请核对后重新选择费用登记。")


def the_amount_is_the_fees(facts: TransferFacts) -> Reason | None:
    if facts.amount_fen == facts.fees_fen > 0:
        return None
    message = (
        f"转账金额 {yuan(facts.amount_fen)} 与所选费用的合计 {yuan(facts.fees_fen)} 不同，请核对金额和费用。"
    )
    return Reason("transfer_amount", message, pointer="/amount_fen")


STEPS: dict[str, Step[TransferState, TransferFacts]] = table(
    step(
        "approve",
        "recorded",
        TransferState.APPROVED,
        "另一位财务",
        another_has_seen_it,
        the_fees_are_owed,
        the_amount_is_the_fees,
        label="批准",
    ),
    step("decline", "recorded", TransferState.DECLINED, "另一位财务", another_has_seen_it, label="不批准"),
    step("withdraw", "recorded", TransferState.WITHDRAWN, "登记人", the_recorder_withdraws, label="撤回"),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        lines.append(
            f"| {one.source.label} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
