"""Telling those whom a change of somebody else's rights concerns: jobs that write once and never insist.

WeChat takes such a message only within the time after the person last wrote or tapped something (wechat.md §6.5);
outside it the page says the same (the officer's page lists all officers, the candidate's page every binding).
"""

from __future__ import annotations

import logging

from server.domain import beijing
from server.domain.people.officer_states import OfficerState
from server.domain.ports import Queue, Services, WeChatSender
from server.errors import OutsideFailure
from server.models import Binding, Officer

log = logging.getLogger("xcert.people")
_ACCOUNTS = {"oa": "公众号", "mp": "小程序"}


async def put_officers(queue: Queue, officer: Officer) -> None:
    """Put the job that tells the school's other officers, in the caller's transaction; none if there is nobody else."""
    others = Officer.filter(school_id=officer.school_id, state=OfficerState.ACTIVE.value).exclude(
        id=officer.id
    )
    if await others.exists():
        await queue.put("people.tell_officers", officer_id=officer.id)


async def tell_officers(s: Services, *, officer_id: int) -> None:
    """Job `people.tell_officers`: the school's other active officers learn of a new or resumed one."""
    officer = await Officer.get(id=officer_id).prefetch_related("school")
    others = await Officer.filter(school_id=officer.school_id, state=OfficerState.ACTIVE.value).exclude(
        id=officer.id
    )
    text = (
        f"{officer.school.name}的签发负责人有变化：{officer.name}，{OfficerState(officer.state).label}。"
        "如有疑问，请联系本校管理员或评价组织。"
    )
    for other in others:
        if other.oa_openid:
            await _say(s.wechat_sender, "oa", other.oa_openid, text)


async def tell_bound(s: Services, *, binding_id: int, what: str) -> None:
    """Job `people.tell_bound`: whoever is bound to the same candidate elsewhere, or was unbound, learns of it.

    Args:
        what: `bound` tells the other account's living binding; `released` the one that somebody else ended.
    """
    mine = await Binding.get(id=binding_id)
    if what == "released":
        when = beijing.say_minute(mine.unbound_at) if mine.unbound_at else ""
        await _say(
            s.wechat_sender,
            mine.account,
            mine.openid,
            f"您在{_ACCOUNTS[mine.account]}的考生绑定已于{when}由工作人员解除。",
        )
        return
    for other in await Binding.filter(candidate_id=mine.candidate_id, unbound_at=None).exclude(id=mine.id):
        await _say(
            s.wechat_sender,
            other.account,
            other.openid,
            f"您的考生信息刚刚又在{_ACCOUNTS[mine.account]}绑定。如不是您本人操作，请尽快联系报考的院校解除。",
        )


async def _say(wechat_sender: WeChatSender, account: str, openid: str, text: str) -> None:
    try:
        await wechat_sender.send_text(account, openid, text)
    except OutsideFailure as problem:
        log.info("not told: %s", type(problem).__name__)
