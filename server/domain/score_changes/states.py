"""The life of a score change on one screen: one member of staff asks, another decides."""

from __future__ import annotations

from enum import Enum
from typing import Any

from server.domain.steps import Step, step, table
from server.errors import Conflict


class ScoreChangeState(Enum):
    """value: how it is stored; label: how it is written."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"requested": "待批准", "approved": "已生效", "refused": "未批准", "withdrawn": "已撤回"}

STEPS: dict[str, Step[ScoreChangeState, Any]] = table(
    step("approve", "requested", ScoreChangeState.APPROVED, "另一位同事"),
    step("refuse", "requested", ScoreChangeState.REFUSED, "另一位同事"),
    step("withdraw", "requested", ScoreChangeState.WITHDRAWN, "提出人"),
)


def moved_on(state: ScoreChangeState) -> Conflict:
    """The refusal for a step asked for after the end."""
    return Conflict("already_decided", f"这项变更现在是“{state.label}”，不能再处理；请刷新后再看。")


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in ScoreChangeState if state in one.sources)
        lines.append(f"| {before} | `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |")
    return "\n".join(lines)
