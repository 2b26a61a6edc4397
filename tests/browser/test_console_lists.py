"""Lists by keyboard alone, the columns that somebody chose, and the pages of this work at three widths."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Issuance, Plan
from tests.kit import issuing
from tests.kit.accessibility import clean
from tests.kit.console_desk import PASSWORD, account
from tests.kit.console_pages import look, seat

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_a_list_is_worked_by_keys_and_keeps_its_columns(
    base: str, browser: Browser, services: Services
) -> None:
    made = [
        await issuing.prepared(services, await issuing.cohort(services, names=("崔子涵",))) for _ in range(3)
    ]
    async with seat(browser, services, base, Role.ISSUER) as (page, trouble):
        await page.goto(f"{base}/console/issuances")
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        await clean(page, "the sheet of keys")
        await look(page, "keys")
        await page.keyboard.press("Escape")
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        await expect(page.locator(f'input[value="{made[1].id}"]')).to_be_checked()
        await page.keyboard.press("k")
        await page.keyboard.press("j")
        await expect(page.get_by_role("link", name=f"第 {made[1].id} 批")).to_be_focused()
        await page.get_by_text("显示的列").click()
        await page.locator(".columns-chosen").get_by_label("等级").uncheck()
        await look(page, "issuances-columns")
        await clean(page, "columns")
        await page.reload()
        await expect(page.locator('th[data-column="level"]')).to_be_hidden()
        await expect(page.locator('td[data-label="等级"]').first).to_be_hidden()
        await page.get_by_label("院校名称").focus()
        await page.keyboard.type("jk?")  # somebody types
        await expect(page.get_by_label("院校名称")).to_have_value("jk?")
        await expect(page.locator("#keys")).to_be_hidden()
        await page.goto(f"{base}/console/issuances/{made[0].id}")
        await page.keyboard.press("n")
        await page.wait_for_url(f"{base}/console/issuances/{made[1].id}")
        assert trouble == []


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until this link or button has the focus, as somebody without a mouse does."""
    for _turn in range(60):
        await page.keyboard.press("Tab")
        said = await page.evaluate(
            "(document.activeElement.ariaLabel || document.activeElement.textContent || '').trim()"
        )
        if said == name:
            return
    raise AssertionError(f"Tab does not come to “{name}”")


async def test_a_working_day_by_keyboard_alone(base: str, browser: Browser, services: Services) -> None:
    """Log in, home, the list, a batch, sign it, the next one: no mouse, and no focus put anywhere by the test."""
    made = [
        await issuing.prepared(services, await issuing.cohort(services, names=("崔子涵",))) for _ in range(2)
    ]
    await account(Role.ISSUER)
    async with seat(browser, services, base, None) as (page, trouble):
        await page.goto(f"{base}/console/login")
        await expect(page.locator("[name=username]")).to_be_focused()
        await page.keyboard.type("user-issuer")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{base}/console/")
        await page.keyboard.press("j")
        await expect(page.get_by_role("link", name="批次待您签发")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/console/issuances?state=prepared")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{base}/console/issuances/{made[1].id}")
        await tab_to(page, "签发")
        await page.keyboard.press("Enter")
        await expect(page.locator("#sure")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#sure")).to_be_hidden()
        await page.keyboard.press("Enter")  # the focus is back where it was
        await expect(page.locator("#sure")).to_be_visible()
        await tab_to(page, "签发")
        await page.keyboard.press("Enter")
        await expect(page.locator(".life .now")).to_contain_text("考核站点待签发")
        await page.keyboard.press("n")
        await page.wait_for_url(f"{base}/console/issuances/{made[0].id}")
        await page.keyboard.press("g")
        await page.wait_for_url(f"{base}/console/")
        assert trouble == []
    states = {one.id: one.state for one in await Issuance.all()}
    assert states == {made[1].id: "site_pending", made[0].id: "prepared"}


async def test_pages_at_the_width_of_a_tablet(base: str, browser: Browser, services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.prepared(services, of)
    await Plan.filter(id=of.plan.id).update(release_at=None)
    who = of.registrations[0].candidate_id
    async with seat(browser, services, base, Role.ADMIN) as (page, trouble):
        for width, height, name in ((820, 1180, "tablet"), (1280, 800, "desk"), (390, 844, "phone")):
            await page.set_viewport_size({"width": width, "height": height})
            for path in ("", f"people/{who}", "people", f"plans/{of.plan.id}", f"schools/{of.school.id}", "issuances",
                         "certificates", "audit"):  # fmt: skip
                await page.goto(f"{base}/console/{path}")
                await look(page, f"{path.replace('/', '-') or 'home'}-{name}")
        assert trouble == []
