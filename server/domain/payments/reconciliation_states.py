"""The life of a day's reconciliation on one screen: compared with WeChat Pay's bill, explained, closed by finance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table


class ReconciliationState(Enum):
    """value: how it is stored; label: how it is written."""

    OPEN = "open"
    DIFFERING = "differing"
    MATCHED = "matched"
    CLOSED = "closed"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"open": "待对账", "differing": "有差异", "matched": "相符", "closed": "已结账"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationFacts:
    """What the guards look at, gathered in the step's transaction. The defaults refuse.

    Attributes:
        found: in how many things the bill and the books differ; None: they were not compared.
        unsettled: differences that nobody has explained; None: nobody counted.
    """

    found: int | None = None
    unsettled: int | None = None


def they_differ(facts: ReconciliationFacts) -> Reason | None:
    return None if facts.found else Reason("nothing_differs", "账单与账目没有差异。")


def they_are_equal(facts: ReconciliationFacts) -> Reason | None:
    return None if facts.found == 0 else Reason("something_differs", "账单与账目有差异。")


def every_difference_is_settled(facts: ReconciliationFacts) -> Reason | None:
    if facts.unsettled == 0:
        return None
    return Reason("differences_open", f"还有 {facts.unsettled or 0} 项差异没有处理，请逐项说明后再结账。")


STEPS: dict[str, Step[ReconciliationState, ReconciliationFacts]] = table(
    step("differ", "open matched", ReconciliationState.DIFFERING, "系统", they_differ, label="对出差异"),
    step("match", "open differing", ReconciliationState.MATCHED, "系统", they_are_equal, label="对账相符"),
    step(
        "close",
        "differing matched",
        ReconciliationState.CLOSED,
        "财务",
        every_difference_is_settled,
        label="结账",
    ),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in ReconciliationState if state in one.sources)
        lines.append(
            f"| {before} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
