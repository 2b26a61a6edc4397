"""The life of a change of an account on one screen: one administrator asks, another decides, neither is its owner."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Conflict, Forbidden


class StaffAct(Enum):
    """What may be changed by two; value: how it is stored; label: how it is written."""

    RESET_PASSWORD = "reset_password"  # noqa: S105  # a word, not a secret
    DROP_SECOND_FACTOR = "drop_second_factor"
    SET_ROLE = "set_role"
    CREATE = "create"

    @property
    def label(self) -> str:
        return _ACTS[self.value]


_ACTS = {
    "reset_password": "重置密码",
    "drop_second_factor": "清除第二重验证",
    "set_role": "调整角色",
    "create": "建立账号",
}


class StaffChangeState(Enum):
    """value: how it is stored; label: how it is written."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {"requested": "待批准", "approved": "已办理", "refused": "未批准", "withdrawn": "已撤回"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the guards look at; `staff_changes` gathers it in the step's transaction. The defaults refuse."""

    is_asker: bool = False  # the actor is the one who asked
    is_another: bool = False  # the actor is somebody else
    is_owner: bool = True  # the account is the actor's own
    is_unmoved: bool = False  # the account's role is still what it was when the change was asked for


def another_decides(facts: Standing) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两位管理员；请由另一位管理员处理。", Forbidden)


def nobody_decides_on_their_own_account(facts: Standing) -> Reason | None:
    if not facts.is_owner:
        return None
    return Reason("own_account", "这项变更涉及您自己的账号，请由另外两位管理员办理。", Forbidden)


def the_asker_withdraws(facts: Standing) -> Reason | None:
    if facts.is_asker:
        return None
    return Reason("not_yours", "只有提出人可以撤回；其他管理员请选择批准或不批准。", Forbidden)


def the_role_is_unmoved(facts: Standing) -> Reason | None:
    if facts.is_unmoved:
        return None
    return Reason("role_moved", "提出之后这个账号的角色已变化，请不批准这一项，并重新提出。")


STEPS: dict[str, Step[StaffChangeState, Standing]] = table(
    step(
        "approve",
        "requested",
        StaffChangeState.APPROVED,
        "另一位管理员",
        another_decides,
        nobody_decides_on_their_own_account,
        the_role_is_unmoved,
        label="批准",
    ),
    step(
        "refuse",
        "requested",
        StaffChangeState.REFUSED,
        "另一位管理员",
        another_decides,
        label="不批准",
    ),
    step("withdraw", "requested", StaffChangeState.WITHDRAWN, "提出人", the_asker_withdraws, label="撤回"),
)


def moved_on(state: StaffChangeState) -> Conflict:
    """The refusal for a step asked for after the end."""
    return Conflict("already_decided", f"这项变更现在是“{state.label}”，不能再处理；请刷新后再看。")


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in StaffChangeState if state in one.sources)
        lines.append(
            f"| {before} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
