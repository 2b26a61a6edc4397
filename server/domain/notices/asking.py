"""Which subscriptions to ask a person for: only what would help them, so that nobody is asked over and over (wechat.md §4.5, §5).

Who follows the official account gets template messages and needs no grant there; of whom an accept is left it is enough;
what somebody does not want is not offered.
"""

from __future__ import annotations

from collections.abc import Collection

from server.domain.notices import grants, queries
from server.domain.notices.topics import TOPICS
from server.domain.people import bound_people
from server.domain.ports import WeChatIdentity
from server.models import Follower
from server.settings import Settings


async def worth_asking(settings: Settings, who: WeChatIdentity, topics: Collection[str]) -> list[str]:
    """Those of these topics, in their order, that can be asked for in this account and would help.

    Args:
        topics: names in `topics.TOPICS`.
    """
    offered = grants.asked_for(settings, who.account)
    there = [topic for topic in topics if topic in offered]
    if not there:
        return []
    left = await grants.remaining(who.account, who.openid, there)
    candidate = await bound_people.candidate_id_of(who)
    against = await queries.choices_against(candidate) if candidate is not None else set()
    follows = who.account == "oa" and await Follower.filter(openid=who.openid, is_following=True).exists()
    return [
        topic
        for topic in there
        if left[topic] == 0
        and TOPICS[topic].choice not in against
        and not (follows and TOPICS[topic].template(settings))
    ]
