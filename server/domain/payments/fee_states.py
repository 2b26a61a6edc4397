"""The life of a fee on one screen: owed until exactly one order settles it, or two people waive it."""

from __future__ import annotations

from enum import Enum

from server.domain.steps import Step, step, table


class FeeState(Enum):
    """value: how it is stored; label: how it is written."""

    OWED = "owed"
    SETTLED = "settled"
    REFUNDED = "refunded"
    WAIVED = "waived"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"owed": "待缴", "settled": "已缴", "refunded": "已退", "waived": "已减免"}

STEPS: dict[str, Step[FeeState, None]] = table(
    step("settle", "owed", FeeState.SETTLED, "系统", label="缴清"),
    step("give_back", "settled", FeeState.REFUNDED, "系统", label="退回"),
    step("waive", "owed", FeeState.WAIVED, "另一位财务", label="减免"),
)
