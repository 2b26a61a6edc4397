"""Telling people of what concerns them: one row each, by the best way that is open, or why there is none.

Whom nothing reaches in WeChat has a row all the same, and finds the notice on the page at the next visit. Whoever has
bound nothing anywhere has none: nobody could be told, and the page shows the thing itself once they bind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.domain.notices import delivery, queries, routing
from server.domain.notices.topics import CHANNELS, TOPICS, fitted
from server.domain.ports import Clock, Queue
from server.settings import Settings

NO_TEMPLATE = "这种通知没有配置消息模板"


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person is told.

    Attributes:
        dedup: what makes it the same notice. fields: by the topic's names. path: the page it opens.
    """

    candidate_id: int
    dedup: str
    fields: Mapping[str, str]
    path: str


async def tell(settings: Settings, clock: Clock, queue: Queue, topic: str, notices: Sequence[Notice]) -> None:
    """Put a notice for each of these people who are bound, in the caller's transaction; the same one once.

    Args:
        topic: a name in `topics.TOPICS`.
    """
    people = await queries.living({one.candidate_id for one in notices})
    notices = [one for one in notices if one.candidate_id in people]
    kind = TOPICS[topic]
    has_template = any(kind.template(settings, channel) for channel in CHANNELS)
    open_ways = await routing.ways(settings, topic, people) if has_template else {}
    against = await queries.opted_out(people, kind.choice) if kind.choice else set()
    rest = [one for one in people if one not in open_ways or one in against]
    bound = await queries.bound(rest) if rest else set()
    for one in notices:
        if one.candidate_id not in rest:
            to = open_ways[one.candidate_id][0]
            await delivery.enqueue(clock, queue, topic, to, dedup=one.dedup, fields=one.fields, path=one.path)
        elif one.candidate_id in bound:
            why = routing.NO_WAY if has_template else NO_TEMPLATE
            why = routing.UNWILLING if one.candidate_id in against else why
            shown = fitted(topic, one.fields)
            await delivery.put_unreachable(
                clock, topic, one.candidate_id, why, dedup=one.dedup, shown=shown, path=one.path
            )
