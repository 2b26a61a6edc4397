"""/subscriptions: which templates to ask for, and what was accepted after wx.requestSubscribeMessage (wechat.md §4.5)."""

from __future__ import annotations

from miniprogram_api import answers, bodies
from miniprogram_api.session import identity
from server.domain.notices import asking, grants
from server.domain.notices.topics import TOPICS
from server.domain.ports import WeChatIdentity
from server.web.request import Asked


async def listing(asked: Asked) -> answers.Subscriptions:
    """The templates to ask for in one tap, and how many messages of each are left."""
    return await _answer(asked, await identity(asked.request))


async def accept(asked: Asked, body: bodies.Accepted) -> answers.Subscriptions:
    """Take in what was accepted; the ledger as it stands then."""
    who = await identity(asked.request)
    await grants.report(asked.s, who.account, who.openid, body.accepted)
    return await _answer(asked, who)


async def _answer(asked: Asked, who: WeChatIdentity) -> answers.Subscriptions:
    templates = grants.asked_for(asked.s.settings, who.account)
    counts = await grants.remaining(who.account, who.openid, list(templates))
    worth = await asking.worth_asking(asked.s.settings, who, list(templates))
    items = [
        answers.Subscription(
            topic=name,
            title=TOPICS[name].label,
            template_id=template,
            left=counts[name],
            ask=name in worth,
            long_term=TOPICS[name].is_long_term(asked.s.settings, f"{who.account}_subscription"),
        )
        for name, template in templates.items()
    ]
    return answers.Subscriptions(items=items)
