"""The life of a score change on one screen: one member of staff asks, another decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Conflict, Forbidden


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the guards look at; `facts.standing` gathers it in the step's transaction. The defaults refuse."""

    is_asker: bool = False  # the actor is the one who asked for the change
    is_another: bool = False  # the actor is somebody else
    results_released: bool = False
    is_signed: bool = True  # a batch with this person's certificate has been signed by the school
    is_at_school: bool = True  # a batch of this plan and site waits for the school's signature
    is_unmoved: bool = False  # the score is still what it was when the change was asked for
    has_letter: bool = False  # it belongs to a correction with the formal letter (S68)
    is_in_place: bool = False  # it is decided where it was asked for: on its own, or with its correction


def another_decides(facts: Standing) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "提出和批准须是两位同事；请由另一位有权限的同事处理。", Forbidden)


def the_asker_withdraws(facts: Standing) -> Reason | None:
    if facts.is_asker:
        return None
    return Reason("not_yours", "只有提出人可以撤回；其他同事请选择批准或不批准。", Forbidden)


def results_are_released(facts: Standing) -> Reason | None:
    if facts.results_released:
        return None
    return Reason("plan_not_released", "这个考试计划的成绩还没有公布，请直接导入改好的成绩。")


def nothing_is_signed(facts: Standing) -> Reason | None:
    if not facts.is_signed or facts.has_letter:
        return None
    return Reason(
        "batch_signed", "这位考生的证书院校已签发，成绩不能再改。确有错误的，请凭正式函件在“更正”页提出。"
    )


def it_is_decided_in_place(facts: Standing) -> Reason | None:
    if facts.is_in_place:
        return None
    return Reason("case_decides", "这项成绩变更属于一件更正，请在“更正”页连同函件一起处理。")


def nothing_is_at_school(facts: Standing) -> Reason | None:
    if not facts.is_at_school:
        return None
    return Reason("batch_at_school", "该批证书已送院校签发。请先在“签发批次”里撤回这一批，再办理成绩变更。")


def the_score_is_unmoved(facts: Standing) -> Reason | None:
    if facts.is_unmoved:
        return None
    return Reason("score_moved", "提出之后这一科的成绩已变化，请不批准这一项，并重新提出。")


# Asked when a change is asked for, and again when it is to take effect.
OPEN = (results_are_released, nothing_is_signed, nothing_is_at_school)

STEPS: dict[str, Step[ScoreChangeState, Standing]] = table(
    step(
        "approve",
        "requested",
        ScoreChangeState.APPROVED,
        "另一位同事",
        it_is_decided_in_place,
        another_decides,
        *OPEN,
        the_score_is_unmoved,
    ),
    step(
        "refuse",
        "requested",
        ScoreChangeState.REFUSED,
        "另一位同事",
        it_is_decided_in_place,
        another_decides,
    ),
    step(
        "withdraw",
        "requested",
        ScoreChangeState.WITHDRAWN,
        "提出人",
        it_is_decided_in_place,
        the_asker_withdraws,
    ),
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
