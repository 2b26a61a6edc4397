"""The life of a school's signing officer on one screen; `officer_transitions` is its one writer.

An officer who was invited by the organisation is `pending` until a second person has confirmed it; one whom the
school's own account invited is confirmed by that. Only an `active` officer signs.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from server.domain.steps import Step, step, table


class OfficerState(Enum):
    """value: how it is stored; label: how it is written."""

    INVITED = "invited"
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    OfficerState.INVITED: "已邀请",
    OfficerState.PENDING: "待确认",
    OfficerState.ACTIVE: "正常",
    OfficerState.SUSPENDED: "已停用",
    OfficerState.WITHDRAWN: "邀请已撤回",
}
LIVING = (OfficerState.INVITED.value, OfficerState.PENDING.value, OfficerState.ACTIVE.value)


# `who` is in words, for people
STEPS: dict[str, Step[OfficerState, Any]] = table(
    step("accept", "invited", OfficerState.PENDING, "负责人本人", label="接受邀请"),
    step("withdraw", "invited", OfficerState.WITHDRAWN, "评价组织、院校", label="撤回邀请"),
    step("confirm", "pending", OfficerState.ACTIVE, "院校账号，或不同角色的第二人", label="确认负责人"),
    step("suspend", "pending active", OfficerState.SUSPENDED, "评价组织、院校", label="停用"),
    step("resume", "suspended", OfficerState.PENDING, "评价组织、院校", label="恢复"),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    rows = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for row in STEPS.values():
        before = "、".join(state.label for state in OfficerState if state in row.sources)
        rows.append(
            f"| {before} | {row.label} `{row.name}` | {row.target.label} `{row.target.value}` | {row.who} |"
        )
    return "\n".join(rows)
