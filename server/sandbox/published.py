"""Which pages the published mini-program has, as its owner has said by the switches."""

from __future__ import annotations

from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError


def check_page(platform: Platform, page: str) -> None:
    """A page of the published mini-program; without leading slash and query. Empty is its first page.

    Raises:
        WeChatError: 41030.
    """
    now = platform.switchboard.now
    is_missing = not now.published or (now.published_pages and page not in now.published_pages)
    if page and (page.startswith("/") or is_missing):
        raise WeChatError(41030, verdict=f"已发布的小程序里没有页面 {page}")
