"""Who is told where (wechat.md §5): each person once, by the first way that is open.

Followers of the official account get a template message, everybody else a subscription message if a grant is left: of
the mini-program first, since its message opens in the place where it was asked for, then of the official account.
Whether somebody follows is known only from pushes; when WeChat says otherwise, the sender asks for the other way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.notices import delivery
from server.domain.notices.topics import CHANNELS, TOPICS
from server.domain.ports import Clock, Queue, Services
from server.models import Delivery
from server.models.database import rows
from server.settings import Settings

# The ways to people in the order of preference; a way of someone bound in that account.
_WAYS = """
SELECT b.candidate_id, b.account, b.openid, w.channel FROM binding b
JOIN (VALUES ('oa', 'template', 1), ('mp', 'mp_subscription', 2), ('oa', 'oa_subscription', 3))
  AS w (account, channel, rank) ON w.account = b.account
LEFT JOIN follower f ON f.openid = b.openid AND w.channel = 'template'
LEFT JOIN notice_grant g ON g.account = b.account AND g.openid = b.openid AND g.topic = $2
WHERE b.candidate_id = ANY($1::bigint[]) AND b.unbound_at IS NULL AND w.channel = ANY($3::text[])
  AND CASE w.channel WHEN 'template' THEN COALESCE(f.is_following, TRUE) ELSE COALESCE(g.remaining, 0) > 0 END
ORDER BY b.candidate_id, w.rank
"""


async def ways(settings: Settings, topic: str, candidates: list[int]) -> dict[int, list[dict[str, Any]]]:
    """The open ways to these candidates, best first; people without one are left out."""
    channels = [channel for channel in CHANNELS if TOPICS[topic].template(settings, channel)]
    found: dict[int, list[dict[str, Any]]] = {}
    for way in await rows(_WAYS, candidates, topic, channels or ["template"]):
        found.setdefault(way["candidate_id"], []).append(way)
    return found


async def tell(
    clock: Clock,
    queue: Queue,
    way: Mapping[str, Any],
    topic: str,
    *,
    dedup: str,
    fields: Mapping[str, str],
    path: str,
) -> bool:
    """Put one notice to a candidate by this way, in the caller's transaction. False when it was put before.

    Args:
        way: one of `ways`.
        dedup: what makes it the same notice, whichever way it goes.
    """
    return await delivery.enqueue(
        clock,
        queue,
        topic,
        dedup=dedup,
        to=delivery.Addressee(openid=way["openid"], channel=way["channel"], candidate_id=way["candidate_id"]),
        fields=fields,
        path=path,
    )


async def other_way(s: Services, delivery_id: int) -> bool:
    """The same notice by the next open way, after WeChat closed this one. In the caller's transaction.

    Every way is tried once: the second row has the channel behind its `dedup`.
    """
    row = await Delivery.get(id=delivery_id)
    if row.candidate_id is None:
        return False
    notice, _, last = row.dedup.rpartition(":")
    notice = notice if last in CHANNELS else row.dedup
    names = [notice, *(f"{notice}:{channel}" for channel in CHANNELS)]
    tried = set(await Delivery.filter(dedup__in=names).values_list("channel", flat=True))
    open_ways = (await ways(s.settings, row.topic, [row.candidate_id])).get(row.candidate_id, [])
    way = next((way for way in open_ways if way["channel"] not in tried), None)
    if way is None:
        return False
    return await delivery.put(
        s.clock,
        s.queue,
        row.topic,
        dedup=f"{notice}:{way['channel']}",
        to=delivery.Addressee(openid=way["openid"], channel=way["channel"], candidate_id=row.candidate_id),
        shown=row.fields_shown,
        path=row.path,
    )
