"""Our pages inside WeChat, in a real browser: signed for the JS-SDK, under their own policy, on the sandbox's phone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, FrameLocator, Page, expect

from server.domain.issuance import scan_tickets
from server.domain.ports import Services, WeChatIdentity
from server.models import Grant
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.lookups import bound
from tests.kit.windows import PHONE
from tests.web.conftest import World

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WATCH = """addEventListener("securitypolicyviolation", (e) => console.error("policy", e.violatedDirective, e.blockedURI))"""
FORWARDING = {"发送给朋友", "分享到朋友圈", "复制链接", "收藏"}
REFUSED = "status of 4"  # the browser's own line for a page that was refused on purpose


@dataclass
class Tab:
    """One phone; `trouble` is what its pages complained of."""

    page: Page
    world: World
    trouble: list[str]

    async def open(self, path: str) -> FrameLocator:
        own = self.world.platform.own_url
        address = quote(self.world.services.settings.public_url + path, safe="")
        await self.page.goto("about:blank")
        await self.page.goto(f"{own}/phone?person=p1&open={address}")
        return self.frame

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe.web")

    async def scan(self, text: str) -> None:
        await self.page.fill(".over input[name=link]", text)
        await self.page.click(".over button:text-is('识别')")

    async def menu(self) -> list[str]:
        await self.page.click("button[aria-label=更多]")
        entries = await self.page.locator(".item").all_inner_texts()
        await self.page.click("button:text-is('取消')")
        return entries

    async def look(self, name: str) -> None:
        if folder := os.environ.get("XCERT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=f"{folder}/wechat-{name}.png")


@pytest.fixture
async def tab(world: World, browser: Browser) -> AsyncIterator[Tab]:
    s = world.services
    exchange(s, settings=replace(s.settings, js_url=f"{s.settings.api_url}/open/js/jweixin-1.6.0.js"))
    context = await browser.new_context(viewport=PHONE, locale="zh-CN")
    context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    await context.add_init_script(WATCH)
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "console",
        lambda said: trouble.append(said.text) if said.type == "error" and REFUSED not in said.text else None,
    )
    yield Tab(page, world, trouble)
    assert trouble == []
    await context.close()


async def officer(world: World) -> scan_tickets.ShownTicket:
    """p1 is an officer for whom a QR is shown."""
    of = await issuing.cohort(world.services)
    await issuing.officer(world.services, of.school, world.openid)
    return await issuing.shown_ticket(world.services, of)


def verdicts(world: World) -> list[str]:
    rows = world.platform.timeline.rows()
    return [row["verdict"] for row in rows if row["what"] == "wx.config"]


@pytest.mark.rule("S87")
async def test_an_officer_scans_signs_and_closes(tab: Tab) -> None:
    shown = await officer(tab.world)
    frame = await tab.open("/h5/officer")
    await frame.get_by_role("button", name="扫一扫签发").click()
    await tab.scan(f"https://evil.example/s/{shown.token}")
    await expect(frame.locator("[data-scan-said]")).to_contain_text("这不是签发二维码")
    await tab.look("officer")
    entries = await tab.menu()
    assert "在浏览器打开" in entries and not FORWARDING & set(entries)
    await frame.get_by_role("button", name="扫一扫签发").click()
    await tab.scan(shown.url)
    await expect(frame.get_by_role("heading", name="签发确认")).to_be_visible()
    await frame.get_by_role("button", name="在小程序中打开").click()
    await frame.get_by_role("link", name="打开小程序").click()
    # The mini-program does not know this person yet, and says how that is done.
    await expect(tab.page.get_by_role("heading", name="签发确认")).to_be_visible()
    await expect(tab.page.get_by_role("button", name="输入配对码")).to_be_visible()
    frame = await tab.open(f"/s/{shown.token}")
    await expect(frame.get_by_role("heading", name="签发确认")).to_be_visible()
    await frame.locator("#pin").fill(issuing.PIN)
    await frame.get_by_role("button", name="确认签发").click()
    await expect(frame.get_by_role("heading", name="签发完成")).to_be_visible()
    close = frame.get_by_role("button", name="关闭")
    await expect(close).to_be_visible()
    assert await tab.menu() == ["刷新", "调整字体", "投诉", "取消"]
    await tab.look("signed")
    await close.click()
    await expect(tab.page.locator("iframe.web")).to_have_count(0)


@pytest.mark.parametrize("client", ["android", "ios"])
async def test_a_dead_ticket_is_replaced_and_reminders_are_asked_for(
    tab: Tab, services: Services, client: str
) -> None:
    world = tab.world
    await bound(services, WeChatIdentity("oa", world.openid))
    await services.wechat_links.js_config(f"{services.settings.public_url}/h5/")
    world.platform.store.put(
        "ticket",
        services.settings.oa_appid,
        {"ticket": "another", "expires_at": world.platform.clock.now() + 9},
    )
    await tab.page.request.post(
        f"{world.platform.own_url}/phone/api/act/p1/agent", data=f'{{"kind": "{client}"}}'
    )
    frame = await tab.open("/h5/results")
    await frame.locator("wx-open-subscribe").get_by_role("button").click()
    assert verdicts(world) == ["config:invalid signature", "config:ok"]
    called = [row["what"] for row in world.platform.timeline.rows() if row["direction"] == "in"]
    assert called.count("GET /cgi-bin/ticket/getticket") == 2  # the first one, and the one in its stead
    await tab.page.click(".sheet-ask button:text-is('允许')")
    await expect(frame.locator("[data-remind-said]")).to_contain_text("到时在“服务通知”里提醒您一次")
    await world.settled()
    await world.jobs()
    kept = await Grant.filter(account="oa", openid=world.openid).values_list("topic", "remaining")
    assert sorted(kept) == [("certificate_issued", 1), ("results_released", 1)]
    await tab.look(f"results-{client}")
    while FORWARDING & set(await tab.menu()):  # hidden as soon as WeChat takes the call
        await tab.page.wait_for_timeout(100)


async def test_the_pages_go_on_without_the_js_sdk(tab: Tab) -> None:
    """No ticket, no script, or 企业微信: the button is not there, and the plain way is said."""
    await officer(tab.world)
    page, world = tab.page, tab.world
    world.platform.switchboard.turn(
        {"forced": [{"path": "/cgi-bin/ticket/getticket", "errcode": 48001, "times": 9}]}
    )
    async with page.expect_response("**/h5/js-config*") as answered:
        frame = await tab.open("/h5/officer")
    assert (await answered.value).status == 503
    await expect(frame.get_by_text("用微信“扫一扫”扫描页面上的二维码")).to_be_visible()
    await expect(frame.locator("[data-scan]")).to_be_hidden()
    tab.trouble[:] = [said for said in tab.trouble if "status of 503" not in said]
    await page.request.post(f"{world.platform.own_url}/phone/api/act/p1/agent", data='{"kind": "wxwork"}')
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    frame = await tab.open("/v")
    await expect(frame.get_by_role("heading", name="核验一份证书")).to_be_visible()
    assert [url for url in asked if "jweixin" in url or "js-config" in url] == []
