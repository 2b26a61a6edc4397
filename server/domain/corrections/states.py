"""The life of a correction on one screen (S68): one asks with the letter, another decides, the certificates follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Conflict, Forbidden


class CorrectionState(Enum):
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
    "under_way": "办理中",
    "done": "已完成",
    "refused": "未批准",
    "withdrawn": "已撤回",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the guards look at; `facts` gathers it in the step's transaction. The defaults refuse."""

    is_asker: bool = False  # the actor is the one who asked
    is_another: bool = False  # the actor is somebody else
    is_read_again: bool = (
        False  # the approver typed the new identity number from the letter, where there is one
    )
    is_unmoved: bool = False  # what is on record is what the case says it was
    is_free: bool = False  # nobody else has the new identity number, or the new place in the plan
    is_at_school: bool = True  # a batch with this person waits for the school's signature
    is_being_made: bool = True  # a batch with this person is signed by the school and not issued yet
    is_replaced: bool = True  # a certificate of this registration is being made anew by another case
    unissued: int = 1  # batches of this case that are not issued yet


def another_decides(facts: Standing) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两个人；请由另一位有权限的同事处理。", Forbidden)


def the_asker_withdraws(facts: Standing) -> Reason | None:
    if facts.is_asker:
        return None
    return Reason("not_yours", "只有提出人可以撤回；其他同事请选择批准或不批准。", Forbidden)


def the_number_is_read_again(facts: Standing) -> Reason | None:
    if facts.is_read_again:
        return None
    sentence = "您照函件填写的证件号码与提出的不一致，没有批准。请逐位核对函件；提出有误的，请选“不批准”。"
    return Reason("id_not_the_same", sentence, pointer="/id_number")


def the_record_is_unmoved(facts: Standing) -> Reason | None:
    if facts.is_unmoved:
        return None
    return Reason("record_moved", "提出之后记录已变化，与申请里的“更正前”不同。请不批准这一件，并重新提出。")


TAKEN = Reason(
    "taken",
    "更正后的证件号码已登记在另一位考生名下（或该考生在那个考试计划已有报考），不能这样更正。请核对函件；确是同一人重复登记的，请联系管理员核查。",
)


def the_new_one_is_free(facts: Standing) -> Reason | None:
    if facts.is_free:
        return None
    return TAKEN


def nothing_is_at_school(facts: Standing) -> Reason | None:
    if not facts.is_at_school:
        return None
    return Reason(
        "batch_at_school",
        "这位考生所在的批次正在等待院校签发。请先在“签发批次”里撤回这一批（或由院校退回），再批准更正；这一件会留在“待批准”。",
    )


def nothing_is_being_made(facts: Standing) -> Reason | None:
    if not facts.is_being_made:
        return None
    return Reason(
        "batch_being_made",
        "这位考生的证书院校已签发、尚未发放完成。请等这一批发放完成，再批准更正；这一件会留在“待批准”。",
    )


def nothing_is_replaced(facts: Standing) -> Reason | None:
    if not facts.is_replaced:
        return None
    return Reason("under_way", "这份证书正在另一件更正中换发，请等那一件完成，再办理这一件。")


def all_are_issued(facts: Standing) -> Reason | None:
    if facts.unissued == 0:
        return None
    return Reason("not_all_issued", f"还有{facts.unissued}份新证书没有发放，请稍候。")


STEPS: dict[str, Step[CorrectionState, Standing]] = table(
    step(
        "approve",
        "requested",
        CorrectionState.UNDER_WAY,
        "另一位同事",
        another_decides,
        nothing_is_at_school,
        nothing_is_being_made,
        nothing_is_replaced,
        the_record_is_unmoved,
        the_new_one_is_free,
        the_number_is_read_again,
        label="批准",
    ),
    step("refuse", "requested", CorrectionState.REFUSED, "另一位同事", another_decides, label="不批准"),
    step("withdraw", "requested", CorrectionState.WITHDRAWN, "提出人", the_asker_withdraws, label="撤回"),
    step("complete", "under_way", CorrectionState.DONE, "系统", all_are_issued, label="完成"),
)


def moved_on(step: Step[CorrectionState, Standing], state: CorrectionState) -> Conflict:
    """The refusal for a step asked for in another state than the one it leaves."""
    return Conflict("correction_moved", f"这件更正现在是“{state.label}”，不能{step.label}；请刷新后再看。")


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        lines.append(
            f"| {one.source.label} `{one.source.value}` | {one.label} `{one.name}` "
            f"| {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
