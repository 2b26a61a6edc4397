"""The officer's pages in a real Chromium at 375 px: signing and returning, with and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from server.domain.issuance import scan_tickets
from server.domain.ports import Services
from server.models import Issuance
from tests.kit import issuing, make
from tests.kit.windows import window

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_an_officer_signs(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    async with window(browser, services, base, of.identity, wide=True) as tab:
        await tab.go(f"/s/{shown.token}")
        await tab.look("scan-ask")
    async with window(browser, services, base, of.identity) as tab:
        await tab.go(f"/s/{shown.token}")
        assert "剩余" in await tab.page.inner_text(".expiry")
        await tab.look("scan-ask")
        await tab.page.click(".people summary")
        await tab.page.click(".return summary")
        await tab.look("scan-open")
        await tab.go(f"/s/{shown.token}")
        await tab.page.fill("#pin", "000000")
        await tab.page.click("#sign button")
        assert "还可以再试4次" in await tab.page.inner_text("#pin-problem")
        assert "还可以再试4次" in await tab.page.inner_text(
            ".note.bad"
        )  # at the top too: the field is a screen below
        assert await tab.page.evaluate("document.activeElement.id") == "pin"
        await tab.look("scan-wrong-pin")
        await tab.page.fill("#pin", issuing.PIN)
        await tab.page.press("#pin", "Enter")
        await tab.page.wait_for_selector(".outcome")
        assert await tab.page.inner_text("h1") == "签发完成"
        await tab.look("scan-done")
    assert (await Issuance.get(plan_id=of.plan.id)).state == "school_signed"


async def test_an_officer_returns_a_batch_without_javascript(
    base: str, browser: Browser, services: Services
) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    async with window(browser, services, base, of.identity, js=False) as tab:
        await tab.go(f"/s/{shown.token}")
        await tab.page.click(".return summary")
        await tab.page.fill("#reason", "第 2 位考生姓名有误")
        await tab.page.fill("#return-pin", issuing.PIN)
        await tab.page.click(".return button")
        assert await tab.page.inner_text("h1") == "已退回评价组织"
        await tab.page.screenshot(path="/dev/null", type="png")
    assert (await Issuance.get(plan_id=of.plan.id)).return_reason == "第 2 位考生姓名有误"
    async with window(browser, services, base, of.identity) as tab:
        await tab.go(f"/s/{shown.token}")
        await tab.look("scan-returned")


async def test_a_refusal_is_one_calm_sentence(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    await scan_tickets.show(
        services, shown_batch := (await Issuance.get(plan_id=of.plan.id)).id, actor=make.ADMIN
    )
    async with window(browser, services, base, of.identity) as tab:
        await tab.go(f"/s/{shown.token}")
        assert "屏幕上已换成新的二维码" in await tab.page.inner_text("main")
        await tab.look("scan-refused")
    assert (await Issuance.get(id=shown_batch)).state == "site_pending"


async def test_the_countdown_ends_the_form(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    async with window(browser, services, base, of.identity) as tab:
        await tab.page.clock.install()
        await tab.go(f"/s/{shown.token}")
        await tab.page.clock.run_for(301_000)
        assert await tab.page.is_visible("[data-expired]")
        assert await tab.page.is_disabled("#sign button")
        await tab.look("scan-expired")
