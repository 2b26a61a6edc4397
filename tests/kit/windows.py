"""Windows of Chromium: a phone and a desk."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize

from server.domain.auth import web_login
from server.domain.ports import Services, WeChatIdentity
from server.web.h5.login import SESSION_COOKIE


@asynccontextmanager
async def window(
    chromium: Browser,
    services: Services,
    at: str,
    who: WeChatIdentity,
    *,
    js: bool = True,
    wide: bool = False,
    locale: str = "zh-CN",
) -> AsyncIterator[Window]:
    """A tab of this person on our service; a page's error is remembered."""
    context = await chromium.new_context(
        viewport=DESK if wide else PHONE,
        device_scale_factor=2,
        java_script_enabled=js,
        locale=locale,
    )
    token = web_login.session_for(services, who)
    await context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": at}])
    page = await context.new_page()
    tab = Window(page, at, "desk" if wide else "phone" if js else "plain", [])
    page.on("pageerror", lambda error: tab.trouble.append(str(error)))
    page.on(
        "console",
        lambda message: tab.trouble.append(message.text) if "Content Security" in message.text else None,
    )
    yield tab
    await context.close()


# Without the windows of a desktop, which the whole browser draws also when nobody sees it: half as much to start.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


PHONE: ViewportSize = {"width": 375, "height": 812}
DESK: ViewportSize = {"width": 1440, "height": 900}


@dataclass
class Window:
    """One browser tab on our service, logged in as `ME`; remembers what went wrong on its pages."""

    page: Page
    base: str
    label: str
    trouble: list[str]

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def look(self, name: str) -> None:
        """No sideways scrolling, no errors, every picture there; keep a screenshot if asked to."""
        if folder := os.environ.get("XCERT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=f"{folder}/{name}-{self.label}.png", full_page=True)
        assert await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        broken = "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src.slice(0, 80))"
        assert await self.page.evaluate(broken) == []
        small = """[...document.querySelectorAll('main a.button, main button:not(.plain), main input, .ways a')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"""
        assert await self.page.evaluate(small) == []
        assert self.trouble == []
