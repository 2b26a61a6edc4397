"""One way through the service in English for each of those who use it: candidate, officer, employer, staff.

Their browsers know English alone; the colleague chooses it.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate, Issuance
from server.web.phrases import HAN
from tests.kit import issuing, make
from tests.kit.accessibility import violations
from tests.kit.console_pages import ScreenPdfRenderer, look, seat
from tests.kit.exchange import exchange
from tests.kit.history import ME
from tests.kit.jobs import drained
from tests.kit.windows import DESK, PHONE, window

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LEFT = """() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const left = [];
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!one.closest('[lang="zh-CN"], script, style, textarea, option')) left.push(walk.currentNode.data.trim());
  }
  return left;
}"""


async def assert_english(page: Page) -> None:
    """Nothing Chinese but what is marked as such, whatever a script has put there."""
    assert [text for text in await page.evaluate(LEFT) if HAN.search(text)] == []
    assert await page.evaluate("document.documentElement.lang") == "en"
    assert await violations(page) == []


async def test_a_candidate_links_and_looks_up(base: str, browser: Browser, services: Services) -> None:
    number = make.id_number(4055)
    who = await make.candidate(services, "欧阳慧敏", number)
    await make.registration(services, who, on=await make.plan(release_at=services.clock.now()))
    async with window(browser, services, base, ME, locale="en-GB") as tab:
        await tab.go("/h5/")
        await tab.look("en-home")
        await assert_english(tab.page)
        await tab.page.get_by_role("link", name="Link your candidate record").click()
        await tab.page.get_by_label("Name", exact=True).fill("欧阳慧敏")
        await tab.page.get_by_label("Identity number").fill(number[:-1])
        await tab.page.get_by_role("button", name="Agree and link").click()
        await expect(tab.page.locator("#number-problem")).to_contain_text("this one has 17")
        await assert_english(tab.page)
        await tab.look("en-bind")
        await tab.page.get_by_label("Identity number").fill(number)
        await tab.page.get_by_role("button", name="Agree and link").click()
        await expect(tab.page.get_by_role("status")).to_have_text("Linked")
        await expect(tab.page.locator(".verdict")).to_contain_text("Passed")
        await assert_english(tab.page)
        await tab.look("en-results")
        await tab.page.get_by_role("link", name="中文").click()
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("成绩查询")


async def test_an_officer_signs(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    async with window(browser, services, base, of.identity, locale="en-US") as tab:
        await tab.go(f"/s/{shown.token}")
        await expect(tab.page.locator(".expiry")).to_contain_text("left)")
        await assert_english(tab.page)
        await tab.look("en-scan")
        await tab.page.fill("#pin", "000000")
        await tab.page.get_by_role("button", name="Sign 4 certificates").click()
        await expect(tab.page.locator("#pin-problem")).to_have_text("The signing PIN is wrong; 4 more tries.")
        await tab.page.fill("#pin", issuing.PIN)
        await tab.page.press("#pin", "Enter")
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Signed")
        await assert_english(tab.page)
        await tab.look("en-signed")
    assert (await Issuance.get(plan_id=of.plan.id)).state == "school_signed"


async def test_an_employer_verifies(base: str, browser: Browser, services: Services) -> None:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    certificate = await Certificate.get(candidate__name="欧阳慧敏")
    for size in (PHONE, DESK):
        context = await browser.new_context(viewport=size, locale="en-US")
        page = await context.new_page()
        await page.goto(f"{base}/")
        await page.get_by_role("link", name="Verify a certificate").click()
        await page.get_by_label("Certificate number").fill(certificate.number)
        await page.get_by_label("Holder’s name").fill("欧阳慧敏")
        await page.get_by_role("button", name="Verify").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("The certificate is valid")
        await context.close()


async def test_a_colleague_signs_a_batch(base: str, browser: Browser, services: Services) -> None:
    exchange(services, pdf_renderer=ScreenPdfRenderer())
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    async with seat(browser, services, base, Role.ISSUER) as (page, trouble):
        await page.goto(f"{base}/console/?lang=en")  # chosen once, it stays
        for path in ("", "issuances", "plans", "certificates", "corrections", "account"):
            await page.goto(f"{base}/console/{path}")
            await assert_english(page)
            await look(page, f"en-{path or 'home'}")
        await page.goto(f"{base}/console/issuances/{batch.id}")
        await assert_english(page)
        await look(page, "en-batch")
        await page.get_by_role("button", name="Sign", exact=True).click()
        await expect(page.locator("#sure-text")).to_contain_text("the institution’s signing officer confirms")
        await page.locator("#sure-yes").click()
        await expect(page.locator("#toast")).to_contain_text(
            "Signed; the institution’s signing officer confirms by scanning."
        )
        await assert_english(page)
        await page.goto(f"{base}/console/account")
        await page.get_by_role("link", name="中文").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("我的账号")
        assert trouble == []
