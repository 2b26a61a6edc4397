"""How the console's pages say campaigns and messages: tones of states, what comes next, whom it is for, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.campaigns.audience import BINDING, CERTIFICATE, LEVELS, OUTCOMES, PAYMENT, Audience
from server.domain.campaigns.campaign_views import CampaignView
from server.domain.campaigns.states import CampaignState
from server.domain.notices.states import NoticeState
from server.domain.notices.topics import ALL_LABELS
from server.domain.roles import Verb

CHANNELS = {**ALL_LABELS, "none": "没有渠道"}
PATHS = {
    "": "不能点开",
    "/h5/results": "成绩页",
    "/h5/certificates": "证书页",
    "/h5/orders": "缴费页",
    "/h5/notices": "通知页",
    "/h5/bind": "绑定考生信息页",
    "/h5/": "首页",
}
TONES = {
    "draft": "later", "submitted": "wait", "approved": "wait", "running": "generating", "paused": "wait",
    "done": "good", "cancelled": "later", "expired": "bad",
}  # fmt: skip
NOTICE_TONES = {
    "pending": "wait", "sending": "wait", "accepted": "generating", "delivered": "good", "refused": "bad",
    "unknown": "bad", "failed": "bad", "unreported": "wait", "expired": "later", "cancelled": "later", "no_way": "later",
}  # fmt: skip
# What the state of one message means, for whoever is asked why she did not get it.
MEANS = {
    "pending": "还没有轮到，或在等下一次再试。",
    "sending": "正在向微信提交。",
    "accepted": "微信收下了，还没有说送到没有；一天以后仍没有说，记为未回报。",
    "delivered": "微信说已经送到手机；本人没有看见的，可能关了消息提醒或删了对话。",
    "refused": "微信或本人拒收：没有关注、关了消息，或没有剩余的授权。",
    "unknown": "向微信提交以后没有等到答复，可能已经送到。不会自动再发，由人决定。",
    "failed": "确定没有发出去。",
    "unreported": "微信收下了，一天之内没有说结果；多半已经送到。",
    "expired": "过了最晚发送时间，没有再发。",
    "cancelled": "没有再发。",
    "no_way": "当时没有一条能送到的渠道；绑定了微信的，下次打开手机页，在“通知”里看得到。",
}
# What is shown at home, and where it is dealt with.
WAITING = {
    "approvals": ("群发待您批准", "/console/campaigns?state=submitted"),
    "unknown": ("结果未知，等人决定", "/console/deliveries?state=unknown"),
    "paused": ("已暂停的群发", "/console/campaigns?state=paused"),
    "running": ("发送中的群发", "/console/campaigns?state=running"),
}
_LINE = (
    CampaignState.DRAFT,
    CampaignState.SUBMITTED,
    CampaignState.APPROVED,
    CampaignState.RUNNING,
    CampaignState.DONE,
)
_STANDS_IN = {
    CampaignState.PAUSED: CampaignState.RUNNING,
    CampaignState.CANCELLED: CampaignState.DONE,
    CampaignState.EXPIRED: CampaignState.DONE,
}


@dataclass(frozen=True, slots=True)
class LifeStep:
    """One dot of the line; `mark`: done, now, back (it ended otherwise) or later."""

    label: str
    mark: str
    at: datetime | None


def life(view: CampaignView) -> list[LifeStep]:
    """The campaign's life as a line; paused and stopped ones stand where they stopped."""
    row, state = view.campaign, view.state
    here = _LINE.index(_STANDS_IN.get(state, state))
    times = (row.created_at, row.submitted_at, row.decided_at, row.started_at, row.ended_at)
    steps = []
    for index, (one, at) in enumerate(zip(_LINE, times, strict=True)):
        label, mark = one.label, "done" if index < here else "now" if index == here else "later"
        if index == here and state is not one:
            label, mark = state.label, "now" if state is CampaignState.PAUSED else "back"
        elif index == here and state is CampaignState.DONE:
            mark = "done"
        if state.is_stopped and mark == "done" and at is None and index:
            mark = "later"  # it never got there
        steps.append(LifeStep(label, mark, at if index <= here else None))
    return steps


@dataclass(frozen=True, slots=True)
class Offers:
    """Which buttons somebody is shown; whatever they press, the verb asks again."""

    submit: bool = False
    edit: bool = False
    withdraw: bool = False
    decide: bool = False
    start: bool = False
    pause: bool = False
    resume: bool = False
    cancel: bool = False
    retry: bool = False
    pace: bool = False
    rehearse: bool = False


def offers(view: CampaignView, actor: Actor) -> Offers:
    row, state = view.campaign, view.state
    may = roles.may(actor, Verb.SEND_CAMPAIGNS)
    open_states = (CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.APPROVED)
    is_open = state in open_states or state.is_under_way
    return Offers(
        submit=may and state is CampaignState.DRAFT,
        edit=may and state is CampaignState.DRAFT,
        withdraw=may and state in (CampaignState.SUBMITTED, CampaignState.APPROVED),
        decide=state is CampaignState.SUBMITTED
        and roles.may(actor, Verb.APPROVE_CAMPAIGN)
        and actor.id not in (row.author_id, row.submitted_by),
        start=may and state is CampaignState.APPROVED,
        pause=may and state is CampaignState.RUNNING,
        resume=may and state is CampaignState.PAUSED,
        cancel=may and is_open,
        retry=may and state is CampaignState.DONE and view.ends.get(NoticeState.FAILED, 0) > 0,
        pace=may and (state is CampaignState.APPROVED or state.is_under_way),
        rehearse=may and is_open,
    )


def next_words(view: CampaignView, actor: Actor, now: datetime) -> str:
    """What happens next, and who does it."""
    row, state = view.campaign, view.state
    is_mine = actor.id in (row.author_id, row.submitted_by)
    if state is CampaignState.SUBMITTED and row.frozen_at is None:
        return "正在把名单写成快照，写好以后才能批准。"
    if state is CampaignState.SUBMITTED:
        return "等待另一位同事批准。" if is_mine else "请核对内容、人数和时间，然后批准或不批准。"
    if state is CampaignState.APPROVED and row.start_at is not None:
        return f"已批准，{beijing.say_minute(row.start_at)}自动开始。"
    return {
        CampaignState.DRAFT: "这是草稿，什么也不会发。提交批准的时候，名单写成快照。",
        CampaignState.APPROVED: "已批准，等人开始发送。",
        CampaignState.RUNNING: "正在发送，可以离开本页。",
        CampaignState.PAUSED: "已暂停，不会自己继续。",
        CampaignState.DONE: _done_words(view.ends),
        CampaignState.CANCELLED: "已取消，还没有发的不再发。",
        CampaignState.EXPIRED: "过了最晚发送时间，还没有发的不再发。",
    }.get(state, state.label)


def _done_words(ends: Mapping[NoticeState, int]) -> str:
    """Sent to everybody; but what is not known is not called known."""
    unknown, accepted = ends.get(NoticeState.UNKNOWN, 0), ends.get(NoticeState.ACCEPTED, 0)
    if unknown:
        return f"发完了。还有 {unknown:,} 人结果未知，请逐个决定。"
    if accepted:
        return f"发完了。还有 {accepted:,} 人，微信还没有说送到没有。"
    return "发完了，每个人都有了结局。"


def forecast(view: CampaignView, now: datetime) -> str:
    """When it will be done, as honestly as it is known; empty when nothing is to be said."""
    row, left = view.campaign, waiting(view.ends)
    if view.state is CampaignState.PAUSED:
        return f"还有 {left:,} 人没有发。暂停的时候不估计时间。"
    if view.state not in (CampaignState.APPROVED, CampaignState.RUNNING) or not left:
        return ""
    late = beijing.say_minute(row.not_after)
    if view.done_by is None:
        return f"还有 {left:,} 人没有发；照现在的速度，到最晚发送时间（{late}）发不完，剩下的会记为过期。请加快，或分几次发。"
    rests = row.rest_until is not None and row.rest_until > now
    rest = (
        f"微信今天的额度用完了，停到 {beijing.say_minute(row.rest_until)}。"
        if rests and row.rest_until
        else ""
    )
    begins = "开始以后" if view.state is CampaignState.APPROVED else ""
    return (
        f"{rest}还有 {left:,} 人没有发；{begins}照现在的速度，预计 {beijing.say_minute(view.done_by)} 发完。"
    )


def waiting(ends: Mapping[NoticeState, int]) -> int:
    """How many are still to be sent to."""
    return ends.get(NoticeState.PENDING, 0) + ends.get(NoticeState.SENDING, 0)


def approval_question(view: CampaignView) -> str:
    row = view.campaign
    others = row.people - row.reachable
    unreached = f"另有 {others:,} 人没有渠道，不会收到。" if others else ""
    at = (
        f"{beijing.say_minute(row.start_at)}自动开始。"
        if row.start_at
        else "批准以后由人开始，批准本身不发送。"
    )
    return f"批准向 {row.reachable:,} 人发送“{row.name}”？{unreached}{at}"


def audience_words(
    audience: Audience, plans: Mapping[int, str], schools: Mapping[int, str]
) -> list[tuple[str, str]]:
    """What is chosen, as pairs of what and which; what does not narrow down is left out."""
    pairs = [
        ("考试计划", "、".join(plans.get(one, f"第 {one} 号") for one in audience.plans)),
        ("等级", "、".join(LEVELS[one] for one in audience.levels)),
        ("院校", "、".join(schools.get(one, f"第 {one} 号") for one in audience.schools)),
        ("考证结果", "、".join(OUTCOMES[one] for one in audience.outcomes)),
        ("缴费", "、".join(PAYMENT[one] for one in audience.payment)),
        ("证书", CERTIFICATE.get(audience.certificate, "")),
        ("绑定", BINDING.get(audience.binding, "")),
        ("名单", "只发给上传的名单里的人" if audience.uses_list else ""),
    ]
    return [pair for pair in pairs if pair[1]]
