"""Windows of a desk and of a phone in Chromium for journeys, and pictures of them.

Set XCERT_SCREENSHOTS to a folder to look at every page.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

PATIENCE_MS = 60_000  # a bound for a slow machine, never a measure


def window(browser: Browser, *, phone: bool) -> Page:
    size = {"width": 375, "height": 812} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a plain dict of width and height
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return page


def look(page: Page, name: str) -> None:
    """Keep a picture of the page, when somebody wants to look; and see that nothing hangs over its side."""
    if folder := os.environ.get("XCERT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"{name} is {wider} px wider than its window"
