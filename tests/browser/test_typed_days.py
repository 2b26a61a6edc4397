"""Days in a browser of another language: typed in any common way, shown in one form, chosen by the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from server.domain.ports import Services
from server.domain.roles import Role
from tests.kit import issuing
from tests.kit.accessibility import violations
from tests.kit.console_pages import look, seat

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_a_day_is_typed_and_chosen(base: str, browser: Browser, services: Services) -> None:
    await issuing.prepared(services, await issuing.cohort(services))
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        await page.goto(f"{base}/console/deliveries?lang=en")
        day = page.locator("#f-from")
        for typed in ("2026/11/3", "20261103", "2026年11月3日", "2026.11.3", "２０２６-11-03"):
            await day.fill(typed)
            await day.blur()
            await expect(day).to_have_value("2026-11-03")
        await day.fill("11/03/2026")
        await day.blur()
        assert await day.evaluate("field => field.validationMessage") == "请把日期写成 2026-12-01 这样。"
        await day.fill("2026-11-03")
        await page.get_by_role("button", name="From: choose a date").press("Enter")
        calendar = page.get_by_role("dialog", name="November 2026")
        await expect(calendar.get_by_role("button", name="3, 2026-11-03")).to_be_focused()
        await look(page, "calendar")
        assert await violations(page) == []
        for key in ("ArrowRight", "ArrowDown", "PageUp", "Home"):
            await page.keyboard.press(key)
        await expect(page.get_by_role("dialog", name="October 2026")).to_be_visible()
        await page.keyboard.press("Enter")
        await expect(day).to_have_value("2026-10-05")
        await expect(day).to_be_focused()
        await page.get_by_role("button", name="From: choose a date").press("Enter")
        await page.keyboard.press("Escape")
        await expect(page.locator(".calendar")).to_be_hidden()
        await expect(day).to_have_value("2026-10-05")
        await page.get_by_role("button", name="Filter", exact=True).click()
        await page.wait_for_url("**from_on=2026-10-05**")
        assert trouble == []


async def test_a_day_is_typed_without_a_script(base: str, browser: Browser, services: Services) -> None:
    async with seat(browser, services, base, Role.ADMIN, js=False) as (page, _):
        await page.goto(f"{base}/console/deliveries")
        await page.fill("#f-from", "2026-10-05")
        await page.get_by_role("button", name="筛选", exact=True).click()
        await page.wait_for_url("**from_on=2026-10-05**")
