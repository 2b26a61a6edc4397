"""WeChat's JS-SDK on our pages: a signature for one of our own addresses, and for no other (wechat.md §3.2)."""

from __future__ import annotations

from collections.abc import Collection

from server.domain.addresses import counted, split_url
from server.domain.notices import asking
from server.domain.notices.topics import TOPICS
from server.domain.ports import Services, WeChatIdentity
from server.errors import Forbidden, TooMany
from server.settings import Settings

LONGEST = 2048  # characters of an address
PER_MINUTE = 300  # of one caller's address: a whole class may stand behind one router
RENEW_SECONDS = 300  # how long everybody waits before the ticket may be fetched anew once more
MOST_TEMPLATES = 3  # one open tag asks for so many at most
LOOKED_UP = ("results_released", "certificate_issued")
OF_CERTIFICATES = ("certificate_issued", "correction_done", "results_released")
PAID_FOR = ("fee_paid", "fee_refunded", "fee_closing")
REGISTERED = ("fee_due", "fee_paid", "fee_refunded")


async def config(s: Services, url: str, *, address: str, again: bool = False) -> dict[str, str | int]:
    """What wx.config needs for the page at `url`. Costs WeChat no call while the ticket is kept.

    Args:
        url: the page's address as WeChat sees it; what follows `#` does not count.
        address: the caller's.
        again: WeChat refused the last signature, so the ticket may be a dead one: fetch another, but for all callers
            together at most once in five minutes, since anybody may say so.

    Raises:
        TooMany("js_config_paused") · Forbidden("foreign_page") · OutsideFailure.
    """
    if await s.rate_limiter.hit(f"js-config:{counted(address)}", window=60) > PER_MINUTE:
        raise TooMany("js_config_paused", "操作太频繁，请一分钟后再试。", retry_after=60)
    page = url.partition("#")[0]
    parts = split_url(page)
    if len(page) > LONGEST or f"{parts.scheme}://{parts.netloc}" != s.settings.public_url:
        raise Forbidden("foreign_page", "只能为本服务自己的页面签名，请从公众号菜单重新进入。")
    renew = again and await s.cache.add("js-config:renewed", b"1", seconds=RENEW_SECONDS)
    return await s.wechat_links.js_config(page, renew=renew)


async def reminders(settings: Settings, who: WeChatIdentity, topics: Collection[str] = LOOKED_UP) -> str:
    """`subscription_templates` of what is worth asking this person for; empty: nothing is, and they are not asked."""
    return subscription_templates(settings, await asking.worth_asking(settings, who, topics))


def subscription_templates(settings: Settings, topics: Collection[str] = LOOKED_UP) -> str:
    """The `template` attribute of <wx-open-subscribe>: subscription notices of the service account; empty: there are none.

    Args:
        topics: what to ask for; names in `notices.topics.TOPICS`, at most `MOST_TEMPLATES`. One-time and long-term ones
            cannot be asked for at once (20002): the first one decides.
    """
    there = [TOPICS[topic] for topic in topics if TOPICS[topic].template(settings, "oa_subscription")]
    kinds = [topic.is_long_term(settings, "oa_subscription") for topic in there]
    alike = [topic for topic, kind in zip(there, kinds, strict=True) if kind == kinds[0]]
    return ",".join(topic.template(settings, "oa_subscription") for topic in alike[:MOST_TEMPLATES])
