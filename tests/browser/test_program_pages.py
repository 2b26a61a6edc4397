"""The sandbox's example mini-program on our own API, over HTTP: what a candidate and an officer do in it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from server.domain.notices import grants
from server.domain.people import officers
from server.models import Binding, Candidate, Issuance
from tests.kit import history, issuing
from tests.kit.windows import DESK, PHONE
from tests.web.conftest import World

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass
class Program:
    """p1's phone, with the mini-program open."""

    page: Page
    world: World
    label: str

    @property
    def openid(self) -> str:
        account = self.world.platform.account("mp")
        assert account is not None
        return self.world.platform.openid(account, self.world.person)

    async def open(self, place: str, name: str) -> None:
        await self.page.goto("about:blank")
        own = self.world.platform.own_url
        await self.page.goto(f"{own}/phone?person=p1#program={quote(place, safe='')}")
        await self.look(name)

    async def look(self, name: str) -> None:
        """The page is there, fits, and has nothing that axe would mend."""
        await self.page.wait_for_selector(".program:not([aria-busy])")
        if folder := os.environ.get("XCERT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=f"{folder}/program-{name}-{self.label}.png")
        assert await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        wide = "(one => one.scrollWidth <= one.clientWidth)(document.querySelector('.program'))"
        assert await self.page.evaluate(wide), name
        if self.label == "desk":  # the same page: axe has seen it on the phone
            return
        found = (await Axe().run(self.page)).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == [], name


@pytest.fixture(params=["phone", "desk"])
async def program(request: pytest.FixtureRequest, world: World, browser: Browser) -> AsyncIterator[Program]:
    context = await browser.new_context(viewport=PHONE if request.param == "phone" else DESK, locale="zh-CN")
    page = await context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield Program(page, world, request.param)
    assert trouble == []
    await context.close()


async def test_a_candidate_binds_looks_up_and_subscribes(program: Program) -> None:
    s, page = program.world.services, program.page
    certificate = await history.a_history(s)
    await Binding.all().delete()
    await program.open("pages/index/index", "home")
    await page.get_by_role("button", name="去绑定").click()
    await page.get_by_label("姓名").fill("欧阳·阿卜杜拉")
    await page.get_by_label("证件号码").fill("123")
    await program.look("bind")
    await page.get_by_role("button", name="同意并绑定").click()
    await expect(page.get_by_role("dialog")).to_contain_text("证件号码")
    await page.get_by_role("button", name="知道了").click()
    await page.get_by_label("证件号码").fill(history.NUMBER)
    await page.get_by_role("button", name="同意并绑定").click()
    await expect(page.locator(".verdict").first).to_have_text("通过")
    await program.look("results")
    bound = await Binding.get(account="mp", openid=program.openid)
    assert bound.candidate_id == (await Candidate.get(name="欧阳·阿卜杜拉")).id

    await page.get_by_role("navigation", name="小程序").get_by_role("button", name="证书").click()
    await page.get_by_role("button", name=certificate.number).click()
    await expect(page.locator(".verdict")).to_have_text("有效")
    await program.look("certificate")
    await page.get_by_role("button", name="打开证书 PDF").click()
    async with page.expect_download() as taken:
        await page.get_by_role("link", name=f"保存 {certificate.number}.pdf").click()
    kept = await (await taken.value).path()
    assert Path(kept).read_bytes() == b"%PDF-1.7 sealed " + certificate.number.encode()
    await page.get_by_role("button", name="完成").click()
    await page.get_by_role("button", name="返回").click()
    await program.look("certificates")

    await program.open("pages/notices/index", "notices")
    await page.get_by_role("button", name="订阅提醒").click()
    await page.get_by_role("button", name="允许", exact=True).click()
    await expect(page.locator("#toast")).to_have_text("同意了 2 种提醒")
    left = await grants.remaining("mp", program.openid, ["results_released"])
    assert left == {"results_released": 1}
    await page.get_by_role("switch").first.uncheck()
    await program.open("pages/orders/index", "orders")
    await program.open("pages/me/index", "mine")
    await page.get_by_role("button", name="解除绑定").click()
    await page.get_by_role("dialog").get_by_role("button", name="解除绑定").click()
    await expect(page.get_by_role("button", name="绑定考生信息")).to_be_visible()


async def test_an_officer_pairs_scans_and_signs(program: Program) -> None:
    """By the scene of the code that the desk shows, as the phone's scanner would bring it."""
    s, page = program.world.services, program.page
    of = await issuing.cohort(s)
    shown = await issuing.shown_ticket(s, of)
    code = await officers.pairing_code(s.cache, of.identity)
    await program.open("pages/officer/index", "officer")
    await page.get_by_label("配对码").fill(code)
    await page.get_by_label("签发密码").fill(issuing.PIN)
    await page.get_by_role("button", name="绑定", exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text("王签发")
    await page.get_by_role("button", name="知道了").click()
    await expect(page.get_by_role("button", name="扫码签发")).to_be_visible()

    await program.open(f"pages/scan/index?scene={quote(shown.scene, safe='')}", "scan")
    batch = await Issuance.get(plan_id=of.plan.id)
    await expect(page.locator(".digest b")).to_have_text(bytes(batch.list_sha256 or b"").hex()[:8])
    await page.get_by_label("签发密码").fill("000000")
    await page.get_by_role("button", name="确认签发 4 份证书").click()
    await expect(page.get_by_role("dialog")).to_contain_text("签发密码")
    await page.get_by_role("button", name="知道了").click()
    await page.get_by_label("签发密码").fill(issuing.PIN)
    await page.get_by_role("button", name="确认签发 4 份证书").click()
    await expect(page.locator(".weui-msg p")).to_contain_text("4 份证书")
    await program.look("signed")
    assert (await Issuance.get(id=batch.id)).state == "school_signed"


async def test_who_is_no_officer_is_told_so(program: Program) -> None:
    s = program.world.services
    shown = await issuing.shown_ticket(s, await issuing.cohort(s))
    await program.open(f"pages/scan/index?scene={quote(shown.scene, safe='')}", "no-officer")
    await expect(program.page.locator(".weui-msg h2")).to_have_text("没有权限")
    await program.page.get_by_role("button", name="输入配对码").click()
    await expect(program.page.get_by_label("配对码")).to_be_visible()
