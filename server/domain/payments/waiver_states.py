"""The life of a waiver on one screen: one of finance asks that a fee need not be paid, another decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.payments.fee_states import FeeState
from server.domain.steps import Reason, Step, step, table
from server.errors import Forbidden


class WaiverState(Enum):
    """value: how it is stored; label: how it is written."""

    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"asked": "待批准", "approved": "已减免", "declined": "未批准", "withdrawn": "已撤回"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverFacts:
    """What the guards look at. The defaults refuse.

    Attributes:
        is_another: who decides is not who asked.
        is_asker: who withdraws is who asked.
        fee: as it stands now, locked.
    """

    is_another: bool = False
    is_asker: bool = False
    fee: FeeState = FeeState.SETTLED


def another_approves(facts: WaiverFacts) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两位同事；请由另一位财务处理。", Forbidden)


def the_asker_withdraws(facts: WaiverFacts) -> Reason | None:
    if facts.is_asker:
        return None
    return Reason("not_the_asker", "只有提出人可以撤回；不同意的，请选“不批准”。", Forbidden)


def the_fee_is_owed(facts: WaiverFacts) -> Reason | None:
    """As one may order it, one may waive it: while it is owed."""
    if facts.fee is FeeState.OWED:
        return None
    return Reason("fee_not_owed", f"这项费用现在是“{facts.fee.label}”，不能减免；要退的请办退款。")


STEPS: dict[str, Step[WaiverState, WaiverFacts]] = table(
    step(
        "approve",
        "asked",
        WaiverState.APPROVED,
        "另一位财务",
        another_approves,
        the_fee_is_owed,
        label="批准",
    ),
    step("decline", "asked", WaiverState.DECLINED, "另一位财务", another_approves, label="不批准"),
    step("withdraw", "asked", WaiverState.WITHDRAWN, "提出人", the_asker_withdraws, label="撤回"),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        lines.append(
            f"| {one.source.label} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
