"""Who is told where (wechat.md §5): each person once, by the first way that is open.

Followers of the official account get a template message, everybody else a subscription message if a grant is left: of
the mini-program first, since its message opens in the place where it was asked for, then of the official account.
Whether somebody follows is known only from pushes; when WeChat says otherwise, the sender asks for the other way.
"""

from __future__ import annotations

from server.domain.notices import delivery, queries
from server.domain.notices.delivery import Addressee
from server.domain.notices.topics import CHANNELS, TOPICS
from server.domain.ports import Services
from server.models import Delivery
from server.settings import Settings


async def ways(settings: Settings, topic: str, candidates: list[int]) -> dict[int, list[Addressee]]:
    """The open ways to these candidates, best first; people without one are left out."""
    channels = [channel for channel in CHANNELS if TOPICS[topic].template(settings, channel)]
    return await queries.open_ways(candidates, topic, channels or ["template"])


async def other_way(s: Services, delivery_id: int) -> bool:
    """The same notice by the next open way, after WeChat closed this one. In the caller's transaction.

    Every way is tried once: the second row has the channel behind its `dedup`.
    """
    row = await Delivery.get(id=delivery_id)
    if row.candidate_id is None or row.campaign_id is not None:  # a campaign has one message a person
        return False
    notice, _, last = row.dedup.rpartition(":")
    notice = notice if last in CHANNELS else row.dedup
    names = [notice, *(f"{notice}:{channel}" for channel in CHANNELS)]
    tried = {one.channel for one in await Delivery.filter(dedup__in=names)}
    open_ways = (await ways(s.settings, row.topic, [row.candidate_id])).get(row.candidate_id, [])
    way = next((way for way in open_ways if way.channel not in tried), None)
    if way is None:
        return False
    return await delivery.put(
        s.clock,
        s.queue,
        row.topic,
        way,
        dedup=f"{notice}:{way.channel}",
        shown=row.fields_shown,
        path=row.path,
    )
