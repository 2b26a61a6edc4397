"""The life of a campaign on one screen: written by one person, approved by another, sent, stopped or over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from server.domain.steps import Reason, Step, step, table
from server.errors import Forbidden


class CampaignState(Enum):
    """value: how it is stored; label: how it is written."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def label(self) -> str:
        return _LABELS[self.value]

    @property
    def is_under_way(self) -> bool:
        """Its people are being sent to, so nobody of them is in another one of the kind."""
        return self in UNDER_WAY

    @property
    def is_stopped(self) -> bool:
        """Whatever of it still waits is not sent any more."""
        return self in STOPPED

    @property
    def is_over(self) -> bool:
        """Nothing of it is sent any more, unless somebody has what failed sent anew."""
        return self in OVER


_LABELS = {
    "draft": "草稿",
    "submitted": "待批准",
    "approved": "已批准",
    "running": "发送中",
    "paused": "已暂停",
    "done": "已完成",
    "cancelled": "已取消",
    "expired": "已过期",
}
UNDER_WAY = (CampaignState.RUNNING, CampaignState.PAUSED)
STOPPED = (CampaignState.CANCELLED, CampaignState.EXPIRED)
OVER = (CampaignState.DONE, *STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """What the guards look at. The defaults refuse.

    Attributes:
        now, not_after: nothing begins or goes on from `not_after` on.
        is_another: who decides has neither written nor submitted it.
        is_frozen: its people are written down.
        reachable: how many of them have a way.
        are_released: every result by which its people are chosen may be known outside.
        shared: how many of its people wait in another campaign of its kind that is under way.
        are_any_left: some of its people are waited for, or are just being sent to.
    """

    now: datetime
    not_after: datetime
    is_another: bool = False
    is_frozen: bool = False
    reachable: int = 0
    are_released: bool = False
    shared: int | None = None
    are_any_left: bool = True


def another_has_seen_it(facts: CampaignFacts) -> Reason | None:
    if facts.is_another:
        return None
    return Reason("same_person", "起草、提交和批准须是两位同事；请由另一位同事处理。", Forbidden)


def it_is_in_time(facts: CampaignFacts) -> Reason | None:
    if facts.now < facts.not_after:
        return None
    return Reason("campaign_late", "已过“最晚发送时间”，不能再发；仍要发的，请另建一个群发。")


def its_time_has_come(facts: CampaignFacts) -> Reason | None:
    if facts.now >= facts.not_after:
        return None
    return Reason("campaign_not_late", "还没有到“最晚发送时间”；要停止请选“取消”。")


def its_people_are_frozen(facts: CampaignFacts) -> Reason | None:
    if facts.is_frozen:
        return None
    return Reason("campaign_freezing", "名单还在生成，请稍等片刻，看过人数再批准。")


def somebody_is_reachable(facts: CampaignFacts) -> Reason | None:
    if facts.reachable > 0:
        return None
    return Reason("nobody_reachable", "名单里没有能送达的人，请退回修改受众。")


def results_are_released(facts: CampaignFacts) -> Reason | None:
    if facts.are_released:
        return None
    return Reason(
        "results_not_released", "所选考试计划的成绩还没有公布，不能按考证结果发送；请等公布以后再发。"
    )


def nobody_is_in_another(facts: CampaignFacts) -> Reason | None:
    if facts.shared == 0:
        return None
    message = f"有 {facts.shared or '若干'} 人正在另一个同类的群发里，请等它发完或取消以后再开始。"
    return Reason("people_in_another", message)


def nobody_is_left(facts: CampaignFacts) -> Reason | None:
    if not facts.are_any_left:
        return None
    return Reason("people_left", "还有人没有发完。")


STEPS: dict[str, Step[CampaignState, CampaignFacts]] = table(
    step(
        "submit",
        "draft",
        CampaignState.SUBMITTED,
        "通知",
        it_is_in_time,
        results_are_released,
        label="提交批准",
    ),
    step("withdraw", "submitted approved", CampaignState.DRAFT, "通知", label="退回修改"),
    step("decline", "submitted", CampaignState.DRAFT, "另一位同事", another_has_seen_it, label="不批准"),
    step(
        "approve",
        "submitted",
        CampaignState.APPROVED,
        "另一位同事",
        another_has_seen_it,
        it_is_in_time,
        its_people_are_frozen,
        somebody_is_reachable,
        results_are_released,
        label="批准",
    ),
    step(
        "start",
        "approved",
        CampaignState.RUNNING,
        "通知、系统",
        it_is_in_time,
        results_are_released,
        nobody_is_in_another,
        label="开始发送",
    ),
    step("pause", "running", CampaignState.PAUSED, "通知、系统", label="暂停"),
    step(
        "resume",
        "paused",
        CampaignState.RUNNING,
        "通知",
        it_is_in_time,
        results_are_released,
        label="继续",
    ),
    step("finish", "running", CampaignState.DONE, "系统", nobody_is_left, label="发完"),
    step(
        "reopen",
        "done",
        CampaignState.RUNNING,
        "通知",
        it_is_in_time,
        results_are_released,
        nobody_is_in_another,
        label="重发失败的",
    ),
    step("cancel", "draft submitted approved running paused", CampaignState.CANCELLED, "通知", label="取消"),
    step(
        "expire",
        "submitted approved running paused",
        CampaignState.EXPIRED,
        "系统",
        its_time_has_come,
        label="过期",
    ),
)


def steps_as_markdown() -> str:
    """The table as docs/architecture.md shows it."""
    lines = ["| 状态 | 步骤 | 之后 | 谁 |", "|---|---|---|---|"]
    for one in STEPS.values():
        before = "、".join(state.label for state in CampaignState if state in one.sources)
        lines.append(
            f"| {before} | {one.label} `{one.name}` | {one.target.label} `{one.target.value}` | {one.who} |"
        )
    return "\n".join(lines)
