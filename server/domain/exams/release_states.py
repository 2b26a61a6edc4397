"""The life of a request to release a plan's results on one screen: one asks, another decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Forbidden


class ReleaseRequestState(Enum):
    """value: how it is stored; label: how it is written."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"requested": "待批准", "approved": "已批准", "refused": "未批准", "withdrawn": "已撤回"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What the guards look at. The defaults refuse.

    Attributes:
        is_another: who decides is not who asked.
        is_asker: who withdraws is who asked.
        is_unmoved: as many registered, passed and without a result as the asker saw.
    """

    is_another: bool = False
    is_asker: bool = False
    is_unmoved: bool = False


def another_decides(facts: ReleaseFacts) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两位同事；请由另一位有权限的同事处理。", Forbidden)


def the_asker_withdraws(facts: ReleaseFacts) -> Reason | None:
    if facts.is_asker:
        return None
    return Reason("not_yours", "只有提出人可以撤回；其他同事请选择批准或不批准。", Forbidden)


def the_figures_are_unmoved(facts: ReleaseFacts) -> Reason | None:
    if facts.is_unmoved:
        return None
    return Reason("figures_moved", "提出以后报考或成绩有了变化；请不批准这一项，核对以后重新提出。")


STEPS: dict[str, Step[ReleaseRequestState, ReleaseFacts]] = table(
    step(
        "approve",
        "requested",
        ReleaseRequestState.APPROVED,
        "另一位同事",
        another_decides,
        the_figures_are_unmoved,
        label="批准",
    ),
    step("refuse", "requested", ReleaseRequestState.REFUSED, "另一位同事", another_decides, label="不批准"),
    step("withdraw", "requested", ReleaseRequestState.WITHDRAWN, "提出人", the_asker_withdraws, label="撤回"),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        lines.append(
            f"| {one.source.label} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
