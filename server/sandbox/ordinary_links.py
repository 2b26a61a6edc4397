"""Whether an ordinary link in a QR opens the mini-program, by the rules that its owner has set (wechat.md §4.4)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from server.sandbox.platform import Platform


def matches(prefix: str, url: str) -> bool:
    """Protocol, host and case as printed; sub-paths only under a rule that ends in `/`; rules with a query are prefixes."""
    if "?" in prefix or prefix.endswith("/"):
        return url.startswith(prefix)
    return url == prefix or url.startswith(prefix + "?")


def arrival(platform: Platform, url: str) -> dict[str, Any] | None:
    """The page of the mini-program that this URL opens, None if it opens a web page.

    The longest matching rule decides, and does not jump while it is unpublished, its test links excepted: those open
    the trial or development version for members of the project, which everybody in the sandbox is.
    """
    now = platform.switchboard.now
    matching = [rule for rule in now.link_rules if matches(str(rule["prefix"]), url)]
    if not matching or platform.account("mp") is None:
        return None
    rule = max(matching, key=lambda one: len(str(one["prefix"])))
    is_live = bool(rule.get("published", True)) and now.published
    if not is_live and url not in rule.get("debug_url", ()):
        return None
    version = "release" if is_live else {1: "develop"}.get(int(rule.get("open_version", 2)), "trial")
    page = str(rule.get("page") or "pages/index/index")
    query = f"q={quote(url, safe='')}&scancode_time={platform.clock.unix()}"
    opening: dict[str, Any] = {"open": "miniprogram", "page": page, "query": query, "scene": 1011}
    return opening if version == "release" else {**opening, "version": version}
