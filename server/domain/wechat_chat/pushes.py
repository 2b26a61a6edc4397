"""What a push of WeChat does here: once, however often it comes (wechat.md §1.4).

WeChat pushes again when an answer took more than five seconds, so the same push may arrive at several processes at
once. Its row in `push_seen` is written first; everything a push does is safe to repeat; the first answer that is
written is the one every repetition gets. What takes too long is handed over, and `late_answers` goes on with it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tortoise import connections
from tortoise.transactions import in_transaction

from server.domain.notices import delivery, grants
from server.domain.ports import Clock, Keys, Push, Services
from server.domain.wechat_chat import authorisations, chat, push_inbox, reply_windows
from server.domain.wechat_chat.push_states import PushState
from server.errors import Refused, Unverified
from server.settings import Settings

JOB = "pushes.answer_late"
BUSY = "服务暂时繁忙，请过一会儿再发送一次。"
# What only a follower can do; a subscription message, say, needs no follower.
DONE_BY_FOLLOWERS = frozenset(
    {
        "subscribe",
        "subscribe_scan",
        "scan",
        "click",
        "view",
        "view_miniprogram",
        "location_select",
        "location",
    }
    | {"scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin"}
)


def require_fresh(settings: Settings, clock: Clock, timestamp: str) -> None:
    """Refuse a push whose signed time is more than half an hour from ours: somebody may have kept it.

    The sandbox's clock may be moved by hand, so there any time will do.

    Args:
        timestamp: of the query whose signature was found genuine, in Unix seconds.

    Raises:
        Unverified("push_stale").
    """
    if settings.uses_sandbox:
        return
    is_time = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    if not is_time or abs(clock.unix() - int(timestamp)) > push_inbox.FRESH.total_seconds():
        raise Unverified("push_stale", "推送的时间与本机相差半小时以上，请核对服务器时间。")


async def receive(s: Services, push: Push) -> str:
    """Take in a push; the text that answers it at once, empty when there is nothing to say (now)."""
    standing = await push_inbox.take_in(s.clock, s.keys, push)
    if standing.state is not PushState.TAKEN or standing.reply is not None:
        return standing.reply or ""
    await s.faults.reach("pushes.receive: taken in")
    if _cannot_be_answered_at_once(push):
        return await hand_over(s, push)
    reply = await work(s, push)
    await s.faults.reach("pushes.receive: worked")
    return await settle(s.clock, s.keys, push, reply)


async def hand_over(s: Services, push: Push) -> str:
    """Leave the answer to a job. The text that answers at once: empty, unless somebody was quicker."""
    async with in_transaction():
        if await push_inbox.hand_over(s.clock, s.keys, push):
            await s.faults.reach("pushes.hand_over: written")
            await s.queue.put(JOB, urgent=True, key=push.key)
            return ""
    return (await push_inbox.standing_of(s.keys, push.key)).reply or ""


async def settle(clock: Clock, keys: Keys, push: Push, reply: str) -> str:
    """Keep the answer; the one that was kept first, if this one is not. Empty when the answer goes late."""
    if await push_inbox.answer(clock, keys, push.key, reply):
        return reply
    standing = await push_inbox.standing_of(keys, push.key)
    return reply if standing == push_inbox.PushStanding(PushState.TAKEN) else standing.reply or ""


def is_question(push: Push) -> bool:
    """Whether a person waits for words: a message, a tap on the menu, a scan from it."""
    return not push.is_event or push.kind in ("click", "scancode_waitmsg")


def _cannot_be_answered_at_once(push: Push) -> bool:
    """A mini-program's chat takes `success` and customer-service messages, no passive reply.

    Source: 《小程序客服消息 接收消息和事件》, "可以使用发送客服消息接口进行异步回复". Nor can a push be answered that
    does not say whom it was sent to: the answer would come from nobody, and WeChat shows the person an error for it.
    """
    opens = reply_windows.opened_by(push.account, push.kind, is_event=push.is_event)
    return (push.account == "mp" or not push.to) and opens is not None


async def work(s: Services, push: Push) -> str:
    """Everything that a push does, safe to repeat; the words that answer it, empty for none."""
    try:
        return await _work(s, push)
    except Refused as refusal:
        return refusal.message if is_question(push) else ""


async def _work(s: Services, push: Push) -> str:
    if push.is_event and push.kind in authorisations.EVENTS:
        await authorisations.taken_in(s, push)
        return ""
    await grants.taken_in(s, push)
    if push.account == "mp":
        return await chat.answer(s, push)
    if push.kind == "templatesendjobfinish":
        status = str(push.fields.get("Status", ""))
        await delivery.finished(s, push.message_id, status, openid=push.openid)
        return ""
    if not push.is_event or push.kind == "unsubscribe" or push.kind in DONE_BY_FOLLOWERS:
        await _follow(push)
    return await chat.answer(s, push)


async def _follow(push: Push) -> None:
    """Whoever writes or clicks follows us; of two events that come in the wrong order the later one holds.

    Of one second, what says it outright holds: a late answer takes its question in once more, perhaps after a leave.
    """
    says_so = push.kind in ("subscribe", "subscribe_scan", "unsubscribe")
    await connections.get("default").execute_query(
        "INSERT INTO follower (openid, is_following, changed_at) VALUES ($1, $2, $3) ON CONFLICT (openid)"
        " DO UPDATE SET is_following = EXCLUDED.is_following, changed_at = EXCLUDED.changed_at"
        " WHERE follower.changed_at < EXCLUDED.changed_at OR ($4 AND follower.changed_at = EXCLUDED.changed_at)",
        [push.openid, push.kind != "unsubscribe", datetime.fromtimestamp(push.created, UTC), says_so],
    )


async def sweep(s: Services) -> None:
    """Forget pushes that cannot come again."""
    await push_inbox.forget(s.clock)
