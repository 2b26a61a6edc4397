"""Who is told where (wechat.md §5): each person once, by the first way that is open.

Followers of the official account get a template message, everybody else a subscription message if a grant is left: of
the mini-program first, since its message opens in the place where it was asked for, then of the official account.
Whether somebody follows is known only from pushes; when WeChat says otherwise, the same row goes the next way. Whom no
way reaches finds it on the page.
"""

from __future__ import annotations

from datetime import timedelta

from server.domain.notices import delivery, queries
from server.domain.notices.delivery import Addressee, Taken, Trouble, Way
from server.domain.notices.topics import CHANNELS, TOPICS
from server.domain.ports import Clock, Services
from server.errors import Remedy
from server.models import Delivery
from server.settings import Settings

NO_WAY = "没有关注公众号，也没有剩余的订阅授权"
UNWILLING = "不愿接收这类通知"
SLOW_CLOCKS = timedelta(
    minutes=5
)  # a follow that WeChat dates later than our call, by a clock behind ours, counts


async def ways(settings: Settings, topic: str, candidates: list[int]) -> dict[int, list[Addressee]]:
    """The open ways to these candidates, best first; people without one are left out."""
    channels = [channel for channel in CHANNELS if TOPICS[topic].template(settings, channel)]
    return await queries.open_ways(candidates, topic, channels or ["template"])


async def other_way(s: Services, taken: Taken, trouble: Trouble) -> bool:
    """The same message by the next open way, after WeChat closed this one. In the caller's transaction.

    Every way is tried once, and only after WeChat said no: it never takes two of one message.
    """
    row = await Delivery.get(id=taken.id)
    if row.candidate_id is None:
        return False
    tried = [one["channel"] for one in row.tried or []] + [taken.channel]
    way = await (
        _of_notice(s.settings, row, tried) if row.campaign_id is None else _of_campaign(row.id, tried)
    )
    if way is None or not await delivery.reroute(s.clock, row.id, way, trouble):
        return False
    if row.campaign_id is None:
        await s.queue.put(delivery.JOB, once=delivery.JOB)
    return True


async def _of_notice(settings: Settings, row: Delivery, tried: list[str]) -> Way | None:
    assert row.candidate_id is not None
    found = (await ways(settings, row.topic, [row.candidate_id])).get(row.candidate_id, [])
    return next((Way(one.channel, one.openid, row.topic) for one in found if one.channel not in tried), None)


async def _of_campaign(delivery_id: int, tried: list[str]) -> Way | None:
    return next((one for one in await queries.campaign_ways(delivery_id) if one.channel not in tried), None)


async def heed(clock: Clock, taken: Taken, trouble: Trouble) -> None:
    """WeChat says that somebody does not follow: no other message is sent to them in vain, until a push says otherwise."""
    if trouble.remedy is Remedy.FOLLOW and taken.account == "oa":
        await queries.does_not_follow(taken.openid, clock.now() - SLOW_CLOCKS)
