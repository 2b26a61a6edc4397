"""The sandbox's pages read by axe-core: what it finds wrong, of whatever weight, is wrong."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page

from tests.kit.sandbox_phone import greeting, phone
from tests.sandbox.conftest import Service, WeChat

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def violations(page: Page) -> list[str]:
    found = (await Axe().run(page)).response["violations"]
    return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}" for one in found]


async def test_axe_sees_what_is_wrong(tabs: BrowserContext) -> None:
    page = await tabs.new_page()
    await page.set_content("<html><body><img src='data:,'><p style='color:#999'>太浅的字</p></body></html>")
    found = await violations(page)
    assert {"image-alt", "color-contrast", "html-has-lang", "region"} <= {one.split()[0] for one in found}


async def test_the_phone(tabs: BrowserContext, wechat: WeChat, service: Service) -> None:
    greeting(service)
    menu = {"button": [{"name": "更多", "sub_button": [{"type": "click", "name": "帮助", "key": "HELP"}]}]}
    token = await wechat.token()
    await wechat.http.post(
        f"{wechat.url}/cgi-bin/menu/create",
        params={"access_token": token},
        data=json.dumps(menu, ensure_ascii=False).encode(),
    )
    page = await tabs.new_page()
    await page.goto(f"{wechat.url}/phone")
    await page.wait_for_selector(".row")
    assert await violations(page) == [], "who"
    page = await phone(tabs, wechat, "p1")
    for place in ("chats", "discover", "me", "account", "notices", "service", "scan", "program", "console"):
        await page.evaluate("place => { location.hash = place; }", place)
        await page.wait_for_timeout(100)
        assert await violations(page) == [], place
    await page.evaluate("location.hash = 'account'")
    await page.click("button:text-is('关注')")
    await page.wait_for_selector(".said .bubble a")
    assert await violations(page) == [], "chat"
    await page.click("button:text-is('更多')")
    assert await violations(page) == [], "menu"
    await page.click("button[aria-label=写消息]")
    assert await violations(page) == [], "writing"


async def test_its_desk(tabs: BrowserContext, wechat: WeChat, service: Service) -> None:
    greeting(service)
    await (await phone(tabs, wechat, "p1", "#account")).click("button:text-is('关注')")
    page = await tabs.new_page()
    for path in ("/sandbox/start", "/sandbox", "/sandbox/switches", "/sandbox/scenarios"):
        await page.goto(wechat.url + path)
        await page.wait_for_load_state("networkidle") if path.endswith("switches") else None
        assert await violations(page) == [], path
    await page.goto(
        f"{wechat.url}/connect/oauth2/authorize?appid=wxsandboxoa1&redirect_uri={quote(service.url, safe='')}%2Fcb"
        "&response_type=code&scope=snsapi_base&state=x#wechat_redirect"
    )
    assert re.search("身份|网址", await page.inner_text("main"))
    assert await violations(page) == [], "authorize"
