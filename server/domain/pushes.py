"""What a push of WeChat does here: once, however often it comes (wechat.md §1.4).

WeChat pushes again when an answer took more than five seconds, so the same push may arrive at several processes at
once. Its row in `push_seen` is written first; everything a push does is safe to repeat; the first answer that is
written is the one every repetition gets. Answers hold scores, so they are kept sealed and only for an hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tortoise import connections

from server.domain import chat
from server.domain.notices import delivery
from server.domain.ports import Push, Services
from server.records import PushSeen

REMEMBERED = timedelta(hours=1)
_ABOUT = "push_seen.reply"


async def receive(s: Services, push: Push) -> str:
    """Take in a push; the text that answers it, empty when there is nothing to say."""
    db = connections.get("default")
    await db.execute_query(
        "INSERT INTO push_seen (key, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", [push.key, s.clock.now()]
    )
    seen = await PushSeen.get_or_none(key=push.key)
    if seen is not None and seen.reply is not None:
        return s.keys.decrypt(seen.reply, about=_ABOUT)
    reply = await _done(s, push)
    await db.execute_query(
        "UPDATE push_seen SET reply = $2 WHERE key = $1 AND reply IS NULL",
        [push.key, s.keys.encrypt(reply, about=_ABOUT)],
    )
    first = await PushSeen.get_or_none(key=push.key)
    return reply if first is None or first.reply is None else s.keys.decrypt(first.reply, about=_ABOUT)


async def _done(s: Services, push: Push) -> str:
    if push.account != "oa":
        return ""
    if push.kind == "templatesendjobfinish":
        status = str(push.fields.get("Status", ""))
        await delivery.finished(s, push.message_id, status, openid=push.openid)
        return ""
    await _follow(push)
    return "" if push.kind == "unsubscribe" else await chat.answer(s, push)


async def _follow(push: Push) -> None:
    """Whoever writes or clicks follows us; of two events that come in the wrong order the later one holds."""
    await connections.get("default").execute_query(
        "INSERT INTO follower (openid, is_following, changed_at) VALUES ($1, $2, $3) ON CONFLICT (openid)"
        " DO UPDATE SET is_following = EXCLUDED.is_following, changed_at = EXCLUDED.changed_at"
        " WHERE follower.changed_at <= EXCLUDED.changed_at",
        [push.openid, push.kind != "unsubscribe", datetime.fromtimestamp(push.created, UTC)],
    )


async def sweep(s: Services) -> None:
    """Forget pushes that cannot come again."""
    await PushSeen.filter(at__lt=s.clock.now() - REMEMBERED).delete()
