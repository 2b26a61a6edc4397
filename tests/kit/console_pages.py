"""A seat at the console, in Chromium."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page

from server.adapters.documents import qr
from server.domain.auth import logins
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import School, Staff
from tests.kit.console_desk import account
from tests.kit.fakes import FakePdfRenderer
from tests.kit.windows import DESK, PHONE


class ScreenPdfRenderer(FakePdfRenderer):
    """Draws real codes for screens."""

    def qr_png(self, text: str) -> bytes:
        return qr.screen_png(text)


@asynccontextmanager
async def seat(
    chromium: Browser,
    s: Services,
    at: str,
    role: Role | None,
    *,
    school: School | None = None,
    narrow: bool = False,
    js: bool = True,
) -> AsyncIterator[tuple[Page, list[str]]]:
    """A tab of somebody with this role, and what went wrong on its pages."""
    context = await chromium.new_context(
        viewport=PHONE if narrow else DESK,  # a plain dict of width and height
        locale="zh-CN",
        java_script_enabled=js,
    )
    if role is not None:
        who = await Staff.get_or_none(username=f"user-{role.value}") or await account(role, school=school)
        cookie = {"name": "xcert_console", "value": logins.begin(s, who)[0], "url": f"{at}/console/"}
        await context.add_cookies([cookie])  # type: ignore[list-item]  # the same
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    yield page, trouble
    await context.close()


async def look(page: Page, name: str) -> None:
    """No sideways scrolling; every field has a name; keep a picture if asked to."""
    if folder := os.environ.get("XCERT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=f"{folder}/console-{name}.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    nameless = """[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
        .filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map(e => e.outerHTML)"""
    assert await page.evaluate(nameless) == [], name
