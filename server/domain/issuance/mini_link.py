"""From the scan page in any browser to the same ticket in the mini-program: a URL link, made only when it is asked for."""

from __future__ import annotations

from urllib.parse import urlencode

from server.domain.addresses import counted
from server.domain.issuance import scan_policy
from server.domain.ports import Services
from server.errors import OutsideFailure, Refused, TooMany

PAGE = "pages/scan/index"
SECONDS = 300  # as long as a ticket lives at most
TRIES, WINDOW = 20, 600  # of one caller's address


async def to_mini_program(s: Services, token: str, *, address: str) -> str:
    """A link that opens the mini-program with this ticket (wechat.md §4.3). A second tap gets the same one.

    It shows nothing and signs nothing: in the mini-program the officer is asked as here.

    Raises:
        TooMany("mini_link_paused") · Unverified: scan_malformed, scan_forged · Gone: scan_expired, scan_replaced ·
        Conflict: scan_spent, scan_clock · Refused("mini_link_refused"): WeChat gave no link.
    """
    if await s.rate_limiter.hit(f"mini-link:{counted(address)}", window=WINDOW) > TRIES:
        raise TooMany("mini_link_paused", "操作太频繁，请十分钟后再试。", retry_after=WINDOW)
    ticket = await scan_policy.opened(s.keys, token)
    scan_policy.in_time(ticket, s.clock.now())
    if ticket.spent_at is not None:
        raise scan_policy.spent_by_other()
    if (cached := await s.cache.get(f"mini-link:{ticket.id}")) is not None:
        return cached.decode()
    try:
        link = await s.wechat_links.url_link(PAGE, urlencode({"scene": token}), seconds=SECONDS)
    except OutsideFailure:
        raise Refused(
            "mini_link_refused", "微信暂时没有给出小程序的链接。请打开微信，用“扫一扫”扫描电脑上的二维码。"
        ) from None
    seconds = (ticket.expires_at - s.clock.now()).total_seconds()
    await s.cache.set(f"mini-link:{ticket.id}", link.encode(), seconds=max(1.0, seconds))
    return link
