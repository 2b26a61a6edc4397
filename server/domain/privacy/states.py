"""The life of an erasure on one screen (PIPL Art. 47): one asks, another approves, the files follow, and it is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Conflict, Forbidden


class ErasureState(Enum):
    """value: how it is stored; label: how it is written."""

    REQUESTED = "requested"
    UNDER_WAY = "under_way"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {
    "requested": "待批准",
    "under_way": "正在删除文件",
    "done": "已删除",
    "refused": "未批准",
    "withdrawn": "已撤回",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the guards look at; `erasure_facts` gathers it in the step's transaction. The defaults refuse."""

    is_asker: bool = False
    is_another: bool = False
    pending_exams: int = 1  # registrations without an outcome yet
    awaiting: int = 1  # passed and not certified, or in a batch that is not issued
    corrections: int = 1  # corrections and changes of scores that are not decided or not done
    money: int = 1  # fees owed by the person, open orders, refunds and waivers under way
    parcels: int = 1  # paper certificates that are not received yet
    messages: int = 1  # notices that wait or are being sent
    in_office: int = 1  # an account that is open, an officer who is not suspended
    files: int = 1  # files still to be deleted


def another_decides(facts: Standing) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两个人；请由另一位有权限的同事处理。", Forbidden)


def the_asker_withdraws(facts: Standing) -> Reason | None:
    if facts.is_asker:
        return None
    return Reason("not_yours", "只有提出人可以撤回；其他同事请选择批准或不批准。", Forbidden)


def no_exam_is_pending(facts: Standing) -> Reason | None:
    if not facts.pending_exams:
        return None
    return Reason(
        "exam_pending", "这位考生还有没有出成绩的报考，现在不能删除。请等成绩公布，或先取消报考，再办理。"
    )


def nothing_waits_to_be_certified(facts: Standing) -> Reason | None:
    if not facts.awaiting:
        return None
    return Reason(
        "certificate_pending",
        "这位考生已通过考试、证书还没有发放（或所在的批次正在签发），现在不能删除。请等发放完成再办理。",
    )


def no_correction_is_open(facts: Standing) -> Reason | None:
    if not facts.corrections:
        return None
    return Reason(
        "correction_open", "这位考生有更正或成绩变更没有办完，现在不能删除。请先批准、不批准或撤回那一件。"
    )


def no_money_is_open(facts: Standing) -> Reason | None:
    if not facts.money:
        return None
    return Reason(
        "money_open",
        "这位考生有没有缴清的费用，或没有办完的订单、退款、减免，现在不能删除。请先办完（不再收的请减免）。",
    )


def no_parcel_is_on_its_way(facts: Standing) -> Reason | None:
    if not facts.parcels:
        return None
    return Reason("paper_pending", "这位考生的纸质证书正在印制或寄送，现在不能删除。请等院校签收以后再办理。")


def no_message_waits(facts: Standing) -> Reason | None:
    if not facts.messages:
        return None
    return Reason(
        "message_pending", "有发给这位考生的通知还没有发完，现在不能删除。请等发完，或取消那次群发，再办理。"
    )


def nobody_is_in_office(facts: Standing) -> Reason | None:
    if not facts.in_office:
        return None
    return Reason("in_office", "这个账号（签发负责人）还在使用，现在不能删除。请先停用或撤回邀请，再办理。")


def all_files_are_gone(facts: Standing) -> Reason | None:
    if not facts.files:
        return None
    return Reason("files_left", f"还有 {facts.files} 个文件没有删除，请稍候。")


UNDER_WAY_GUARDS = (
    no_exam_is_pending,
    nothing_waits_to_be_certified,
    no_correction_is_open,
    no_money_is_open,
    no_parcel_is_on_its_way,
    no_message_waits,
    nobody_is_in_office,
)

STEPS: dict[str, Step[ErasureState, Standing]] = table(
    step(
        "approve",
        "requested",
        ErasureState.UNDER_WAY,
        "另一位同事",
        another_decides,
        *UNDER_WAY_GUARDS,
        label="批准",
    ),
    step("refuse", "requested", ErasureState.REFUSED, "另一位同事", another_decides, label="不批准"),
    step("withdraw", "requested", ErasureState.WITHDRAWN, "提出人", the_asker_withdraws, label="撤回"),
    step("redo", "requested", ErasureState.UNDER_WAY, "系统", label="按登记重做"),
    step("complete", "under_way", ErasureState.DONE, "系统", all_files_are_gone, label="完成"),
)


def moved_on(name: str, state: ErasureState) -> Conflict:
    """The refusal for a step asked for in another state than the one it leaves."""
    return Conflict(
        "erasure_moved", f"这项删除现在是“{state.label}”，不能{STEPS[name].label}；请刷新后再看。"
    )


def steps_as_markdown() -> str:
    """The table as docs/privacy.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        lines.append(
            f"| {one.source.label} `{one.source.value}` | {one.label} `{one.name}` "
            f"| {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
