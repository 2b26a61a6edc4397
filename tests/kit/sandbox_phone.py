"""The sandbox's phone, in Chromium."""

from __future__ import annotations

from aiohttp import web
from playwright.async_api import BrowserContext, Frame, Page

from tests.kit.sandbox_pushes import reply, sealed
from tests.sandbox.conftest import Arrival, Service, WeChat


async def phone(tabs: BrowserContext, wechat: WeChat, person: str, rest: str = "") -> Page:
    page = await tabs.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    await page.goto(f"{wechat.url}/phone?person={person}{rest}")
    assert failures == []
    return page


def greeting(service: Service) -> None:
    """The service answers every message with a link."""

    async def answer(arrival: Arrival) -> web.Response:
        link = f'<a href="{service.url}/h5/page">这里</a>'
        return web.Response(text=sealed(reply(arrival, Content=f"请点{link}继续。")))

    service.answer = answer


async def frame_of(page: Page) -> Frame:
    element = await page.wait_for_selector("iframe.web")
    assert element is not None
    frame = await element.content_frame()
    assert frame is not None
    return frame


async def fits(page: Page) -> None:
    """Nothing stands out at the side, on a desk or on a phone."""
    for width in (1280, 375):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth") == width
