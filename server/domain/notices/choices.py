"""What notices people may do without, and who does (C1, C3). What is somebody's own is always told: their results and
certificates, and what they paid or got back.
"""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.notices import queries
from server.domain.ports import Clock
from server.errors import NotFound


@dataclass(frozen=True, slots=True)
class Choice:
    """One switch on the phone's page. A campaign's kind of the same name goes by it, and topics that name it."""

    label: str
    says: str


CHOICES: dict[str, Choice] = {
    "exam": Choice("考试安排", "考试时间、地点和准备事项"),
    "fees": Choice("缴费提醒", "有费用待缴、订单快要关闭"),
    "other": Choice("其他通知", "培训、活动等其他事项"),
}
ALWAYS = "本人的成绩、证书、缴费结果和退款，一直会通知您。"


async def wanted_by(candidate_id: int) -> dict[str, bool]:
    """Every choice, and whether this person wants such notices."""
    against = await queries.choices_against(candidate_id)
    return {name: name not in against for name in CHOICES}


async def choose(clock: Clock, candidate_id: int, choice: str, *, wants: bool, actor: Actor) -> None:
    """Want such notices or not, from now on; what waits already is looked at once more before it is sent. Safe to repeat.

    Raises:
        NotFound: choice_unknown.
    """
    if choice not in CHOICES:
        raise NotFound("choice_unknown", "没有这一种通知，请刷新页面后再选。")
    async with in_transaction():
        changed = await (
            queries.opt_in(candidate_id, choice)
            if wants
            else queries.opt_out(candidate_id, choice, clock.now())
        )
        if changed:
            became = {"choice": choice, "wants": wants}
            await audit_log.record(clock, actor, "notices.choose", "candidate", candidate_id, became=became)
