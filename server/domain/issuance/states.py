"""The life of an issuance batch on one screen: states, steps, who may take them, and what must hold (S85–S89)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

from server.domain import steps
from server.domain.steps import Reason, step, table
from server.errors import Conflict, Forbidden


class BatchState(Enum):
    """value: how it is stored; label: how it is written."""

    PREPARED = "prepared"
    SITE_PENDING = "site_pending"
    RETURNED = "returned"
    SCHOOL_SIGNED = "school_signed"
    GENERATING = "generating"
    ISSUED = "issued"
    VOID = "void"  # a batch of one that comes to nothing

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    BatchState.PREPARED: "待签发",
    BatchState.SITE_PENDING: "考核站点待签发",
    BatchState.RETURNED: "院校退回",
    BatchState.SCHOOL_SIGNED: "待发放",
    BatchState.GENERATING: "证书生成中",
    BatchState.ISSUED: "已发放",
    BatchState.VOID: "已作废",
}


class Who(StrEnum):
    """Who takes a step; the value is the `kind` of an actor in the audit trail."""

    ORGANISATION = "staff"
    OFFICER = "officer"
    WORKER = "system"

    @property
    def label(self) -> str:
        return {"staff": "评价组织", "officer": "院校签发负责人", "system": "系统"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the guards look at; whoever takes a step gathers them in the same transaction."""

    count: int = 0  # certificates in the list
    results_released: bool = False  # people outside the organisation may know of the plan's results
    is_second_person: bool = (
        False  # somebody other than who signed for the organisation, where two are asked for
    )
    list_is_current: bool = False  # recomputed from today's data, the list is the very one (byte for byte)
    list_is_signed: bool = False  # the stored lines are those of the officer's receipt
    revision_is_shown: bool = False  # the batch still has the revision that the QR was made for
    officer_is_active: bool = False
    officer_is_of_school: bool = False
    has_reason: bool = False
    old_is_revoked: bool = (
        False  # after the batch was begun: the certificate in whose place a new one was to be issued
    )
    holder_is_erased: bool = False  # of that certificate
    is_nobody_left: bool = False  # everybody on the list has been erased
    unsealed: int = 0  # certificates that have no sealed file yet


Guard = Callable[[Facts], Reason | None]


def someone_is_listed(facts: Facts) -> Reason | None:
    if facts.count > 0:
        return None
    return Reason("list_empty", "名单中还没有可以发证的考生，请先核对成绩与实践学时。")


def results_are_released(facts: Facts) -> Reason | None:
    if facts.results_released:
        return None
    return Reason(
        "results_not_released",
        "这个考试计划的成绩尚未公布，现在不能签发或发放；评价组织在“考试计划”页公布成绩后即可继续。",
    )


def list_is_current(facts: Facts) -> Reason | None:
    if facts.list_is_current:
        return None
    return Reason("list_changed", "名单在出示二维码之后有变化，本次不能签发；请联系评价组织撤回并重新签发。")


def list_is_signed(facts: Facts) -> Reason | None:
    if facts.list_is_signed:
        return None
    return Reason("list_not_signed", "待发放的名单与院校签发的名单不一致，不能发放；请联系管理员核查。")


def second_person_acts(facts: Facts) -> Reason | None:
    if facts.is_second_person:
        return None
    return Reason(
        "second_person_needed",
        "签发与发放须由两个人分别进行：这个批次由您签发，请另一位有发放权限的同事发放。",
    )


def revision_is_shown(facts: Facts) -> Reason | None:
    if facts.revision_is_shown:
        return None
    return Reason("revision_moved", "这个批次已更新到新的版次，请扫描屏幕上最新的二维码。")


def officer_is_active(facts: Facts) -> Reason | None:
    if facts.officer_is_active:
        return None
    return Reason("officer_suspended", "您的签发权限已停用，请联系本校管理员或评价组织。", Forbidden)


def officer_is_of_school(facts: Facts) -> Reason | None:
    if facts.officer_is_of_school:
        return None
    return Reason("other_school", "这个批次不属于您负责的院校，请由该院校的签发负责人扫码。", Forbidden)


def reason_is_given(facts: Facts) -> Reason | None:
    if facts.has_reason:
        return None
    return Reason("reason_missing", "请写明退回的原因，便于评价组织更正。", pointer="/reason")


def all_are_sealed(facts: Facts) -> Reason | None:
    if facts.unsealed == 0:
        return None
    return Reason("not_all_sealed", f"还有{facts.unsealed}份证书没有生成，请稍候。")


def nobody_is_left(facts: Facts) -> Reason | None:
    if facts.is_nobody_left:
        return None
    return Reason("still_listed", "名单里还有别的人，他们的证书照常生成。")


def the_old_one_is_revoked(facts: Facts) -> Reason | None:
    if facts.old_is_revoked or facts.holder_is_erased:
        return None
    return Reason("still_wanted", "要换发的旧证书没有撤销，这个批次不能作废。")


Step = steps.Step[BatchState, Facts]

# Being on a list is a result: nobody outside the organisation sees one before the plan's results are released.
_OFFICER = (officer_is_active, officer_is_of_school, results_are_released, revision_is_shown)

BY_NAME: dict[str, Step] = table(
    step(
        "org_sign",
        "prepared",
        BatchState.SITE_PENDING,
        Who.ORGANISATION,
        # first the list: one that nobody has seen is shown anew before anything else is said of it
        list_is_current,
        someone_is_listed,
        results_are_released,
        label="评价组织签发",
    ),
    step(
        "confirm_scan",
        "site_pending",
        BatchState.SCHOOL_SIGNED,
        Who.OFFICER,
        *_OFFICER,
        list_is_current,
        label="院校扫码签发",
    ),
    step(
        "school_return",
        "site_pending",
        BatchState.RETURNED,
        Who.OFFICER,
        *_OFFICER,
        reason_is_given,
        label="院校退回",
    ),
    step(
        "withdraw",
        "site_pending",
        BatchState.PREPARED,
        Who.ORGANISATION,
        label="评价组织撤回",
        adds_revision=True,
    ),
    step(
        "revise",
        "returned",
        BatchState.PREPARED,
        Who.ORGANISATION,
        label="重新准备",
        adds_revision=True,
    ),
    step(
        "hand_over",
        "school_signed",
        BatchState.GENERATING,
        Who.ORGANISATION,
        results_are_released,
        second_person_acts,
        list_is_signed,
        label="发放",
    ),
    step("complete", "generating", BatchState.ISSUED, Who.WORKER, all_are_sealed, label="全部生成"),
    step(
        "void",
        "prepared",
        BatchState.VOID,
        Who.WORKER,
        the_old_one_is_revoked,
        label="旧证书已撤销，不再换发",
    ),
    # An erasure is done again after a restore (`unlisting`): nobody is certified whom nobody can name any more.
    step(
        "unlist_pending",
        "site_pending",
        BatchState.PREPARED,
        Who.WORKER,
        label="名单去掉已删除的人",
        adds_revision=True,
    ),
    step(
        "unlist_signed",
        "school_signed",
        BatchState.PREPARED,
        Who.WORKER,
        label="名单去掉已删除的人",
        adds_revision=True,
    ),
    step(
        "unlist_all",
        "generating",
        BatchState.PREPARED,
        Who.WORKER,
        nobody_is_left,
        label="名单上的人都已删除",
        adds_revision=True,
    ),
)
STEPS: tuple[Step, ...] = tuple(BY_NAME.values())


def steps_from(state: BatchState) -> list[Step]:
    """The steps that leave this state."""
    return [row for row in BY_NAME.values() if row.source is state]


def moved_on(step: Step, state: BatchState) -> Conflict:
    """The refusal for a step asked for in another state than the one it leaves."""
    code = "not_site_pending" if step.who is Who.OFFICER else "already_moved"
    return Conflict(
        code,
        f"批次现在是“{state.label}”，“{step.label}”只能在“{step.source.label}”时办理；请刷新后再看。",
    )


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for row in STEPS:
        after = row.target.label + ("（版次加一）" if row.adds_revision else "")
        lines.append(
            f"| {row.source.label} `{row.source.value}` | {row.label} `{row.name}` "
            f"| {after} `{row.target.value}` | {Who(row.who).label} |"
        )
    return "\n".join(lines)
